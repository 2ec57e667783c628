"""The projection: it follows the seals, and folds the entries that each covers into rows.

Rows come first, and then the position. After a crash between them the same entries are folded again, which changes
nothing; what lies beyond the position is left out of every scorecard. Replicas may do the same work at the same time.
"""

import asyncio
import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import accumulate
from typing import Protocol

from services.audit.record.leaf import Seal, read_seal
from services.audit.record.log import SEALS, Entry, Head
from services.audit.scorecard.result import AsOf, LogPosition
from services.audit.scorecard.rows import TOPICS, Gap, Round, Step, read_entry
from shared.ids import new_id
from shared.problems import Unavailable
from shared.times import parse_rfc3339

log = logging.getLogger(__name__)

SEALS_AT_ONCE = 10_000
"""Seals between two positions. The steps of a case that lie between two positions are mostly written together."""
READ_AT_ONCE = 1_000
WRITTEN_AT_ONCE = 2_000
"""How many entries are read, and are written, together. They bound the memory, whatever one seal covers."""
TURN = 100
"""After so many entries, other work of the process has its turn."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far the rows of a build have come: the first `sealed` entries of the seal log, the last of them made at `at`.

    `logs`: the size and root of each log used, as these seals have them. `months`: the last seal of each month before.
    `build` tells one set of rows from the set that a rebuild makes in its place.
    """

    build: str
    sealed: int = 0
    at: datetime | None = None
    logs: Mapping[str, LogPosition] = field(default_factory=dict)
    months: tuple[Round, ...] = ()

    def after(self, seal: Seal | None, name: str) -> "Position":
        """The position after the next entry of the seal log, which is a seal of the log `name`, or cannot be read."""
        if seal is None:
            return replace(self, sealed=self.sealed + 1)
        at, months, logs = parse_rfc3339(seal.at), self.months, self.logs
        if self.at is not None and (at.year, at.month) > max([_month(self.at), *(_month(m.at) for m in months[-1:])]):
            months = (*months, Round(self.sealed, self.at))
        if name.partition("/")[0] in TOPICS:
            logs = {**logs, name: LogPosition(name, seal.size, seal.root)}
        return Position(self.build, self.sealed + 1, at, logs, months)

    @property
    def as_of(self) -> AsOf | None:
        """The checkpoint of this position; None before the first seal."""
        if self.at is None:
            return None
        return AsOf(self.sealed, self.at, tuple(place for _, place in sorted(self.logs.items())))


class SealedRecord(Protocol):
    """What the projection reads of the record."""

    async def heads(self, logs: Sequence[str] | None = None) -> list[Head]:
        """The heads of these logs, or of all."""

    async def leaves(self, log: str, start: int, end: int) -> list[bytes]:
        """The bytes of entries `start` to `end` of a log, in order."""

    async def entries_of(self, log: str, start: int, end: int) -> list[Entry]:
        """The entries `start` to `end` of a log, in order."""


class RowStore(Protocol):
    """What the projection needs of its store. Writes are durable on return; an outage raises Unavailable."""

    async def position(self) -> Position | None:
        """How far the rows have come; None if there are none."""

    async def add(self, rows: Mapping[str, Sequence[Step]], gaps: Sequence[Gap]) -> None:
        """Add steps to rows, and gaps. What is there already is not added again."""

    async def advance(self, old: Position | None, new: Position) -> bool:
        """Move the position from the first to the second, if it still is the first. Says whether it was."""


def count_sealed(seals: Head, origin: str) -> int:
    """How many entries that scorecards are computed from the seals of this head cover."""
    names = {name.removeprefix(f"{origin}/"): size for name, size in seals.sealed.items()}
    return sum(size for name, size in names.items() if name.partition("/")[0] in TOPICS)


