"""The floor: bare programs that do the same writes and nothing else. They show what Hearth adds.

`python -m benchmarks.floor http MONGO PORT` answers a POST after a group-committed durable insert. With KAFKA it also
publishes the event and clears the outbox, as the first stage of a bare pipeline. `python -m benchmarks.floor STAGE
KAFKA MONGO` is a later stage: `triage`, `notification`, `audit`. `python -m benchmarks.floor cases KAFKA MONGO`
reads Hearth's own reports, and does for each the writes of triage: it stores a copy of a case with its outbox,
below the same indexes, publishes the same records, and empties the outbox.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import orjson
import uvicorn
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.write_concern import WriteConcern

from services.triage.store import CASE_INDEXES

Scope = dict[str, Any]
DATABASE = "floor"
PREFIX = "floor."
"""Before its topics and groups, so that it can run beside Hearth."""


Then = Callable[[list[dict[str, Any]]], Awaitable[None]]
"""What follows a write. It gets the documents that are durable now."""


class GroupCommit:
    """Collects documents and writes what has gathered, with two writers."""

    def __init__(self, collection: Any, then: Then | None) -> None:
        self._collection = collection
        self._then = then
        self._queue: asyncio.Queue[tuple[dict[str, Any], asyncio.Future[None]]] = asyncio.Queue(10_000)
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.Task[None]] = []

    async def insert(self, document: dict[str, Any]) -> None:
        if not self._writers:
            self._writers = [asyncio.create_task(self._write()) for _ in range(2)]
        done = asyncio.get_running_loop().create_future()
        await self._queue.put((document, done))
        await done

    async def _write(self) -> None:
        while True:
            gathered = [await self._queue.get()]
            while not self._queue.empty() and len(gathered) < 256:
                gathered.append(self._queue.get_nowait())
            documents = [document for document, _ in gathered]
            await self._collection.insert_many(documents, ordered=False)
            for _, done in gathered:
                done.set_result(None)
            if self._then:
                task = asyncio.ensure_future(self._then(documents))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)


def make_http_floor(mongo: str, kafka: str | None) -> Callable[..., Any]:
    """A bare ASGI application: it reads the body, inserts it durably and answers. With Kafka it also publishes the
    event.
    """
    commit: GroupCommit | None = None

    async def start() -> GroupCommit:
        collection = connect(mongo)[DATABASE]["reports"]
        if kafka is None:
            return GroupCommit(collection, None)
        producer = await start_producer(kafka)

        async def publish(documents: list[dict[str, Any]]) -> None:
            events = [(PREFIX + "reports", d["_id"].encode(), e["value"]) for d in documents for e in d["outbox"]]
            await send_all(producer, events)
            await clear(collection, documents)

        return GroupCommit(collection, publish)

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        nonlocal commit
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                if message["type"] == "lifespan.startup":
                    commit = await start()
                    await send({"type": "lifespan.startup.complete"})
                else:
                    await send({"type": "lifespan.shutdown.complete"})
                    return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        report_id = str(uuid4())
        event = orjson.dumps({"report_id": report_id, "at": time.time()})
        assert commit is not None
        await commit.insert({"_id": report_id, "body": body, "outbox": [{"id": str(uuid4()), "value": event}]})
        answer = orjson.dumps({"report_id": report_id})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


def connect(mongo: str) -> Any:
    """A client with the durability that Hearth promises."""
    return AsyncIOMotorClient(mongo, w="majority", journal=True)


async def start_producer(kafka: str) -> AIOKafkaProducer:
    """A producer with the durability that Hearth promises."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True, linger_ms=1)
    await producer.start()
    return producer


async def send_all(producer: AIOKafkaProducer, events: list[tuple[str, bytes, bytes]]) -> None:
    """Send (topic, key, value) and wait for every acknowledgement."""
    sent = [await producer.send(topic, value, key) for topic, key, value in events]
    await asyncio.gather(*sent)


async def clear(collection: Any, documents: list[dict[str, Any]]) -> None:
    """Empty the outboxes of documents with published events. Like Hearth, it does not wait for the journal."""
    ids = [document["_id"] for document in documents if document["outbox"]]
    if ids:
        relaxed = collection.with_options(write_concern=WriteConcern(w=1))
        await relaxed.update_many({"_id": {"$in": ids}}, {"$set": {"outbox": []}})


