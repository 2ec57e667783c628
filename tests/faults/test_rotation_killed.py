"""A rotation killed at every one of its steps: all stays readable, and the next one goes on where it stopped."""

import asyncio
import json
import multiprocessing
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.intake.keys.keyring import KeyState, keep
from shared.mongo import Client, connect
from tests.faults import key_victim
from tests.support.key_world import KeyWorld, assert_readable, fill, report

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

REPORTS = 12
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.faults.key_victim"])


@pytest.fixture
async def client(mongo_uri: str) -> AsyncIterator[Client]:
    client = connect(mongo_uri, service="test")
    yield client
    client.close()


async def run_victim(world: KeyWorld, mongo_uri: str, point: str, number: int) -> int | None:
    """How the child ended."""
    arguments = (point, number, mongo_uri, world.database.name, str(world.file))
    victim = FORKS.Process(target=key_victim.run, args=arguments)
    victim.start()
    await asyncio.to_thread(victim.join, 60)
    return victim.exitcode


async def kill_and_finish(world: KeyWorld, mongo_uri: str, point: str, number: int) -> None:
    async with world.running(2) as replicas:
        told = await fill(replicas[0], REPORTS)
        assert await run_victim(world, mongo_uri, point, number) == -signal.SIGKILL, (point, number)
        before = world.ring
        await asyncio.sleep(0.1)
        # In the middle of it everything goes on.
        late, _ = await report(replicas[1], "late")
        told[late] = "late"
        await assert_readable(world, told, *replicas)
        outcome = await world.rotation(settle=0.1).rotate(drop=True)
        assert outcome.damaged == []
        await assert_readable(world, told, *replicas)
    unfinished = before.coming is not None or bool(before.retiring)
    assert outcome.resumed == unfinished, (point, number)
    ring = world.ring
    assert [key.state for key in ring.keys] == [KeyState.CURRENT], (point, number)
    assert ring.current.version == before.keys[-1].version + (0 if unfinished else 1), (point, number)
    assert await world.reports.uses() == {ring.current.id: REPORTS + 1}


async def test_a_rotation_killed_at_any_step_loses_nothing_and_the_next_one_finishes_it(
    client: Client, mongo_uri: str, database_prefix: str, tmp_path: Path
) -> None:
    def world_of(number: int) -> KeyWorld:
        file = tmp_path / f"master_key_{number}"
        file.write_text(keep(b"m" * 32))
        return KeyWorld(client[f"{database_prefix}intake{number}"], file, pace=key_victim.QUICK)

    world = world_of(0)
    async with world.running(2) as replicas:
        told = await fill(replicas[0], REPORTS)
        assert await run_victim(world, mongo_uri, "none", 0) == 0
        await assert_readable(world, told, *replicas)
    counts = json.loads(Path(f"{world.file}.passed").read_text())
    assert counts.keys() == {"sync", "read", "written"}
    # Announced, current, retired, dropped: each of the four is at least two steps on the disk.
    assert counts["sync"] >= 8
    assert counts["written"] == counts["read"] == 3

    points = [(name, number) for name, count in counts.items() for number in range(1, count + 1)]
    for some in batched(list(enumerate(points, 1)), 4):
        async with asyncio.TaskGroup() as group:
            for place, (point, number) in some:
                group.create_task(kill_and_finish(world_of(place), mongo_uri, point, number))


def batched(items: list[tuple[int, tuple[str, int]]], size: int) -> list[list[tuple[int, tuple[str, int]]]]:
    return [items[at : at + size] for at in range(0, len(items), size)]
