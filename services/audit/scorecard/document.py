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

import orjson

from services.audit.scorecard.result import AsOf, Attested, EntryPlace, Item, Measured, Project, Scorecard

SMALL = 5
PUBLIC_LOGS = ("baseline/", "scorecards/")
"""Beginnings of the names of the logs that hold nothing of cases and people, so that their sizes may be public."""

Document = dict[str, object]


def write_document(card: Scorecard, *, values: bool) -> Document:
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
            {"at": _time(point.at), "level": point.level, "met": point.met, "counted": point.counted}
            for point in card.trend
        ],
        # That a log has a few entries that nobody can read tells nothing of a case.
        "unreadable": [{"log": log, "n": _range(n)} for log, n in card.unreadable] if values else None,
        "digest": card.digest,
    }


def write_canonical(document: Mapping[str, object]) -> bytes:
    """The one spelling of a document: UTF-8 without blanks, with the names of each object in order."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def digest_of(card: Scorecard) -> str:
    """SHA-256 (hex) of the canonical JSON with values, without the digest itself."""
    document = write_document(card, values=True)
    del document["digest"]
    return sha256(write_canonical(document)).hexdigest()


def with_digest(card: Scorecard) -> Scorecard:
    """The scorecard with the digest of all the rest."""
    return replace(card, digest=digest_of(card))


def find_range(count: int) -> tuple[int, int]:
    """The least and the most that a count may be, as far as it is told: 0 to 4, 5 to 9, and so on."""
    least = count - count % SMALL
    return least, least + SMALL - 1


def find_value(measured: Measured) -> int | None:
    """The measured value as far as it is told: a whole number, rounded away from good.

    None where there is no value, where it is itself a count (`find_range` tells that), where a small count follows, or
    where the whole number would be on the other side of the limit.
    """
    value = measured.value
    if value is None or measured.unit in ("cases", "people"):
        return None
    if measured.unit == "%":
        share = measured.n * value / 100
        if min(share, measured.n - share) < SMALL:
            return None
    whole = math.ceil(value) if measured.op == "<=" else math.floor(value)
    limit = measured.limit
    return whole if (value <= limit, value >= limit) == (whole <= limit, whole >= limit) else None


def _as_of(as_of: AsOf, *, values: bool) -> Document:
    logs = [
        {
            "log": one.log,
            "size": one.size if values or one.log.startswith(PUBLIC_LOGS) else None,
            "root": one.root,
        }
        for one in as_of.logs
    ]
    return {"at": _time(as_of.at), "sealed": as_of.sealed, "logs": logs}


def _item(item: Item, *, values: bool) -> Document:
    return {
        "id": item.responsibility_id,
        "level": item.level,
        "group": item.group,
        "outcome": item.outcome.value,
        "reason": item.reason.value,
        "counts": item.counts,
        "since": _time(item.since) if item.since else None,
        "attested": _attested(item.attested) if item.attested else None,
        "measured": _measured(item.measured, values=values) if item.measured else None,
        "annotation": item.annotation,
    }


def _attested(attested: Attested) -> Document:
    return {
        "attestation_id": attested.attestation_id,
        "claim": attested.claim,
        "statement": attested.statement,
        "link": attested.link,
        "made_at": _time(attested.made_at),
        "ends_at": _time(attested.ends_at),
        "made_by_role": attested.made_by_role,
        "confirmed": attested.confirmed,
        "catalogue_version": attested.catalogue_version,
        "link_state": attested.link_state,
        "proof": _place(attested.place),
    }


def _measured(measured: Measured, *, values: bool) -> Document:
    return {
        "metric": measured.metric,
        "op": measured.op,
        "limit": _number(measured.limit),
        "unit": measured.unit,
        "holds": measured.holds,
        "min_n": measured.min_n,
        "window_from": _time(measured.window_from),
        "window_until": _time(measured.window_until),
        "values": _values(measured) if values else None,
    }


def _values(measured: Measured) -> Document:
    is_count = measured.value is not None and measured.unit in ("cases", "people")
    return {
        "value": find_value(measured),
        "count": _range(int(measured.value or 0)) if is_count else None,
        "n": _range(measured.n),
        "open": _range(measured.open_count),
        # That a reason has a few entries would tell that there is at least one.
        "excluded": [{"reason": reason, "n": _range(n)} for reason, n in sorted(measured.excluded) if n >= SMALL],
    }


def _range(count: int) -> Document:
    least, most = find_range(count)
    return {"least": least, "most": most}


def _project(project: Project) -> Document:
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
        "told_at": _time(project.told_at),
        "proof": _place(project.place),
    }


def _place(place: EntryPlace) -> Document:
    return {"event_id": place.event_id, "log": place.log, "index": place.index}


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
