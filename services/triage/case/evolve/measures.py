"""What the facts of measures change: one is taken or reviewed, and it ends. Pure."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.extent import extent_of
from services.triage.case.values import CheckIn, Measure, MeasureState, Step, end_of
from shared.events import (
    CaseState,
    EmergencyMeasureReviewed,
    EmergencyMeasureTaken,
    Event,
    MeasureEnded,
    MeasureEndProposed,
    MeasureExpired,
    MeasureFact,
    MeasureFollowUpSet,
    MeasureImported,
    MeasureLapsed,
    ReturnConversationDue,
    ReturnConversationNoted,
)
from shared.policy import UNCLASSIFIED

ONLINE = "online"
"""The setting of a case of which nothing else is known."""


def imported(event: Event, fact: MeasureImported, step: Step) -> Case:
    """The case that a measure from before Hearth brings along: it has nothing else."""
    measure = Measure(
        id=fact.measure_id,
        kind=fact.outcome,
        scope=fact.scope,
        begun_at=_beginning(fact.begun_on),
        until=end_of(fact.until),
        by=event.actor.ref,
        reason_id=fact.measure_id,
        imported=True,
        decided_on=_beginning(fact.decided_on) if fact.decided_on else None,
    )
    return Case(
        id=event.case_id,
        report_id=fact.report_id,
        code_name=fact.code_name,
        community=fact.community,
        category=UNCLASSIFIED,
        flags=(),
        setting=ONLINE,
        language="en",
        privacy="confidential",
        contactable=False,
        reachable=False,
        received_at=event.time,
        parties=fact.subjects,
        parties_apart=True,
        subjects=fact.subjects,
        lane=fact.lane,
        body=fact.body,
        own_body=fact.body,
        deadlines_told=True,
        outcome=fact.outcome,
        measures=(measure,),
        state=CaseState(fact.state),
        history=(step,),
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
        extent=extent_of(fact),
    )
    return {"measures": (*case.measures, measure)}


def _reviewed(case: Case, fact: EmergencyMeasureReviewed, event: Event) -> Fields:
    if fact.review != "confirmed":
        return _ended(case, fact, event, "ended")
    confirmed = (replace(m, review_by=None, confirmed=True) if m.id == fact.measure_id else m for m in case.measures)
    return {"measures": tuple(confirmed)}


def _ended(case: Case, fact: MeasureFact, event: Event, state: MeasureState) -> Fields:
    # What was to be asked before its end is asked no more.
    left = (c for c in case.check_ins if c.measure_id != fact.measure_id or c.told_at or c.kept_at)
    return {
        "check_ins": tuple(left),
        "measures": tuple(
            replace(m, state=state, ended_at=event.time, review_by=None) if m.id == fact.measure_id else m
            for m in case.measures
        ),
    }


def _follow_up_set(case: Case, fact: MeasureFollowUpSet, _event: Event) -> Fields:
    check_ins = (CheckIn(one.number, one.due_at, measure_id=fact.measure_id) for one in fact.check_ins)
    return {
        "check_ins": (*case.check_ins, *check_ins),
        "measures": _with(case, fact.measure_id, return_at=fact.return_at) if fact.return_at else case.measures,
    }


def _noted(case: Case, fact: ReturnConversationNoted, event: Event) -> Fields:
    noted = {"conversation": fact.conversation, "conversation_at": event.time, "conversation_by": event.actor.ref}
    return {"measures": _with(case, fact.measure_id, **noted, conversation_id=fact.reason_id)}


def _beginning(day: date) -> datetime:
    # MongoDB stores no days.
    return datetime.combine(day, time(), UTC)


def _with(case: Case, measure_id: str, **fields: Any) -> tuple[Measure, ...]:
    return tuple(replace(m, **fields) if m.id == measure_id else m for m in case.measures)


CHANGES = {
    MeasureFollowUpSet: _follow_up_set,
    ReturnConversationDue: lambda case, fact, event: {
        "measures": _with(case, fact.measure_id, return_due_at=event.time)
    },
    ReturnConversationNoted: _noted,
    EmergencyMeasureTaken: _taken,
    EmergencyMeasureReviewed: _reviewed,
    MeasureEndProposed: lambda case, fact, event: {
        "measures": _with(case, fact.measure_id, end_by=event.actor.ref, end_id=fact.reason_id)
    },
    MeasureEnded: lambda case, fact, event: _ended(case, fact, event, "ended"),
    MeasureLapsed: lambda case, fact, event: _ended(case, fact, event, "lapsed"),
    MeasureExpired: lambda case, fact, event: _ended(case, fact, event, "expired"),
}
