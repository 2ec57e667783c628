"""The record in MongoDB: what the suite of every store of the record does not ask."""

import asyncio
from dataclasses import replace

import pytest

from services.audit.record.log import Head
from services.audit.record.query import read_position, write_position
from tests.support.audit_rig import AT
from tests.support.plans import explained
from tests.support.stores import database_of, mongo_record


async def test_the_lookups_of_the_commit_protocol_use_an_index(mongo_uri: str, database_prefix: str) -> None:
    async with database_of("audit", mongo_uri, database_prefix) as database:
        record = await mongo_record(database)
        for query in ({"event": {"$in": ["a", "b"]}}, {"case": "c"}, {"_id": {"$gte": "a", "$lt": "b"}}):
            plan = await explained(record.entries.find(query))
            assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"]), query


def test_a_position_is_read_back_and_nothing_else_is() -> None:
    assert read_position(write_position("reports.inbox/11", 7)) == ("reports.inbox/11", 7)
    assert read_position(write_position("seals", 0)) == ("seals", 0)
    for wrong in ("", "cases/1/7", "cases/1/000000000007 ", '{"$gt":""}', "../000000000001"):
        with pytest.raises(ValueError, match="not a position"):
            read_position(wrong)


async def test_a_record_goes_on_from_the_heads_of_an_older_version(mongo_uri: str, database_prefix: str) -> None:
    async with database_of("audit", mongo_uri, database_prefix) as database:
        older = {"nodes": [b"a" * 32, b"b" * 32], "root": b"r" * 32, "next_offset": 7, "epoch": 4, "writer": "w"}
        for log, size in (("cases/3", 3), ("seals", 6)):
            sealed = [["test.example/audit/cases/3", 3]] if log == "seals" else []
            await database["heads"].insert_one({"_id": log, "size": size, "at": AT, "sealed": sealed, **older})
        record = await mongo_record(database)
        head = Head("cases/3", 3, (b"a" * 32, b"b" * 32), b"r" * 32, 7, 4, "w", AT)
        seals = replace(head, log="seals", size=6, sealed={"test.example/audit/cases/3": 3})
        assert await record.heads() == [head, seals]
        claimed = (await record.claim(["cases/3"], "new"))["cases/3"]
        assert claimed == replace(head, epoch=5, writer="new")
        moved = replace(claimed, size=9, next_offset=13)
        assert await record.advance([(claimed, moved)])
        await record.prepare()
        assert await record.heads() == [moved, seals], "what is newer stays when the service starts again"


async def test_of_two_heads_of_a_log_the_record_goes_on_from_the_further_one(
    mongo_uri: str, database_prefix: str
) -> None:
    async with database_of("audit", mongo_uri, database_prefix) as database:
        older = {"nodes": [b"a" * 32], "root": b"r" * 32, "next_offset": 7, "epoch": 4, "writer": "w", "at": AT}
        for log in ("cases/1", "cases/2"):
            await database["heads"].insert_one({"_id": log, "size": 4, "sealed": [], **older})
        record = await mongo_record(database)
        ours = (await record.claim(["cases/2"], "new"))["cases/2"]
        assert await record.advance([(ours, replace(ours, size=6))])
        behind = (await record.claim(["cases/1"], "new"))["cases/1"]
        await database["heads"].update_many({}, {"$set": {"size": 5, "epoch": 9}})
        await record.prepare()
        found = {head.log: head for head in await record.heads()}
        assert found["cases/1"] == Head("cases/1", 5, (b"a" * 32,), b"r" * 32, 7, 9, "w", AT)
        assert found["cases/2"] == replace(ours, size=6)
        assert not await record.advance([(behind, replace(behind, size=5))]), "our writer has to take the log over"


async def test_an_older_version_finds_only_heads_of_its_own(mongo_uri: str, database_prefix: str) -> None:
    async with database_of("audit", mongo_uri, database_prefix) as database:
        # A database of development may have this document of a version in between.
        await database["heads"].insert_one({"_id": "all logs", "logs": {"cases/1": {"size": 3}}})
        record = await mongo_record(database)
        await record.claim(["cases/1"], "new")
        assert [head.size for head in await record.heads()] == [0]
        assert await database["heads"].count_documents({}) == 1


async def test_logs_that_several_replicas_claim_at_once_have_one_epoch_for_each(
    mongo_uri: str, database_prefix: str
) -> None:
    async with database_of("audit", mongo_uri, database_prefix) as database:
        record = await mongo_record(database)
        logs = ["audit.seals/0", "cases/1", "seals"]
        await asyncio.gather(*(record.claim(logs, f"writer-{number}") for number in range(8)))
        assert [(head.log, head.epoch) for head in await record.heads()] == [(log, 8) for log in logs]
