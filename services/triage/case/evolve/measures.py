"""What the facts of measures change: one is taken or reviewed, and it ends. Pure."""

from dataclasses import replace

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.values import Measure, MeasureState, end_of
from shared.events import (
    EmergencyMeasureReviewed,
    EmergencyMeasureTaken,
    Event,
    MeasureEnded,
    MeasureExpired,
    MeasureFact,
    MeasureLapsed,
)


def _taken(case: Case, fact: EmergencyMeasureTaken, event: Event) -> Fields:
    measure = Measure(
        id=fact.measure_id,
        kind=fact.outcome,
        scope=fact.scope,
        begun_at=event.time,
        until=end_of(fact.until),
        by=event.actor.ref,
        reason_id=fact.reason_id,
        emergency=True,
        review_by=fact.review_by,
    )
    return {"measures": (*case.measures, measure)}


def _reviewed(case: Case, fact: EmergencyMeasureReviewed, event: Event) -> Fields:
    if fact.review != "confirmed":
        return _ended(case, fact, event, "ended")
    confirmed = (replace(m, review_by=None, confirmed=True) if m.id == fact.measure_id else m for m in case.measures)
    return {"measures": tuple(confirmed)}


def _ended(case: Case, fact: MeasureFact, event: Event, state: MeasureState) -> Fields:
    return {
        "measures": tuple(
            replace(m, state=state, ended_at=event.time, review_by=None) if m.id == fact.measure_id else m
            for m in case.measures
        )
    }


CHANGES = {
    EmergencyMeasureTaken: _taken,
    EmergencyMeasureReviewed: _reviewed,
    MeasureEnded: lambda case, fact, event: _ended(case, fact, event, "ended"),
    MeasureLapsed: lambda case, fact, event: _ended(case, fact, event, "lapsed"),
    MeasureExpired: lambda case, fact, event: _ended(case, fact, event, "expired"),
}
