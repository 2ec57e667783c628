"""A pause and a snooze are over when their time comes; what is urgent or overdue is snoozed no longer. Pure."""

from datetime import datetime

from services.triage.case.case import ENDED, Case
from services.triage.case.timers.timer import Moment, Timer
from services.triage.case.values import earliest
from services.triage.case.waiting import resumed, woken
from shared.events import CaseFact


def _resumes_at(case: Case) -> datetime | None:
    return case.pause.until if case.pause and case.state not in ENDED else None


def _resumed(case: Case, _: Moment) -> list[CaseFact]:
    return [resumed(case)]


def _wakes_at(case: Case) -> datetime | None:
    if case.snooze is None or case.state in ENDED:
        return None
    if case.is_urgent:
        return case.updated_at
    return earliest([at for at in (case.snooze.until, case.next_due) if at])


def _woken(case: Case, _: Moment) -> list[CaseFact]:
    return [woken(case)]


TIMERS = (Timer(_resumes_at, _resumed), Timer(_wakes_at, _woken))
