"""Facts that triage writes to `cases`: a measure is taken in an emergency or brought in from before Hearth, and ends.

But for what is brought in, the state of the case stays.
"""

from datetime import date
from typing import ClassVar

from pydantic import AwareDatetime

from shared.events.cases import CaseFact, ExtendedFact
from shared.events.follow_up import CheckInSet


class MeasureFact(CaseFact):
    """What happened to one measure of a case. `outcome`: what kind of measure it is, as the policy calls it.

    The id of a measure that was decided is the `reason_id` of the decision.
    """

    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "outcome"

    measure_id: str
    outcome: str


class MeasureImported(MeasureFact):
    """A measure from before Hearth was brought into the register, and with it a case, which is closed from then on.

    `body` decided on it, at the day `decided_on`, where that is known. It holds from `begun_on` to `until`, its last
    day (both UTC); without `until` it has none. `subjects`: the party tokens of the people it is about; the vault has
    the name and the words of the import under `report_id`.
    """

    name: ClassVar[str] = "measure.imported"
    unseen: ClassVar[bool] = False

    report_id: str
    code_name: str
    community: str
    lane: str
    body: str
    scope: str
    begun_on: date
    until: date | None = None
    decided_on: date | None = None
    subjects: tuple[str, ...] = ()


class EmergencyMeasureTaken(ExtendedFact, MeasureFact):
    """A person took a measure alone, in an emergency. Without a review by another person until `review_by` it lapses.

    `until`: its last day (UTC), and `scope` what it holds for. The reasons stay in the vault under `reason_id`.
    """

    name: ClassVar[str] = "emergency.measure_taken"
    version: ClassVar[str] = "1.1"

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


class MeasureEndProposed(MeasureFact):
    """A person alone says that a measure which took two people ends early: it holds until another one says so, too."""

    name: ClassVar[str] = "measure.end_proposed"

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


class MeasureFollowUpSet(CaseFact):
    """What follows a measure, as the policy says for its kind: when, and what.

    `return_at`: when the conversation before its end comes due; None where this fact sets none. `check_ins`: when the
    reporter is asked how it goes, in addition to what was set before. It is told when the measure begins, when the
    reporter agrees to be asked, and when the measure ends.
    """

    name: ClassVar[str] = "measure.follow_up_set"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "outcome"

    measure_id: str
    outcome: str
    return_at: AwareDatetime | None = None
    check_ins: tuple[CheckInSet, ...] = ()


class ReturnConversationDue(CaseFact):
    """The end of a measure comes near: handlers are to talk with the person before it. The state stays.

    `until`: the last day (UTC) of the measure.
    """

    name: ClassVar[str] = "measure.return_due"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "outcome"

    measure_id: str
    outcome: str
    until: date


class ReturnConversationNoted(CaseFact):
    """What became of the conversation before a measure ends: `held`, `declined` by the person, or `skipped`.

    The words of the handlers, if there are any, stay in the vault under `reason_id`.
    """

    name: ClassVar[str] = "measure.return_noted"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "conversation"

    measure_id: str
    outcome: str
    conversation: str
    reason_id: str | None = None
