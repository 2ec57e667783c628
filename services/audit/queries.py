"""The questions of auditors to the record: checkpoints, tiles, entries, timelines, proofs; only of committed heads."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import orjson

from services.audit.record.log import DamagedError, Entry, Head, below
from services.audit.record.query import (
    RecordPlace,
    RecordQuery,
    TimelinePlace,
    find_bundle,
    find_end,
    write_position,
)
from services.audit.record.withheld import Withheld, topic_of
from services.audit.seals.notary import Notary, Signed
from services.audit.tlog.tiles import TILE_WIDTH, InclusionBundle, Tile, join_entries, node_reader
from services.audit.tlog.tree import (
    InvalidProofError,
    NodeReader,
    hash_leaf,
    hash_leaves,
    prove_consistency,
    prove_inclusion,
    verify_inclusion,
)
from services.audit.withholding import Withholding
from shared.access.principal import Principal
from shared.kafka.topics import RESTRICTED
from shared.problems import NotFound, Problem
from shared.web.paging import look_through

T = TypeVar("T")

MOST_EXAMINED = 20_000
"""The most entries that one answer looks through; then it is short, and says where to go on."""


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

    async def entries_of(self, log: str, start: int, end: int) -> list[Entry]:
        """The entries `start` to `end` of a log, in order, with what decides who may see them."""

    async def timeline(self, case_id: str, start: TimelinePlace | None, limit: int) -> list[Entry]:
        """Entries about a case from a place on, in order of the time of the event and then of position."""


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
    """Reads the record. It shows only entries that a committed head covers.

    Where an answer goes through a log, it has an entry in every place, and a Withheld for one that the reader may not
    see. Where an answer follows from what entries say, there is no such entry: the answer would tell what it says.
    """

    def __init__(self, store: QueryStore, notary: Notary, withholding: Withholding) -> None:
        self._store = store
        self._notary = notary
        self._withholding = withholding

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
        """The bytes of a hash tile. Raises NotFound for one that the log has not reached yet."""
        await self._reach(log, tile)
        return await self._read_tile(log, tile)

    async def bundle(self, who: Principal, log: str, tile: Tile) -> bytes:
        """The bytes of an entry bundle, with a stub in place of each entry that this person may not see.

        Raises NotFound for a bundle that the log has not reached yet.
        """
        await self._reach(log, tile)
        shown = await self._withholding.withhold(who, await self._store.entries_of(log, *below(tile)))
        return join_entries([one.stub if isinstance(one, Withheld) else one.leaf for one in shown])

    async def events(
        self, who: Principal, query: RecordQuery, limit: int
    ) -> tuple[list[Entry | Withheld], RecordPlace | None]:
        """Up to `limit` committed entries that match, in order of position, and where to go on (None: at the end).

        An answer to a question about what entries say looks through MOST_EXAMINED entries at most, so it may be short.
        """
        heads = await self._store.heads([query.log] if query.log is not None else None)
        sizes = {head.log: head.size for head in heads}
        narrow = query.is_selective or not query.asks_what_entries_say
        end = None if narrow else find_end(heads, query.start, MOST_EXAMINED)
        before = write_position(*end) if end else None

        async def read(after: RecordPlace | None, most: int) -> list[Entry]:
            start = write_position(after.log, after.number + 1) if after else query.start
            return await self._store.find(replace(query, start=start, before=before), most)

        async def see(found: Sequence[Entry]) -> list[Entry | Withheld]:
            judged = await self._withholding.withhold(who, [one for one in found if one.index < sizes.get(one.log, 0)])
            return [one for one in judged if not (query.asks_what_entries_say and isinstance(one, Withheld))]

        shown, last = await look_through(read, see, _place_in_record, None, limit + 1, MOST_EXAMINED)
        case_id = query.exactly.get("case")
        if case_id is not None and await self._withholding.hidden_among(who, {case_id}):
            # A case is withheld as a whole, and then it is as if there were none.
            return [], None
        if len(shown) > limit:
            return shown[:limit], RecordPlace(shown[limit].log, shown[limit].index)
        if end or last is None:
            return shown, end
        # The beginning of its bundle says less of the entry where this stops, which may be a withheld one.
        stops = [find_bundle(*last), *(RecordPlace(one.log, one.index + 1) for one in shown[-1:])]
        return shown, max(stops, key=lambda place: write_position(*place))

    async def event(self, who: Principal, event_id: str) -> Entry:
        """The entry of an event. Raises NotFound; a withheld event is like none."""
        found, _ = await self.events(who, RecordQuery({"event": event_id}), 1)
        if not found or isinstance(found[0], Withheld):
            raise NotFound
        return found[0]

    async def timeline(
        self, who: Principal, case_id: str, start: TimelinePlace | None, limit: int
    ) -> tuple[list[Entry], TimelinePlace | None]:
        """Up to `limit` entries about a case, in order of the times of the events across all logs, and where to go on.

        None of a case that this person may not see.
        """
        found = await self._store.timeline(case_id, start, limit + 1)
        # Judged after the entries are read, so that what became known meanwhile counts.
        if await self._withholding.hidden_among(who, {case_id}):
            return [], None
        sizes = {head.log: head.size for head in await self._store.heads(list({entry.log for entry in found}))}
        more = place_of(found[limit]) if len(found) > limit else None
        committed = [entry for entry in found[:limit] if entry.index < sizes.get(entry.log, 0)]
        shown = [entry for entry in committed if topic_of(entry) not in RESTRICTED]
        return shown, more if shown or not committed else None

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

    async def _reach(self, log: str, tile: Tile) -> None:
        head = await self._head(log)
        if tile.end > head.size:
            raise NotFound

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
        if tile.width == TILE_WIDTH:
            stored = await self._store.full_tile(log, tile.level, tile.index)
            if stored is not None:
                return stored
        if tile.level == 0:
            return b"".join(hash_leaves(await self._store.leaves(log, start, end)))
        roots = await self._store.tile_roots([(log, tile.level - 1, start, end)])
        return b"".join(roots[log, tile.level - 1])


def _place_in_record(entry: Entry) -> RecordPlace:
    return RecordPlace(entry.log, entry.index)


def place_of(entry: Entry) -> TimelinePlace:
    """The place of an entry in the timeline of its case."""
    return TimelinePlace(entry.about["at"], entry.log, entry.index)


def read_leaf(entry: Entry) -> Any:
    """An entry as JSON: one of the shapes of services.audit.answers.LeafShown."""
    return orjson.loads(entry.leaf)
