"""The outbox: a state change and the events it causes are one document update; a relay publishes them afterwards.

An aggregate is one document: its own fields, `version`, `seq` (events so far), `applied` (a bounded window of causes),
`outbox` (events not yet acknowledged by Kafka) and `outbox_due` (from when on any replica may publish them).
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from opentelemetry import trace
from opentelemetry.trace import SpanKind

from shared import metrics
from shared.events import Event, Message, encode
from shared.mongo import (
    DUPLICATE_KEY,
    RELAXED,
    TRANSIENT,
    BulkWriteError,
    Collection,
    Document,
    IndexModel,
    InsertOne,
    UpdateOne,
)
from shared.problems import Unavailable
from shared.telemetry import context_of, traceparent_of
from shared.times import now

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=5)
"""How long the replica that wrote an event has it to itself, before any other may publish it."""
APPLIED_WINDOW = 200

OUTBOX_INDEX = IndexModel(
    [("outbox_due", 1)], name="outbox_due", partialFilterExpression={"outbox.0": {"$exists": True}}
)


_AWAY: tuple[type[BaseException], ...] = (Unavailable, *TRANSIENT)


class Publishing(Protocol):
    """What the relay needs of a publisher: return only when every message is acknowledged."""

    async def publish(self, messages: Sequence[Message]) -> None: ...


@dataclass(frozen=True, slots=True)
class Save:
    """One change of one aggregate: the document it builds on (None: a new one), its new fields, and what it caused."""

    id: str
    base: Document | None
    fields: Mapping[str, Any]
    events: Sequence[Event]
    causes: Sequence[str]
    pending: list[Document] = field(default_factory=list)

    @property
    def version(self) -> int:
        """The version this change makes; a new aggregate has version 1."""
        return 1 if self.base is None else int(self.base["version"]) + 1


class Aggregates:
    """The aggregates of one collection, written with one atomic update each."""

    def __init__(self, collection: Collection, relay: "Relay") -> None:
        self.collection = collection
        self._relay = relay
        relay.watch(collection)

    async def load(self, ids: Iterable[str]) -> dict[str, Document]:
        """The stored documents by id; those that do not exist are missing from the answer."""
        found = self.collection.find({"_id": {"$in": list(ids)}})
        return {document["_id"]: document async for document in found}

    async def save(self, saves: Sequence[Save]) -> set[str]:
        """Write each change if its aggregate is still at the version it builds on; returns the ids that were not.

        Durable on return (majority, journal). Raises one of shared.mongo.TRANSIENT when the server is away; then some
        changes may have been written, and repeating the causes finds them in `applied`.
        """
        if not saves:
            return set()
        due = now() + GRACE
        operations = [_operation(save, due) for save in saves]
        lost: set[str] = set()
        matched = sum(1 for s in saves if s.base is not None)
        try:
            result = await self.collection.bulk_write(operations, ordered=False)
            matched -= result.matched_count
        except BulkWriteError as error:
            for failure in error.details["writeErrors"]:
                if failure["code"] != DUPLICATE_KEY:
                    raise
                lost.add(saves[failure["index"]].id)
            matched -= error.details["nMatched"]
        if matched:
            lost |= await self._unwritten([s for s in saves if s.base is not None])
        self._relay.wake(self.collection, [s for s in saves if s.events and s.id not in lost])
        return lost

    async def _unwritten(self, saves: Sequence[Save]) -> set[str]:
        wanted = {"_id": {"$in": [s.id for s in saves]}}
        applied = {d["_id"]: set(d["applied"]) async for d in self.collection.find(wanted, {"applied": 1})}
        return {s.id for s in saves if not applied.get(s.id, set()).issuperset(s.causes)}


def _operation(save: Save, due: Any) -> InsertOne[Document] | UpdateOne:
    pending = [_pending(event) for event in save.events]
    causes = list(save.causes)
    if save.base is None:
        save.pending.extend(pending)
        return InsertOne(
            {
                "_id": save.id,
                **save.fields,
                "version": 1,
                "seq": len(pending),
                "applied": causes,
                "outbox": pending,
                "outbox_due": due,
            }
        )
    # What was pending before goes first, or this replica would publish a case's events out of order.
    save.pending.extend([*save.base["outbox"], *pending])
    return UpdateOne(
        {"_id": save.id, "version": save.base["version"]},
        {
            "$set": {**save.fields, "version": save.version, "outbox_due": due},
            "$inc": {"seq": len(pending)},
            "$push": {
                "applied": {"$each": causes, "$slice": -APPLIED_WINDOW},
                "outbox": {"$each": pending},
            },
        },
    )


def _pending(event: Event) -> Document:
    message = encode(event)
    return {
        "id": event.id,
        "at": event.time,
        "trace": event.trace,
        "topic": message.topic,
        "key": message.key,
        "headers": [[name, value] for name, value in message.headers if name != "traceparent"],
        "value": message.value,
    }


@dataclass(slots=True)
class _Parcel:
    """The unpublished events of one aggregate, oldest first."""

    collection: Collection
    id: str
    pending: list[Document]


class Relay:
    """Publishes what stands in the outboxes: at once when woken in process, by a poll after a crash."""

    def __init__(self, publisher: Publishing, *, service: str, poll: float = 1.0, batch: int = 500) -> None:
        self._publisher = publisher
        self._service = service
        self._poll = poll
        self._batch = batch
        self._collections: list[Collection] = []
        self._queue: list[_Parcel] = []
        self._woken = asyncio.Event()
        self._tracer = trace.get_tracer(__name__)

    def watch(self, collection: Collection) -> None:
        """Poll this collection too."""
        self._collections.append(collection)

    def wake(self, collection: Collection, saves: Sequence[Save]) -> None:
        """Publish the events of these changes soon. Beyond a bound they are left to the poll, which reads the store."""
        if len(self._queue) < 20 * self._batch:
            self._queue += [_Parcel(collection, s.id, s.pending) for s in saves]
        self._woken.set()

    async def run(self) -> None:
        """Relay until cancelled; an outage of Kafka or MongoDB only makes it wait."""
        loop = asyncio.get_running_loop()
        next_poll = 0.0
        while True:
            try:
                if loop.time() >= next_poll:
                    await self._read_overdue()
                    next_poll = loop.time() + self._poll
                if not self._queue:
                    self._woken.clear()
                    try:
                        await asyncio.wait_for(self._woken.wait(), max(0.0, next_poll - loop.time()))
                    except TimeoutError:
                        continue
                await self.flush()
            except _AWAY as error:
                log.warning("the outbox waits", extra={"reason": type(error).__name__, "count": len(self._queue)})
                await asyncio.sleep(1)

    async def flush(self) -> None:
        """Publish what is queued, in order, and clear what was acknowledged. Raises Unavailable or a TRANSIENT."""
        while self._queue:
            parcels = self._queue[: self._batch]
            await self._publish(parcels)
            del self._queue[: len(parcels)]

    async def _read_overdue(self) -> None:
        overdue = 0
        for collection in self._collections:
            found = collection.find({"outbox.0": {"$exists": True}, "outbox_due": {"$lte": now()}}, {"outbox": 1})
            async for document in found.sort("outbox_due").limit(self._batch):
                self._queue.append(_Parcel(collection, document["_id"], document["outbox"]))
                overdue += 1
        metrics.OUTBOX_OVERDUE.labels(self._service).set(overdue)

    async def _publish(self, parcels: Sequence[_Parcel]) -> None:
        spans = []
        messages = []
        # Two changes of one aggregate in one round both name the earlier events; once is enough.
        seen: set[str] = set()
        for pending in (p for parcel in parcels for p in parcel.pending):
            if pending["id"] in seen:
                continue
            seen.add(pending["id"])
            span = self._tracer.start_span(
                f"{pending['topic']} publish",
                context=context_of(pending["trace"]),
                kind=SpanKind.PRODUCER,
                attributes={"messaging.system": "kafka", "messaging.destination.name": pending["topic"]},
            )
            spans.append(span)
            traceparent = traceparent_of(span)
            headers = [(name, value) for name, value in pending["headers"]]
            if traceparent:
                headers.append(("traceparent", traceparent.encode()))
            messages.append(Message(pending["topic"], pending["key"], tuple(headers), pending["value"]))
        try:
            await self._publisher.publish(messages)
        finally:
            for span in spans:
                span.end()
        await self._clear(parcels)
        at = now()
        for pending in (p for parcel in parcels for p in parcel.pending):
            metrics.RELAYED.labels(self._service, pending["topic"]).inc()
            metrics.RELAY_SECONDS.labels(self._service).observe(max(0.0, (at - pending["at"]).total_seconds()))

    async def _clear(self, parcels: Sequence[_Parcel]) -> None:
        by_collection: dict[int, list[UpdateOne]] = defaultdict(list)
        collections = {id(parcel.collection): parcel.collection for parcel in parcels}
        for parcel in parcels:
            ids = [p["id"] for p in parcel.pending]
            by_collection[id(parcel.collection)].append(
                UpdateOne({"_id": parcel.id}, {"$pull": {"outbox": {"id": {"$in": ids}}}})
            )
        for key, operations in by_collection.items():
            # A clearing that is lost only means one more publication, so it need not wait for the journal.
            await collections[key].with_options(write_concern=RELAXED).bulk_write(operations, ordered=False)