# The topic that each stage reads, and how many events it writes to which topic for one record, as a cycle over offsets.
# A case opens with three events; the second is noticed, and every third reporter left an address.
STAGES: dict[str, tuple[dict[str, tuple[int, ...]], str]] = {
    "triage": ({"reports": (3,)}, "cases"),
    "notification": ({"reports": (1, 0, 0), "cases": (0, 1, 0)}, "notifications"),
    "audit": ({"reports": (0,), "cases": (0,), "notifications": (0,)}, ""),
}


async def run_stage(stage: str, kafka: str, mongo: str) -> None:
    """For ever: consume batches, insert one document for each message, publish what follows, clear, commit."""
    follow, target = STAGES[stage]
    collection = connect(mongo)[DATABASE][stage]
    producer = await start_producer(kafka)
    consumer = AIOKafkaConsumer(
        *(PREFIX + topic for topic in follow),
        bootstrap_servers=kafka,
        group_id=f"{PREFIX}{stage}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    while True:
        batches = await consumer.getmany(timeout_ms=50, max_records=200)
        records = [record for batch in batches.values() for record in batch]
        if not records:
            continue
        documents: list[dict[str, Any]] = []
        for record in records:
            counts = follow[record.topic.removeprefix(PREFIX)]
            count = counts[record.offset % len(counts)]
            outbox = [{"id": str(uuid4()), "key": record.key, "value": record.value} for _ in range(count)]
            documents.append({"_id": str(uuid4()), "value": record.value, "outbox": outbox})
        await collection.insert_many(documents, ordered=False)
        await send_all(producer, [(PREFIX + target, e["key"], e["value"]) for d in documents for e in d["outbox"]])
        await clear(collection, documents)
        await consumer.commit()


async def run_cases(kafka: str, mongo: str) -> None:
    """For ever: consume batches of Hearth's reports, write and publish for each what Hearth does, and commit.

    What that is, the first case of Hearth's says, and the records of its opening.
    """
    client, producer = connect(mongo), await start_producer(kafka)
    collection, case = client[DATABASE]["cases"], await client["triage"]["cases"].find_one({"outbox": []})
    await collection.create_indexes(list(CASE_INDEXES))
    events = await read_events(kafka, case["_id"].encode())
    consumer = AIOKafkaConsumer(
        "reports",
        bootstrap_servers=kafka,
        group_id=f"{PREFIX}cases",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    while True:
        batches = await consumer.getmany(timeout_ms=50, max_records=500)
        records = [record for batch in batches.values() for record in batch]
        if not records:
            continue
        documents = []
        for record in records:
            outbox = [{"key": record.key, "headers": dict(e.headers), "value": e.value} for e in events]
            key = record.key.decode()
            documents.append({**case, "_id": key, "code_name": key, "outbox": outbox})
        await collection.insert_many(documents, ordered=False)
        sent = [
            await producer.send(PREFIX + "cases", e["value"], e["key"], headers=list(e["headers"].items()))
            for document in documents
            for e in document["outbox"]
        ]
        await asyncio.gather(*sent)
        await clear(collection, documents)
        await collection.database["published"].update_one({"_id": 1}, {"$inc": {"count": len(records)}}, True)
        await consumer.commit()


async def read_events(kafka: str, key: bytes) -> list[Any]:
    """What Hearth published of a case."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    consumer.subscribe(["cases"])
    found: list[Any] = []
    while not found:
        batches = await consumer.getmany(timeout_ms=1_000)
        found += [record for batch in batches.values() for record in batch if record.key == key]
    await consumer.stop()
    return found


def main() -> None:
    match sys.argv[1:]:
        case ["http", mongo, port, *kafka]:
            app = make_http_floor(mongo, kafka[0] if kafka else None)
            uvicorn.run(app, port=int(port), log_level="warning", access_log=False)
        case ["cases", kafka, mongo]:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run_cases(kafka, mongo))
        case [stage, kafka, mongo]:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run_stage(stage, kafka, mongo))


if __name__ == "__main__":
    main()