class Projection:
    """Advances the rows of one store with the record."""

    def __init__(
        self, record: SealedRecord, store: RowStore, origin: str, *, rest: float = 0, every: float = 1
    ) -> None:
        """`origin`: what the origin of every log begins with. `rest`: seconds of rest for each second of work.

        `every`: seconds between two looks at the seal log.
        """
        self._record = record
        self._store = store
        self._origin = f"{origin}/"
        self._rest = rest
        self._every = every

    async def run(self) -> None:
        """Advance until cancelled; an outage only makes it wait."""
        while True:
            try:
                while await self.advance():
                    pass
            except Unavailable as error:
                log.warning("scorecards wait", extra={"reason": str(error)})
            await asyncio.sleep(self._every)

    async def advance(self, told: Callable[[int], None] = lambda _entries: None) -> int:
        """Fold what the next seals cover; returns how many seals, or 0 at the end of the seal log.

        `told` hears how many entries were folded, each time. Raises Unavailable.
        """
        stored = await self._store.position()
        position = stored or Position(new_id())
        heads = await self._record.heads([SEALS])
        end = min(heads[0].size if heads else 0, position.sealed + SEALS_AT_ONCE)
        if end <= position.sealed:
            return 0
        after, spans = position, dict[str, list[tuple[int, Round]]]()
        while after.sealed < end:
            for leaf in await read_leaves(self._record, SEALS, after.sealed, min(after.sealed + READ_AT_ONCE, end)):
                seal = seal_in(leaf)
                name = seal.origin.removeprefix(self._origin) if seal else ""
                after = after.after(seal, name)
                if after.at is not None and name.partition("/")[0] in TOPICS:
                    spans.setdefault(name, []).append((after.logs[name].size, Round(after.sealed, after.at)))
            await asyncio.sleep(0)
        batch = _Batch()
        # A partition has the same cases in each topic, so most of what is said of a case is written together.
        for name, sizes in sorted(spans.items(), key=lambda span: span[0].partition("/")[::-1]):
            known = position.logs.get(name)
            await self._fold(name, known.size if known else 0, sizes, batch, told)
        await self._flush(batch, told)
        # If another replica was faster, its position is as good, and the next turn begins there.
        await self._store.advance(stored, after)
        return end - position.sealed

    async def _fold(
        self,
        name: str,
        start: int,
        sizes: Sequence[tuple[int, Round]],
        batch: "_Batch",
        told: Callable[[int], None],
    ) -> None:
        """Fold the entries of one log from `start` on; `sizes` says in order how far each seal reaches."""
        ends = list(accumulate((size for size, _ in sizes), max))
        while start < ends[-1]:
            end = min(start + READ_AT_ONCE, ends[-1])
            for index, leaf in enumerate(await read_leaves(self._record, name, start, end), start):
                # The first seal that reaches an entry counts, even if a later one were shorter.
                batch.add(read_entry(leaf, name, index, sizes[bisect_left(ends, index + 1)][1]))
                if index % TURN == 0:
                    await asyncio.sleep(0)
            batch.entries += end - start
            start = end
            if batch.entries >= WRITTEN_AT_ONCE:
                await self._flush(batch, told)

    async def _flush(self, batch: "_Batch", told: Callable[[int], None]) -> None:
        await self._store.add(batch.rows, batch.gaps)
        told(batch.entries)
        took = time.perf_counter() - batch.began
        batch.clear()
        if self._rest:
            await asyncio.sleep(took * self._rest)
            batch.began = time.perf_counter()


class _Batch:
    """What was read and is not written yet."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.rows: dict[str, list[Step]] = {}
        self.gaps: list[Gap] = []
        self.entries = 0
        self.began = time.perf_counter()

    def add(self, found: tuple[str, Step] | Gap | None) -> None:
        match found:
            case Gap() as gap:
                self.gaps.append(gap)
            case (row, step):
                self.rows.setdefault(row, []).append(step)


async def read_leaves(record: SealedRecord, name: str, start: int, end: int) -> Sequence[bytes | None]:
    """The leaves `start` to `end` of a log; None in the place of one that the record has lost."""
    leaves = await record.leaves(name, start, end)
    if len(leaves) == end - start:
        return leaves
    known = {entry.index: entry.leaf for entry in await record.entries_of(name, start, end)}
    return [known.get(index) for index in range(start, end)]


def seal_in(leaf: bytes | None) -> Seal | None:
    """The seal in an entry of the seal log; None for one that nobody can read."""
    try:
        seal = None if leaf is None else read_seal(leaf)
        return seal if seal is None or parse_rfc3339(seal.at) else None
    except (ValueError, KeyError, TypeError):
        return None


def _month(at: datetime) -> tuple[int, int]:
    return at.year, at.month
