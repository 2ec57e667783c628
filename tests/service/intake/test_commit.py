"""Group commit: what gathers goes into one write, and everybody is told how it went."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

import pytest

from services.intake.group_commit import ROUNDS, GroupCommit
from services.intake.stored import Change
from shared.problems import Problem, Unavailable
from tests.support.intake_rig import make_report


def save(report_id: str) -> Change:
    return Change(None, make_report(report_id), [], [])


class Disk:
    """A save that tests hold back, and make fail."""

    def __init__(self) -> None:
        self.writes: list[list[str]] = []
        self.stored: set[str] = set()
        self.free = asyncio.Event()
        self.free.set()
        self.failure: BaseException | None = None

    async def save(self, changes: Sequence[Change]) -> set[str]:
        ids = [change.id for change in changes]
        self.writes.append(ids)
        await self.free.wait()
        if self.failure:
            raise self.failure
        known = self.stored.intersection(ids)
        self.stored.update(ids)
        return known


@asynccontextmanager
async def committing(disk: Disk, **options: Any) -> AsyncIterator[GroupCommit]:
    commits = GroupCommit(disk.save, writers=1, **options)
    running = asyncio.create_task(commits.run())
    try:
        yield commits
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_gathers_during_a_write_is_written_together() -> None:
    disk = Disk()
    async with committing(disk) as commits:
        disk.free.clear()
        first = asyncio.create_task(commits.commit(save("a")))
        await settle()
        rest = [asyncio.create_task(commits.commit(save(i))) for i in "bcd"]
        await settle()
        disk.free.set()
        assert await asyncio.gather(first, *rest) == [True] * 4
    assert disk.writes == [["a"], ["b", "c", "d"]]


@pytest.mark.parametrize(("pace", "written"), [(0.0, [["a"], ["b"], ["c"]]), (60.0, [["a"]])])
async def test_what_comes_soon_after_a_write_waits_for_more(pace: float, written: list[list[str]]) -> None:
    disk = Disk()
    async with committing(disk, rounds=((0, pace),)) as commits:
        assert await commits.commit(save("a"))
        rest = []
        for report_id in "bc":
            rest.append(asyncio.create_task(commits.commit(save(report_id))))
            await settle()
        assert disk.writes == written
    await asyncio.gather(*rest, return_exceptions=True)


@pytest.mark.parametrize(("count", "written"), [(1, 2), (2, 1), (12, 2)], ids=["one", "few", "many"])
async def test_after_a_write_of_few_reports_the_next_one_waits_longer(count: int, written: int) -> None:
    disk, loop = Disk(), asyncio.get_running_loop()
    slow = tuple((least, seconds * 6_000) for least, seconds in ROUNDS)
    async with committing(disk, rounds=slow) as commits:
        rest = [asyncio.create_task(commits.commit(save(f"a{number}"))) for number in range(count)]
        await settle()
        rest.append(asyncio.create_task(commits.commit(save("b"))))
        await settle()
        clock = loop.time
        with patch.object(loop, "time", lambda: clock() + 61):
            await settle()
        assert len(disk.writes) == written
    await asyncio.gather(*rest, return_exceptions=True)


async def test_nobody_is_told_before_it_is_written() -> None:
    disk = Disk()
    async with committing(disk) as commits:
        disk.free.clear()
        waiting = asyncio.create_task(commits.commit(save("a")))
        await settle()
        assert not waiting.done()
        disk.free.set()
        assert await waiting


async def test_an_id_that_exists_is_told_apart() -> None:
    disk = Disk()
    async with committing(disk) as commits:
        assert await commits.commit(save("a"))
        assert not await commits.commit(save("a"))


async def test_two_of_one_id_are_written_one_after_the_other() -> None:
    disk = Disk()
    async with committing(disk) as commits:
        both = await asyncio.gather(commits.commit(save("a")), commits.commit(save("a")))
    assert list(both) == [True, False]
    assert disk.writes == [["a"], ["a"]]


async def test_a_full_queue_refuses_and_stores_nothing_of_it() -> None:
    disk = Disk()
    async with committing(disk, bound=2) as commits:
        disk.free.clear()
        waiting = [asyncio.create_task(commits.commit(save("a")))]
        await settle()
        waiting += [asyncio.create_task(commits.commit(save(i))) for i in "bc"]
        await settle()
        with pytest.raises(Problem) as refused:
            await commits.commit(save("d"))
        disk.free.set()
        await asyncio.gather(*waiting)
    assert (refused.value.status, refused.value.retry_after) == (503, 2)
    assert disk.stored == {"a", "b", "c"}


async def test_an_outage_refuses_those_who_wait_too() -> None:
    disk = Disk()
    disk.failure = Unavailable("away")
    async with committing(disk) as commits:
        disk.free.clear()
        waiting = [asyncio.create_task(commits.commit(save("a")))]
        await settle()
        waiting.append(asyncio.create_task(commits.commit(save("b"))))
        await settle()
        disk.free.set()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
        disk.failure = None
        assert await commits.commit(save("c"))


async def test_a_write_that_hangs_is_given_up_in_time() -> None:
    disk = Disk()
    disk.free.clear()
    async with committing(disk, patience=0.05) as commits:
        with pytest.raises(Unavailable):
            await commits.commit(save("a"))


async def test_an_error_in_one_write_does_not_end_the_writer() -> None:
    disk = Disk()
    async with committing(disk) as commits:
        disk.failure = ValueError("a bug")
        with pytest.raises(ValueError, match="a bug"):
            await commits.commit(save("a"))
        disk.failure = None
        assert await commits.commit(save("b"))


async def test_a_stop_refuses_what_is_not_written() -> None:
    disk = Disk()
    disk.free.clear()
    async with committing(disk) as commits:
        waiting = [asyncio.create_task(commits.commit(save(i))) for i in "ab"]
        await settle()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
