"""What every store of the record must do: run against the one in memory, and against MongoDB."""

from dataclasses import replace
from typing import Any

import pytest

from services.audit.record.log import Clash, Entry, FullTile, Head, Taken
from services.audit.record.query import RecordQuery, TimelinePlace, write_position
from services.audit.store import MongoRecord
from shared.mongo import Database
from tests.fakes.memory_record import MemoryRecord
from tests.support.audit_rig import AT
from tests.support.stores import mongo_record

LOG = "cases/1"
Record = MemoryRecord | MongoRecord


def entry_of(index: int, log: str = LOG, offset: int | None = None, **about: Any) -> Entry:
    """An entry whose leaf says where it stands."""
    return Entry(log, index, index if offset is None else offset, f"{log} {index}".encode(), about)


@pytest.fixture
async def record(database: Database | None) -> Record:
    return MemoryRecord() if database is None else await mongo_record(database)


class TestRecord:
    async def test_a_log_begins_empty_and_every_claim_is_a_new_epoch(self, record: Record) -> None:
        assert await record.claim([LOG, "cases/10"], "a") == {
            LOG: Head(LOG, epoch=1, writer="a"),
            "cases/10": Head("cases/10", epoch=1, writer="a"),
        }
        assert (await record.claim([LOG], "b"))[LOG] == Head(LOG, epoch=2, writer="b")
        assert [head.log for head in await record.heads()] == [LOG, "cases/10"]
        assert [head.log for head in await record.heads([LOG, "unknown/0"])] == [LOG]

    async def test_a_head_moves_only_from_where_its_writer_saw_it(self, record: Record) -> None:
        old = (await record.claim([LOG], "a"))[LOG]
        new = replace(old, size=1, nodes=(bytes(32),), root=bytes(32), next_offset=5, at=AT, sealed={"x.y/z": 3})
        assert await record.advance([(old, new)])
        assert await record.heads([LOG]) == [new]
        assert await record.advance([(old, new)]), "the same move again has been made"
        assert not await record.advance([(old, replace(new, size=2))])
        await record.claim([LOG], "b")
        assert not await record.advance([(new, replace(new, size=2))]), "another writer's turn"

    async def test_the_heads_of_a_batch_move_together_or_not_at_all(self, record: Record) -> None:
        mine = list((await record.claim(["audit.seals/0", LOG, "cases/10"], "a")).values())
        others = (await record.claim(["reports/0"], "b"))["reports/0"]
        moves = [(old, replace(old, size=n, nodes=(bytes([n]) * 32,) * n)) for n, old in enumerate(mine, start=1)]
        assert await record.advance(moves)
        assert await record.heads() == [*(new for _, new in moves), others]
        await record.claim(["cases/10"], "b")
        further = [(old, replace(old, size=9)) for _, old in moves]
        assert not await record.advance(further)
        assert await record.heads(["audit.seals/0", LOG]) == [new for _, new in moves[:2]]
        assert await record.advance(further[:2])

    async def test_an_insert_stops_at_the_first_taken_place_and_keeps_what_came_before(self, record: Record) -> None:
        assert await record.insert([entry_of(0), entry_of(1), entry_of(0, "cases/10")]) is None
        assert await record.insert([entry_of(2), entry_of(1), entry_of(3)]) == Clash(1, Taken.PLACE)
        assert await record.insert([entry_of(3, offset=1)]) == Clash(0, Taken.PLACE)
        assert await record.leaves(LOG, 0, 10) == [b"cases/1 0", b"cases/1 1", b"cases/1 2"]

    async def test_an_event_stands_once_in_the_whole_record(self, record: Record) -> None:
        assert await record.insert([entry_of(0, event="e1"), entry_of(1)]) is None
        assert await record.insert([entry_of(0, "access/0"), entry_of(1, "access/0", event="e1")]) == Clash(
            1, Taken.EVENT
        )
        found = await record.find_events(["e1", "e2"])
        assert {name: (entry.log, entry.index, entry.offset) for name, entry in found.items()} == {"e1": (LOG, 0, 0)}

    async def test_a_tail_begins_where_it_is_asked_to_and_stays_in_its_log(self, record: Record) -> None:
        await record.insert([*(entry_of(n, offset=n * 2) for n in range(5)), entry_of(0, "cases/10")])
        tails = await record.tails({LOG: 3, "cases/10": 0, "cases/2": 0})
        assert {log: [(e.index, e.offset, e.leaf) for e in tail] for log, tail in tails.items()} == {
            LOG: [(3, 6, b"cases/1 3"), (4, 8, b"cases/1 4")],
            "cases/10": [(0, 0, b"cases/10 0")],
            "cases/2": [],
        }

    async def test_full_tiles_are_kept_as_first_written_and_their_roots_come_in_order(self, record: Record) -> None:
        tiles = [FullTile(LOG, 0, number, bytes([number]) * 64, bytes([number]) * 32) for number in range(12)]
        await record.put_tiles([*tiles, FullTile(LOG, 1, 0, b"up", b"top"), FullTile("cases/10", 0, 0, b"o", b"r")])
        await record.put_tiles([replace(tiles[3], hashes=b"other")])
        assert await record.full_tile(LOG, 0, 3) == tiles[3].hashes
        assert await record.full_tile(LOG, 2, 0) is None
        roots = await record.tile_roots([(LOG, 0, 9, 12), (LOG, 1, 0, 1), ("cases/10", 0, 0, 1), ("cases/2", 0, 0, 1)])
        assert roots == {
            (LOG, 0): [tile.root for tile in tiles[9:12]], (LOG, 1): [b"top"], ("cases/10", 0): [b"r"],
            ("cases/2", 0): [],
        }  # fmt: skip

    async def test_entries_are_found_by_what_they_are_about_and_by_position(self, record: Record) -> None:
        times = [f"2026-11-2{n}T09:00:00.000Z" for n in range(5)]
        about: list[dict[str, Any]] = [{"case": "c", "type": f"t{n % 2}", "at": times[n]} for n in range(5)]
        await record.insert([entry_of(n, **about[n]) for n in range(5)] + [entry_of(0, "access/0", case="c")])

        async def indices(query: RecordQuery, limit: int = 100) -> list[tuple[str, int]]:
            return [(e.log, e.index) for e in await record.find(query, limit)]

        assert await indices(RecordQuery({"case": "c"}), 2) == [("access/0", 0), (LOG, 0)]
        assert await indices(RecordQuery({"type": "t1"})) == [(LOG, 1), (LOG, 3)]
        assert await indices(RecordQuery({}, log=LOG, start=write_position(LOG, 3))) == [(LOG, 3), (LOG, 4)]
        assert await indices(RecordQuery({}, since=times[1], until=times[3])) == [(LOG, 1), (LOG, 2)]
        assert (await record.find(RecordQuery({"type": "t0", "at": times[2]}), 1))[0].about == about[2]
        middle = RecordQuery({}, start=write_position("access/0", 0), before=write_position(LOG, 2))
        assert await indices(middle) == [("access/0", 0), (LOG, 0), (LOG, 1)]
        assert await indices(replace(middle, log=LOG, start=write_position(LOG, 1))) == [(LOG, 1)]
        assert await indices(replace(middle, log="access/0")) == [("access/0", 0)]
        assert [(e.index, e.leaf, e.about["case"]) for e in await record.entries_of(LOG, 1, 3)] == [
            (n, f"{LOG} {n}".encode(), "c") for n in (1, 2)
        ]

    async def test_a_timeline_is_in_order_of_time_across_logs_and_goes_on_anywhere(self, record: Record) -> None:
        times = [f"2026-11-24T09:00:0{n}.000Z" for n in (3, 1, 2, 2, 2)]
        places = [(LOG, 0), (LOG, 1), ("access/0", 0), (LOG, 2), ("access/0", 1)]
        for (log, index), at in zip(places, times, strict=True):
            await record.insert([entry_of(index, log, case="c", at=at)])
        await record.insert([entry_of(2, "access/0", case="d", at=times[0])])
        whole = await record.timeline("c", None, 10)
        assert [(e.log, e.index) for e in whole] == [(LOG, 1), ("access/0", 0), ("access/0", 1), (LOG, 2), (LOG, 0)]
        for number, entry in enumerate(whole):
            place = TimelinePlace(entry.about["at"], entry.log, entry.index)
            assert await record.timeline("c", place, 2) == whole[number : number + 2]

    async def test_who_is_in_a_case_is_told_by_what_says_so(self, record: Record) -> None:
        names: list[tuple[str, ...] | None] = [None, ("a", "b"), ("b", "c"), (), None]
        cases = ["x", "x", "x", "y", "z"]
        await record.insert([replace(entry_of(n, case=cases[n]), names=one) for n, one in enumerate(names)])
        found = await record.parties_of({"x", "y", "z", "unknown"})
        assert found == {"x": frozenset("abc"), "y": frozenset()}

    async def test_decoys_are_drawn_by_one_secret(self, record: Record) -> None:
        secret = await record.decoy_secret()
        assert len(secret) == 32
        assert await record.decoy_secret() == secret
