"""How a community stands with each responsibility: by what it says, and by what audit has measured. Pure.

Audit judges (services/audit/scorecard/evaluation.py). This follows the same rules, so that the desk can tell at once,
before the next checkpoint, what is missing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.triage.baseline.registry import Attestation, Project, Registry, Standing
from shared.events import Claim, LinkState
from shared.policy.baseline import Catalogue, Responsibility

SOON = timedelta(days=30)
"""How soon an attestation must end to be marked."""


class Outlook(StrEnum):
    """How it stands with one responsibility."""

    MET = "met"
    MEASURED = "measured"
    NOT_APPLICABLE = "not_applicable"
    WAITING = "waiting"
    LINK_CHANGED = "link_changed"
    LINK_GONE = "link_gone"
    LINK_UNREACHABLE = "link_unreachable"
    SAID_NOT_MET = "said_not_met"
    CONTRADICTED = "contradicted"
    MISSED = "missed"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    NEVER = "never"
    UNMEASURED = "unmeasured"


GOOD = frozenset((Outlook.MET, Outlook.MEASURED, Outlook.NOT_APPLICABLE))


@dataclass(frozen=True, slots=True)
class Finding:
    """What audit has measured of one responsibility. `holds` is None where the value proves nothing.

    `outcome` and `reason` are those of the scorecard (services.audit.scorecard.result).
    """

    outcome: str
    reason: str
    holds: bool | None = None
    min_n: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One responsibility of a community. `said`: the newest attestation of it, whether it still holds or not.

    `counts`: whether the level depends on it. `earlier`: the attestations before `said`, the newest first.
    """

    row: Responsibility
    outlook: Outlook
    counts: bool
    said: Attestation | None
    earlier: tuple[Attestation, ...]
    finding: Finding | None
    annotation: str
    projects: tuple[Project, ...]

    @property
    def is_missing(self) -> bool:
        """Whether a level lacks it."""
        return self.counts and self.outlook not in GOOD


def lines_of(
    registry: Registry,
    rows: Sequence[Responsibility],
    findings: Mapping[str, Finding],
    projects: Iterable[Project],
    at: datetime,
) -> list[Line]:
    """A line for each responsibility at that time (UTC-aware). `projects`: those that may serve it."""
    running = [project for project in projects if project.newest.ended_on is None]
    lines = []
    for row in rows:
        found = [a for a in registry.attestations if a.responsibility_id == row.id]
        told = sorted(found, key=lambda a: a.made_at, reverse=True)
        said, finding = next(iter(told), None), findings.get(row.id)
        annotation = registry.annotation(row.id)
        lines.append(
            Line(
                row,
                weigh(row, said, finding, at),
                row.counts_on(at.date()),
                said,
                tuple(told[1:]),
                finding,
                annotation.statement if annotation else "",
                tuple(p for p in running if row.id in p.newest.responsibilities),
            )
        )
    return lines


def weigh(row: Responsibility, said: Attestation | None, finding: Finding | None, at: datetime) -> Outlook:
    """How it stands. What is measured goes before what is said, and a contradiction is not met."""
    word = _hear(row, said, at)
    match finding.holds if finding else None:
        case False:
            return Outlook.CONTRADICTED if word in GOOD else Outlook.MISSED
        case True if word is Outlook.SAID_NOT_MET:
            return Outlook.CONTRADICTED
        case True:
            needs_both = row.evidence == "all" and row.attested is not None and word is not Outlook.MET
            return word if needs_both else Outlook.MEASURED
    if row.attested is None:
        return Outlook.UNMEASURED
    if row.measured is not None and row.evidence == "all" and word is Outlook.MET:
        return Outlook.UNMEASURED
    if row.measured is not None and finding is not None and word is Outlook.NEVER:
        return Outlook.UNMEASURED
    return word


def next_level(lines: Sequence[Line]) -> tuple[int, list[Line]]:
    """The level that a community reaches next, and what it lacks; nothing for one that has reached all."""
    missing = [line for line in lines if line.is_missing]
    level = min((line.row.level for line in missing), default=0)
    return level, [line for line in missing if line.row.level == level]


def ending(registry: Registry, catalogue: Catalogue, at: datetime) -> list[Attestation]:
    """The attestations that hold, the one that ends next first. Those of retired responsibilities are left out."""
    known = {row.id for row in catalogue.responsibilities.values() if row.state != "retired"}
    running = (a for a in registry.attestations if a.holds(at) and a.responsibility_id in known)
    return sorted(running, key=lambda a: (a.valid_until, a.responsibility_id))


def waits(row: Responsibility, said: Attestation) -> bool:
    """Whether an attestation counts only once another person has confirmed it, and nobody has."""
    return (
        said.claim in (Claim.MET, Claim.NOT_APPLICABLE)
        and row.attested is not None
        and row.attested.confirm != "none"
        and not (said.confirmed_by)
    )


def _hear(row: Responsibility, said: Attestation | None, at: datetime) -> Outlook:
    standing = said.standing_at(at) if said else None
    if said is None or standing is None:
        return Outlook.NEVER
    match standing:
        case Standing.EXPIRED:
            return Outlook.EXPIRED
        case Standing.WITHDRAWN:
            return Outlook.WITHDRAWN
        case Standing.SUPERSEDED:
            return Outlook.NEVER
    if said.claim == Claim.NOT_MET:
        return Outlook.SAID_NOT_MET
    if waits(row, said):
        return Outlook.WAITING
    if said.claim == Claim.NOT_APPLICABLE:
        return Outlook.NOT_APPLICABLE
    match said.link_fault if said.link else None:
        case LinkState.CHANGED:
            return Outlook.LINK_CHANGED
        case LinkState.GONE:
            return Outlook.LINK_GONE
        case LinkState.UNREACHABLE:
            return Outlook.LINK_UNREACHABLE
    return Outlook.MET
