"""Many aggregates are changed in portions: while one is written, the next one is decided."""

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from shared.aggregates import change
from shared.problems import Malformed

PORTION = 5
IDS = [f"a{number}" for number in range(3 * PORTION - 1)]
LAST = IDS[-1]


class Slow:
    """A store of nothing, which ends no write before `go`. Each first write of `lost` is lost to another writer."""

    def __init__(self, lost: Iterable[str] = ()) -> None:
        self.go = asyncio.Event()
        self.begun: list[list[str]] = []
        self.written: list[str] = []
        self._lost = set(lost)

    async def load(self, ids: Iterable[str]) -> dict[str, str]:
        return {}

    async def save(self, changes: Sequence[str]) -> set[str]:
        self.begun.append(list(changes))
        await self.go.wait()
        lost = self._lost.intersection(changes)
        self._lost -= lost
        self.written += [one for one in changes if one not in lost]
        return lost


async def decide(aggregate_id: str, _: str | None) -> str:
    return aggregate_id


async def test_a_portion_is_decided_while_another_one_is_written() -> None:
    store = Slow(lost=[LAST])
    changing = asyncio.create_task(change(store, [*IDS, *IDS], decide, PORTION))
    while len(store.begun) < 3:
        await asyncio.sleep(0)
    assert not store.written
    assert max(map(len, store.begun)) == PORTION
    store.go.set()
    assert await changing == {one: one for one in IDS}
    assert sorted(store.written) == sorted(IDS)


async def test_what_fails_waits_until_the_other_writes_are_over() -> None:
    async def refuse_last(aggregate_id: str, _: str | None) -> str:
        if aggregate_id == LAST:
            raise Malformed("unfit", "unfit")
        return aggregate_id

    store, noted = Slow(lost=[IDS[0]]), list[str]()
    changing = asyncio.create_task(change(store, IDS, refuse_last, PORTION, noted.append))
    while len(store.begun) < 2:
        await asyncio.sleep(0)
    assert not changing.done()
    store.go.set()
    with pytest.raises(Malformed):
        await changing
    assert sorted(store.written) == sorted(noted) == sorted(IDS[: 2 * PORTION])
