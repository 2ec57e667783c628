"""The commit protocol: entries, then full tiles, then the heads; a crash between any two is rolled forward.

The store holds each index, offset and event id once, for all writers. So the entries of a log are one sequence, and
every writer computes the same tree of it. A writer that loses a race adopts what is stored. Audit signs nothing before
the head has moved, and heads only grow.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from services.audit.record.leaf import Leaf, point_to, read_seal
from services.audit.record.log import SEALS, Clash, DamagedError, Edge, Entry, FullTile, Head, Taken, unfinished
from services.audit.tlog.tiles import TILE_WIDTH
from services.audit.tlog.tree import hash_leaves
from shared.problems import Unavailable

TRIES = 20


class LogStore(Protocol):
    """What the writer needs of a store. Writes are durable on return; an outage raises Unavailable."""

    async def claim(self, logs: Sequence[str], writer: str) -> dict[str, Head]:
        """Make these logs `writer`'s, in a new epoch; a log that does not exist yet begins empty."""

    async def tails(self, starts: Mapping[str, int]) -> dict[str, list[Entry]]:
        """The entries of each log from an index on, in order, committed or not."""

    async def tile_roots(self, wanted: Sequence[tuple[str, int, int, int]]) -> dict[tuple[str, int], list[bytes]]:
        """The roots of full tiles by `(log, level, start, end)`, in order; the answer is by `(log, level)`."""

    async def insert(self, entries: Sequence[Entry]) -> Clash | None:
        """Insert in order. Stop at the first entry with a place (index or offset) or an event that is taken."""

    async def find_events(self, ids: Sequence[str]) -> dict[str, Entry]:
        """The entries of these events, by event id; their leaf is left empty."""

    async def put_tiles(self, tiles: Sequence[FullTile]) -> None:
        """Store full tiles that are not there yet."""

    async def advance(self, moves: Sequence[tuple[Head, Head]]) -> bool:
        """Move each head from the first to the second, if all of them still are the first. Says whether they moved."""


class DisplacedError(Exception):
    """Another writer moved a log; take it over again and adopt what it wrote."""


@dataclass(slots=True)
class LogState:
    """What a writer knows of a log. `fresh`: taken over, and nothing added since."""

    head: Head
    edge: Edge
    fresh: bool = True


