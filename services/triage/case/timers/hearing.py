"""The time is over in which the reporter could answer to what is proposed: the case goes on without. Pure."""

from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.hearing import awaited_until, put_to_reporter
from services.triage.case.timers.timer import Timer
from shared.events import CaseFact, CaseState, InvestigationStarted
from shared.policy import Policy


def _next(case: Case) -> datetime | None:
    # An answer to a later question is awaited as any other.
    is_last = bool(case.questions) and put_to_reporter(case) is case.questions[-1]
    return awaited_until(case) if is_last and case.state is CaseState.AWAITING_INFORMATION else None


def _goes_on(case: Case, _policy: Policy, _now: datetime) -> list[CaseFact]:
    return [InvestigationStarted(previous=case.state, state=CaseState.INVESTIGATING)]


TIMERS = (Timer(_next, _goes_on),)
