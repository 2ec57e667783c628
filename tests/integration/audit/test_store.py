"""The record in MongoDB: what the suite of every store of the record does not ask."""

import pytest

from services.audit.record.query import read_position, write_position
from tests.support.stores import database_of, mongo_record


async def test_the_lookups_of_the_commit_protocol_use_an_index(mongo_uri: str, database_prefix: str) -> None:
    async with database_of("audit", mongo_uri, database_prefix) as database:
        record = await mongo_record(database)
        for query in ({"event": {"$in": ["a", "b"]}}, {"case": "c"}, {"_id": {"$gte": "a", "$lt": "b"}}):
            plan = await record.entries.find(query).explain()
            assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"]), query


def test_a_position_is_read_back_and_nothing_else_is() -> None:
    assert read_position(write_position("reports.inbox/11", 7)) == ("reports.inbox/11", 7)
    assert read_position(write_position("seals", 0)) == ("seals", 0)
    for wrong in ("", "cases/1/7", "cases/1/000000000007 ", '{"$gt":""}', "../000000000001"):
        with pytest.raises(ValueError, match="not a position"):
            read_position(wrong)
