"""What intake answers to programs, for its OpenAPI document."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from shared.report_sections import Sections


class RemarkShown(TypedDict):
    """Something odd that did not cost the report: where it stands, and its code."""

    pointer: str
    code: str


class FaultShown(TypedDict):
    """Something that cost the report: where it stands, and its code."""

    pointer: str
    code: str


class ReportTaken(TypedDict):
    """A report that is stored. The receipt is the only key to it, and is told once."""

    report_id: str
    receipt: str
    status_url: str
    remarks: NotRequired[list[RemarkShown]]


class Outcome(TypedDict):
    """What became of a submission: one that was accepted has a report, and one that was refused a code."""

    source: str
    id: str
    outcome: Literal["accepted", "refused"]
    at: str
    report_id: NotRequired[str]
    remarks: NotRequired[list[RemarkShown]]
    code: NotRequired[str]
    detail: NotRequired[str]
    errors: NotRequired[list[FaultShown]]


class AnswerTaken(TypedDict):
    """An answer of a reporter that is stored."""

    question_id: str


class CheckInTaken(TypedDict):
    """Answers of a reporter to a check-in that are stored. `opened`: the receipt of the report that they became."""

    number: int
    opened: NotRequired[str]


class ConsentTaken(TypedDict):
    """Whether the reporter may be asked again is stored."""

    consent: Literal["yes", "no"]


class AppealTaken(TypedDict):
    """An appeal of a reporter that is stored. Triage judges it; the status tells what became of it."""

    appeal_id: str


class RecusalAskTaken(TypedDict):
    """That a party asks that a person does not handle the case is stored. The status tells what became of it."""

    ask_id: str


class ReplyTaken(TypedDict):
    """A reply of a respondent that is stored."""

    reply_id: str


class ReportRead(TypedDict):
    """One report, as far as the purpose of the call needs it."""

    report_id: str
    sections: NotRequired[Sections]
    erased: NotRequired[bool]
    unknown: NotRequired[bool]


class ReportsRead(TypedDict):
    """An item for each read, in the same order."""

    items: list[ReportRead]


class KeysOfName(TypedDict):
    """The keys of one name, and how far the name shows who the person is."""

    keys: list[str]
    trust: Literal["account", "proved", "typed"]


class MeasureKept(TypedDict):
    """What the vault has of a measure from before Hearth. `subjects`: the party tokens of the person it is about.

    `same` is false where other words or another name stand under its key; `erased`: nothing is left of it.
    """

    report_id: str
    subjects: list[str]
    same: bool
    erased: bool


class MeasuresKept(TypedDict):
    """One for each measure, in their order."""

    items: list[MeasureKept]


class OwnKeys(TypedDict):
    """The person of a sign-in, and the keys of the person's names."""

    person: str
    names: list[KeysOfName]
    ticket: str | None


class GivenKeys(TypedDict):
    """The keys of each name that was given."""

    names: list[list[str]]


class SoughtKeys(TypedDict):
    """The keys under which reports name a person."""

    keys: list[str]


ErasureResult = Literal["erased", "already", "unknown", "standing"]


class ErasureItem(TypedDict):
    """What became of one report. One that is unknown has only its id and the result.

    `came_of_it`: the reports, with words of their own, that intake made of it. Each needs an order of its own, which
    names those that were made of that one.
    """

    id: str
    result: ErasureResult
    report_id: NotRequired[str]
    case_id: NotRequired[str]
    state: NotRequired[str]
    came_of_it: NotRequired[list[str]]


class ErasureAnswer(TypedDict):
    """What became of each report, in the order of the ids."""

    request_id: str
    reason: str
    dry_run: bool
    items: list[ErasureItem]
