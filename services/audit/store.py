"""The record in MongoDB: `entries` (a document for each), `tiles` (only full ones) and `heads_together` (one document).

An entry's `_id` is `<log>/<index in 12 digits>`, so that a range of a log is a range of `_id`. Partial tiles, entry
bundles and checkpoints are not stored: they are pure functions of entries and heads. The heads of all logs are one
document, so that a batch moves all of its heads in one update, or none.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from secrets import token_bytes

from services.audit.record.log import Clash, Entry, FullTile, Head, Taken
from services.audit.record.query import ABOUT, RecordQuery, TimelinePlace, read_position, write_position
from services.audit.tlog.tree import EMPTY_ROOT, HASH_BYTES
from shared.mongo import (
    DUPLICATE_KEY,
    BulkWriteError,
    Collection,
    Database,
    Document,
    DuplicateKeyError,
    IndexModel,
    UpdateOne,
    reaching,
)
from shared.problems import Unavailable

INDEXES = (
    IndexModel([("log", 1), ("offset", 1)], name="offset", unique=True),
    IndexModel([("event", 1)], name="event", unique=True, sparse=True),
    IndexModel(
        [("case", 1), ("at", 1), ("_id", 1)], name="timeline", partialFilterExpression={"case": {"$exists": True}}
    ),
    IndexModel([("trace", 1)], name="trace", sparse=True),
    IndexModel([("case", 1)], name="parties", partialFilterExpression={"names": {"$exists": True}}),
)

_LIFTED = 10**12
_ALL = "all logs"
"""The name of the document with the heads."""
_BEGIN: Document = {
    "size": 0, "nodes": b"", "root": EMPTY_ROOT, "next_offset": 0, "epoch": 0, "writer": "", "at": None, "sealed": []
}  # fmt: skip


class MongoRecord:
    """The record in one database. Every method raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self.entries: Collection = database["entries"]
        self.tiles: Collection = database["tiles"]
        self._heads: Collection = database["heads_together"]
        # An older version has a document for each log there, and reads whatever it finds as one.
        self._older_heads: Collection = database["heads"]
        self._secrets: Collection = database["secrets"]

    async def prepare(self) -> None:
        """Make the indexes, before any entry: the commit protocol builds on what they forbid."""
        with reaching():
            await self.entries.create_indexes(list(INDEXES))
            await self._gather_heads()

    async def _gather_heads(self) -> None:
        """Take over each head of an older version that is further than ours. They stay, for a way back to it."""
        gathered: Document = {}
        async for head in self._older_heads.find({"_id": {"$ne": _ALL}}):
            path = _path(head.pop("_id"))
            older = {"$literal": {**head, "nodes": b"".join(head["nodes"])}}
            further = {"$gt": [head["size"], {"$ifNull": [f"${path}.size", -1]}]}
            gathered[path] = {"$cond": [further, older, f"${path}"]}
        if gathered:
            await self._heads.update_one({"_id": _ALL}, [{"$set": gathered}], upsert=True)

    async def decoy_secret(self) -> bytes:
        """The secret by which decoys are drawn. It is drawn once for each record, and stays with the record."""
        with reaching():
            try:
                fresh = {"$setOnInsert": {"secret": token_bytes(32)}}
                await self._secrets.update_one({"_id": "decoys"}, fresh, upsert=True)
            except DuplicateKeyError:
                # Another replica drew one at the same moment.
                pass
            document = await self._secrets.find_one({"_id": "decoys"})
        if document is None:
            raise Unavailable("secrets: not readable yet")
        return bytes(document["secret"])

    async def claim(self, logs: Sequence[str], writer: str) -> dict[str, Head]:
        """Make these logs `writer`'s, in a new epoch; a log that does not exist yet begins empty."""
        claimed: Document = {}
        for path in map(_path, logs):
            epoch = {"$add": [{"$ifNull": [f"${path}.epoch", 0]}, 1]}
            claim = {"epoch": epoch, "writer": {"$literal": writer}}
            claimed[path] = {"$mergeObjects": [{"$literal": _BEGIN}, f"${path}", claim]}
        with reaching():
            await self._heads.update_one({"_id": _ALL}, [{"$set": claimed}], upsert=True)
        return {head.log: head for head in await self.heads(logs)}

    async def heads(self, logs: Sequence[str] | None = None) -> list[Head]:
        """The heads of these logs, or of all, by name."""
        if logs is not None and not logs:
            return []
        with reaching():
            document = await self._heads.find_one({"_id": _ALL}, list(map(_path, logs)) if logs is not None else None)
        stored = document.get("logs", {}) if document else {}
        return sorted((_head(field, head) for field, head in stored.items()), key=lambda head: head.log)

    async def tails(self, starts: Mapping[str, int]) -> dict[str, list[Entry]]:
        """The entries of each log from an index on, in order, committed or not."""
        ranges = [{"_id": _range(log, start, _LIFTED)} for log, start in starts.items()]
        tails: dict[str, list[Entry]] = {log: [] for log in starts}
        found = self.entries.find({"$or": ranges}, {"leaf": 1, "offset": 1, "log": 1}).sort("_id")
        with reaching():
            async for document in found:
                tails[document["log"]].append(_entry(document))
        return tails

    async def tile_roots(self, wanted: Sequence[tuple[str, int, int, int]]) -> dict[tuple[str, int], list[bytes]]:
        """The roots of full tiles by `(log, level, start, end)`, in order; the answer is by `(log, level)`."""
        ranges = [{"_id": _range(f"{log}/{level}", start, end)} for log, level, start, end in wanted]
        roots: dict[tuple[str, int], list[bytes]] = {(log, level): [] for log, level, _, _ in wanted}
        with reaching():
            async for document in self.tiles.find({"$or": ranges}, {"root": 1}).sort("_id"):
                log, level, _ = document["_id"].rsplit("/", 2)
                roots[log, int(level)].append(document["root"])
        return roots

    async def insert(self, entries: Sequence[Entry]) -> Clash | None:
        """Insert in order. Stop at the first entry with a place (index or offset) or an event that is taken."""
        documents = [_document(entry) for entry in entries]
        with reaching():
            try:
                await self.entries.insert_many(documents)
            except BulkWriteError as error:
                failure = next(iter(error.details["writeErrors"]), None)
                if failure is None or failure["code"] != DUPLICATE_KEY:
                    raise Unavailable(f"entries: {_code(error)}") from None
                event = "event" in failure.get("keyPattern", {})
                return Clash(failure["index"], Taken.EVENT if event else Taken.PLACE)
        return None

    async def find_events(self, ids: Sequence[str]) -> dict[str, Entry]:
        """The entries of these events, by event id; their leaf is left empty."""
        found = self.entries.find({"event": {"$in": list(ids)}}, {"event": 1, "log": 1, "offset": 1})
        with reaching():
            return {document["event"]: _entry(document) async for document in found}

    async def put_tiles(self, tiles: Sequence[FullTile]) -> None:
        """Store full tiles that are not there yet."""
        operations = [
            UpdateOne({"_id": _tile_id(t)}, {"$setOnInsert": {"hashes": t.hashes, "root": t.root}}, upsert=True)
            for t in tiles
        ]
        with reaching():
            try:
                await self.tiles.bulk_write(operations, ordered=False)
            except BulkWriteError as error:
                failures = error.details["writeErrors"]
                # A duplicate key means that another writer stored the same bytes at the same moment.
                if not failures or any(failure["code"] != DUPLICATE_KEY for failure in failures):
                    raise Unavailable(f"tiles: {_code(error)}") from None

    async def advance(self, moves: Sequence[tuple[Head, Head]]) -> bool:
        """Move each head from the first to the second, if all of them still are the first. Says whether they moved."""
        wanted: Document = {"_id": _ALL}
        for old, _ in moves:
            path = _path(old.log)
            wanted |= {f"{path}.size": old.size, f"{path}.epoch": old.epoch, f"{path}.writer": old.writer}
        with reaching():
            result = await self._heads.update_one(wanted, {"$set": {_path(new.log): _fields(new) for _, new in moves}})
        if result.matched_count:
            return True
        stored = {head.log: head for head in await self.heads([new.log for _, new in moves])}
        return all(stored.get(new.log) == new for _, new in moves)

    async def leaves(self, log: str, start: int, end: int) -> list[bytes]:
        """The bytes of entries `start` to `end` of a log, in order."""
        found = self.entries.find({"_id": _range(log, start, end)}, {"leaf": 1, "_id": 0}).sort("_id")
        with reaching():
            return [document["leaf"] for document in await found.to_list(None)]

    async def full_tile(self, log: str, level: int, index: int) -> bytes | None:
        """The hashes of a full tile, if it is stored."""
        with reaching():
            document = await self.tiles.find_one({"_id": f"{log}/{level}/{index:012d}"})
        return bytes(document["hashes"]) if document else None

    async def entries_of(self, log: str, start: int, end: int) -> list[Entry]:
        """The entries `start` to `end` of a log, in order, with what decides who may see them."""
        fields = {"leaf": 1, "offset": 1, "case": 1, "caseless": 1, "repeats": 1}
        found = self.entries.find({"_id": _range(log, start, end)}, fields).sort("_id")
        with reaching():
            return [_entry(document) for document in await found.to_list(None)]

    async def parties_of(self, case_ids: AbstractSet[str]) -> dict[str, frozenset[str]]:
        """The pseudonyms of the people in these cases; nothing of a case while no entry says who they are."""
        wanted = {"case": {"$in": list(case_ids)}, "names": {"$exists": True}}
        found: dict[str, frozenset[str]] = {}
        with reaching():
            async for document in self.entries.find(wanted, {"case": 1, "names": 1, "_id": 0}):
                found[document["case"]] = found.get(document["case"], frozenset()) | set(document["names"])
        return found

    async def find(self, query: RecordQuery, limit: int) -> list[Entry]:
        """The entries that match, in order of position, committed or not."""
        wanted: Document = dict(query.exactly)
        position: dict[str, str] = {}
        if query.log is not None:
            position = _range(query.log, 0, _LIFTED)
        if query.start is not None:
            position["$gte"] = max(query.start, position.get("$gte", ""))
        if query.before is not None:
            position["$lt"] = min(query.before, position.get("$lt", query.before))
        if position:
            wanted["_id"] = position
        at = {k: v for k, v in (("$gte", query.since), ("$lt", query.until)) if v is not None}
        if at:
            wanted["at"] = at
        found = self.entries.find(wanted).sort("_id").limit(limit).max_time_ms(10_000)
        with reaching():
            return [_entry(document) async for document in found]

    async def timeline(self, case_id: str, start: TimelinePlace | None, limit: int) -> list[Entry]:
        """Entries about a case from a place on, in order of the time of the event and then of position."""
        wanted: Document = {"case": case_id}
        if start is not None:
            at, position = start.at, write_position(start.log, start.number)
            wanted |= {"at": {"$gte": at}, "$or": [{"at": {"$gt": at}}, {"_id": {"$gte": position}}]}
        found = self.entries.find(wanted).sort([("at", 1), ("_id", 1)]).limit(limit).max_time_ms(10_000)
        with reaching():
            return [_entry(document) async for document in found]


