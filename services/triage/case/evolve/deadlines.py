"""What the facts of deadlines change, and in older cases the steps that kept them. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Change, Fields
from services.triage.case.values import ANEW, ANSWER, REOPENED, Deadline, Move
from shared.copies import copier
from shared.events import (
    MET_BY_STEP,
    CaseFact,
    CaseState,
    DeadlineBreached,
    DeadlineEscalated,
    DeadlineFact,
    DeadlineMet,
    DeadlinePaused,
    DeadlineResumed,
    DeadlineStarted,
    DeadlineWarned,
    Event,
)

_again = copier(Deadline)
"""A deadline once more, with other fields."""
_RUNS: Mapping[str, Any] = {"remaining_seconds": None, "business": False, "stopped_for": None}
"""The fields of a deadline that does not stand still."""


def _met(case: Case, fact: DeadlineMet, event: Event) -> Fields:
    def met(d: Deadline) -> Deadline:
        moves = _moved(d, fact.due_at, event.time)
        return _again(d, due_at=fact.due_at, met_at=fact.met_at, moves=moves, **_RUNS)

    return _with(case, fact, met)


def _paused(case: Case, fact: DeadlinePaused, _event: Event) -> Fields:
    reason = case.pause.reason if case.pause else ANSWER
    stands = {"remaining_seconds": fact.remaining_seconds, "business": fact.business, "stopped_for": reason}
    return _with(case, fact, lambda d: _again(d, **stands))


def _moved(deadline: Deadline, due_at: datetime, at: datetime) -> tuple[Move, ...]:
    """The moves of a deadline of which the clock goes on `at` this time, to be due then."""
    if deadline.stopped_for is None or due_at == deadline.due_at:
        return deadline.moves
    return (*deadline.moves, Move(deadline.stopped_for, at, deadline.due_at, due_at))


def _resumed(case: Case, fact: DeadlineResumed, event: Event) -> Fields:
    def resumed(d: Deadline) -> Deadline:
        later, told = fact.due_at - d.due_at, fact.warn_at or fact.escalate_at
        return _again(
            d,
            due_at=fact.due_at,
            moves=_moved(d, fact.due_at, event.time),
            warn_at=fact.warn_at if told else d.warn_at and d.warn_at + later,
            escalate_at=fact.escalate_at if told else d.escalate_at and d.escalate_at + later,
            **_RUNS,
        )

    return _with(case, fact, resumed)


def _warned(case: Case, fact: DeadlineWarned, event: Event) -> Fields:
    return _with(case, fact, lambda d: _again(d, warned_at=event.time))


def _escalated(case: Case, fact: DeadlineEscalated, event: Event) -> Fields:
    return _with(case, fact, lambda d: _again(d, escalated_at=event.time))


def _breached(case: Case, fact: DeadlineBreached, event: Event) -> Fields:
    return _with(case, fact, lambda d: _again(d, breached_at=event.time))


def _started(case: Case, fact: DeadlineStarted, event: Event) -> Fields:
    earlier = (_again(d, anew_at=event.time) for d in case.deadlines if d.name == fact.deadline)
    others = (d for d in case.deadlines if d.name != fact.deadline)
    reason = REOPENED if fact.state == CaseState.REOPENED else ANEW
    before = fact.previous_due_at
    moves = (Move(reason, event.time, before, fact.due_at),) if before else ()
    started = Deadline(fact.deadline, fact.due_at, warn_at=fact.warn_at, escalate_at=fact.escalate_at, moves=moves)
    return {"deadlines": (*others, started), "earlier_deadlines": (*case.earlier_deadlines, *earlier)}


def _with(case: Case, fact: DeadlineFact, change: Callable[[Deadline], Deadline]) -> Fields:
    name = fact.deadline
    return {"deadlines": tuple([change(d) if d.name == name else d for d in case.deadlines])}


def met_by_step(deadlines: Iterable[Deadline], fact: CaseFact, at: datetime) -> tuple[Deadline, ...]:
    """Those of a case from before `deadline.met`: its steps keep them, and no fact tells it. `at` is UTC-aware."""
    return tuple(
        _again(d, met_at=at) if d.met_at is None and fact.name in MET_BY_STEP.get(d.name, ()) else d for d in deadlines
    )


CHANGES: Mapping[type[CaseFact], Change] = {
    DeadlineMet: _met,
    DeadlinePaused: _paused,
    DeadlineResumed: _resumed,
    DeadlineBreached: _breached,
    DeadlineStarted: _started,
    DeadlineWarned: _warned,
    DeadlineEscalated: _escalated,
}
