"""Tables for spreadsheets, as CSV. Pure."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

_FORMULA = re.compile(r"(?:^|[;\t\r\n])[\s\x00-\x1f\u200b-\u200f\ufeff\"]*(?=[=+\-@|%\uff1d\uff0b\uff0d\uff20])")
"""Where a formula may begin: a spreadsheet that does not separate cells by commas splits also what is quoted."""


def write_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A line with the names of the columns, and one for each row, in UTF-8. No cell is a formula."""
    return write_rows([columns, *rows])


def write_rows(rows: Iterable[Sequence[object]]) -> bytes:
    """A line for each row of a table that goes on, in UTF-8. No cell is a formula."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


def _cell(value: object) -> str:
    """A cell as text. A spreadsheet would run what begins like a formula; with an apostrophe before it, it does not."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value).replace("\x00", "")
    return _FORMULA.sub(r"\g<0>'", text) if isinstance(value, str) else text
