"""A small catalogue with a row of each kind, and attestations of it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from shared.policy import CommunityKind
from shared.policy.baseline.model import (
    AttestedRule,
    Catalogue,
    CatalogueSource,
    FieldRule,
    MeasuredRule,
    Responsibility,
    Threshold,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LINK = "https://meta.wikimedia.org/wiki/Universal_Code_of_Conduct"
WORDS = "Two people answer reports. The page says how."
KINDS: frozenset[CommunityKind] = frozenset(("wiki", "affiliate", "event", "technical_space"))


def attested(**changed: Any) -> AttestedRule:
    """A rule that asks for nothing and holds 365 days."""
    given: dict[str, Any] = {
        "link": "optional", "fields": (), "valid_for": 365 * DAY, "confirm": "none", "link_check": 30 * DAY, **changed
    }  # fmt: skip
    return AttestedRule(**given)


def row(number: int, **changed: Any) -> Responsibility:
    """A responsibility of every kind of community that is attested."""
    given: dict[str, Any] = {
        "id": f"HB-{number:02}",
        "state": "active",
        "group": "reporting",
        "level": 1,
        "setting": "both",
        "kinds": KINDS,
        "not_applicable": "never",
        "evidence": "any",
        "attested": attested(),
        "measured": None,
        **changed,
    }
    return Responsibility(**given)


CONTACTS, PAGE, CONFIRMED, AUDITED, MEASURED, EVENTS, UPCOMING, RETIRED = (f"HB-{n:02}" for n in range(1, 9))
MEASURE = MeasuredRule("acknowledged", {}, Threshold("<=", 24, "h"), 90 * DAY, 5, True, "wall")
ROWS = (
    row(1, attested=attested(fields=(FieldRule("contacts", "people", 2),), valid_for=180 * DAY, link="none")),
    row(2, attested=attested(link="required")),
    row(3, attested=attested(confirm="second_coordinator")),
    row(
        4,
        attested=attested(
            confirm="auditor", fields=(FieldRule("drill_on", "date"), FieldRule("people_trained", "number"))
        ),
        not_applicable="with_reason",
    ),
    row(5, attested=None, measured=MEASURE),
    row(6, kinds=frozenset(("event",)), group="in person", setting="in_person"),
    row(7, state="upcoming", counts_from=date(2027, 6, 1)),
    row(8, state="retired", replaced_by="HB-02"),
)
FIRST = Catalogue("2026-06-01", date(2026, 6, 1), None, (), {r.id: r for r in ROWS[:6]})
CATALOGUE = Catalogue(
    "2026-11-01",
    date(2026, 11, 1),
    FIRST.version,
    (CatalogueSource("ucoc", "https://foundation.wikimedia.org/wiki/Policy", "1", "2026-11-01"),),
    {r.id: r for r in ROWS},
)
