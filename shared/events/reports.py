"""Facts that intake writes to `reports`: what may be known of a report without its personal data."""

from typing import ClassVar

from pydantic import AwareDatetime

from shared.events.envelope import Fact


class ReportReceived(Fact):
    """A report is stored durably. `subjects` and `reporter` are pseudonyms; narrative and names stay in the vault.

    `content_digest` is an HMAC of the content under a key that is destroyed when the report is erased.
    """

    topic: ClassVar[str] = "reports"
    name: ClassVar[str] = "report.received"

    report_id: str
    channel: str
    community: str
    category: str
    flags: tuple[str, ...] = ()
    setting: str
    language: str
    privacy: str
    contactable: bool
    hint: str | None = None
    occurred_at: AwareDatetime | None = None
    received_at: AwareDatetime
    subjects: tuple[str, ...] = ()
    reporter: str | None = None
    content_digest: str


class ReportAnswered(Fact):
    """The reporter answered a question of the handling body; the words stay in the vault."""

    topic: ClassVar[str] = "reports"
    name: ClassVar[str] = "report.answered"

    report_id: str
    question_id: str
    answer_id: str
