"""The questions of auditors to the record: checkpoints, tiles, entries, timelines, proofs; only of committed heads."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import orjson

from services.audit.record.log import DamagedError, Entry, Head, below
from services.audit.record.query import RecordQuery
from services.audit.seals.notary import Notary, Signed
from services.audit.tlog.tiles import ENTRIES, TILE_WIDTH, InclusionBundle, Tile, join_entries, node_reader
from services.audit.tlog.tree import (
    InvalidProofError,
    NodeReader,
    hash_leaf,
    hash_leaves,
    prove_consistency,
    prove_inclusion,
    verify_inclusion,
)
from shared.access.principal import Principal
from shared.problems import NotFound, Problem

T = TypeVar("T")

LONGEST_TIMELINE = 5_000


class QueryStore(Protocol):
    """What the explorer needs of the store."""

    async def heads(self, logs: Sequence[str] | None = None) -> list[Head]:
        """The heads of these logs, or of all."""

    async def leaves(self, log: str, start: int, end: int) -> list[bytes]:
        """The entries `start` to `end` of a log."""

    async def full_tile(self, log: str, level: int, index: int) -> bytes | None:
        """The hashes of a full tile, if it is stored."""

    async def tile_roots(self, wanted: Sequence[tuple[str, int, int, int]]) -> dict[tuple[str, int], list[bytes]]:
        """The roots of full tiles by `(log, level, start, end)`."""

    async def find(self, query: RecordQuery, limit: int) -> list[Entry]:
        """The entries that match, in order of position."""

    async def cases_hidden_from(self, names: Sequence[str]) -> frozenset[str]:
        """The cases that people with one of these pseudonyms or references may not see."""

    async def logs_about(self, cases: Sequence[str]) -> frozenset[str]:
        """The logs that have an entry about one of these cases."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof that an entry stands in the record: its audit path to a signed checkpoint."""

    entry: Entry
    signed: Signed
    path: tuple[bytes, ...]

    @property
    def bundle(self) -> str:
        """The `.tlog-proof` file."""
        return InclusionBundle(self.entry.index, self.path, self.signed.note).text

    @property
    def holds(self) -> bool:
        """Whether the path leads from the bytes of the entry to the signed root."""
        leaf_hash = hash_leaf(self.entry.leaf)
        try:
            verify_inclusion(leaf_hash, self.entry.index, self.signed.size, self.path, self.signed.root)
        except InvalidProofError:
            return False
        return True


