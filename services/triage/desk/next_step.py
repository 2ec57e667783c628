"""What must happen next with a case, and the clock that says so. Pure, but for the words in the reader's language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, get_args

from fastapi import Request

from services.triage.case.afterwards import agreement_due, is_answered, last_moment, talk_due
from services.triage.case.case import ENDED, Case
from services.triage.case.commands.asking import AnswerRecusal
from services.triage.case.commands.decision import Second
from services.triage.case.commands.emergency import ReviewEmergency
from services.triage.case.hearing import ProposalStep, awaited_until
from services.triage.case.lifecycle import TRANSITIONS
from services.triage.case.voting import Tally
from services.triage.desk.names import CaseNames
from shared.access.principal import Principal
from shared.events import CaseState
from shared.policy import RECUSAL_ANSWER

BY_CLOCK: Mapping[str, str] = {
    "emergency_action": "act",
    "child_protection_action": "act",
    "emergency_measure_review": "review-measure",
    "first_response": "respond",
    "update": "update",
    "decision": "decide",
}
"""What keeps each clock, where the state of the case asks for nothing else."""
FIRST = frozenset({"emergency_measure_review"})
"""Clocks that go before whatever the state asks for."""
QUIET = frozenset({"update"})
"""Clocks that ask for nothing before they come near: whatever else is done may keep them."""
BY_STATE: Mapping[CaseState, str] = {
    CaseState.TRIAGED: "take",
    CaseState.ASSIGNED: "start",
    CaseState.AWAITING_INFORMATION: "await-answer",
    CaseState.DECIDED: "close",
    CaseState.FOLLOWING_UP: "close-at-last",
    CaseState.APPEALED: "decide-appeal",
    CaseState.REOPENED: "start",
    CaseState.CLOSED: "nothing",
    CaseState.MERGED: "nothing",
}
"""What each state asks for; where it says nothing, the next clock does."""
BY_OTHERS: Mapping[str, tuple[str, Callable[[Case, str], bool]]] = {
    "vote": (
        "await-votes",
        lambda case, reader: case.proposal is not None and case.proposal.vote_of(reader) is not None,
    ),
    "decide-appeal": ("await-verdict", lambda case, reader: reader in case.deciders),
    "review-measure": ("await-review", lambda case, reader: not ReviewEmergency.suits(case, reader, None)),
}
"""What another person has to do: how it is called, and for which readers (references)."""
AFTERWARDS = frozenset({CaseState.DECIDED, CaseState.FOLLOWING_UP})
"""States in which nobody expects words any more, so they go before whatever the state asks for."""
STEPS = frozenset(
    {
        *BY_CLOCK.values(),
        *BY_STATE.values(),
        *(step for step, _ in BY_OTHERS.values()),
        "decide-recusal",
        "find-people",
        "read-answer",
        "talk",
        "check-agreement",
        "await-check-in",
        "answer-referral",
        "await-referral",
        *get_args(ProposalStep),
        "go-on",
    }
)
"""Every step; each has a message `desk-next-…`."""
_UNITS = (("days", timedelta(days=1), timedelta(days=2)), ("hours", timedelta(hours=1), timedelta(hours=1)))
"""The units of time, each with the shortest time that is told in it."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """What must happen next: one of STEPS. `due_at` (UTC-aware) and `clock`, the name of a deadline, say by when."""

    step: str
    due_at: datetime | None = None
    clock: str | None = None


def next_step(case: Case, reader: str = "", *, asked: bool = False, proposed: ProposalStep = "vote") -> NextStep:
    """What must happen next with a case. `asked`: for the body that is asked to take the case over.

    `reader` (a reference): what this person cannot do, others do. `proposed`: what is next with its proposal, if any.
    """
    found = _next_step(case, asked=asked, proposed=proposed, answers=AnswerRecusal.suits(case, reader, None))
    others_do, is_for = BY_OTHERS.get(found.step, ("", None))
    return replace(found, step=others_do) if is_for and is_for(case, reader) else found


def _next_step(case: Case, *, asked: bool, proposed: ProposalStep, answers: bool) -> NextStep:
    # Who cannot answer a party goes on with the case, and what is urgent goes before it.
    if answers and case.state in ENDED and case.open_recusal_asks:
        return _answer_party(case)
    if case.state in ENDED:
        return _in_the_end(case)
    running = (d for d in case.deadlines if d.is_running and d.name != RECUSAL_ANSWER)
    speaking = (d for d in running if d.name not in QUIET or d.warned_at or d.breached_at)
    clock = min(speaking, key=lambda d: d.due_at, default=None)
    due_at, name = (clock.due_at, clock.name) if clock else (None, None)
    if case.asked and asked:
        return NextStep("answer-referral", case.asked.accept_by)
    if case.unattended:
        return NextStep("find-people", due_at, name)
    if name in FIRST:
        return NextStep(BY_CLOCK[name or ""], due_at, name)
    if answers and case.open_recusal_asks and not case.is_urgent:
        return _answer_party(case)
    if case.referral:
        return NextStep("await-referral", case.referral.accept_by)
    votes = case.proposal and case.state in TRANSITIONS[Second.name]
    if votes and proposed == "await-hearing":
        return NextStep(proposed, awaited_until(case))
    if votes and not (
        proposed in ("decide-proposed", "await-decision") and case.state is CaseState.AWAITING_INFORMATION
    ):
        return NextStep(proposed, due_at, name)
    if case.state in AFTERWARDS and (found := _afterwards(case)):
        return found
    if case.state is CaseState.FOLLOWING_UP and not case.unasked_for:
        to_come = min((c.due_at for c in case.check_ins if not c.kept_at), default=None)
        if to_come:
            return NextStep("await-check-in", to_come)
    if case.awaits_until and clock is None:
        return NextStep("await-answer", case.awaits_until)
    step = BY_STATE.get(case.state) or BY_CLOCK.get(name or "", "go-on")
    return NextStep(step, due_at, name)


def _answer_party(case: Case) -> NextStep:
    clock = next((d for d in case.deadlines if d.name == RECUSAL_ANSWER and d.is_running), None)
    return NextStep("decide-recusal", clock.due_at, clock.name) if clock else NextStep("decide-recusal")


def _in_the_end(case: Case) -> NextStep:
    """What must still happen with a case that has ended."""
    if case.state is CaseState.MERGED:
        return NextStep("nothing")
    review = next((d for d in case.deadlines if d.name in FIRST and d.is_running), None)
    if review:
        return NextStep(BY_CLOCK[review.name], review.due_at, review.name)
    return _afterwards(case) or NextStep("nothing")


def _afterwards(case: Case) -> NextStep | None:
    """What people see to once a case is decided, before all else."""
    if is_answered(case):
        return NextStep("read-answer")
    if talk := talk_due(case):
        return NextStep("talk", talk.until)
    agreement = agreement_due(case)
    return NextStep("check-agreement", last_moment(agreement)) if agreement else None


def time_left(left: timedelta) -> tuple[str, int]:
    """A time as its unit and a number, rounded down: nobody believes to have more than there is."""
    for unit, length, least in _UNITS:
        if left >= least:
            return unit, left // length
    return "minutes", left // timedelta(minutes=1)


def next_step_of(
    names: CaseNames,
    request: Request,
    reader: Principal,
    case: Case,
    at: datetime,
    tally: Tally | None = None,
    *,
    asked: bool = False,
) -> dict[str, Any]:
    """What must happen next in the reader's language: `text`, `late`, `due_at`, the name of the `clock`, and its code.

    `tally`: the votes of the proposal, if there is one.
    """
    found = next_step(case, reader.ref, asked=asked, proposed=names.step_of_proposal(case, at, tally, reader.ref))
    text, late = names.said(request, f"desk-next-{found.step}"), False
    if found.due_at is not None:
        late = found.due_at <= at
        unit, number = time_left(abs(found.due_at - at))
        text = names.said(request, f"desk-next-{'late' if late else 'within'}-{unit}", text, number)
    clock = names.code(request, "deadline", found.clock) if found.clock else None
    return {"step": found.step, "text": text, "late": late, "due_at": found.due_at, "clock": clock}
