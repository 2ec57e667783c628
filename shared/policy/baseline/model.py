"""The catalogue as values: pure, frozen, without clock or network.

Models: OSPS Baseline (one checkable sentence for each requirement, ids never reused), OpenSSF Best Practices Badge
(upcoming criteria do not count yet).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Literal

from shared.policy.model import CommunityKind

State = Literal["upcoming", "active", "retired"]
Group = Literal["reporting", "people", "fairness", "time", "follow-up", "transparency", "in-person"]
Setting = Literal["online", "in_person", "both"]
Confirm = Literal["none", "second_coordinator", "auditor"]
FieldKind = Literal["people", "date", "number"]
Level = Literal[1, 2, 3]
Unit = Literal["h", "d", "%", "cases", "people"]
Part = Literal["requirement", "why", "recommendation"]


class EvidenceKind(StrEnum):
    """How a responsibility can be shown."""

    ATTESTED = "attested"
    MEASURED = "measured"
    SURVEYED = "surveyed"


def message_of(responsibility_id: str, part: Part, wording: int) -> str:
    """`hb-01-requirement`, `hb-01-why`, `hb-01-recommendation`.

    A requirement in other words has a key of its own, `hb-01-requirement-2`, so that older versions keep theirs. The
    other two bind nobody, and may improve as they stand.
    """
    return f"{responsibility_id.lower()}-{part}" + (f"-{wording}" if part == "requirement" and wording > 1 else "")


@dataclass(frozen=True, slots=True)
class CatalogueSource:
    """A page that the catalogue follows: its address, the version that was read if it is known, and when.

    `read_on`: a day (`2026-11-28`), or a month (`2026-07`) where nobody noted the day.
    """

    id: str
    url: str
    oldid: str | None
    read_on: str


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A field that an attestation must have. `least`: so many values at least."""

    name: str
    kind: FieldKind
    least: int = 1


@dataclass(frozen=True, slots=True)
class AttestedRule:
    """What an attestation needs. `valid_for` is 365 days at most; `link_check` is None where no link is looked at."""

    link: Literal["required", "optional", "none"]
    fields: tuple[FieldRule, ...]
    valid_for: timedelta
    confirm: Confirm
    link_check: timedelta | None


@dataclass(frozen=True, slots=True)
class Threshold:
    """A measured value is good when `value op limit` holds."""

    op: Literal["<=", ">=", "=="]
    limit: float
    unit: Unit

    def holds(self, value: float) -> bool:
        """Whether a value in the same unit is good."""
        match self.op:
            case "<=":
                return value <= self.limit
            case ">=":
                return value >= self.limit
            case "==":
                return value == self.limit


@dataclass(frozen=True, slots=True)
class MeasuredRule:
    """How a responsibility is measured. `metric` is a name of `METRICS` (shared/policy/baseline/metrics.py).

    `window`: the cases received in that time before the checkpoint count. With fewer than `min_n`, no value is shown.
    """

    metric: str
    params: Mapping[str, float]
    threshold: Threshold
    window: timedelta
    min_n: int
    open_count: bool
    clock: Literal["wall", "policy"]


@dataclass(frozen=True, slots=True)
class Responsibility:
    """One row of the catalogue.

    Its words are messages (`message_of`). `wording` counts the ways in which the requirement has been put.
    `counts_from`: the day from which an upcoming responsibility counts; None while nobody has decided it.
    `min_cases`: with fewer cases received in the window nothing is measured, and what is attested decides alone.
    """

    id: str
    state: State
    group: Group
    level: Level
    setting: Setting
    kinds: frozenset[CommunityKind]
    not_applicable: Literal["never", "with_reason"]
    evidence: Literal["any", "all"]
    attested: AttestedRule | None
    measured: MeasuredRule | None
    surveyed: bool = False
    counts_from: date | None = None
    replaced_by: str | None = None
    wording: int = 1
    sources: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    min_cases: int = 0

    def message(self, part: Part) -> str:
        """The key of one of its texts in `i18n` beside this module."""
        return message_of(self.id, part, self.wording)

    def counts_on(self, day: date) -> bool:
        """Whether it counts for the level on that day (UTC): it is active, or it was upcoming and its day has come."""
        match self.state:
            case "active":
                return True
            case "upcoming":
                return self.counts_from is not None and self.counts_from <= day
            case "retired":
                return False


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One version of the baseline.

    `version`: its date, and after a plus a digest of its content and of its English words, so that a change without a
    new version shows. `previous`: the version that it follows, written in the same way; None in the first one.
    """

    version: str
    effective_from: date
    previous: str | None
    sources: tuple[CatalogueSource, ...]
    responsibilities: Mapping[str, Responsibility]

    @property
    def dated(self) -> str:
        """The date of the version, without the digest."""
        return self.version.partition("+")[0]

    def for_kind(self, kind: CommunityKind) -> tuple[Responsibility, ...]:
        """The responsibilities of communities of this kind, in the order of their ids; retired ones are left out."""
        found = (r for r in self.responsibilities.values() if kind in r.kinds and r.state != "retired")
        return tuple(sorted(found, key=lambda r: r.id))


def in_force(versions: Iterable[Catalogue], day: date) -> Catalogue:
    """The newest version that holds on that day (UTC); before all of them, the oldest. Raises ValueError for none."""
    known = sorted(versions, key=lambda catalogue: catalogue.dated)
    if not known:
        raise ValueError("no version of the catalogue")
    return next((one for one in reversed(known) if one.effective_from <= day), known[0])
