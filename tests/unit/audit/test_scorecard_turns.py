"""The turns of readers who ask for scorecards of earlier checkpoints."""

import asyncio

import pytest

from services.audit.scorecard.turns import MOST_WAITING, REST, SHORTEST_WAIT, Turns
from shared.problems import Problem


class Time:
    """A clock that sleeps in no time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds
        await asyncio.sleep(0)


async def test_work_takes_a_quarter_of_the_time_at_most() -> None:
    clock = Time()
    turns = Turns(clock, clock.sleep)
    for _ in range(10):
        async with turns.one():
            clock.now += 0.1
    assert clock.slept == pytest.approx(9 * 0.1 * REST)


async def test_a_reader_who_comes_after_the_rest_waits_for_nothing() -> None:
    clock = Time()
    turns = Turns(clock, clock.sleep)
    async with turns.one():
        clock.now += 1
    clock.now += REST
    async with turns.one():
        pass
    assert clock.slept == 0


async def test_few_wait_and_the_others_are_told_when_to_come_again() -> None:
    clock, end, refused = Time(), asyncio.Event(), list[Problem]()
    turns = Turns(clock, clock.sleep)

    async def ask() -> None:
        try:
            async with turns.one():
                clock.now += 5
                await end.wait()
        except Problem as problem:
            refused.append(problem)

    asked = [asyncio.create_task(ask()) for _ in range(MOST_WAITING + 3)]
    await asyncio.sleep(0.01)
    assert [(one.status, one.code, one.retry_after) for one in refused] == [
        (429, "too-many-checkpoints", SHORTEST_WAIT)
    ] * 3
    end.set()
    await asyncio.gather(*asked)
    assert len(refused) == 3


async def test_a_turn_that_fails_is_given_back() -> None:
    clock = Time()
    turns = Turns(clock, clock.sleep)
    for _ in range(2 * MOST_WAITING):
        with pytest.raises(ZeroDivisionError):
            async with turns.one():
                _ = 1 / 0
    async with turns.one():
        pass
