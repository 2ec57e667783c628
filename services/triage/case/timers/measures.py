"""A measure ends with its last day; one that was taken in an emergency lapses without a review. Pure."""

from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.timers.timer import Timer
from services.triage.case.values import Measure
from shared.events import CaseFact, MeasureExpired, MeasureLapsed
from shared.policy import Policy


def _ends_at(measure: Measure) -> datetime | None:
    if not measure.stands:
        return None
    return min((at for at in (measure.until, measure.review_by) if at), default=None)


def _next(case: Case) -> datetime | None:
    return min((at for measure in case.measures if (at := _ends_at(measure))), default=None)


def _ended(case: Case, _policy: Policy, now: datetime) -> list[CaseFact]:
    due = [(measure, at) for measure in case.measures if (at := _ends_at(measure)) and at <= now]
    return [
        (MeasureExpired if at == measure.until else MeasureLapsed)(
            previous=case.state, state=case.state, measure_id=measure.id, outcome=measure.kind
        )
        for measure, at in due
    ]


TIMERS = (Timer(_next, _ended),)
