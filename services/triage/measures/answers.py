"""What the register answers to programs, and the lines of its table."""

from collections import Counter
from collections.abc import Mapping, Sequence

from typing_extensions import TypedDict

from services.triage.measures.register import About, Entry
from services.triage.measures.sheet import Outcome, RowResult
from shared.spreadsheet import write_rows
from shared.times import rfc3339


class MeasureInForce(TypedDict):
    """A measure that holds now. `until` is its last day (UTC), None where it has none.

    `everywhere`: it holds in every community, and else in `community` alone. `review_by`: without a review by then it
    lapses. `from_before`: it was brought in from before Hearth, decided on at `decided_on`, where that is known.
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
    from_before: bool
    decided_on: str | None


class MeasureList(TypedDict):
    """A page of measures in force, and the cursor of the next page."""

    items: Sequence[MeasureInForce]
    next: str | None


class MeasureAbout(MeasureInForce):
    """A measure, and the people it is about: the names as people gave them. `erased`: no name is left.

    `ask_handlers`: the case is about several people, so no name is given: its handlers know who is meant. `pages`: the
    pages that it holds on, in words of handlers.
    """

    names: Sequence[str]
    erased: bool
    ask_handlers: bool
    pages: str | None


class MeasureExport(TypedDict):
    """The measures in force with the people they are about, and the cursor with which the export goes on."""

    items: Sequence[MeasureAbout]
    next: str | None


class FaultShown(TypedDict):
    """What is wrong with a row: its column as a pointer, a code, and a sentence."""

    pointer: str
    code: str
    detail: str


class RowShown(TypedDict):
    """What became of a row: `added`, `known` before, or `refused` for these errors.

    `line`: the line of the table, or the place in the list of JSON, from 1. `row`: a refused one as it was sent.
    """

    line: int
    id: str
    result: Outcome
    errors: Sequence[FaultShown]
    row: Mapping[str, str] | None


class ImportShown(TypedDict):
    """What became of each row of a table, and how many of them. `unread`: the columns that nothing is read of."""

    items: Sequence[RowShown]
    added: int
    known: int
    refused: int
    unread: Sequence[str]


COLUMNS = (
    "id", "kind", "scope", "community", "everywhere", "body", "begun_at", "until", "emergency", "review_by",
    "from_before", "decided_on", "names", "erased", "ask_handlers", "pages",
)  # fmt: skip


def show_entry(entry: Entry) -> MeasureInForce:
    """A measure of the register as the API shows it."""
    measure = entry.measure
    return {
        "id": measure.id,
        "kind": measure.kind,
        "scope": measure.scope,
        "community": entry.community,
        "everywhere": entry.everywhere,
        "body": entry.case.body,
        "begun_at": rfc3339(measure.begun_at),
        "until": measure.last_day.isoformat() if measure.last_day else None,
        "emergency": measure.emergency,
        "review_by": rfc3339(measure.review_by) if measure.review_by else None,
        "from_before": measure.imported,
        "decided_on": measure.decided_on.date().isoformat() if measure.decided_on else None,
    }


def show_about(entry: Entry, about: About) -> MeasureAbout:
    """The same, and the people it is about."""
    return {
        **show_entry(entry),
        "names": list(about.names),
        "erased": about.erased,
        "ask_handlers": about.ask_handlers,
        "pages": about.pages,
    }


def show_import(results: Sequence[RowResult], unread: Sequence[str]) -> ImportShown:
    """What an import came to, as the API shows it."""
    count = Counter(result.outcome for result in results)
    items: list[RowShown] = [
        {
            "line": result.row.line,
            "id": result.row.text("id"),
            "result": result.outcome,
            "errors": [{"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in result.faults],
            "row": result.row.cells if result.faults else None,
        }
        for result in results
    ]
    return {
        "items": items,
        "added": count["added"],
        "known": count["known"],
        "refused": count["refused"],
        "unread": list(unread),
    }


def write_csv(items: Sequence[MeasureAbout]) -> bytes:
    """One line for each measure, in UTF-8; several names stand in one cell, a line each. No cell is a formula."""
    rows = ({**item, "names": "\n".join(item["names"])} for item in items)
    return write_rows([row[name] for name in COLUMNS] for row in rows)
