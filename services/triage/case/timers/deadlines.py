"""Deadlines that nothing has kept are missed. Pure."""

from datetime import datetime

from services.triage.case.case import ENDED, Case
from services.triage.case.timers.timer import Timer
from shared.events import CaseFact, DeadlineBreached
from shared.policy import Policy


def _missed_next(case: Case) -> datetime | None:
    """When the next deadline is missed that still can be. On a case that has ended nothing is owed."""
    if case.state in ENDED:
        return None
    return min((d.due_at for d in case.deadlines if d.is_running and d.breached_at is None), default=None)


def _breached(case: Case, _policy: Policy, now: datetime) -> list[CaseFact]:
    missed = [d for d in case.deadlines if d.is_running and d.breached_at is None and d.due_at <= now]
    return [DeadlineBreached(previous=case.state, state=case.state, deadline=d.name, due_at=d.due_at) for d in missed]


TIMERS = (Timer(_missed_next, _breached),)
