"""What strangers cause in the stores has an end, on a real server; what Kafka has not taken yet has none."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from services.notification.store import TURN_INDEXES
from shared.access.access_log import ACCESS_INDEXES, KEPT
from shared.access.refusal_log import REFUSAL_INDEXES
from shared.mongo import IndexModel, connect
from shared.sign_in.store import ATTEMPT_INDEXES
from shared.times import now

AT = now()
OLD = AT - KEPT - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("indexes", "ending", "staying"),
    [
        (TURN_INDEXES, [{"until": OLD}], [{"until": AT + timedelta(hours=1)}]),
        (ATTEMPT_INDEXES, [{"until": OLD}], [{"until": AT + timedelta(hours=1)}]),
        (ACCESS_INDEXES, [{"at": OLD, "outbox": []}], [{"at": OLD, "outbox": [{"id": "1"}]}, {"at": AT, "outbox": []}]),
        (REFUSAL_INDEXES, [{"at": OLD, "outbox": []}], [{"day": "2026-11-28", "outbox": [], "is_open": True}]),
    ],
)
async def test_what_strangers_cause_ends_by_itself(
    mongo_uri: str,
    database_prefix: str,
    indexes: Sequence[IndexModel],
    ending: list[dict[str, Any]],
    staying: list[dict[str, Any]],
) -> None:
    client = connect(mongo_uri, service="test")
    kept = client[f"{database_prefix}strangers"]["kept"]
    await kept.drop()
    await kept.create_indexes(list(indexes))
    await kept.insert_many([*ending, *staying])
    (index,) = [i for i in (await kept.index_information()).values() if "expireAfterSeconds" in i]
    # The server sweeps by this query once a minute, which is longer than a test should wait.
    ((field, _),) = index["key"]
    over = {field: {"$lte": AT - timedelta(seconds=index["expireAfterSeconds"])}}
    swept = await kept.delete_many({**over, **index.get("partialFilterExpression", {})})
    assert swept.deleted_count == len(ending)
    assert await kept.count_documents({}) == len(staying)
    client.close()
