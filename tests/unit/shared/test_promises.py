"""The promises of the policy: each can be kept, and the desk and the reporter are told the same of every one."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.mailbox.views import view_deadlines
from services.intake.report.status import Status, follow
from services.triage.case.case import Case
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.handling import Assign, Close, Start
from services.triage.case.commands.inquiry import Ask
from services.triage.case.commands.opening import Open
from services.triage.case.commands.table import events_of
from services.triage.case.evolve.fold import fold
from services.triage.case.lifecycle import NotPermitted
from services.triage.case.values import Deadline
from shared.events import MET_BY_STEP, Actor, Event, ReportReceived
from shared.policy import load_policy
from shared.times import now
from tests.support.triage_rig import reported

POLICY = load_policy(None)
ALICE = Actor("responder:a11ce0de", "responder")
COMMANDS: tuple[Command, ...] = (
    Assign("responder:a11ce0de"), Start(), Ask(Words("q-1")), Decide("advice", Words("r-1")), Close(),
)  # fmt: skip
LANES: dict[str, tuple[str, ...]] = {
    "standard": (), "emergency": ("physical_violence",), "child_protection": ("minor_involved",)
}  # fmt: skip


def lead(flags: tuple[str, ...], commands: tuple[Command, ...]) -> tuple[Case, list[Event]]:
    """The case that those of the commands make which are permitted, and all its events."""
    report = reported(flags=flags).fact
    assert isinstance(report, ReportReceived)
    case: Case | None = None
    events: list[Event] = []
    for number, command in enumerate((Open("amber-road", report), *commands)):
        try:
            new = events_of(
                case, command, POLICY, now(), case_id="case-1", actor=ALICE, cause=f"cause {number}", trace=None
            )
        except NotPermitted:
            continue
        events += new
        case = fold(new, case)
    assert case is not None
    return case, events


def test_every_clock_that_starts_with_a_report_can_be_stopped() -> None:
    started = {rule.id for rule in POLICY.deadlines.values() if rule.starts == "received"}
    assert started <= {rule.id for rule in POLICY.deadlines.values() if rule.met_by}
    # What kept them before facts told it keeps them today.
    assert all(steps <= POLICY.deadlines[name].met_by for name, steps in MET_BY_STEP.items())


@pytest.mark.parametrize("lane", LANES)
@given(commands=st.lists(st.sampled_from(COMMANDS), max_size=8).map(tuple))
def test_desk_and_reporter_are_told_the_same_of_every_promise(lane: str, commands: tuple[Command, ...]) -> None:
    case, events = lead(LANES[lane], commands)
    assert case.lane == lane
    status = Status(updated_at=events[0].time)
    for event in events:
        status = follow(status, event) or status
    late = events[-1].time + timedelta(days=400)
    seen = {view.name: view.met for view in view_deadlines(status, late)}
    # What starts later than these is an affair of the handlers.
    theirs = ("received", "last_update")
    assert seen == {d.name: _kept(d) for d in case.deadlines if POLICY.deadlines[d.name].starts in theirs}


def _kept(deadline: Deadline) -> bool | None:
    """Whether a deadline was kept, long after the last step; None while its clock stands still."""
    if deadline.remaining_seconds is not None:
        return None
    return deadline.met_at is not None and deadline.met_at <= deadline.due_at


def test_being_given_an_emergency_is_not_yet_acting_on_it() -> None:
    given_out, _ = lead(LANES["emergency"], COMMANDS[:1])
    begun, _ = lead(LANES["emergency"], COMMANDS[:2])
    assert [d.met_at is None for d in given_out.deadlines if d.name == "emergency_action"] == [True]
    assert [d.met_at is None for d in begun.deadlines if d.name == "emergency_action"] == [False]
