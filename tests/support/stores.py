"""The stores on a real MongoDB, each in a database of its own, with their indexes made and nothing published."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from services.audit.store import MongoRecord
from services.intake.store import ReportStore
from services.triage.baseline.store import REGISTRY_INDEXES, MongoRegistries
from services.triage.measures.store import IN_FORCE_INDEXES
from services.triage.patterns.store import MARK_INDEXES, MongoMarks
from services.triage.roster.store import MongoEntries
from services.triage.store import CASE_INDEXES, MongoCases
from shared.access.roster_store import ROSTER_INDEXES, MongoRoster
from shared.aggregates import Aggregates
from shared.events import Message
from shared.mongo import Database, connect
from shared.outbox import Relay
from shared.parties import INDEXES, MongoParties
from shared.sign_in.store import MongoSessions


class Nowhere:
    """A publisher that takes everything and publishes nothing."""

    async def publish(self, messages: Sequence[Message]) -> None: ...


@asynccontextmanager
async def database_of(service: str, mongo_uri: str, prefix: str) -> AsyncIterator[Database]:
    """The database of a service under this prefix."""
    client = connect(mongo_uri, service=service)
    try:
        yield client[f"{prefix}{service}"]
    finally:
        client.close()


async def mongo_record(database: Database) -> MongoRecord:
    """The record."""
    record = MongoRecord(database)
    await record.prepare()
    return record


async def mongo_reports(database: Database) -> ReportStore:
    """Intake's reports."""
    relay = Relay(Nowhere(), service="test")
    store = ReportStore(Aggregates(database["reports"], relay))
    for collection, indexes in store.indexes:
        await collection.create_indexes(list(indexes))
    return store


async def mongo_cases(database: Database) -> MongoCases:
    """Triage's cases."""
    await database["cases"].create_indexes([*CASE_INDEXES, *IN_FORCE_INDEXES])
    return MongoCases(Aggregates(database["cases"], Relay(Nowhere(), service="test")))


async def mongo_parties(database: Database) -> MongoParties:
    """Who is named in reports."""
    await database["parties"].create_indexes(list(INDEXES))
    return MongoParties(database["parties"])


async def mongo_marks(database: Database) -> MongoMarks:
    """By what similar reports are found."""
    await database["marks"].create_indexes(list(MARK_INDEXES))
    return MongoMarks(database["marks"])


async def mongo_entries(database: Database) -> MongoEntries:
    """The roster as its owner keeps it."""
    await database["roster"].create_indexes(list(ROSTER_INDEXES))
    return MongoEntries(Aggregates(database["roster"], Relay(Nowhere(), service="test")))


async def mongo_registries(database: Database) -> MongoRegistries:
    """What communities say of the baseline."""
    await database["baseline"].create_indexes(list(REGISTRY_INDEXES))
    return MongoRegistries(Aggregates(database["baseline"], Relay(Nowhere(), service="test")))


async def mongo_roster(database: Database) -> MongoRoster:
    """A service's copy of the roster."""
    await database["roster"].create_indexes(list(ROSTER_INDEXES))
    return MongoRoster(database["roster"])


async def mongo_sessions(database: Database) -> MongoSessions:
    """A service's sessions and attempts to sign in."""
    store = MongoSessions(database)
    for collection, indexes in store.indexes:
        await collection.create_indexes(list(indexes))
    return store
