"""Kafka record → leaf → log, for every topic of facts. Of what strangers write, and of what tells who is named in
reports, audit keeps only the hash.
"""

import asyncio
from collections.abc import Callable, Sequence

from services.audit.actions import Arrival, Recorder, Rewind
from services.audit.record.leaf import FOREIGN, Place, keep_digest, keep_hash, read_record
from shared.kafka.batches import Unreadable
from shared.kafka.consumption import Consumption
from shared.kafka.records import Record
from shared.kafka.topics import FACT_TOPICS, INBOX, RESTRICTED, is_inbox
from shared.runtime import Runtime

TOPICS = tuple(topic.name for topic in FACT_TOPICS if "audit" in topic.consumers)


def capture(record: Record, trace: str | None) -> Arrival:
    """The leaf of a record. Never raises Malformed: every record has a place in the log."""
    place = Place(record.topic, record.partition, record.offset, record.timestamp)
    if isinstance(record.value, Unreadable):
        return Arrival(keep_hash(place, record.value, record.value.why.code, record.value.first), trace)
    if is_inbox(record.topic):
        return Arrival(keep_hash(place, record.value, FOREIGN), trace)
    if record.topic in RESTRICTED:
        return Arrival(keep_digest(place, record.value), None)
    return Arrival(read_record(place, record.key, record.headers, record.value), trace)


class BatchRecorder:
    """Records batches with pauses between small ones: two durable writes cost the same for one record as for many."""

    def __init__(self, recorder: Recorder, *, pause: float, full: int) -> None:
        """After a batch of fewer than `full` records, the next one begins at least `pause` seconds after it began."""
        self._recorder = recorder
        self._pause = pause
        self._full = full

    async def handle(self, arrivals: Sequence[Arrival]) -> None:
        """Record a batch. What arrives in the meantime makes the next one."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._recorder.record(arrivals)
        if len(arrivals) < self._full:
            await asyncio.sleep(max(0.0, began + self._pause - loop.time()))


def consume(runtime: Runtime, recorder: Callable[[Rewind], Recorder], *, pause: float) -> None:
    """Consume every topic of facts, each with a group of its own."""
    consumptions: dict[str, Consumption[Arrival]] = {}

    def rewind(topic: str, partition: int, offset: int) -> None:
        consumptions[INBOX if is_inbox(topic) else topic].rewind(topic, partition, offset)

    batches = BatchRecorder(recorder(rewind), pause=pause, full=runtime.settings.batch)
    for topic in TOPICS:
        consumptions[topic] = runtime.consume(topic, capture, batches.handle, keep_unreadable=True)
