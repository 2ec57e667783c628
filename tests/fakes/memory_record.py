"""The record in memory: passes the same suite as MongoDB (tests/suites/test_record.py)."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from services.audit.record.log import Clash, Entry, FullTile, Head, Taken
from services.audit.record.query import RecordQuery, TimelinePlace, write_position


class MemoryRecord:
    """Entries, tiles and heads as dictionaries."""

    def __init__(self) -> None:
        self.stored: dict[str, Entry] = {}
        self.offsets: set[tuple[str, int]] = set()
        self.by_event: dict[str, Entry] = {}
        self.tiles: dict[tuple[str, int, int], FullTile] = {}
        self.by_log: dict[str, Head] = {}
        self.asked: list[int] = []
        """Of how many cases the parties were asked for, each time."""

    async def prepare(self) -> None:
        """Nothing to prepare."""

    async def claim(self, logs: Sequence[str], writer: str) -> dict[str, Head]:
        for log in logs:
            head = self.by_log.get(log, Head(log))
            self.by_log[log] = replace(head, epoch=head.epoch + 1, writer=writer)
        return {log: self.by_log[log] for log in logs}

    async def heads(self, logs: Sequence[str] | None = None) -> list[Head]:
        return [head for log, head in sorted(self.by_log.items()) if logs is None or log in logs]

    async def tails(self, starts: Mapping[str, int]) -> dict[str, list[Entry]]:
        return {
            log: [replace(e, about={}) for e in self._in_order() if e.log == log and e.index >= start]
            for log, start in starts.items()
        }

    async def tile_roots(self, wanted: Sequence[tuple[str, int, int, int]]) -> dict[tuple[str, int], list[bytes]]:
        return {
            (log, level): [
                self.tiles[log, level, number].root
                for number in range(start, end)
                if (log, level, number) in self.tiles
            ]
            for log, level, start, end in wanted
        }

    async def insert(self, entries: Sequence[Entry]) -> Clash | None:
        for at, entry in enumerate(entries):
            position, event_id = write_position(entry.log, entry.index), entry.about.get("event")
            if position in self.stored or (entry.log, entry.offset) in self.offsets:
                return Clash(at, Taken.PLACE)
            if event_id in self.by_event:
                return Clash(at, Taken.EVENT)
            self.stored[position] = entry
            self.offsets.add((entry.log, entry.offset))
            if event_id is not None:
                self.by_event[event_id] = entry
        return None

    async def find_events(self, ids: Sequence[str]) -> dict[str, Entry]:
        found = {event_id: self.by_event[event_id] for event_id in ids if event_id in self.by_event}
        return {event_id: replace(e, leaf=b"", about={"event": event_id}) for event_id, e in found.items()}

    async def put_tiles(self, tiles: Sequence[FullTile]) -> None:
        for tile in tiles:
            self.tiles.setdefault((tile.log, tile.level, tile.index), tile)

    async def advance(self, moves: Sequence[tuple[Head, Head]]) -> bool:
        now = [self.by_log[old.log] for old, _ in moves]
        if all(
            (n.size, n.epoch, n.writer) == (o.size, o.epoch, o.writer) for n, (o, _) in zip(now, moves, strict=True)
        ):
            self.by_log |= {new.log: new for _, new in moves}
        return all(self.by_log[new.log] == new for _, new in moves)

    async def leaves(self, log: str, start: int, end: int) -> list[bytes]:
        places = (write_position(log, index) for index in range(start, end))
        return [self.stored[place].leaf for place in places if place in self.stored]

    async def full_tile(self, log: str, level: int, index: int) -> bytes | None:
        tile = self.tiles.get((log, level, index))
        return tile.hashes if tile else None

    async def find(self, query: RecordQuery, limit: int) -> list[Entry]:
        found = [
            entry
            for entry in self._in_order()
            if all(entry.about.get(name) == value for name, value in query.exactly.items())
            and query.log in (None, entry.log)
            and (query.start is None or write_position(entry.log, entry.index) >= query.start)
            and (query.before is None or write_position(entry.log, entry.index) < query.before)
            and (query.since is None or entry.about.get("at", "") >= query.since)
            and (query.until is None or "" < entry.about.get("at", "") < query.until)
        ]
        return found[:limit]

    async def timeline(self, case_id: str, start: TimelinePlace | None, limit: int) -> list[Entry]:
        def place(entry: Entry) -> tuple[str, str]:
            return entry.about.get("at", ""), write_position(entry.log, entry.index)

        first = (start.at, write_position(start.log, start.number)) if start else ("", "")
        found = (e for e in self.stored.values() if e.about.get("case") == case_id and place(e) >= first)
        return sorted(found, key=place)[:limit]

    async def entries_of(self, log: str, start: int, end: int) -> list[Entry]:
        places = (write_position(log, index) for index in range(start, end))
        return [self.stored[place] for place in places if place in self.stored]

    async def parties_of(self, case_ids: AbstractSet[str]) -> dict[str, frozenset[str]]:
        self.asked.append(len(case_ids))
        found: dict[str, frozenset[str]] = {}
        for entry in self.stored.values():
            case_id = entry.about.get("case", "")
            if case_id in case_ids and entry.names is not None:
                found[case_id] = found.get(case_id, frozenset()) | set(entry.names)
        return found

    async def decoy_secret(self) -> bytes:
        return bytes(32)

    def _in_order(self) -> list[Entry]:
        return [self.stored[place] for place in sorted(self.stored)]
