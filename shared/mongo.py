"""MongoDB, by Motor. Only this module imports Motor; others use the names below.

infra/decisions/2026-11-23-motor.md says why, and how to move to PyMongo's own async API.
"""

import asyncio
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from bson import Regex
from bson.codec_options import TypeDecoder, TypeRegistry
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from opentelemetry.trace import TracerProvider
from pymongo import IndexModel, InsertOne, MongoClient, ReplaceOne, UpdateOne, timeout
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    DuplicateKeyError,
    InvalidName,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)
from pymongo.read_concern import ReadConcern
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from shared.connections import OPEN_MONGO, MongoAccess
from shared.input.host_names import is_ip, name_in
from shared.problems import Unavailable

Document: TypeAlias = dict[str, Any]
if TYPE_CHECKING:
    Client: TypeAlias = AsyncIOMotorClient[Document]
    Database: TypeAlias = AsyncIOMotorDatabase[Document]
    Collection: TypeAlias = AsyncIOMotorCollection[Document]
else:
    Client, Database, Collection = AsyncIOMotorClient, AsyncIOMotorDatabase, AsyncIOMotorCollection

RELAXED = WriteConcern(w=1)
PATIENCE = {"serverSelectionTimeoutMS": 5_000, "connectTimeoutMS": 5_000, "socketTimeoutMS": 20_000}
"""Milliseconds that a client waits for a server, where its URI names no others."""
_EPOCH, _EPOCH_UTC = datetime(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)  # noqa: DTZ001  # the driver gives no zone

_UNKNOWN_COMMIT = "UnknownTransactionCommitResult"
_NAMED_IN_DNS = "mongodb+srv"
_LONGEST_PREFIX = 40
"""Bytes; MongoDB takes 63 in all."""

DUPLICATE_KEY = 11000

# Codes (MongoDB's error_codes.yml) by which a server says that the question is wrong: to ask again cannot help.
_WRONG_QUESTION = frozenset(
    {2, 9, 14, 15, 22, 28, 40, 52, 54, 56, 57, 66, 67, 85, 86, 121, DUPLICATE_KEY, 10334, 17280, 17419, 17420, 31072}
)


class _UtcTimes(TypeDecoder):
    """Times of documents are UTC-aware, and of the very zone of all other times.

    The driver's own way takes longer for each, and to compare its times with others takes sixty times as long.
    """

    bson_type = datetime

    def transform_bson(self, value: datetime) -> datetime:
        return _EPOCH_UTC + (value - _EPOCH)


_UTC = TypeRegistry([_UtcTimes()])


def is_outage(error: PyMongoError) -> bool:
    """Whether the database is to blame, and not the question: it is away, full or locked, or does not let us in."""
    if isinstance(error, BulkWriteError):
        codes = {failure["code"] for failure in error.details["writeErrors"]}
        return bool(error.details["writeConcernErrors"]) or not codes <= _WRONG_QUESTION
    if isinstance(error, OperationFailure):
        return error.code not in _WRONG_QUESTION
    return not isinstance(error, ConfigurationError | InvalidOperation | InvalidName)


@contextmanager
def reaching(away: str | None = None) -> Iterator[None]:
    """Goes around each use of the database in a store. Raises Unavailable for an outage; other errors pass.

    `away`: why the database is known to be away. Then nobody waits for it.
    """
    if away is not None:
        raise Unavailable(away)
    try:
        yield
    except PyMongoError as error:
        if is_outage(error):
            code = getattr(error, "code", None)
            raise Unavailable(f"mongodb: {type(error).__name__}" + (f" {code}" if code else "")) from None
        raise


# Making a client takes milliseconds, and all settings that a process reads name the same few servers.
@lru_cache(maxsize=4)
def check_uri(uri: str) -> str:
    """The URI, if `connect` can read it. Raises ValueError, which repeats nothing of it.

    No name is looked up: with `mongodb+srv://`, DNS may have no answer yet when a service starts.
    """
    try:
        with warnings.catch_warnings():
            # A client only warns of an option that it does not know, and works without it.
            warnings.simplefilter("error")
            MongoClient[Document](uri, connect=False).close()
        named = urlsplit(uri)
        hosts = [named.hostname or ""] if named.scheme == _NAMED_IN_DNS else _hosts_in(uri)
    except (ConfigurationError, ValueError, OSError, UserWarning) as error:
        secretive = "" if "@" in uri else f": {error}"
        raise ValueError(f"is not a URI such as mongodb://mongo:27017/?replicaSet=rs0{secretive}") from None
    if any(name_in(host.encode()) is None for host in hosts):
        raise ValueError("names a host with characters that no host has")
    if named.scheme == _NAMED_IN_DNS and any(map(is_ip, hosts)):
        raise ValueError("names an IP address where a name of DNS stands, under which the servers are found")
    return uri


def _hosts_in(uri: str) -> list[str]:
    """The hosts of a URI that names its servers, without sockets and without IPv6."""
    return [host for host, port in parse_uri(uri)["nodelist"] if port is not None and ":" not in host]


def check_database_prefix(prefix: str) -> str:
    """The prefix, if the client takes names of databases that begin so. Raises ValueError."""
    if len(prefix.encode()) > _LONGEST_PREFIX or not prefix.isprintable():
        raise ValueError(f"has more than {_LONGEST_PREFIX} bytes, or characters that nobody sees")
    try:
        _idle_client()[f"{prefix}x"]
    except InvalidName as error:
        raise ValueError(f"cannot be: {error}") from None
    return prefix


