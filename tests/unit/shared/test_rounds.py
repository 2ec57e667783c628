"""Rounds keep apart by what the last one had to do."""

import asyncio
from unittest.mock import patch

import pytest

from shared.rounds import Rounds

STEPS = ((10, 0.06), (2, 0.03), (0, 0.0))


async def test_the_first_round_waits_for_nothing() -> None:
    assert not await Rounds(STEPS).wait()


@pytest.mark.parametrize(("count", "apart"), [(12, 0.06), (10, 0.06), (9, 0.03), (2, 0.03)])
async def test_a_round_is_as_far_from_the_last_one_as_that_had_to_do(count: int, apart: float) -> None:
    rounds, loop = Rounds(STEPS), asyncio.get_running_loop()
    began = loop.time()
    with patch.object(loop, "time", lambda: began):
        rounds.begin(count)
    for at, waits in ((began + apart - 0.001, True), (began + apart + 0.001, False)):
        with patch.object(loop, "time", lambda at=at: at):
            waiting = asyncio.create_task(rounds.wait())
            await asyncio.sleep(0)
        assert await waiting is waits


async def test_the_time_of_the_work_counts() -> None:
    rounds = Rounds(STEPS)
    rounds.begin(2)
    await asyncio.sleep(0.04)
    assert not await rounds.wait()


async def test_after_a_round_of_one_thing_nothing_waits() -> None:
    rounds = Rounds(STEPS)
    rounds.begin(1)
    assert not await rounds.wait()
