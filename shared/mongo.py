"""MongoDB, with Motor behind it. The only module that imports Motor: elsewhere its types are the aliases below.

infra/decisions/2026-11-23-motor.md says why, and how to move to PyMongo's own async API.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from opentelemetry.trace import TracerProvider
from pymongo import DeleteOne, IndexModel, InsertOne, ReplaceOne, UpdateOne, timeout
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    CursorNotFound,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
    WriteConcernError,
)
from pymongo.write_concern import WriteConcern

from shared.connections import OPEN_MONGO, MongoAccess
from shared.problems import Unavailable

Document: TypeAlias = dict[str, Any]
if TYPE_CHECKING:
    Client: TypeAlias = AsyncIOMotorClient[Document]
    Database: TypeAlias = AsyncIOMotorDatabase[Document]
    Collection: TypeAlias = AsyncIOMotorCollection[Document]
else:
    Client, Database, Collection = AsyncIOMotorClient, AsyncIOMotorDatabase, AsyncIOMotorCollection

DURABLE = WriteConcern(w="majority", j=True)
RELAXED = WriteConcern(w=1)

# What goes away by itself: the server is gone, changing primaries, or too busy. Never a reason to give a message up.
TRANSIENT: tuple[type[Exception], ...] = (
    AutoReconnect,
    ConnectionFailure,
    CursorNotFound,
    ExecutionTimeout,
    WaitQueueTimeoutError,
    WriteConcernError,
)

DUPLICATE_KEY = 11000


@contextmanager
def reaching() -> Iterator[None]:
    """Where a store is asked for somebody who waits: that the server is away is said as Unavailable."""
    try:
        yield
    except TRANSIENT as error:
        raise Unavailable(f"mongodb: {type(error).__name__}") from None


def connect(uri: str, *, service: str, access: MongoAccess = OPEN_MONGO) -> Client:
    """A client whose writes are durable before they return and whose times are UTC-aware. Connects on first use."""
    return AsyncIOMotorClient(
        uri,
        appname=f"hearth-{service}",
        tz_aware=True,
        w="majority",
        journal=True,
        readConcernLevel="majority",
        serverSelectionTimeoutMS=5_000,
        connectTimeoutMS=5_000,
        socketTimeoutMS=20_000,
        maxPoolSize=32,
        **access.options(),
    )


def trace_commands(provider: TracerProvider) -> None:
    """Give every command a span (its name and collection, never its content) under the span it serves."""
    # Like the exporter, of no use where no span is kept.
    from opentelemetry.instrumentation.pymongo import PymongoInstrumentor

    PymongoInstrumentor().instrument(tracer_provider=provider)


def close(client: Client) -> None:
    """Let every connection go, within half a second: the server is told which sessions end, but not waited for."""
    with timeout(0.5):
        client.close()


async def ping(client: Client) -> None:
    """Return when a primary answers; raises one of TRANSIENT otherwise."""
    await client.admin.command("ping")


__all__ = [
    "DUPLICATE_KEY",
    "DURABLE",
    "RELAXED",
    "TRANSIENT",
    "AutoReconnect",
    "BulkWriteError",
    "Client",
    "Collection",
    "Database",
    "DeleteOne",
    "Document",
    "DuplicateKeyError",
    "IndexModel",
    "InsertOne",
    "OperationFailure",
    "PyMongoError",
    "ReplaceOne",
    "UpdateOne",
    "WriteConcern",
    "WriteConcernError",
    "close",
    "connect",
    "ping",
    "reaching",
    "trace_commands",
]
