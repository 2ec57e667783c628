"""Handlers are warned of a deadline that comes near; what nothing keeps is missed, and then others hear of it. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from services.triage.case.attendance import can_take
from services.triage.case.case import ENDED, Case
from services.triage.case.timers.timer import Moment, Timer
from services.triage.case.values import Deadline, earliest
from shared.events import CaseFact, DeadlineBreached, DeadlineEscalated, DeadlineWarned
from shared.policy import MEASURE_REVIEW, RECUSAL_ANSWER

OUTLIVING = frozenset({MEASURE_REVIEW, RECUSAL_ANSWER})
"""Clocks that also run where a case is closed: what they stand for comes to people who wait for nothing any more."""


def _next(case: Case) -> datetime | None:
    """When the next deadline has something to tell."""
    return earliest([at for d in _owed(case) if (at := d.tells_at)])


def _owed(case: Case) -> Sequence[Deadline]:
    """The deadlines that are still to be kept. On a case that has ended, those are OUTLIVING alone."""
    return [d for d in case.deadlines if d.name in OUTLIVING] if case.state in ENDED else case.deadlines


def _told(case: Case, moment: Moment) -> list[CaseFact]:
    return [fact for d in _owed(case) if (at := d.tells_at) and at <= moment.now for fact in _of(case, d, moment)]


def _of(case: Case, deadline: Deadline, moment: Moment) -> Iterator[CaseFact]:
    """What is due of one deadline. After an outage nobody is warned of what was missed meanwhile."""
    is_missed, now = deadline.breached_at is not None, moment.now
    state, name, due_at = case.state, deadline.name, deadline.due_at
    if not is_missed and due_at > now:
        yield DeadlineWarned(previous=state, state=state, deadline=name, due_at=due_at)
        return
    if not is_missed:
        yield DeadlineBreached(previous=state, state=state, deadline=name, due_at=due_at)
    if deadline.escalate_at and deadline.escalate_at <= now:
        to_body = _stand_in(case, moment)
        yield DeadlineEscalated(previous=state, state=state, deadline=name, due_at=due_at, to_body=to_body)


def _stand_in(case: Case, moment: Moment) -> str:
    """The body that hears of a missed deadline: the first stand-in that could get the case, or else the first."""
    others, policy, now = moment.policy.stand_ins(case.body or ""), moment.policy, moment.now
    able = (body for body in others if can_take(case, body, moment.people, policy, now))
    return next(able, next(iter(others), case.body or ""))


TIMERS = (Timer(_next, _told, when_merged=True),)
