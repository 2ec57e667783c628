"""Facts that triage writes to `cases`: a person takes a measure in an emergency, and measures end. The state stays."""

from datetime import date
from typing import ClassVar

from pydantic import AwareDatetime

from shared.events.cases import CaseFact


class MeasureFact(CaseFact):
    """What happened to one measure of a case. `outcome`: what kind of measure it is, as the policy calls it.

    The id of a measure that was decided is the `reason_id` of the decision.
    """

    unseen: ClassVar[bool] = True
    follows_policy: ClassVar[bool] = True
    shows: ClassVar[str | None] = "outcome"

    measure_id: str
    outcome: str


class EmergencyMeasureTaken(MeasureFact):
    """A person took a measure alone, in an emergency. Without a review by another person until `review_by` it lapses.

    `until`: its last day (UTC), and `scope` what it holds for. The reasons stay in the vault under `reason_id`.
    """

    name: ClassVar[str] = "emergency.measure_taken"

    scope: str
    until: date
    reason_id: str
    review_by: AwareDatetime


class EmergencyMeasureReviewed(MeasureFact):
    """Another person reviewed a measure that was taken in an emergency: it is `confirmed`, or `ended`."""

    name: ClassVar[str] = "emergency.measure_reviewed"
    shows: ClassVar[str | None] = "review"

    review: str
    reason_id: str


class MeasureEnded(MeasureFact):
    """A person ended a measure: `early`, because the case was `decided`, or because the decision was `overturned`.

    `previous_until`: its last day (UTC) before; None where it had none.
    """

    name: ClassVar[str] = "measure.ended"

    end: str
    previous_until: date | None = None
    reason_id: str


class MeasureLapsed(MeasureFact):
    """Nobody reviewed a measure in time that was taken in an emergency: it holds no longer."""

    name: ClassVar[str] = "measure.lapsed"


class MeasureExpired(MeasureFact):
    """The last day of a measure is over: it holds no longer."""

    name: ClassVar[str] = "measure.expired"
