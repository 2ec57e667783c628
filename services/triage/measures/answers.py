"""What the register answers to programs, and the lines of its table."""

from collections.abc import Sequence

from typing_extensions import TypedDict

from services.triage.measures.register import About, Entry
from shared.spreadsheet import write_lines
from shared.times import rfc3339


class MeasureInForce(TypedDict):
    """A measure that holds now. `until` is its last day (UTC), None where it has none.

    `everywhere`: it holds in every community, and else in `community` alone. `review_by`: without a review by then it
    lapses.
    """

    id: str
    kind: str
    scope: str
    community: str
    everywhere: bool
    body: str | None
    begun_at: str
    until: str | None
    emergency: bool
    review_by: str | None


class MeasureList(TypedDict):
    """A page of measures in force, and the cursor of the next page."""

    items: Sequence[MeasureInForce]
    next: str | None


class MeasureAbout(MeasureInForce):
    """A measure, and the people it is about: the names as people gave them. `erased`: no name is left.

    `ask_handlers`: the case is about several people, so no name is given: its handlers know who is meant.
    """

    names: Sequence[str]
    erased: bool
    ask_handlers: bool


class MeasureExport(TypedDict):
    """The measures in force with the people they are about, and the cursor with which the export goes on."""

    items: Sequence[MeasureAbout]
    next: str | None


COLUMNS = (
    "id", "kind", "scope", "community", "everywhere", "body", "begun_at", "until", "emergency", "review_by", "names",
    "erased", "ask_handlers",
)  # fmt: skip


def show_entry(entry: Entry) -> MeasureInForce:
    """A measure of the register as the API shows it."""
    measure = entry.measure
    return {
        "id": measure.id,
        "kind": measure.kind,
        "scope": measure.scope,
        "community": entry.case.community,
        "everywhere": entry.everywhere,
        "body": entry.case.body,
        "begun_at": rfc3339(measure.begun_at),
        "until": measure.last_day.isoformat() if measure.last_day else None,
        "emergency": measure.emergency,
        "review_by": rfc3339(measure.review_by) if measure.review_by else None,
    }


def show_about(entry: Entry, about: About) -> MeasureAbout:
    """The same, and the people it is about."""
    return {**show_entry(entry), "names": list(about.names), "erased": about.erased, "ask_handlers": about.ask_handlers}


def write_csv(items: Sequence[MeasureAbout]) -> bytes:
    """One line for each measure, in UTF-8; several names stand in one cell, a line each. No cell is a formula."""
    rows = ({**item, "names": "\n".join(item["names"])} for item in items)
    return write_lines(COLUMNS, ([row[name] for name in COLUMNS] for row in rows))
