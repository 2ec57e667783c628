"""The moments of check-ins come. Pure."""

from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.timers.timer import Timer
from shared.events import CaseFact, CaseState, CheckInDue
from shared.policy import Policy


def _next(case: Case) -> datetime | None:
    """When the next check-in is due. Nobody is asked of a case that is not followed up any more."""
    if case.state is not CaseState.FOLLOWING_UP:
        return None
    return min((check_in.due_at for check_in in case.check_ins if check_in.told_at is None), default=None)


def _due(case: Case, _policy: Policy, now: datetime) -> list[CaseFact]:
    return [
        CheckInDue(previous=case.state, state=case.state, number=check_in.number, due_at=check_in.due_at)
        for check_in in case.check_ins
        if check_in.told_at is None and check_in.due_at <= now
    ]


TIMERS = (Timer(_next, _due),)
