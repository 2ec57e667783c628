"""What triage answers to programs, for its OpenAPI document."""

from typing import Any, NotRequired

from typing_extensions import TypedDict


class DeadlineShown(TypedDict):
    """A deadline of a case. A paused one has `remaining_seconds`, and is due as if its clock ran again now."""

    name: str
    due_at: str
    met_at: str | None
    overdue: bool
    remaining_seconds: float | None


class CaseSummary(TypedDict):
    """A case in a list."""

    id: str
    code_name: str
    state: str
    lane: str
    body: str
    community: str
    category: str
    flags: list[str]
    assignee: str | None
    outcome: str | None
    received_at: str
    updated_at: str
    version: int
    deadlines: list[DeadlineShown]


class CaseList(TypedDict):
    """A page of cases, and the cursor of the next page."""

    items: list[CaseSummary]
    next: str | None


class RecusalShown(TypedDict):
    """A person who is recused from a case."""

    person: str
    stands_for: str | None
    declared_by: str
    ground: str
    confirm_by: str | None


class QuestionShown(TypedDict):
    """A question to the reporter. The answers are ids."""

    question_id: str
    asked_at: str
    answers: list[str]


class StepShown(TypedDict):
    """A step of the history of a case."""

    version: int
    event: str
    at: str
    actor: str
    role: str
    previous: str | None
    state: str | None
    detail: Any


class FieldTaken(TypedDict):
    """A field of a command or change."""

    name: str
    kind: str
    required: bool
    options: NotRequired[list[str]]
    max_length: NotRequired[int | None]


class CommandOffered(TypedDict):
    """A command that is permitted now."""

    command: str
    fields: list[FieldTaken]


class CaseShown(CaseSummary):
    """A case as a whole."""

    report_id: str
    rule: str
    setting: str
    language: str
    privacy: str
    contactable: bool
    policy_version: str | None
    reason_id: str | None
    recusals: list[RecusalShown]
    questions: list[QuestionShown]
    history: list[StepShown]
    actions: list[CommandOffered]


class ContentShown(TypedDict):
    """What was reported, by section."""

    report_id: str
    erased: bool
    sections: dict[str, Any]


class CommandDone(TypedDict):
    """The case after a command."""

    id: str
    code_name: str
    command: str
    state: str
    version: int


class ChangeOffered(TypedDict):
    """A change that is permitted now."""

    change: str
    fields: list[FieldTaken]


class PersonShown(TypedDict):
    """An entry on the roster, without the keys of the person's names."""

    person: str
    version: int
    grants: list[dict[str, Any]]
    trainings: list[dict[str, Any]]
    confidential_until: str | None
    leaves: list[dict[str, Any]]
    signed_out_at: str | None
    user_name_known: bool
    names_confirmed: bool
    names: list[dict[str, Any]]
    next_end: str | None
    actions: NotRequired[list[ChangeOffered]]


class PersonList(TypedDict):
    """A page of the roster, and the cursor of the next page."""

    items: list[PersonShown]
    next: str | None


class SignInNoted(TypedDict):
    """The person of a sign-in, the keys of the person's names, and those that the roster holds."""

    person: str
    names: list[dict[str, Any]]
    held: list[str]


class CommunitySummary(TypedDict):
    """A community in a list: what it attests, by responsibility, and what ends next."""

    community: str
    name: str
    kind: str
    version: int
    attested: dict[str, str]
    next_end: str | None
    projects: int


class CommunityList(TypedDict):
    """A page of communities, and the cursor of the next page."""

    items: list[CommunitySummary]
    next: str | None


class CommunityShown(TypedDict):
    """What the baseline asks of a community, what the community attests, and its projects."""

    community: str
    name: str
    kind: str
    version: int
    catalogue_version: str
    responsibilities: list[dict[str, Any]]
    attestations: list[dict[str, Any]]
    annotations: list[dict[str, Any]]
    projects: list[dict[str, Any]]
    actions: NotRequired[list[ChangeOffered]]


class VersionsDiffer(TypedDict):
    """What differs between two versions of the catalogue."""

    old: str
    new: str
    effective_from: str
    changes: list[dict[str, Any]]