class Explorer:
    """Reads the record. It shows only entries that a committed head covers, and none about a `hidden` case.

    For the person who asks, a hidden case is not there.
    """

    def __init__(self, store: QueryStore, notary: Notary) -> None:
        self._store = store
        self._notary = notary

    async def heads(self) -> list[Head]:
        """The heads of all logs, by name."""
        return await self._store.heads()

    async def checkpoint(self, log: str) -> Signed:
        """The signed checkpoint of a log as it is now. Raises NotFound."""
        return self.sign(await self._head(log))

    def sign(self, head: Head) -> Signed:
        """The signed checkpoint at a head. Raises Problem 500 when it contradicts an earlier signed checkpoint."""
        try:
            return self._notary.sign(head)
        except DamagedError:
            raise Problem(500, "record-damaged", "The record contradicts itself; it is not signed.") from None

    async def tile(self, log: str, tile: Tile) -> bytes:
        """The bytes of a tile or entry bundle. Raises NotFound for one that the log has not reached yet."""
        head = await self._head(log)
        if tile.end > head.size:
            raise NotFound
        return await self._read_tile(log, tile)

    async def events(self, query: RecordQuery, limit: int) -> tuple[list[Entry], bool]:
        """Committed entries that match, in order of position, and whether there are more."""
        found = await self._store.find(query, limit + 1)
        sizes = {head.log: head.size for head in await self._store.heads(list({entry.log for entry in found}))}
        return [entry for entry in found[:limit] if entry.index < sizes.get(entry.log, 0)], len(found) > limit

    async def hidden_from(self, who: Principal) -> frozenset[str]:
        """The cases that this person may not see, as a party to them or as recused from them."""
        return await self._store.cases_hidden_from([who.ref, *who.pseudonyms])

    async def hides(self, log: str, hidden: frozenset[str]) -> bool:
        """Whether a log has an entry about one of these cases: then this person may not read its entries in bulk."""
        return bool(hidden) and log in await self._store.logs_about(list(hidden))

    async def event(self, event_id: str, hidden: frozenset[str]) -> Entry:
        """The entry of an event. Raises NotFound."""
        found, _ = await self.events(RecordQuery({"event": event_id}, hidden=hidden), 1)
        if not found:
            raise NotFound
        return found[0]

    async def timeline(self, case_id: str, hidden: frozenset[str]) -> list[Entry]:
        """Every entry about a case, in order of the times of the events; none for a hidden case."""
        if case_id in hidden:
            return []
        found, _ = await self.events(RecordQuery({"case": case_id}), LONGEST_TIMELINE)
        return sorted(found, key=lambda entry: (entry.about.get("at", ""), entry.log, entry.index))

    async def prove(self, entries: Iterable[Entry]) -> list[Proof]:
        """The proof of each entry, in the order given; of each log under one checkpoint. Raises Problem."""
        asked = list(entries)
        by_log: dict[str, list[Entry]] = {}
        for entry in asked:
            by_log.setdefault(entry.log, []).append(entry)
        proved: dict[tuple[str, int], Proof] = {}
        for log, wanted in by_log.items():
            signed = await self.checkpoint(log)

            def paths(node: NodeReader, signed: Signed = signed, wanted: list[Entry] = wanted) -> list[list[bytes]]:
                return [prove_inclusion(entry.index, signed.size, node) for entry in wanted]

            for entry, path in zip(wanted, await self._with_nodes(log, signed.size, paths), strict=True):
                proved[log, entry.index] = Proof(entry, signed, tuple(path))
        return [proved[entry.log, entry.index] for entry in asked]

    async def consistency(self, log: str, old: int, new: int) -> list[bytes]:
        """The proof that a log of `new` entries begins with that of `old`. Raises NotFound, Problem 422."""
        head = await self._head(log)
        if not 0 <= old <= new <= head.size:
            raise Problem(422, "invalid-fields", "Some fields are not valid.", detail=f"0 ≤ from ≤ to ≤ {head.size}")
        return await self._with_nodes(log, new, lambda node: prove_consistency(old, new, node))

    async def _head(self, log: str) -> Head:
        heads = await self._store.heads([log])
        if not heads:
            raise NotFound
        return heads[0]

    async def _with_nodes(self, log: str, size: int, compute: Callable[[NodeReader], T]) -> T:
        """Compute over stored hashes: once without them, to see which tiles are read, and then with those tiles."""
        wanted: set[Tile] = set()

        def note(tile: Tile) -> bytes:
            wanted.add(tile)
            return bytes(32 * tile.width)

        compute(node_reader(size, note))
        tiles = list(wanted)
        read = await asyncio.gather(*(self._read_tile(log, tile) for tile in tiles))
        return compute(node_reader(size, dict(zip(tiles, read, strict=True)).__getitem__))

    async def _read_tile(self, log: str, tile: Tile) -> bytes:
        start, end = below(tile)
        if tile.level == ENTRIES:
            return join_entries(await self._store.leaves(log, start, end))
        if tile.width == TILE_WIDTH:
            stored = await self._store.full_tile(log, tile.level, tile.index)
            if stored is not None:
                return stored
        if tile.level == 0:
            return b"".join(hash_leaves(await self._store.leaves(log, start, end)))
        roots = await self._store.tile_roots([(log, tile.level - 1, start, end)])
        return b"".join(roots[log, tile.level - 1])


def read_leaf(entry: Entry) -> Mapping[str, Any]:
    """An entry as JSON."""
    leaf: Mapping[str, Any] = orjson.loads(entry.leaf)
    return leaf