@cache
def _idle_client() -> MongoClient[Document]:
    """A client that never connects, for its rules about names."""
    return MongoClient(connect=False)


def connect(uri: str, *, service: str, access: MongoAccess = OPEN_MONGO) -> Client:
    """A client that connects on first use. Its writes are durable before they return; its times are UTC-aware.

    The URI may name other patience than PATIENCE; it cannot weaken what a write promises.
    """
    named = {option.partition("=")[0].lower() for option in uri.partition("?")[2].split("&")}
    patience: dict[str, Any] = {name: wait for name, wait in PATIENCE.items() if name.lower() not in named}
    return AsyncIOMotorClient(
        uri,
        appname=f"hearth-{service}",
        tz_aware=False,
        type_registry=_UTC,
        w="majority",
        journal=True,
        readConcernLevel="majority",
        maxPoolSize=32,
        **patience,
        **access.options(),
    )


def trace_commands(provider: TracerProvider) -> None:
    """Give every command a span below the current one, with its name and collection and never its content."""
    # Imported late, because it is of no use where no span is kept.
    from opentelemetry.instrumentation.pymongo import PymongoInstrumentor

    PymongoInstrumentor().instrument(tracer_provider=provider)


def close(client: Client) -> None:
    """Let every connection go, within half a second. The server is told which sessions end, but is not waited for."""
    with timeout(0.5):
        client.close()


async def write_version(collection: Collection, name: str, version: int, fields: Document) -> bool:
    """Write the next version of the document `name`, unless it is no longer at this one. Returns whether.

    Version 0 stands for a document that is not there yet.
    """
    written = {"$set": {**fields, "version": version + 1}}
    try:
        # Where another writer was first, the id is taken.
        result = await collection.update_one({"_id": name, "version": version}, written, upsert=not version)
    except DuplicateKeyError:
        return False
    return bool(result.matched_count) or result.upserted_id is not None


async def write_unordered(collection: Collection, writes: Sequence[InsertOne[Document] | UpdateOne]) -> list[int]:
    """Write all of these, each for itself; returns the places of those that found their unique key taken.

    Goes inside `reaching`. Durable on return.
    """
    try:
        await collection.bulk_write(writes, ordered=False)
    except BulkWriteError as error:
        if error.details["writeConcernErrors"]:
            raise WriteConcernError("written, but perhaps not durably") from None
        failures = error.details["writeErrors"]
        if any(failure["code"] != DUPLICATE_KEY for failure in failures):
            raise
        return [failure["index"] for failure in failures]
    return []


async def write_together(collection: Collection, writes: Sequence[InsertOne[Document] | UpdateOne]) -> bool:
    """Write all of these in one transaction, or none; False where one of them met a change of another writer.

    An update must find its document. Goes inside `reaching`, which makes an outage of an unknown commit. Durable on
    return. Where its caller is cancelled, the writing goes on to its end.
    """
    # A transaction that is dropped half way keeps its documents locked until the server ends it.
    return await asyncio.shield(_transact(collection, writes))


async def _transact(collection: Collection, writes: Sequence[InsertOne[Document] | UpdateOne]) -> bool:
    based = sum(isinstance(write, UpdateOne) for write in writes)
    durable = WriteConcern("majority", j=True)
    try:
        async with (
            await collection.database.client.start_session() as session,
            session.start_transaction(read_concern=ReadConcern("snapshot"), write_concern=durable),
        ):
            result = await collection.bulk_write(writes, session=session)
            if result.matched_count < based:
                await session.abort_transaction()
                return False
    except BulkWriteError as error:
        if any(failure["code"] != DUPLICATE_KEY for failure in error.details["writeErrors"]):
            raise
        return False
    except PyMongoError as error:
        # The driver itself sends an unknown commit once more; whether it holds, only a look at the store can tell.
        if error.has_error_label("TransientTransactionError") and not error.has_error_label(_UNKNOWN_COMMIT):
            return False
        raise
    return True


async def say_hello(client: Client) -> Document:
    """What the server says of itself; its `localTime` is UTC-aware. Goes inside `reaching`, or raises PyMongoError."""
    told: Document = await client.admin.command("hello")
    # The answers to commands are not read by the options of the client.
    return {**told, "localTime": told["localTime"].replace(tzinfo=UTC)}


async def ask_time(client: Client) -> datetime:
    """The time (UTC-aware) of the primary, when it answers. Raises Unavailable otherwise."""
    with reaching():
        told: datetime = (await say_hello(client))["localTime"]
    return told


__all__ = [
    "DUPLICATE_KEY",
    "RELAXED",
    "BulkWriteError",
    "Client",
    "Collection",
    "Database",
    "Document",
    "DuplicateKeyError",
    "IndexModel",
    "InsertOne",
    "OperationFailure",
    "PyMongoError",
    "Regex",
    "ReplaceOne",
    "UpdateOne",
    "WriteConcern",
    "WriteConcernError",
    "ask_time",
    "close",
    "connect",
    "is_outage",
    "reaching",
    "say_hello",
    "trace_commands",
    "write_together",
    "write_unordered",
]
