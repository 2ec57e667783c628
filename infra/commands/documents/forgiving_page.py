"""The page of what is forgiven and what is refused, made from the table of intake."""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.intake.sources.forgiving import Row

_TABLE = "services.intake.sources.forgiving"

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
        )
    )


def _table(rows: Sequence["Row"], *heads: str) -> str:
    lines = [f"| where | {' | '.join(heads)} |\n| --- | --- | --- | --- |\n"]
    for row in rows:
        codes = ", ".join(f"`{code}`" for code in row.codes) or "none"
        lines.append(f"| {row.place} | {row.odd} | {row.becomes} | {codes} |\n")
    return "".join(lines)
