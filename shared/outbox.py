"""The outbox: a state change and the events it causes are one document update; a relay publishes them afterwards.

An aggregate is one document: its own fields, `version`, `seq` (events so far), `applied` (a bounded window of causes),
`outbox` (events not yet acknowledged by Kafka) and `outbox_due` (from when on any replica may publish them).
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any, Protocol

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind

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
    WriteConcernError,
)
from shared.problems import Unavailable
from shared.telemetry import context_of, is_unsampled, traceparent_of
from shared.times import now

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=5)
"""How long the replica that wrote an event has it to itself, before any other may publish it."""
REMEMBERED = 5_000
"""Events that the process to which Kafka acknowledged them will not publish again, wherever they still stand."""
PACE = 0.04
"""Seconds from one round to the next while there is always something: an event costs three times as much in a round of
ten as in a round of a hundred."""
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

    def __init__(self, collection: Collection, relay: "Relay", grace: timedelta = GRACE) -> None:
        """`grace`: how long the events are left to this process's relay; none where it does not run."""
        self.collection = collection
        self._grace = grace
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
        due = now() + self._grace
        operations = [_operation(save, due) for save in saves]
        lost: set[str] = set()
        matched = sum(1 for s in saves if s.base is not None)
        try:
            result = await self.collection.bulk_write(operations, ordered=False)
            matched -= result.matched_count
        except BulkWriteError as error:
            if error.details["writeConcernErrors"]:
                # What a server says that stops or steps down: it is written, but perhaps not for good.
                raise WriteConcernError("written, but perhaps not durably") from None
            for failure in error.details["writeErrors"]:
                if failure["code"] != DUPLICATE_KEY:
                    raise
                lost.add(saves[failure["index"]].id)
            matched -= error.details["nMatched"]
        parcels = {s.id: _Parcel(self.collection, s.id, s.version, s.pending) for s in saves}
        if matched:
            based = [s for s in saves if s.base is not None]
            stored = await self._applied(based)
            lost |= {s.id for s in based} - stored.keys()
            parcels |= stored
        self._relay.wake([parcel for parcel in parcels.values() if parcel.pending and parcel.id not in lost])
        return lost

    async def _applied(self, saves: Sequence[Save]) -> dict[str, "_Parcel"]:
        """Those whose causes are applied, as they are stored: another may have written them, with events of its own."""
        causes = {save.id: save.causes for save in saves}
        found = self.collection.find({"_id": {"$in": list(causes)}}, {"applied": 1, "version": 1, "outbox": 1})
        return {
            d["_id"]: _Parcel(self.collection, d["_id"], d["version"], d["outbox"])
            async for d in found
            if set(d["applied"]).issuperset(causes[d["_id"]])
        }


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
        "headers": {name: value for name, value in message.headers if name != "traceparent"},
        "value": message.value,
    }


@dataclass(slots=True)
class _Parcel:
    """All unpublished events of one aggregate at a version, oldest first."""

    collection: Collection
    id: str
    version: int
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
        # Event ids, oldest first.
        self._acknowledged: dict[str, None] = {}
        self._tracer = trace.get_tracer(__name__)

    def watch(self, collection: Collection) -> None:
        """Poll this collection too."""
        self._collections.append(collection)

    def wake(self, parcels: Sequence[_Parcel]) -> None:
        """Publish these events soon. Beyond a bound they are left to the poll, which reads the store."""
        if len(self._queue) < 20 * self._batch:
            self._queue += parcels
        self._woken.set()

    async def run(self) -> None:
        """Relay until cancelled; an outage of Kafka or MongoDB only makes it wait."""
        loop = asyncio.get_running_loop()
        next_poll = next_round = 0.0
        while True:
            try:
                if loop.time() >= next_poll:
                    # What an outage left in the queue stands in the store as well, and would be queued once more.
                    if not self._queue:
                        await self._read_overdue()
                    next_poll = loop.time() + self._poll
                if not self._queue:
                    self._woken.clear()
                    try:
                        await asyncio.wait_for(self._woken.wait(), max(0.0, next_poll - loop.time()))
                    except TimeoutError:
                        continue
                await asyncio.sleep(next_round - loop.time())
                next_round = loop.time() + PACE
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
            due = {"outbox.0": {"$exists": True}, "outbox_due": {"$lte": now()}}
            found = collection.find(due, {"outbox": 1, "version": 1})
            async for document in found.sort("outbox_due").limit(self._batch):
                self._queue.append(_Parcel(collection, document["_id"], document["version"], document["outbox"]))
                overdue += 1
        metrics.OUTBOX_OVERDUE.labels(self._service).set(overdue)

    async def _publish(self, parcels: Sequence[_Parcel]) -> None:
        # A later change names the events before it as well, and a poll may see what is just being cleared.
        pending = {p["id"]: p for parcel in parcels for p in parcel.pending if p["id"] not in self._acknowledged}
        spans = {event_id: self._span(p) for event_id, p in pending.items() if not is_unsampled(p["trace"])}
        try:
            await self._publisher.publish([_message(p, spans.get(event_id)) for event_id, p in pending.items()])
        finally:
            for span in spans.values():
                span.end()
        self._acknowledged |= dict.fromkeys(pending)
        for event_id in list(islice(self._acknowledged, max(0, len(self._acknowledged) - REMEMBERED))):
            del self._acknowledged[event_id]
        await self._clear(parcels)
        at = now()
        seconds = metrics.RELAY_SECONDS.labels(self._service)
        for p in pending.values():
            seconds.observe(max(0.0, (at - p["at"]).total_seconds()))
        for topic, count in Counter(p["topic"] for p in pending.values()).items():
            metrics.RELAYED.labels(self._service, topic).inc(count)

    def _span(self, pending: Document) -> Span:
        return self._tracer.start_span(
            f"{pending['topic']} publish",
            context=context_of(pending["trace"]),
            kind=SpanKind.PRODUCER,
            attributes={"messaging.system": "kafka", "messaging.destination.name": pending["topic"]},
        )

    @staticmethod
    async def _clear(parcels: Sequence[_Parcel]) -> None:
        """Empty the outboxes that still hold what was published.

        An aggregate that has moved on is left alone: the parcel of the later change has the earlier events, too.
        """
        unchanged: dict[tuple[int, int], list[str]] = defaultdict(list)
        for parcel in parcels:
            unchanged[id(parcel.collection), parcel.version].append(parcel.id)
        collections = {id(parcel.collection): parcel.collection for parcel in parcels}
        for (key, version), ids in unchanged.items():
            # A clearing that is lost only means one more publication, so it need not wait for the journal.
            await (
                collections[key]
                .with_options(write_concern=RELAXED)
                .update_many({"_id": {"$in": ids}, "version": version}, {"$set": {"outbox": []}})
            )


def _message(pending: Document, span: Span | None) -> Message:
    traceparent = traceparent_of(span) if span else pending["trace"]
    trace_header = (("traceparent", traceparent.encode()),) if traceparent else ()
    return Message(pending["topic"], pending["key"], (*pending["headers"].items(), *trace_header), pending["value"])
