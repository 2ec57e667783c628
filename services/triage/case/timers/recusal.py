"""Recusals of other people that nobody confirms lapse. Pure."""

from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.timers.timer import Timer
from shared.events import CaseFact, RecusalLapsed
from shared.policy import Policy


def _lapsed(case: Case, _policy: Policy, now: datetime) -> list[CaseFact]:
    return [
        RecusalLapsed(previous=case.state, state=case.state, person=recusal.person)
        for recusal in case.recusals
        if recusal.confirm_by is not None and recusal.confirm_by <= now
    ]


TIMERS = (Timer(lambda case: case.lapses_at, _lapsed),)
