"""Recusals of other people that nobody confirms lapse. Pure."""

from services.triage.case.case import Case
from services.triage.case.timers.timer import Moment, Timer
from shared.events import CaseFact, RecusalLapsed


def _lapsed(case: Case, moment: Moment) -> list[CaseFact]:
    return [
        RecusalLapsed(previous=case.state, state=case.state, person=recusal.person)
        for recusal in case.recusals
        if recusal.confirm_by is not None and recusal.confirm_by <= moment.now
    ]


TIMERS = (Timer(lambda case: case.lapses_at, _lapsed),)
