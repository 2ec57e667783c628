"""Questions to the record, and positions in it. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from pydantic import Field

from services.audit.record.log import Head
from services.audit.tlog.tiles import TILE_WIDTH

ABOUT = ("event", "type", "actor", "at", "case", "caseless", "repeats", "trace", "community")
"""The fields to find an entry by. `case` is its key in Kafka; `caseless` says that this is no case.

`repeats` is the case of the event that a pointer repeats.
"""
SELECTIVE = frozenset({"event", "case", "trace"})
"""The fields with an index: few entries have one value."""
_ID = re.compile(r"([a-z][a-z0-9._-]*(?:/[0-9]+)?)/([0-9]{12})", re.ASCII)

LogName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]*(/[0-9]+)?$")]
Index = Annotated[int, Field(ge=0, lt=10**12)]


class RecordPlace(NamedTuple):
    """A place in the list of entries, where it goes on: the entry with this number, from 0, in this log."""

    log: LogName
    number: Index


class TimelinePlace(NamedTuple):
    """A place in the timeline of a case, where it goes on: the time of an event, as entries spell it, and its entry."""

    at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
    log: LogName
    number: Index


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """A question to the record: exact values of ABOUT fields, one log, a time range (RFC 3339), a range of positions.

    `start` is the first position; `before` is behind the last.
    """

    exactly: Mapping[str, str]
    log: str | None = None
    since: str | None = None
    until: str | None = None
    start: str | None = None
    before: str | None = None

    @property
    def asks_what_entries_say(self) -> bool:
        """Whether an answer tells something of the entries that it has, beyond their place."""
        return bool(self.exactly or self.since is not None or self.until is not None)

    @property
    def is_selective(self) -> bool:
        """Whether an index leads to the answer."""
        return not SELECTIVE.isdisjoint(self.exactly)


def write_position(log: str, index: int) -> str:
    """The position of an entry in the record, which is also its `_id` in the store."""
    return f"{log}/{index:012d}"


def read_position(position: str) -> tuple[str, int]:
    """The log and index of a position. Raises ValueError for a text that is not a position."""
    match = _ID.fullmatch(position)
    if match is None:
        raise ValueError("not a position in the record")
    return match[1], int(match[2])


def find_end(heads: Sequence[Head], start: str | None, most: int) -> RecordPlace | None:
    """The place `most` committed entries after a position (None: the first); None if the logs end before.

    It follows from sizes alone. So an answer that stops there tells nothing of the entries before it.
    """
    log, index = read_position(start) if start is not None else ("", 0)
    for head in sorted(heads, key=lambda head: f"{head.log}/"):
        if f"{head.log}/" < f"{log}/" and log:
            continue
        first = index if head.log == log else 0
        if first + most < head.size:
            return RecordPlace(head.log, first + most)
        most -= max(0, head.size - first)
    return None


def find_bundle(log: str, index: int) -> RecordPlace:
    """The place where the bundle of an entry begins."""
    return RecordPlace(log, index - index % TILE_WIDTH)
