"""A table of measures from before Hearth, as people have it in a spreadsheet: its rows, and their faults."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from services.triage.case.commands.decision import day_faults
from shared.input.texts import is_blank, is_too_long, trim_line
from shared.names import LONGEST_LINE
from shared.policy import Policy
from shared.problems import FieldError, FieldsWrong
from shared.times import parse_day

NEEDED = ("id", "kind", "scope", "community", "body", "begun_at", "names")
"""The columns that a table has to have."""
READ = (*NEEDED, "until", "decided_on", "reference")
"""The columns that are read. `id`: the key of the row, its own in its community; `reference`: of those who decided."""
EXPORTED = ("everywhere", "emergency", "review_by", "erased", "ask_handlers", "from_before")
"""Columns of an export that follow from others: they are passed over."""
MOST_ROWS = 500
LONGEST: Mapping[str, int] = {"id": 100, "names": 300, "reference": 300}
"""Characters of the texts that people write, as people count. Intake takes as many (services.intake.vault.routes)."""
_DELIMITERS = (",", ";", "\t")
_GUARDED = re.compile(r"^'(?=\s*[=+\-@|%])")
"""An export has an apostrophe before what a spreadsheet would run."""

_LOST = "\ufffd"
"""What programs write for a character that they cannot read."""

Outcome = Literal["added", "known", "refused"]


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was written: its cells by column, and the line of the table in which it begins, from 1."""

    line: int
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        """A cell without blanks around it; empty where the row has none."""
        return trim_line(_GUARDED.sub("", self.cells.get(column, "")))


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a table; `unread` are the names of columns that nothing is read of."""

    rows: Sequence[Row]
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableFault(FieldError):
    """What is wrong with a table as a whole. `value`: the line, the number or the columns that its message names."""

    value: str | int = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a row says. The days are in UTC; `until` is the last day, None where it has none."""

    key: str
    kind: str
    scope: str
    community: str
    body: str
    begun_on: date
    until: date | None
    decided_on: date | None
    name: str
    reference: str


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of a row: it was added, it was known before, or it was refused for these faults, by column."""

    row: Row
    outcome: Outcome
    faults: Sequence[FieldError] = field(default_factory=tuple)


def read_table(text: str, most: int | None = None) -> Table:
    """The table in a text: CSV with commas, semicolons or tabs, and the names of the columns in its first line.

    Raises FieldsWrong for a text without them or with one of them twice, for one that is no table, for more than
    MOST_ROWS rows, and for more than `most` characters, if given.
    """
    if most is not None and len(text) > most:
        raise _refused("too_long", f"At most {most} characters. Send it in parts.", most)
    text = text.removeprefix("\ufeff")
    first = next((line for line in text.splitlines() if not is_blank(line)), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count), strict=True)
    names: list[str] = []
    rows: list[Row] = []
    before = 0
    try:
        for cells in reader:
            line, before = before + 1, reader.line_num
            if all(is_blank(cell) for cell in cells):
                continue
            if not names:
                written = (trim_line(cell).casefold().replace(" ", "_") for cell in cells)
                names = [name or f"column {place}" for place, name in enumerate(written, 1)]
                continue
            # What stands beyond the last column is shown back, and read by nothing.
            extra = {f"column {place}": cell for place, cell in enumerate(cells[len(names) :], len(names) + 1)}
            rows.append(Row(line, {**dict(zip(names, cells, strict=False)), **extra}))
    except csv.Error as error:
        detail = f"Line {reader.line_num} cannot be read as CSV: {error}."
        raise _refused("not_a_table", detail, reader.line_num) from None
    if missing := ", ".join(name for name in NEEDED if name not in names):
        raise _refused("missing_column", f"The first line has to name these columns, too: {missing}.", missing)
    if twice := ", ".join(name for name, count in Counter(names).items() if count > 1):
        raise _refused("column_twice", f"The first line names these columns more than once: {twice}.", twice)
    if not rows:
        raise _refused("no_rows", "The table has no rows.")
    if len(rows) > MOST_ROWS:
        raise _refused("too_many_rows", f"At most {MOST_ROWS} rows at once.", MOST_ROWS)
    return table_of(rows)


def table_of(rows: Sequence[Row]) -> Table:
    """The table of these rows. A column without a word in it says nothing that could be lost."""
    said = {name: None for row in rows for name, cell in row.cells.items() if not is_blank(cell)}
    return Table(rows, tuple(name for name in said if name not in (*READ, *EXPORTED)))


def faults_of(row: Row, policy: Policy, now: datetime) -> Iterator[FieldError]:
    """What is wrong with a row in itself, by column. `now` is UTC-aware."""
    kinds = [outcome.code for outcome in policy.outcomes.values() if outcome.scoped]
    choices = {"kind": kinds, "scope": policy.scopes, "community": policy.communities, "body": policy.bodies}
    for column in NEEDED:
        if is_blank(row.text(column)):
            yield FieldError(f"/{column}", "missing", "This field needs an answer.")
        elif column in choices and row.text(column) not in choices[column]:
            yield FieldError(f"/{column}", "unknown_choice", "Choose one of the options.")
    for column, limit in LONGEST.items():
        text = row.text(column)
        if is_too_long(text, limit) or (column == "names" and len(text) > LONGEST_LINE):
            yield FieldError(f"/{column}", "string_too_long", f"At most {limit} characters.")
    if "\n" in row.text("names"):
        yield FieldError("/names", "one_person", "A row is about one person. Write a row for each.")
    for column in READ:
        if _LOST in row.text(column):
            yield FieldError(f"/{column}", "not_utf_8", "A character was lost. Save the table as CSV in UTF-8.")
    days: dict[str, date] = {}
    for column in ("begun_at", "until", "decided_on"):
        try:
            if text := row.text(column):
                days[column] = _day(text)
        except ValueError:
            yield FieldError(f"/{column}", "date_parsing", "Write a day such as 2026-11-28.")
    for column in ("begun_at", "decided_on"):
        if days.get(column, date.min) > now.date():
            yield FieldError(f"/{column}", "future_date", "This date is in the future.")
    kind, until = policy.outcomes.get(row.text("kind")), days.get("until")
    if kind and (until or not row.text("until")):
        yield from day_faults(until, now, needed=kind.timed)
    if until and until < days.get("begun_at", date.min):
        yield FieldError("/until", "range_reversed", "The end is before the beginning.")


def told_by(row: Row) -> Told:
    """What a row without faults says."""
    days = {column: _day(text) for column in ("until", "decided_on") if (text := row.text(column))}
    return Told(
        key=row.text("id"),
        kind=row.text("kind"),
        scope=row.text("scope"),
        community=row.text("community"),
        body=row.text("body"),
        begun_on=_day(row.text("begun_at")),
        until=days.get("until"),
        decided_on=days.get("decided_on"),
        name=row.text("names"),
        reference=row.text("reference"),
    )


def write_table(rows: Sequence[Row]) -> str:
    """The rows as a table that can be mended and sent again: nothing of them is lost."""
    names = list(dict.fromkeys(name for row in rows for name in row.cells))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([row.cells.get(name, "") for name in names] for row in rows)
    return out.getvalue()


def _refused(code: str, detail: str, value: str | int = "") -> FieldsWrong:
    return FieldsWrong([TableFault("/table", code, detail, value)])


def _day(text: str) -> date:
    """The day in a day or a time, such as an export writes. Raises ValueError."""
    day = parse_day(text.partition("T")[0])
    if day in (date.min, date.max):
        raise ValueError(text)
    return day
