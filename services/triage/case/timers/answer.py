"""The time is over in which the case waits for the reporter's answer: it goes on without. Pure."""

from services.triage.case.case import Case
from services.triage.case.timers.timer import Moment, Timer
from services.triage.case.waiting import woken
from shared.events import CaseFact, CaseState, InvestigationStarted


def _goes_on(case: Case, _: Moment) -> list[CaseFact]:
    """The case is looked into again, also by the person who put it off until the answer."""
    put_off = case.snooze is not None and case.snooze.until is None
    back = InvestigationStarted(previous=case.state, state=CaseState.INVESTIGATING)
    return [*([woken(case)] if put_off else []), back]


TIMERS = (Timer(lambda case: case.awaits_until, _goes_on),)
