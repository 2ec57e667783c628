"""Changes of the roster's entries on a real MongoDB."""

from collections.abc import AsyncIterator

import pytest

from services.triage.roster.store import MongoEntries
from shared.access.roster_store import ROSTER_INDEXES
from shared.aggregates import Aggregates
from shared.mongo import connect
from shared.outbox import Relay
from tests.suites.book import BookSuite


class _Nobody:
    async def publish(self, messages: list[object]) -> None:
        return None


class TestMongoEntries(BookSuite):
    @pytest.fixture
    async def entries(self, mongo_uri: str, database_prefix: str) -> AsyncIterator[MongoEntries]:
        client = connect(mongo_uri, service="test")
        collection = client[f"{database_prefix}triage"]["roster"]
        await collection.create_indexes(list(ROSTER_INDEXES))
        yield MongoEntries(Aggregates(collection, Relay(_Nobody(), service="test")))  # type: ignore[arg-type]  # not run
        client.close()
