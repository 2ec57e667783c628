"""The result of a community: what its scorecard says, as values. Pure."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Outcome(StrEnum):
    """What the evidence says of one responsibility."""

    MET = "met"
    NOT_MET = "not_met"
    NOT_APPLICABLE = "not_applicable"
    NEEDS_REVIEW = "needs_review"
    NO_EVIDENCE = "no_evidence"
    UPCOMING = "upcoming"


class ReasonCode(StrEnum):
    """Why an outcome is what it is; programs may rely on these."""

    ATTESTED = "attested"
    MEASURED = "measured"
    SAID_NOT_MET = "said_not_met"
    SAID_NOT_APPLICABLE = "said_not_applicable"
    THRESHOLD_MISSED = "threshold_missed"
    UNCONFIRMED = "unconfirmed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    NEVER_ATTESTED = "never_attested"
    LINK_GONE = "link_gone"
    LINK_CHANGED = "link_changed"
    TOO_FEW_CASES = "too_few_cases"
    WINDOW_NOT_CLOSED = "window_not_closed"
    CONTRADICTED = "contradicted"
    SOURCE_UNREACHABLE = "source_unreachable"
    NO_DATA_YET = "no_data_yet"
    RECORD_GAP = "record_gap"


@dataclass(frozen=True, slots=True)
class EntryPlace:
    """Where the event of an evidence stands in the record, so that anyone can ask for its proof."""

    event_id: str
    log: str
    index: int


@dataclass(frozen=True, slots=True)
class Attested:
    """The attestation that counts, or counted last. `ends_at`: when it expires or expired (UTC-aware).

    `catalogue_version`: the version that the coordinator had before them. `link_state`: what the last look at the link
    found; None without a look.
    """

    attestation_id: str
    claim: str
    statement: str
    link: str | None
    made_at: datetime
    ends_at: datetime
    made_by_role: str
    confirmed: bool
    place: EntryPlace
    catalogue_version: str = ""
    link_state: str | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured. `value` is None with fewer than `min_n` cases; `holds` is None where the value proves nothing.

    `n`: the cases that were received in the window (or the people), `open_count`: those of them for which the step in
    question has not happened yet, `excluded`: how many were left out, by reason. `unreadable_entries` among the reasons
    counts entries of the logs that nobody can read; they may be of any community.
    """

    metric: str
    value: float | None
    unit: str
    op: str
    limit: float
    holds: bool | None
    n: int
    open_count: int
    min_n: int
    window_from: datetime
    window_until: datetime
    excluded: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """The result of one responsibility. `since`: from when on the outcome has been the same (UTC-aware).

    `since` is None where the record does not tell it. `counts`: whether the level depends on it.
    """

    responsibility_id: str
    level: int
    group: str
    outcome: Outcome
    reason: ReasonCode
    since: datetime | None
    attested: Attested | None = None
    measured: Measured | None = None
    annotation: str | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True)
class LogPosition:
    """How far one log had been sealed: its name, size and root (base64)."""

    log: str
    size: int
    root: str


@dataclass(frozen=True, slots=True)
class AsOf:
    """The checkpoint of a result: the first `sealed` entries of the seal log, the last of which was made at `at`.

    `logs`: the logs that the result was computed from, as these seals have them.
    """

    sealed: int
    at: datetime
    logs: tuple[LogPosition, ...]


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """The level of a community at the end of an earlier month."""

    at: datetime
    level: int
    met: int
    counted: int


@dataclass(frozen=True, slots=True)
class Project:
    """A project of the movement that serves responsibilities, as the community last told it, and since when."""

    project_id: str
    title: str
    stakeholder: str
    lead: str
    geography: str
    phase: str
    link: str | None
    responsibilities: tuple[str, ...]
    began_on: date | None
    ended_on: date | None
    ended: bool
    told_at: datetime
    place: EntryPlace


@dataclass(frozen=True, slots=True)
class Scorecard:
    """All that is known of a community at a checkpoint. There is no single score, ever.

    `level_reached`: 0 to 3; level k needs everything of the levels 1 to k that counts. `next_level_missing`: the ids of
    what the next level lacks. `kind` is None for a community that the policy does not know any more: its history is
    shown, and it has no level. `unreadable`: how many entries of each log used nobody can read, where there are any.
    `digest`: SHA-256 (hex) of the canonical JSON of all the rest (services.audit.scorecard.document).
    """

    community: str
    kind: str | None
    catalogue_version: str
    policy_version: str
    as_of: AsOf
    items: tuple[Item, ...]
    level_reached: int
    next_level_missing: tuple[str, ...]
    trend: tuple[TrendPoint, ...]
    projects: tuple[Project, ...]
    unreadable: tuple[tuple[str, int], ...]
    digest: str

    @property
    def is_assessed(self) -> bool:
        """Whether there is evidence of anything that counts."""
        return any(item.counts and item.outcome is not Outcome.NO_EVIDENCE for item in self.items)
