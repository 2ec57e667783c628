"""The measures of a case that were set for a time, as the record tells them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from services.audit.scorecard.rows import Step, read_day
from shared.events import (
    CaseDecided,
    EmergencyMeasureReviewed,
    EmergencyMeasureTaken,
    MeasureEnded,
    MeasureExpired,
    MeasureLapsed,
)

_ENDS = frozenset(fact.name for fact in (MeasureEnded, MeasureExpired, MeasureLapsed))


@dataclass(frozen=True, slots=True)
class TimedMeasure:
    """A measure that holds until `until`, the end of its last day (UTC-aware), and when it ended; None: it stands."""

    until: datetime
    ended_at: datetime | None = None


def timed_measures_in(own: Sequence[Step]) -> tuple[TimedMeasure, ...]:
    """The measures with a last day that these steps of a case tell, in order."""
    found: dict[str, TimedMeasure] = {}
    for step in own:
        said = step.said
        if step.name in (CaseDecided.name, EmergencyMeasureTaken.name):
            # A measure that was decided has the id of the reasons for it.
            name = said.get("measure_id", said.get("reason_id"))
            if name and said.get("until") and said.get("scope"):
                found[name] = TimedMeasure(_end_of(said["until"]))
        name = said.get("measure_id")
        ends = step.name in _ENDS or (step.name == EmergencyMeasureReviewed.name and said["review"] == "ended")
        if ends and name in found and found[name].ended_at is None:
            found[name] = replace(found[name], ended_at=step.at)
    return tuple(found.values())


def _end_of(day: str) -> datetime:
    return datetime.combine(read_day(day) + timedelta(days=1), time(), UTC)
