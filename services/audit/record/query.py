"""Questions to the record, and positions in it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from pydantic import Field

ABOUT = ("event", "type", "actor", "at", "case", "trace", "community")
"""The fields to find an entry by."""
HIDDEN_BY = ("case", "repeats")
"""The fields with the case that hides an entry: its own case, or the case of the event that it repeats."""
_ID = re.compile(r"([a-z][a-z0-9._-]*(?:/[0-9]+)?)/([0-9]{12})", re.ASCII)


class RecordPlace(NamedTuple):
    """A place in the list of entries: the entry with this number, from 0, in this log."""

    log: Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]*(/[0-9]+)?$")]
    number: Annotated[int, Field(ge=0, lt=10**12)]


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """A question to the record: exact values of ABOUT fields, one log, a time range (RFC 3339), a first position.

    The answer has nothing about a case of `hidden`.
    """

    exactly: Mapping[str, str]
    log: str | None = None
    since: str | None = None
    until: str | None = None
    after: str | None = None
    hidden: frozenset[str] = frozenset()


def write_position(log: str, index: int) -> str:
    """The position of an entry in the record, which is also its `_id` in the store."""
    return f"{log}/{index:012d}"


def read_position(position: str) -> tuple[str, int]:
    """The log and index of a position. Raises ValueError for a text that is not a position."""
    match = _ID.fullmatch(position)
    if match is None:
        raise ValueError("not a position in the record")
    return match[1], int(match[2])
