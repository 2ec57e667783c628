"""What a case still owes once it is decided or appealed: each has a clock, and the desk says what keeps it."""

from dataclasses import replace

import pytest

from services.triage.case.case import Case
from services.triage.case.commands.appeals import DecideAppeal, LodgeAppeal
from services.triage.case.commands.check_ins import ReceiveCheckIn
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.follow_up import FollowUp
from services.triage.case.commands.handling import Close
from services.triage.case.commands.notes import WriteNote
from services.triage.case.timers.table import wakes_at
from services.triage.desk.next_step import next_step
from tests.support.case_steps import step
from tests.unit.triage.test_case_updates import ALICE, AT, BOB, DAY, DECIDED, case_of, woken

APPEAL = LodgeAppeal("reporter", "facts", Words("a-1"), ALICE)
UPHELD = DecideAppeal("upheld", Words("v-1"), BOB)
STOPPED = ReceiveCheckIn(1, AT, "declined", True, "a-2")


def clocks(case: Case) -> list[tuple[str, int]]:
    """The clocks of handlers that run, and in how many days after AT each is due."""
    running = [one for one in case.deadlines if one.is_running and one.name != "update"]
    return [(one.name, (one.due_at - AT).days) for one in running]


@pytest.mark.parametrize(
    ("commands", "clock", "next_one"),
    [
        (DECIDED, ("after_decision", 17), "close"),
        ((*DECIDED, FollowUp("no")), ("closing", 18), "close-at-last"),
        ((*DECIDED, FollowUp("yes"), STOPPED), ("closing", 19), "close-at-last"),
        ((*DECIDED, APPEAL), ("appeal_decision", 34), "decide-appeal"),
        ((*DECIDED, APPEAL, UPHELD), ("after_decision", 19), "close"),
    ],
    ids=["decided", "without consent", "stopped", "appealed", "upheld"],
)
def test_a_case_that_waits_for_its_people_has_a_clock(
    commands: tuple[Command, ...], clock: tuple[str, int], next_one: str
) -> None:
    case = case_of(*commands)
    assert clocks(case) == [clock]
    assert (next_step(case).step, next_step(case).clock) == (next_one, clock[0])
    late = woken(case, AT + 70 * DAY)
    assert [one.escalated_at is not None for one in late.deadlines if one.name == clock[0]] == [True]


def test_a_case_of_which_the_reporter_is_asked_waits_for_the_reporter() -> None:
    case = case_of(*DECIDED, FollowUp("yes"))
    assert clocks(case) == []
    assert next_step(case).step == "await-check-in"
    assert wakes_at(case) is not None
    asked = woken(case, AT + 200 * DAY)
    assert next_step(asked).step == "close-at-last"
    assert [one.breached_at is not None for one in asked.deadlines if one.name == "closing"] == [True]


@pytest.mark.parametrize("way", [(Close(),), (FollowUp("no"), Close())], ids=["at once", "followed up"])
def test_closing_keeps_the_clocks_and_a_closed_case_has_none(way: tuple[Command, ...]) -> None:
    case = case_of(*DECIDED, *way)
    assert clocks(case) == []
    kept = [one.met_at for one in case.deadlines if one.name in ("after_decision", "closing")]
    assert kept
    assert None not in kept
    assert wakes_at(case) is None


def test_a_case_from_before_a_clock_gets_it_with_its_next_step() -> None:
    decided = case_of(*DECIDED)
    before = replace(decided, deadlines=tuple(one for one in decided.deadlines if one.name != "after_decision"))
    assert clocks(before) == []
    noted, _ = step(before, WriteNote(Words("n-1"), "body"), AT + 10 * DAY, ALICE)
    assert clocks(noted) == [("after_decision", 24)]
