"""Facts that intake writes to `reports`: what may be known of a report without its personal data."""

from typing import ClassVar, Literal

from pydantic import AwareDatetime

from shared.events.envelope import Fact

RETALIATION = "retaliation"
"""The flag of a report about what was done to a reporter for an earlier report, and the relation of the two cases."""
SPLIT_CHANNEL = "split"
"""The channel of a report that intake makes of one matter of another report."""
PATTERN_CHANNEL = "pattern"
"""The channel of a report that Hearth itself makes of what it counts in several cases."""
WITHOUT_RECEIPT = frozenset({"kafka", PATTERN_CHANNEL})
"""The channels on which nobody waits for a receipt."""
MEASURE_CHANNEL = "measure"
"""The channel of what intake keeps of a measure from before Hearth. No fact tells of a report."""


class ReportReceived(Fact):
    """A report is stored durably. `subjects`, `witnesses` and `reporter` stand for people; names stay in the vault.

    With `parties_apart` they are party tokens: keyed by a key of this report, which is destroyed when the report is
    erased, so they equal nothing in other reports. `report.parties` tells the pseudonyms. Without it, as before 1.3,
    they are the pseudonyms themselves. `reporter_aliases`: of the reporter's address, where there is a name as well.
    `source`: in whose name it was handed in, where a token says so. `writer`: the integrator that alone could write the
    inbox where it came in; None for every other way.

    `content_digest` is an HMAC of the content under a key that is destroyed when the report is erased.
    """

    topic: ClassVar[str] = "reports"
    name: ClassVar[str] = "report.received"
    version: ClassVar[str] = "1.3"

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
    witnesses: tuple[str, ...] = ()
    reporter_aliases: tuple[str, ...] = ()
    source: str | None = None
    writer: str | None = None
    parties_apart: bool = False


def parties_of(report: ReportReceived) -> tuple[str, ...]:
    """What a report says of everybody it names: party tokens, or pseudonyms from before `parties_apart`."""
    reporter = (report.reporter,) if report.reporter else ()
    return tuple(dict.fromkeys((*report.subjects, *report.witnesses, *reporter, *report.reporter_aliases)))


class ReportAnswered(Fact):
    """The reporter answered a question of the handling body; the words stay in the vault."""

    topic: ClassVar[str] = "reports"
    name: ClassVar[str] = "report.answered"

    report_id: str
    question_id: str
    answer_id: str


class ReportCheckedIn(Fact):
    """The reporter answered the questions of a check-in, or `declined` to. `stop`: the reporter is never asked again.

    `number` and `due_at` say which check-in of the case. The vault has the answers under ids that begin with
    `answer_id`.
    """

    topic: ClassVar[str] = "reports"
    name: ClassVar[str] = "report.checked_in"

    report_id: str
    number: int
    due_at: AwareDatetime
    answer: Literal["answered", "declined"]
    stop: bool
    answer_id: str


class ReportConsented(Fact):
    """The reporter said, by the receipt, whether Hearth may ask again how it goes: `yes`, or `no` for good."""

    topic: ClassVar[str] = "reports"
    name: ClassVar[str] = "report.consented"

    report_id: str
    consent: Literal["yes", "no"]


class ReportReplied(Fact):
    """A respondent replied, by a receipt of their own; the words stay in the vault under `reply_id`.

    `party` is the token of the respondent in the case.
    """

    topic: ClassVar[str] = "reports"
    name: ClassVar[str] = "report.replied"

    report_id: str
    party: str
    reply_id: str


class ReportAppealed(Fact):
    """A direct party appeals, against the decision or the lack of one; the words stay in the vault under `appeal_id`.

    `party`: `reporter` or `respondent`; `respondent`: the token of which. Triage answers each with `appeal.lodged` or
    `appeal.refused`.
    """

    topic: ClassVar[str] = "reports"
    name: ClassVar[str] = "report.appealed"
    version: ClassVar[str] = "1.2"

    report_id: str
    appeal_id: str
    appeal_ground: str
    party: str = "reporter"
    respondent: str | None = None


class ReportRecusalAsked(Fact):
    """A direct party asks that a person with a conflict does not handle the case; the vault has the words as `ask_id`.

    `party`: `reporter` or `respondent`; `respondent`: the token of which.
    """

    topic: ClassVar[str] = "reports"
    name: ClassVar[str] = "report.recusal_asked"

    report_id: str
    ask_id: str
    party: str = "reporter"
    respondent: str | None = None
