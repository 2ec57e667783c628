"""Measures end: after their last day, or without a review; handlers talk with the person before. Pure."""

from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.timers.timer import Moment, Timer
from services.triage.case.values import Measure, earliest
from shared.events import CaseFact, MeasureExpired, MeasureLapsed, ReturnConversationDue


def _ends_at(measure: Measure) -> datetime | None:
    if not measure.stands:
        return None
    return earliest([at for at in (measure.until, measure.review_by) if at])


def _next(case: Case) -> datetime | None:
    return earliest([at for measure in case.measures if (at := _ends_at(measure))])


def _ended(case: Case, moment: Moment) -> list[CaseFact]:
    due = [(measure, at) for measure in case.measures if (at := _ends_at(measure)) and at <= moment.now]
    return [
        (MeasureExpired if at == measure.until else MeasureLapsed)(
            previous=case.state, state=case.state, measure_id=measure.id, outcome=measure.kind
        )
        for measure, at in due
    ]


def _waits(measure: Measure) -> bool:
    """Whether the conversation before its end is still to come due."""
    return measure.stands and measure.return_at is not None and not (measure.return_due_at or measure.conversation)


def _next_return(case: Case) -> datetime | None:
    return earliest([m.return_at for m in case.measures if _waits(m) and m.return_at])


def _returning(case: Case, moment: Moment) -> list[CaseFact]:
    return [
        ReturnConversationDue(previous=case.state, state=case.state, measure_id=m.id, outcome=m.kind, until=m.last_day)
        for m in case.measures
        if _waits(m) and m.return_at and m.return_at <= moment.now and m.last_day
    ]


TIMERS = (Timer(_next, _ended), Timer(_next_return, _returning))
