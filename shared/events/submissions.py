"""Facts that intake writes to the topic of each integrator: what became of what it wrote into its inbox.

Each integrator has a topic of its own, so the topic is not the one that the class names: see shared.kafka.topics.
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from shared.events.envelope import Fact


class Oddity(BaseModel):
    """Something odd that did not cost the report: the JSON pointer of the place, and a code."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pointer: str
    code: str


class SubmissionFact(Fact):
    """What became of one submission. It never repeats the words of the report.

    `source` and `id` are the integrator's own; both are None if the record says none that can be used. `partition` and
    `offset` are those of the record in the inbox, as the broker told its writer. `place`: which of the submissions of
    the record it is, from 0.
    """

    topic: ClassVar[str] = "reports.outcomes"

    source: str | None = None
    id: str | None = None
    partition: int
    offset: int
    place: int = 0


class SubmissionAccepted(SubmissionFact):
    """The submission is stored as the report `report_id`, now or before. `remarks`: what was odd about it."""

    name: ClassVar[str] = "submission.accepted"

    report_id: str
    remarks: tuple[Oddity, ...] = ()


class SubmissionRefused(SubmissionFact):
    """The submission is a dead letter. `code` is stable, `detail` says it to people, `errors` name fields.

    An operator may have it read again. Then it has another offset, and its outcome is told again.
    """

    name: ClassVar[str] = "submission.refused"

    code: str
    detail: str
    errors: tuple[Oddity, ...] = ()
