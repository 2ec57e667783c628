"""The catalogue as values: pure, frozen, without clock or network.

Models: OSPS Baseline (one checkable sentence for each requirement, ids never reused), OpenSSF Best Practices Badge
(upcoming criteria do not count yet).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Literal

from shared.policy.model import CommunityKind

State = Literal["upcoming", "active", "retired"]
Group = Literal["reporting", "people", "fairness", "time", "follow-up", "transparency", "in person"]
Setting = Literal["online", "in_person", "both"]
Confirm = Literal["none", "second_coordinator", "auditor"]
FieldKind = Literal["people", "date", "number"]
Level = Literal[1, 2, 3]


class EvidenceKind(StrEnum):
    """How a responsibility can be shown."""

    ATTESTED = "attested"
    MEASURED = "measured"
    SURVEYED = "surveyed"


@dataclass(frozen=True, slots=True)
class CatalogueSource:
    """A page that the catalogue follows: its address, the id of the version that was read, and when."""

    url: str
    oldid: str | None
    read_on: date


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
    """A measured value is good when `value op limit` holds; `unit` is h, d, % or cases."""

    op: Literal["<=", ">=", "=="]
    limit: float
    unit: Literal["h", "d", "%", "cases", "people"]

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
    """How a responsibility is measured. `metric` is a name of services.audit.scorecard.metrics.

    `window`: the cases received in that time before the checkpoint count. With fewer than `min_n`, no value is shown.
    """

    metric: str
    params: Mapping[str, float | str]
    threshold: Threshold
    window: timedelta
    min_n: int
    open_count: bool
    clock: Literal["wall", "policy"]


@dataclass(frozen=True, slots=True)
class Responsibility:
    """One row of the catalogue. Its words are messages: `<id in lower case>-requirement`, `-why`, `-recommendation`."""

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
    maps: tuple[str, ...] = ()

    def message(self, part: Literal["requirement", "why", "recommendation"]) -> str:
        """The key of one of its texts in `i18n` beside this module."""
        return f"{self.id.lower()}-{part}"

    def counts_on(self, day: date) -> bool:
        """Whether it counts for the level on that day (UTC): it is active, and its time has come."""
        return self.state == "active" and (self.counts_from is None or self.counts_from <= day)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One version of the baseline. `version` is a date, `previous` the version that it follows."""

    version: str
    effective_from: date
    previous: str | None
    sources: tuple[CatalogueSource, ...]
    responsibilities: Mapping[str, Responsibility]

    def for_kind(self, kind: CommunityKind) -> tuple[Responsibility, ...]:
        """The responsibilities of communities of this kind, in the order of their ids; retired ones are left out."""
        found = (r for r in self.responsibilities.values() if kind in r.kinds and r.state != "retired")
        return tuple(sorted(found, key=lambda r: r.id))
