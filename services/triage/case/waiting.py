"""The ends of a pause and of a snooze, which people and timers tell. Pure."""

from services.triage.case.case import Case
from shared.events import CaseResumed, CaseWoken


def resumed(case: Case) -> CaseResumed:
    """The end of the pause that the case has."""
    assert case.pause is not None  # noqa: S101  # asked for only where there is one
    return CaseResumed(previous=case.state, state=case.state, pause=case.pause.reason, until=case.pause.until)


def woken(case: Case) -> CaseWoken:
    """The end of the snooze that the case has."""
    assert case.snooze is not None  # noqa: S101  # asked for only where there is one
    return CaseWoken(previous=case.state, state=case.state, person=case.snooze.person, until=case.snooze.until)
