"""Scorecards made by hand, for tests of what people and programs are shown."""

import base64
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.audit.scorecard.document import with_digest
from services.audit.scorecard.result import (
    AsOf,
    Attested,
    EntryPlace,
    Item,
    LogPosition,
    Measured,
    Outcome,
    Project,
    ReasonCode,
    Scorecard,
    TrendPoint,
)
from shared.ids import derive

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def place_of(name: str, index: int = 3) -> EntryPlace:
    """The place of an event of the baseline."""
    return EntryPlace(derive("event", name), "baseline/0", index)


def attested(**given: Any) -> Attested:
    """An attestation of 60 days ago that lasts another 40."""
    usual: dict[str, Any] = {
        "attestation_id": "attestation-1",
        "claim": "met",
        "statement": "The route to report is on the main page and in the side bar.",
        "link": "https://enwiki.example/wiki/Reporting",
        "made_at": AT - 60 * DAY,
        "ends_at": AT + 40 * DAY,
        "made_by_role": "coordinator",
        "confirmed": True,
        "place": place_of("attested"),
    }
    return Attested(**{**usual, **given})


def measured(**given: Any) -> Measured:
    """The time to acknowledge 37 cases, of which 12 are open."""
    usual: dict[str, Any] = {
        "metric": "acknowledged_within",
        "value": 19.2,
        "unit": "h",
        "op": "<=",
        "limit": 24,
        "holds": True,
        "n": 37,
        "open_count": 12,
        "min_n": 5,
        "window_from": AT - 180 * DAY,
        "window_until": AT,
        "excluded": (("gap", 6), ("withheld", 2)),
    }
    return Measured(**{**usual, **given})


def item(number: int, outcome: Outcome, reason: ReasonCode, level: int = 1, **given: Any) -> Item:
    """The result of the responsibility of this number, which has been the same for 60 days."""
    usual: dict[str, Any] = {"group": "reporting", "since": AT - 60 * DAY}
    return Item(f"HB-{number:02}", level, outcome=outcome, reason=reason, **{**usual, **given})


def project(**given: Any) -> Project:
    """A project of the movement that serves HB-14."""
    usual: dict[str, Any] = {
        "project_id": "project-1",
        "title": "Peer Support Networks within the Wikimedia Movement",
        "stakeholder": "WMF",
        "lead": "Trust & Safety",
        "geography": "Global",
        "phase": "Pilot",
        "link": "https://meta.example/wiki/Peer_support",
        "responsibilities": ("HB-14",),
        "began_on": date(2026, 1, 15),
        "ended_on": None,
        "ended": False,
        "told_at": AT - 30 * DAY,
        "place": place_of("project", 9),
    }
    return Project(**{**usual, **given})


def as_of(sealed: int = 120, at: datetime = AT) -> AsOf:
    """A checkpoint of two logs."""
    root = base64.b64encode(bytes(range(32))).decode()
    return AsOf(sealed, at, (LogPosition("baseline/0", 40, root), LogPosition("cases/0", 812, root)))


ITEMS = (
    item(1, Outcome.MET, ReasonCode.ATTESTED, attested=attested()),
    item(2, Outcome.NEEDS_REVIEW, ReasonCode.UNCONFIRMED, group="people", attested=attested(confirmed=False)),
    item(3, Outcome.NOT_MET, ReasonCode.CONTRADICTED, 2, group="time", attested=attested(), measured=measured(
        value=31.4, holds=False), annotation="Two of our three contacts were ill in October."),
    item(4, Outcome.NO_EVIDENCE, ReasonCode.TOO_FEW_CASES, 2, group="time", measured=measured(
        metric="first_response_within", value=None, unit="d", limit=7, holds=None, n=3, open_count=1)),
    item(5, Outcome.MET, ReasonCode.MEASURED, 2, group="time", measured=measured(
        metric="decided_within", value=21.5, unit="d", limit=28)),
    item(6, Outcome.MET, ReasonCode.MEASURED, 2, group="fairness", measured=measured(
        metric="decided_by_recused", value=0, unit="cases", op="==", limit=0)),
    item(7, Outcome.NO_EVIDENCE, ReasonCode.EXPIRED, group="people", attested=attested(ends_at=AT - 9 * DAY)),
    item(10, Outcome.NOT_MET, ReasonCode.SAID_NOT_MET, 3, group="transparency", attested=attested(
        claim="not_met", statement="We publish no statistics yet.", link=None)),
    item(11, Outcome.NOT_APPLICABLE, ReasonCode.SAID_NOT_APPLICABLE, group="in person", attested=attested(
        claim="not_applicable", statement="We hold no events.", link=None)),
    item(14, Outcome.NO_EVIDENCE, ReasonCode.NEVER_ATTESTED, 3, group="follow-up", since=None),
    item(16, Outcome.UPCOMING, ReasonCode.NO_DATA_YET, 3, group="follow-up", since=None, counts=False),
)  # fmt: skip
"""One of everything: met, not met, expired, contradicted, too few cases."""


def scorecard(community: str = "enwiki", **given: Any) -> Scorecard:
    """A scorecard with one of everything, below level 1."""
    usual: dict[str, Any] = {
        "kind": "wiki",
        "catalogue_version": "2026-11-01",
        "policy_version": "2026-11+0123456789ab",
        "as_of": as_of(),
        "items": ITEMS,
        "level_reached": 0,
        "next_level_missing": ("HB-02", "HB-07"),
        "trend": tuple(
            TrendPoint(datetime(2026, month, 28, tzinfo=UTC), int(month > 7), month - 3, 11) for month in range(5, 11)
        ),
        "projects": (project(),),
        "unreadable": (),
        "digest": "",
    }
    return with_digest(Scorecard(community, **{**usual, **given}))


def untouched(community: str, **given: Any) -> Scorecard:
    """The scorecard of a community of which nothing is known yet."""
    items = tuple(
        replace(one, outcome=Outcome.NO_EVIDENCE, reason=ReasonCode.NEVER_ATTESTED, since=None, attested=None,
                measured=None, annotation=None)
        for one in ITEMS if one.outcome is not Outcome.UPCOMING
    )  # fmt: skip
    missing = tuple(one.responsibility_id for one in items if one.level == 1)
    return scorecard(community, **{"items": items, "next_level_missing": missing, "trend": (), "projects": (), **given})