def _document(entry: Entry) -> Document:
    document = {
        "_id": write_position(entry.log, entry.index),
        "log": entry.log,
        "offset": entry.offset,
        "leaf": entry.leaf,
        **entry.about,
    }
    return document if entry.names is None else document | {"names": list(entry.names)}


def _range(log: str, start: int, end: int) -> dict[str, str]:
    # "0" follows "/" in ASCII, so it ends the range of a log that has no last index.
    last = f"{log}0" if end >= _LIFTED else write_position(log, end)
    return {"$gte": write_position(log, start), "$lt": last}


def _tile_id(tile: FullTile) -> str:
    return f"{tile.log}/{tile.level}/{tile.index:012d}"


def _field(log: str) -> str:
    """The name of a log as a field: a dot would lead into the field, and no log has a colon."""
    return log.replace(".", ":")


def _path(log: str) -> str:
    return f"logs.{_field(log)}"


def _fields(head: Head) -> Document:
    return {
        "size": head.size,
        "nodes": b"".join(head.nodes),
        "root": head.root,
        "next_offset": head.next_offset,
        "epoch": head.epoch,
        "writer": head.writer,
        "at": head.at,
        "sealed": list(head.sealed.items()),
    }


def _head(field: str, stored: Document) -> Head:
    nodes = stored["nodes"]
    return Head(
        log=field.replace(":", "."),
        size=stored["size"],
        nodes=tuple(nodes[at : at + HASH_BYTES] for at in range(0, len(nodes), HASH_BYTES)),
        root=stored["root"],
        next_offset=stored["next_offset"],
        epoch=stored["epoch"],
        writer=stored["writer"],
        at=stored["at"],
        sealed=dict(stored["sealed"]),
    )


def _entry(document: Document) -> Entry:
    log, index = read_position(document["_id"])
    about = {name: document[name] for name in ABOUT if name in document}
    return Entry(log, index, document["offset"], document.get("leaf", b""), about)


def _code(error: BulkWriteError) -> str:
    details = error.details
    codes = [str(f.get("codeName") or f.get("code")) for f in (*details["writeErrors"], *details["writeConcernErrors"])]
    return ", ".join(sorted(set(codes)))
