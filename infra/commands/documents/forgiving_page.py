"""The page of what is forgiven and what is refused, made from the table of intake."""

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.intake.sources.forgiving import Row

_TABLE = "services.intake.sources.forgiving"
_CASES = Path(__file__).parents[3] / "tests/cases"

_INTRODUCTION = """\
# What Hearth forgives

Made by `hearth forgiving doc` from the table in `services/intake/sources/forgiving.py`; `make check` compares it. A
test sends the example of each row.

The envelope never costs the report. What Hearth uses a field for decides how strict it is. Hearth reads what can mean
one thing only, and says what was odd in `remarks`: over HTTP in the answer 202, over Kafka in the outcome
([integrators.md](../integrators.md#what-became-of-it)). Each remark has a `pointer` (a JSON pointer to the place) and a
`code`. It never repeats what was sent.

"""
_CALLS = """
## Addresses and headers

Every service answers these. `If-Match` and `If-None-Match` take a tag that a proxy made weak (`W/`), or behind which it
put the name of a coding (`"3-gzip"`, `"3;br"`). A receipt is read in any case, in wide letters, with any dash or blank,
with the digits of any script, with O for 0, I and L for 1, in brackets or quotes, and behind words such as `Receipt:`.

| where | how it comes | how it is answered |
| --- | --- | --- |
"""
_TIMES = """
## Times

One reader reads the times of reports, envelopes and addresses: RFC 3339 with an offset, and what can mean nothing else.
Tests read each example, from `tests/cases`. `\\u200e` and the like stand for marks that nobody sees.

| what is read | for example | as |
| --- | --- | --- |
"""
_NO_TIMES = """
What follows is refused at its field in a report and in an address: with `datetime_parsing`, with `timezone_aware`
where only the offset is missing, or with `value_error` beyond the calendar. In an envelope it costs nothing, and is not
used.

| what is not read | for example |
| --- | --- |
"""
_REFUSED = """
## Refused

What is no report, or would say another thing if Hearth read it. Over HTTP the answer is a
[problem document](../errors.md); over Kafka the record becomes a [dead letter](../errors.md#dead-letters).

"""


def forgiving_page() -> str:
    """The page, in Markdown."""
    table = importlib.import_module(_TABLE)
    return "".join(
        (
            _INTRODUCTION,
            "## Forgiven\n\n",
            _table((*table.FORGIVEN, *table.PASSED_OVER), "what is odd", "what Hearth does", "remark"),
            _CALLS,
            *(f"| {row.place} | {row.odd} | {row.becomes} |\n" for row in table.CALLS),
            _REFUSED,
            _table(table.REFUSED, "what is wrong", "what Hearth does", "code"),
            _TIMES,
            *(f"| {name} | {_shown(case['text'])} | `{case['is']}` |\n" for name, case in _cases("read")),
            _NO_TIMES,
            *(f"| {name} | {_shown(text)} |\n" for name, text in _cases("refused")),
        )
    )


def _cases(become: str) -> list[tuple[str, Any]]:
    cases = json.loads((_CASES / f"times_that_are_{become}.json").read_text(encoding="utf-8"))
    return list(cases.items())


def _shown(text: str) -> str:
    # In a table, a bar ends the cell; what cannot be seen stands as its escape.
    seen = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text.replace("|", r"\|"))
    return f"`{seen}`" if seen else "nothing"


def _table(rows: Sequence["Row"], *heads: str) -> str:
    lines = [f"| where | {' | '.join(heads)} |\n| --- | --- | --- | --- |\n"]
    for row in rows:
        codes = ", ".join(f"`{code}`" for code in row.codes) or "none"
        lines.append(f"| {row.place} | {row.odd} | {row.becomes} | {codes} |\n")
    return "".join(lines)
