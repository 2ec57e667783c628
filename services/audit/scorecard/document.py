"""A scorecard as a document: the canonical JSON of which the digest is made, and what of it may be shown. Pure.

No document tells a count below SMALL, nor a number from which one follows: counts stand as ranges of SMALL, times as
whole hours or days, and a share of the cases only where neither it nor the rest is a small count. What the digest is
made of keeps to this, too, because a small count could be found by trying every one against the digest.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
from typing_extensions import TypedDict

from services.audit.scorecard.result import AsOf, Attested, EntryPlace, Item, Measured, Project, Scorecard

SMALL = 5
PUBLIC_LOGS = ("baseline/", "scorecards/")
"""Beginnings of the names of the logs that hold nothing of cases and people, so that their sizes may be public."""
COUNTED = ("cases", "people")
"""Units of values that are themselves counts."""


class RangeDocument(TypedDict):
    """A count, as far as it is told."""

    least: int
    most: int


class PlaceDocument(TypedDict):
    """Where an event stands in the record."""

    event_id: str
    log: str
    index: int


class AttestedDocument(TypedDict):
    """What a community said."""

    attestation_id: str
    claim: str
    statement: str
    link: str | None
    made_at: str
    ends_at: str
    made_by_role: str
    confirmed: bool
    catalogue_version: str
    link_state: str | None
    proof: PlaceDocument


class ExcludedDocument(TypedDict):
    """How many entries were left out for one reason."""

    reason: str
    n: RangeDocument


class ValuesDocument(TypedDict):
    """What was measured. `count` stands in the place of a `value` that is itself a count."""

    value: int | None
    count: RangeDocument | None
    n: RangeDocument
    open: RangeDocument
    excluded: list[ExcludedDocument]


class MeasuredDocument(TypedDict):
    """How it was measured; `values` is null for readers who get outcomes only."""

    metric: str
    op: str
    limit: float
    unit: str
    holds: bool | None
    min_n: int
    window_from: str
    window_until: str
    values: ValuesDocument | None


class ItemDocument(TypedDict):
    """The result of one responsibility."""

    id: str
    level: int
    group: str
    outcome: str
    reason: str
    counts: bool
    since: str | None
    attested: AttestedDocument | None
    measured: MeasuredDocument | None
    annotation: str | None


class ProjectDocument(TypedDict):
    """A project of the movement that serves responsibilities."""

    project_id: str
    title: str
    stakeholder: str
    lead: str
    geography: str
    phase: str
    link: str | None
    responsibilities: list[str]
    began_on: str | None
    ended_on: str | None
    ended: bool
    told_at: str
    proof: PlaceDocument


class LogDocument(TypedDict):
    """How far a log had been sealed; `size` is null where it is not public."""

    log: str
    size: int | None
    root: str


class AsOfDocument(TypedDict):
    """The checkpoint: the first `sealed` entries of the seal log, the last of which was made at `at`."""

    at: str
    sealed: int
    logs: list[LogDocument]


class TrendDocument(TypedDict):
    """The level at the end of an earlier month."""

    at: str
    level: int
    met: int
    counted: int


class UnreadableDocument(TypedDict):
    """How many entries of a log nobody can read."""

    log: str
    n: RangeDocument


class ScorecardDocument(TypedDict):
    """All that a scorecard says. `kind` is null for a community that the policy does not know any more."""

    community: str
    kind: str | None
    catalogue_version: str
    policy_version: str
    as_of: AsOfDocument
    assessed: bool
    level_reached: int
    next_level_missing: list[str]
    items: list[ItemDocument]
    projects: list[ProjectDocument]
    trend: list[TrendDocument]
    unreadable: list[UnreadableDocument]
    digest: str


def write_document(card: Scorecard, *, values: bool) -> ScorecardDocument:
    """All that a scorecard says. Without `values`, it tells outcomes, and nothing that was measured.

    Times are RFC 3339 in UTC.
    """
    return {
        "community": card.community,
        "kind": card.kind,
        "catalogue_version": card.catalogue_version,
        "policy_version": card.policy_version,
        "as_of": _as_of(card.as_of, values=values),
        "assessed": card.is_assessed,
        "level_reached": card.level_reached,
        "next_level_missing": list(card.next_level_missing),
        "items": [_item(item, values=values) for item in card.items],
        "projects": [_project(project) for project in card.projects],
        "trend": [
            {"at": write_time(point.at), "level": point.level, "met": point.met, "counted": point.counted}
            for point in card.trend
        ],
        "unreadable": [{"log": log, "n": find_range(n)} for log, n in card.unreadable],
        "digest": card.digest,
    }


def write_canonical(document: Mapping[str, Any]) -> bytes:
    """The one spelling of a document: UTF-8 without blanks, with the names of each object in order."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def digest_of(card: Scorecard) -> str:
    """SHA-256 (hex) of the canonical JSON with values, without the digest itself."""
    document = write_document(card, values=True)
    rest = {name: value for name, value in document.items() if name != "digest"}
    return sha256(write_canonical(rest)).hexdigest()


