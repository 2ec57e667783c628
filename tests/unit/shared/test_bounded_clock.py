"""A service tells nothing by a clock that is ahead of that of its database, whenever and however far it jumps."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from shared.bounded_clock import SKEW, BoundedClock
from shared.problems import Unavailable

AT = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
MONTH = timedelta(days=31)


class Machine:
    """A machine that has been up for some seconds; its clock may be wrong."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self.seconds = 0.0
        self.clock = BoundedClock(lambda: self.true + self.ahead, lambda: self.seconds, service="triage")

    @property
    def true(self) -> datetime:
        return AT + timedelta(seconds=self.seconds)

    def compare(self, database_ahead: timedelta = timedelta(), took: float = 0.0) -> None:
        asked_at, told = self.seconds, self.true + database_ahead
        self.seconds += took
        self.clock.compare(told, asked_at)


def test_nothing_is_told_before_the_clock_was_compared() -> None:
    machine = Machine()
    with pytest.raises(Unavailable, match="clock"):
        machine.clock()
    assert machine.clock.or_own() == AT
    machine.compare()
    assert machine.clock() == machine.clock.or_own() == AT


@pytest.mark.parametrize("jumps", ["before", "after"])
def test_a_machine_with_a_clock_that_has_jumped_goes_by_that_of_the_database(jumps: str) -> None:
    machine = Machine()
    if jumps == "before":
        machine.ahead = MONTH
    machine.compare()
    machine.ahead = MONTH
    for seconds in (0.0, 1.5, 3600.0):
        machine.seconds = seconds
        assert machine.clock() == AT + timedelta(seconds=seconds)
    machine.ahead = timedelta()
    assert machine.clock() == machine.true


def test_a_time_is_as_fine_as_the_database_stores_it() -> None:
    machine = Machine()
    machine.ahead = MONTH
    machine.compare()
    machine.seconds = 1.2345678
    assert machine.clock() == AT + timedelta(seconds=1.234)


@pytest.mark.parametrize("machine_ahead", [timedelta(), -MONTH])
def test_the_clock_of_a_database_that_is_ahead_counts_for_nothing(machine_ahead: timedelta) -> None:
    machine = Machine()
    machine.ahead = machine_ahead
    machine.compare(MONTH)
    assert machine.clock() == AT + machine_ahead


def test_the_way_of_an_answer_makes_no_difference_between_clocks_that_agree() -> None:
    machine = Machine()
    machine.compare(took=2.5)
    assert machine.clock() == machine.true


def test_it_is_told_once_that_the_clocks_differ_and_once_that_they_agree(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine()
    with caplog.at_level("INFO", logger="shared.bounded_clock"):
        for ahead in (SKEW, MONTH, MONTH, -MONTH, timedelta(), timedelta()):
            machine.ahead = ahead
            machine.compare()
    assert [(one.levelname, vars(one)["seconds"]) for one in caplog.records] == [("WARNING", 31 * 86_400), ("INFO", 0)]


async def test_work_begins_once_the_clock_was_compared() -> None:
    machine, done = Machine(), asyncio.Event()

    async def work() -> None:
        done.set()

    running = asyncio.create_task(machine.clock.behind(work)())
    await asyncio.sleep(0)
    assert not done.is_set()
    machine.compare()
    await running
    assert done.is_set()
