"""The floor: bare programs that do the same writes and nothing else. What Hearth adds is measured against them.

`python -m benchmarks.floor http MONGO PORT` answers a POST after a group-committed durable insert.
`python -m benchmarks.floor STAGE KAFKA MONGO PREFIX` is a stage of a bare pipeline: `triage`, `notification`, `audit`.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import orjson
import uvicorn
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from motor.motor_asyncio import AsyncIOMotorClient

Scope = dict[str, Any]


class GroupCommit:
    """Collects documents and writes what has gathered, with two writers."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection
        self._queue: asyncio.Queue[tuple[dict[str, Any], asyncio.Future[None]]] = asyncio.Queue(10_000)
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
            await self._collection.insert_many([document for document, _ in gathered], ordered=False)
            for _, done in gathered:
                done.set_result(None)


def make_http_floor(mongo: str) -> Callable[..., Any]:
    """A bare ASGI application: read the body, insert it durably, answer."""
    commit: GroupCommit | None = None

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        nonlocal commit
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                if message["type"] == "lifespan.startup":
                    commit = GroupCommit(connect(mongo)["floor"]["reports"])
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


# What each stage reads, and how many events it writes for one it handles (to which topic).
STAGES: dict[str, tuple[tuple[str, ...], dict[str, tuple[str, int]]]] = {
    "triage": (("reports",), {"reports": ("cases", 3)}),
    "notification": (("cases",), {"cases": ("notifications", 1)}),
    "audit": (("reports", "cases", "notifications"), {}),
}


async def run_stage(stage: str, kafka: str, mongo: str, prefix: str) -> None:
    """Consume batches, insert one document a message, publish what follows, clear, commit; for ever."""
    topics, follow = STAGES[stage]
    collection = connect(mongo)["floor"][stage]
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True, linger_ms=1)
    consumer = AIOKafkaConsumer(
        *(prefix + topic for topic in topics),
        bootstrap_servers=kafka,
        group_id=f"{prefix}floor.{stage}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await producer.start()
    await consumer.start()
    while True:
        batches = await consumer.getmany(timeout_ms=50, max_records=200)
        records = [record for batch in batches.values() for record in batch]
        if not records:
            continue
        documents = []
        sends = []
        for record in records:
            topic, count = follow.get(record.topic.removeprefix(prefix), ("", 0))
            # Only every third case event leads to a delivery, as a case makes three events at its opening.
            if stage == "notification" and record.offset % 3:
                count = 0
            outbox = [{"id": str(uuid4()), "value": record.value} for _ in range(count)]
            documents.append({"_id": str(uuid4()), "value": record.value, "outbox": outbox})
            sends += [(topic, record.key, event["value"]) for event in outbox]
        await collection.insert_many(documents, ordered=False)
        if sends:
            sent = [await producer.send(prefix + topic, value, key) for topic, key, value in sends]
            await asyncio.gather(*sent)
            ids = [document["_id"] for document in documents if document["outbox"]]
            await collection.update_many({"_id": {"$in": ids}}, {"$set": {"outbox": []}})
        await consumer.commit()


def main() -> None:
    kind, *arguments = sys.argv[1:]
    if kind == "http":
        mongo, port = arguments
        uvicorn.run(make_http_floor(mongo), port=int(port), log_level="warning", access_log=False)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run_stage(kind, *arguments))


if __name__ == "__main__":
    main()
