"""The time is over in which the case waits for the reporter's answer: it goes on without. Pure."""

from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.timers.timer import Timer
from services.triage.case.waiting import woken
from shared.events import CaseFact, CaseState, InvestigationStarted
from shared.policy import Policy


def _goes_on(case: Case, _policy: Policy, _now: datetime) -> list[CaseFact]:
    """The case is looked into again, also by the person who put it off until the answer."""
    put_off = case.snooze is not None and case.snooze.until is None
    back = InvestigationStarted(previous=case.state, state=CaseState.INVESTIGATING)
    return [*([woken(case)] if put_off else []), back]


TIMERS = (Timer(lambda case: case.awaits_until, _goes_on),)