def with_digest(card: Scorecard) -> Scorecard:
    """The scorecard with the digest of all the rest."""
    return replace(card, digest=digest_of(card))


def find_range(count: int) -> RangeDocument:
    """The least and the most that a count may be, as far as it is told: 0 to 4, 5 to 9, and so on."""
    least = count - count % SMALL
    return {"least": least, "most": least + SMALL - 1}


def find_value(measured: Measured) -> int | None:
    """The measured value as far as it is told: a whole number, rounded away from good.

    None where there is no value, where it is itself a count (`find_range` tells that), where a small count follows, or
    where the whole number would be on the other side of the limit.
    """
    value = measured.value
    if value is None or measured.unit in COUNTED:
        return None
    if measured.unit == "%":
        share = measured.n * value / 100
        if min(share, measured.n - share) < SMALL:
            return None
    whole = math.ceil(value) if measured.op == "<=" else math.floor(value)
    limit = measured.limit
    return whole if (value <= limit, value >= limit) == (whole <= limit, whole >= limit) else None


def find_count(measured: Measured) -> RangeDocument | None:
    """The measured value that is itself a count, as far as it is told."""
    is_count = measured.value is not None and measured.unit in COUNTED
    return find_range(int(measured.value or 0)) if is_count else None


def find_excluded(measured: Measured) -> list[tuple[str, RangeDocument]]:
    """How many entries were left out, by reason. A reason with a few is not told: it would tell that there is one."""
    return [(reason, find_range(n)) for reason, n in sorted(measured.excluded) if n >= SMALL]


def write_time(at: datetime) -> str:
    """A UTC-aware time as RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _as_of(as_of: AsOf, *, values: bool) -> AsOfDocument:
    logs: list[LogDocument] = [
        {
            "log": one.log,
            "size": one.size if values or one.log.startswith(PUBLIC_LOGS) else None,
            "root": one.root,
        }
        for one in as_of.logs
    ]
    return {"at": write_time(as_of.at), "sealed": as_of.sealed, "logs": logs}


def _item(item: Item, *, values: bool) -> ItemDocument:
    return {
        "id": item.responsibility_id,
        "level": item.level,
        "group": item.group,
        "outcome": item.outcome.value,
        "reason": item.reason.value,
        "counts": item.counts,
        "since": write_time(item.since) if item.since else None,
        "attested": _attested(item.attested) if item.attested else None,
        "measured": _measured(item.measured, values=values) if item.measured else None,
        "annotation": item.annotation,
    }


def _attested(attested: Attested) -> AttestedDocument:
    return {
        "attestation_id": attested.attestation_id,
        "claim": attested.claim,
        "statement": attested.statement,
        "link": attested.link,
        "made_at": write_time(attested.made_at),
        "ends_at": write_time(attested.ends_at),
        "made_by_role": attested.made_by_role,
        "confirmed": attested.confirmed,
        "catalogue_version": attested.catalogue_version,
        "link_state": attested.link_state,
        "proof": _place(attested.place),
    }


def _measured(measured: Measured, *, values: bool) -> MeasuredDocument:
    return {
        "metric": measured.metric,
        "op": measured.op,
        "limit": float(measured.limit),
        "unit": measured.unit,
        "holds": measured.holds,
        "min_n": measured.min_n,
        "window_from": write_time(measured.window_from),
        "window_until": write_time(measured.window_until),
        "values": _values(measured) if values else None,
    }


def _values(measured: Measured) -> ValuesDocument:
    return {
        "value": find_value(measured),
        "count": find_count(measured),
        "n": find_range(measured.n),
        "open": find_range(measured.open_count),
        "excluded": [{"reason": reason, "n": n} for reason, n in find_excluded(measured)],
    }


def _project(project: Project) -> ProjectDocument:
    return {
        "project_id": project.project_id,
        "title": project.title,
        "stakeholder": project.stakeholder,
        "lead": project.lead,
        "geography": project.geography,
        "phase": project.phase,
        "link": project.link,
        "responsibilities": list(project.responsibilities),
        "began_on": project.began_on.isoformat() if project.began_on else None,
        "ended_on": project.ended_on.isoformat() if project.ended_on else None,
        "ended": project.ended,
        "told_at": write_time(project.told_at),
        "proof": _place(project.place),
    }


def _place(place: EntryPlace) -> PlaceDocument:
    return {"event_id": place.event_id, "log": place.log, "index": place.index}