class LogWriter:
    """Appends to logs, several at once. A process has one instance; its memory is a cache that any failure empties."""

    def __init__(self, store: LogStore, origin: str, writer: str) -> None:
        self._store = store
        self._origin = origin
        self._writer = writer
        self._states: dict[str, LogState] = {}

    def forget(self, logs: Iterable[str]) -> None:
        """Take these logs over again before the next append."""
        for log in logs:
            self._states.pop(log, None)

    async def states(self, logs: Sequence[str], now: datetime) -> dict[str, LogState]:
        """The state of each log, taken over where it is not known: orphaned entries are committed first.

        Raises DamagedError, DisplacedError or Unavailable.
        """
        missing = [log for log in logs if log not in self._states]
        if missing:
            await self._take_over(missing, now)
        return {log: self._states[log] for log in logs}

    async def append(self, additions: Mapping[str, Sequence[Leaf]], now: datetime) -> dict[str, Head]:
        """Commit these leaves at the end of their logs, which must be known; returns the new heads.

        Raises DisplacedError or Unavailable; then the next take-over adopts what was written.
        """
        entries: list[Entry] = []
        leaves: list[Leaf] = []
        for log, added in additions.items():
            for index, leaf in enumerate(added, start=self._states[log].head.size):
                leaves.append(leaf)
                entries.append(_entry(log, index, leaf))
        self._point(entries, leaves, 0, {})
        try:
            await self._insert(entries, leaves)
            by_log: dict[str, list[Entry]] = {log: [] for log in additions}
            for entry in entries:
                by_log[entry.log].append(entry)
            return await self._commit(by_log, now)
        except BaseException:
            self.forget(additions)
            raise

    def origin_of(self, log: str) -> str:
        """The origin that the log's checkpoints state."""
        return f"{self._origin}/{log}"

    async def _insert(self, entries: list[Entry], leaves: list[Leaf]) -> None:
        """Insert all entries. An event that is in the record already becomes a pointer, in `entries` too."""
        start, tries = 0, 0
        while start < len(entries):
            clash = await self._store.insert(entries[start:])
            if clash is None:
                return
            start += clash.at
            if clash.by is Taken.PLACE:
                raise DisplacedError(entries[start].log)
            ids = {leaf.event_id for leaf in leaves[start:]} - {None}
            known = await self._store.find_events([event_id for event_id in ids if event_id is not None])
            self._point(entries, leaves, start, known)
            if "event" in entries[start].about:
                # The other writer's entry is there, but not yet on a majority, so it cannot be read.
                tries += 1
                if tries > TRIES:
                    raise Unavailable("an event is being written elsewhere")
                await asyncio.sleep(0.05)

    def _point(self, entries: list[Entry], leaves: Sequence[Leaf], start: int, known: Mapping[str, Entry]) -> None:
        """From `start` on, let entries of events that stand elsewhere point there: in the store, or in this batch."""
        first_of = dict(known)
        for at in range(start, len(entries)):
            entry, leaf = entries[at], leaves[at]
            if leaf.event_id is None:
                continue
            first = first_of.setdefault(leaf.event_id, entry)
            if first is entry:
                continue
            if (first.log, first.offset) == (entry.log, entry.offset):
                raise DisplacedError(entry.log)
            pointer = point_to(leaf, self.origin_of(first.log), first.index)
            entries[at] = _entry(entry.log, entry.index, pointer)

    async def _commit(self, by_log: Mapping[str, Sequence[Entry]], now: datetime) -> dict[str, Head]:
        """Tiles and heads of entries that are stored at the end of their logs."""
        tiles: list[FullTile] = []
        edges: dict[str, Edge] = {}
        moves: list[tuple[Head, Head]] = []
        for log, entries in by_log.items():
            if not entries:
                continue
            state = self._states[log]
            edges[log], filled = state.edge.append(hash_leaves([entry.leaf for entry in entries]))
            tiles += filled
            head = edges[log].advance(state.head, entries[-1].offset + 1, now)
            if log == SEALS:
                seals = [read_seal(entry.leaf) for entry in entries]
                head = replace(head, sealed={**head.sealed, **{seal.origin: seal.size for seal in seals}})
            moves.append((state.head, head))
        if tiles:
            await self._store.put_tiles(tiles)
        if moves and not await self._store.advance(moves):
            raise DisplacedError(", ".join(sorted(edges)))
        for _, head in moves:
            self._states[head.log] = LogState(head, edges[head.log], fresh=False)
        return {head.log: head for _, head in moves}

    async def _take_over(self, logs: Sequence[str], now: datetime) -> None:
        heads = await self._store.claim(logs, self._writer)
        starts = {log: head.size - head.size % TILE_WIDTH for log, head in heads.items()}
        tails = await self._store.tails(starts)
        wanted = [
            (log, level - 1, start, end)
            for log, head in heads.items()
            for level, start, end in unfinished(head.size)
            if level and start < end
        ]
        roots = await self._store.tile_roots(wanted) if wanted else {}
        orphans: dict[str, list[Entry]] = {}
        try:
            for log, head in heads.items():
                tail = tails.get(log, [])
                indices = [entry.index for entry in tail]
                if indices != list(range(starts[log], starts[log] + len(tail))) or len(tail) < head.size - starts[log]:
                    raise DamagedError(f"{log}: entries after {starts[log]} are missing")
                standing = tail[: head.size - starts[log]]
                rows: list[Sequence[bytes]] = [hash_leaves([entry.leaf for entry in standing])]
                rows += [roots.get((log, level - 1), []) for level, _, _ in unfinished(head.size) if level]
                self._states[log] = LogState(head, Edge.of(head, rows))
                orphans[log] = tail[len(standing) :]
            await self._commit(orphans, now)
        except BaseException:
            self.forget(logs)
            raise
        for log in logs:
            self._states[log].fresh = True


def _entry(log: str, index: int, leaf: Leaf) -> Entry:
    return Entry(log, index, leaf.place.offset, leaf.entry, leaf.about, leaf.names)
