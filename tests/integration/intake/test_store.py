"""The real store keeps the promises that the one in memory makes."""

from collections.abc import AsyncIterator, Sequence

import pytest

from services.intake.store import ReportStore
from shared.aggregates import Aggregates
from shared.events import Message
from shared.mongo import connect
from shared.outbox import Relay
from tests.suites.intake_store import StoreSuite


class Nowhere:
    """A publisher that nobody asks."""

    async def publish(self, messages: Sequence[Message]) -> None: ...


class TestReportStore(StoreSuite):
    @pytest.fixture
    async def store(self, mongo_uri: str, database_prefix: str) -> AsyncIterator[ReportStore]:
        client = connect(mongo_uri, service="test")
        database = client[f"{database_prefix}intake"]
        relay = Relay(Nowhere(), service="test")
        store = ReportStore(Aggregates(database["reports"], relay), Aggregates(database["accesses"], relay))
        for collection, indexes in store.indexes:
            await collection.create_indexes(list(indexes))
        yield store
        client.close()
