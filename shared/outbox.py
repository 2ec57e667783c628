"""The outbox: a document of an aggregate holds the events that its changes caused, and a relay publishes them."""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Protocol

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind
from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from shared import metrics
from shared.events import Message
from shared.mongo import RELAXED, Collection, Document, reaching
from shared.problems import Unavailable
from shared.rounds import Rounds, Steps
from shared.telemetry import context_of, is_unsampled, traceparent_of
from shared.times import now

log = logging.getLogger(__name__)

REMEMBERED_EVENTS = 5_000
"""Acknowledged events that this process remembers. It does not publish them again, even if an outbox still has them."""
ROUNDS: Steps = ((80, 0.8), (40, 0.4), (20, 0.2), (8, 0.1), (0, 0.04))
"""By the changes in a round. In one of ten an event costs three times as much as in one of a hundred, and the readers
of the events write in such rounds, too. The next one is so far away behind 80 changes at once, or from a hundred a
second on."""


class _Pending(TypedDict):
    """An event that waits in an outbox."""

    id: str
    at: datetime
    trace: str | None
    topic: str
    key: bytes | None
    headers: dict[str, bytes | None]
    value: bytes | None


_OUTBOX: TypeAdapter[tuple[int, list[_Pending]]] = TypeAdapter(
    tuple[int, list[_Pending]], config=ConfigDict(strict=True)
)
"""The version of a document, and what waits there."""


class Publishing(Protocol):
    """What the relay needs of a publisher. `publish` returns only when every message is acknowledged."""

    async def publish(self, messages: Sequence[Message]) -> None: ...


@dataclass(slots=True)
class Parcel:
    """All unpublished events of one aggregate at one version, oldest first."""

    collection: Collection
    id: str
    version: int
    pending: list[Document]


class Relay:
    """Publishes what stands in the outboxes: at once when this process wrote it, by a poll after a crash."""

    def __init__(self, publisher: Publishing, *, service: str, poll: float = 1.0, batch: int = 500) -> None:
        self._publisher = publisher
        self._service = service
        self._poll = poll
        self._batch = batch
        self._collections: list[Collection] = []
        self._queue: list[Parcel] = []
        self._woken = asyncio.Event()
        self._rounds = Rounds(ROUNDS)
        self._damaged: set[tuple[str, str]] = set()
        """The documents of which the log has told that their outbox cannot be read."""
        # Event ids, oldest first.
        self._acknowledged: dict[str, None] = {}
        self._tracer = trace.get_tracer(__name__)

    def watch(self, collection: Collection) -> None:
        """Poll this collection too."""
        self._collections.append(collection)

    def wake(self, parcels: Sequence[Parcel]) -> None:
        """Publish these events soon. Beyond a bound they are left to the poll."""
        if len(self._queue) < 20 * self._batch:
            self._queue += parcels
        self._woken.set()

    async def run(self) -> None:
        """Relay until cancelled. An outage of Kafka or MongoDB only makes it wait."""
        loop = asyncio.get_running_loop()
        next_poll = 0.0
        while True:
            try:
                if loop.time() >= next_poll:
                    await self._read_overdue()
                    next_poll = loop.time() + self._poll
                if not self._queue:
                    self._woken.clear()
                    # Python 3.11's wait_for loses a cancellation that comes together with what it waits for.
                    try:
                        async with asyncio.timeout_at(next_poll):
                            await self._woken.wait()
                    except TimeoutError:
                        continue
                await self._rounds.wait()
                self._rounds.begin(len(self._queue))
                await self.publish_queued()
            except Unavailable as error:
                log.warning("the outbox waits", extra={"reason": str(error), "count": len(self._queue)})
                await asyncio.sleep(1)

    async def flush(self) -> None:
        """Publish until nothing is queued. Raises Unavailable."""
        while self._queue:
            await self.publish_queued()

    async def publish_queued(self) -> None:
        """Publish what is queued by now, in order, and clear what Kafka acknowledged. Raises Unavailable.

        What comes meanwhile is left for the next round, or each round would be followed by small ones.
        """
        left = len(self._queue)
        while left:
            parcels = self._queue[: min(left, self._batch)]
            await self._publish(parcels)
            del self._queue[: len(parcels)]
            left -= len(parcels)

    async def _read_overdue(self) -> None:
        # While Kafka is away, what is queued becomes overdue, and would be queued once more.
        queued = {(parcel.id, parcel.version) for parcel in self._queue}
        overdue = 0
        for collection in self._collections:
            due = {"outbox.0": {"$exists": True}, "outbox_due": {"$lte": now()}}
            found = collection.find(due, {"outbox": 1, "version": 1})
            with reaching():
                async for document in found.sort("outbox_due").limit(self._batch):
                    overdue += 1
                    parcel = self._parcel_in(collection, document)
                    if parcel and (parcel.id, parcel.version) not in queued:
                        self._queue.append(parcel)
        metrics.OUTBOX_OVERDUE.labels(self._service).set(overdue)

    def _parcel_in(self, collection: Collection, document: Document) -> Parcel | None:
        """What stands in the outbox of a document; None where it is damaged, which holds up no other."""
        try:
            version, pending = _OUTBOX.validate_python((document.get("version"), document["outbox"]))
        except ValidationError:
            if (damaged := (collection.name, str(document["_id"]))) not in self._damaged:
                self._damaged.add(damaged)
                log.error("an outbox cannot be read and is passed over", extra={"reason": collection.name})
            return None
        return Parcel(collection, document["_id"], version, [dict(one) for one in pending])

    async def _publish(self, parcels: Sequence[Parcel]) -> None:
        # A later parcel holds the earlier events as well, and a poll may see what is just being cleared.
        pending = {p["id"]: p for parcel in parcels for p in parcel.pending if p["id"] not in self._acknowledged}
        spans = {event_id: self._span(p) for event_id, p in pending.items() if not is_unsampled(p["trace"])}
        try:
            await self._publisher.publish([_message(p, spans.get(event_id)) for event_id, p in pending.items()])
        finally:
            for span in spans.values():
                span.end()
        self._acknowledged |= dict.fromkeys(pending)
        for event_id in list(islice(self._acknowledged, max(0, len(self._acknowledged) - REMEMBERED_EVENTS))):
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
    async def _clear(parcels: Sequence[Parcel]) -> None:
        """Empty the outboxes that were published.

        An aggregate that has changed since is left alone: the parcel of the later change holds these events, too.
        """
        unchanged: dict[tuple[int, int], list[str]] = defaultdict(list)
        for parcel in parcels:
            unchanged[id(parcel.collection), parcel.version].append(parcel.id)
        collections = {id(parcel.collection): parcel.collection for parcel in parcels}
        for (key, version), ids in unchanged.items():
            # If a clearing is lost, its events are only published once more, so it need not wait for the journal.
            relaxed = collections[key].with_options(write_concern=RELAXED)
            with reaching():
                await relaxed.update_many({"_id": {"$in": ids}, "version": version}, {"$set": {"outbox": []}})


def _message(pending: Document, span: Span | None) -> Message:
    traceparent = traceparent_of(span) if span else pending["trace"]
    trace_header = (("traceparent", traceparent.encode()),) if traceparent else ()
    return Message(pending["topic"], pending["key"], (*pending["headers"].items(), *trace_header), pending["value"])
