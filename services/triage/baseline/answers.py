"""What the baseline answers to programs, for the OpenAPI document of triage."""

from collections.abc import Sequence
from typing import NotRequired

from typing_extensions import TypedDict

from services.triage.answers import ChangeOffered


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


class FieldAsked(TypedDict):
    """A field that an attestation must have. `least`: so many values at least."""

    name: str
    kind: str
    least: int


class AttestedAsked(TypedDict):
    """What an attestation needs. `link_check_days` is null where no link is looked at."""

    link: str
    fields: list[FieldAsked]
    valid_days: int
    confirm: str
    link_check_days: int | None


class ThresholdShown(TypedDict):
    """A measured value is good when `value op limit` holds; the limit stands under `value`."""

    op: str
    value: float
    unit: str


class MeasuredAsked(TypedDict):
    """How a responsibility is measured. With fewer than `min_n` cases, no value is shown."""

    metric: str
    threshold: ThresholdShown
    window_days: float
    min_n: int


class ResponsibilityShown(TypedDict):
    """What the baseline asks of a community, and how the community can show that it does so."""

    id: str
    state: str
    group: str
    level: int
    setting: str
    counts_from: str | None
    replaced_by: str | None
    not_applicable: str
    evidence: str
    attested: AttestedAsked | None
    measured: MeasuredAsked | None
    surveyed: bool


class AttestationShown(TypedDict):
    """What a community attests, and what became of it. `fields` has the values of each field, by name."""

    attestation_id: str
    responsibility_id: str
    catalogue_version: str
    claim: str
    statement: str
    link: str | None
    fields: dict[str, list[str]]
    made_by: str
    role: str
    made_at: str
    valid_until: str
    standing: str
    ended_at: str | None
    ended_because: str | None
    supersedes: str | None
    confirmed_by: str | None
    confirmed_role: str | None
    confirmed_at: str | None
    link_state: str | None
    link_reason: str | None
    link_digest: str | None
    link_seen_at: str | None
    link_looked_at: str | None


class AnnotationShown(TypedDict):
    """A community's explanation of a result of its scorecard."""

    responsibility_id: str
    statement: str
    made_by: str
    made_at: str


class ProjectVersionShown(TypedDict):
    """What is known of a project since `at`. `event` says what made it known. Days are such as `2026-11-28`."""

    title: str
    stakeholder: str
    lead: str
    geography: str
    phase: str
    link: str | None
    responsibilities: Sequence[str]
    began_on: str | None
    ended_on: str | None
    event: str
    by: str
    at: str


class ProjectShown(ProjectVersionShown):
    """A project: what is known of it now, and its versions, the newest last."""

    project_id: str
    community: str
    history: list[ProjectVersionShown]


class CommunityShown(TypedDict):
    """What the baseline asks of a community, what the community attests, and its projects."""

    community: str
    name: str
    kind: str
    version: int
    catalogue_version: str
    responsibilities: list[ResponsibilityShown]
    attestations: list[AttestationShown]
    annotations: list[AnnotationShown]
    projects: list[ProjectShown]
    actions: NotRequired[list[ChangeOffered]]
