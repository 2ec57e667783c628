"""The sections of a report as the vault hands them out and the desk passes them on. Times are RFC 3339 in UTC. Pure."""

from typing import Any, NotRequired

from typing_extensions import TypedDict

TimesTold = TypedDict("TimesTold", {"at": str, "from": str, "to": str}, total=False)
"""When it happened, in RFC 3339: at a time, or between two."""


class ContentSection(TypedDict, total=False):
    """What was told. A report from before a question came has no answer to it."""

    narrative: str
    harmed: str | None
    places: list[str]
    anything_else: str | None
    witnesses: list[str]
    exposure: str
    occurred: TimesTold


class PersonReported(TypedDict):
    """A person that a report is about. `party`: the token that the case has for the person."""

    name: str
    details: str | None
    party: NotRequired[str]


class ReportedSection(TypedDict):
    """The people that a report is about."""

    people: list[PersonReported]


class ReporterSection(TypedDict, total=False):
    """Who reported, as far as the reader may know."""

    name: str | None
    email: str | None


class Statement(TypedDict):
    """A handler's words about the case. `receipt`: by which a respondent opens them, until it is used first."""

    id: str
    kind: str
    at: str
    text: str
    receipt: NotRequired[str]


class Answer(TypedDict):
    """A reporter's answer to a question."""

    question_id: str
    at: str
    text: str


class CorrespondenceSection(TypedDict):
    """What handlers and reporter have written to each other since."""

    statements: list[Statement]
    answers: list[Answer]


class ReferralSection(TypedDict):
    """Why handlers referred the case, and why it was declined."""

    statements: list[Statement]


class PersonNamed(TypedDict):
    """A person by the name that the report or a handler gives, and by the token that the case has for the person."""

    party: str
    name: str


class NamesSection(TypedDict):
    """The names of the people reported and of those that handlers added, without anything else that was told."""

    people: list[PersonNamed]


class Mention(TypedDict):
    """A person on the roster that the words mention: an id within the report, and the words."""

    id: str
    words: str


class MentionsSection(TypedDict):
    """The people on the roster that the words mention."""

    items: list[Mention]


class Sections(TypedDict, total=False):
    """The sections of a report that were asked for, as far as the purpose of the call needs them.

    `unknown`: by JSON pointer, what the sender wrote in fields that Hearth does not know.
    """

    content: ContentSection
    reported: ReportedSection
    reporter: ReporterSection
    correspondence: CorrespondenceSection
    mentions: MentionsSection
    referral: ReferralSection
    names: NamesSection
    unknown: dict[str, Any]
