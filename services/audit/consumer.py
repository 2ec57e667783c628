"""Kafka record → leaf → log, for every topic of facts. Of what strangers write, and of what tells who is named in
reports, audit keeps only the hash.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from services.audit.actions import Arrival, Recorder, Rewind
from services.audit.record.leaf import FOREIGN, Place, keep_digest, keep_hash, read_record
from shared.kafka.batches import Unreadable
from shared.kafka.consumption import Consumption
from shared.kafka.records import Record
from shared.kafka.topics import FACT_TOPICS, INBOX, RESTRICTED, is_inbox
from shared.rounds import Rounds
from shared.runtime import Runtime

BUSY, PAUSES_OF_BUSY = 100, 2.5
"""After a batch of so many records, the next one begins after so many pauses: under load, it holds more."""

TOPICS = tuple(topic.name for topic in FACT_TOPICS if "audit" in topic.consumers)
_UNDERSTOOD = frozenset(TOPICS) - RESTRICTED - {INBOX}
"""The topics of which audit keeps whole events."""


def capture(record: Record, trace: str | None) -> Arrival:
    """The leaf of a record. Never raises Malformed: every record has a place in the log."""
    place = Place(record.topic, record.partition, record.offset, record.timestamp)
    if isinstance(record.value, Unreadable):
        return Arrival(keep_hash(place, record.value, record.value.why.code, record.value.first), trace)
    if record.topic in _UNDERSTOOD:
        return Arrival(read_record(place, record.key, record.headers, record.value), trace)
    if record.topic in RESTRICTED:
        return Arrival(keep_digest(place, record.value), None)
    return Arrival(keep_hash(place, record.value, FOREIGN), trace)


class BatchRecorder:
    """Records what all topics bring together, with pauses between small batches: a durable write costs the same for one
    record as for many.
    """

    def __init__(self, recorder: Recorder, *, pause: float, full: int) -> None:
        """After a batch of fewer than `full` records, the next one begins at least `pause` seconds after it began; of
        BUSY or more, PAUSES_OF_BUSY times as long after.
        """
        self._recorder = recorder
        self._rounds = Rounds(((full, 0.0), (BUSY, pause * PAUSES_OF_BUSY), (0, pause)))
        self._waiting: list[_Waiting] = []
        self._recording: asyncio.Task[None] | None = None

    async def handle(self, arrivals: Sequence[Arrival]) -> None:
        """Record a batch of a topic. What arrives in the meantime, of any topic, makes the next one."""
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(arrivals, recorded))
        if self._recording is None or self._recording.done():
            self._recording = asyncio.create_task(self._record())
        await recorded

    async def _record(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            self._rounds.begin(sum(len(one.arrivals) for one in taken))
            await self._record_together(taken)
            await self._rounds.wait()

    async def _record_together(self, taken: Sequence["_Waiting"]) -> None:
        try:
            await self._recorder.record([arrival for one in taken for arrival in one.arrivals])
        except Exception as error:
            if len(taken) == 1:
                taken[0].end(error)
                return
            # What cannot go on holds up its own topic alone.
            for one in taken:
                await self._record_together([one])
        else:
            for one in taken:
                one.end()


class _Waiting(NamedTuple):
    arrivals: Sequence[Arrival]
    recorded: asyncio.Future[None]

    def end(self, error: Exception | None = None) -> None:
        if self.recorded.done():
            # The consumer has stopped meanwhile.
            return
        if error:
            self.recorded.set_exception(error)
        else:
            self.recorded.set_result(None)


def consume(runtime: Runtime, recorder: Callable[[Rewind], Recorder], *, pause: float) -> None:
    """Consume every topic of facts, each with a group of its own."""
    consumptions: dict[str, Consumption[Arrival]] = {}

    def rewind(topic: str, partition: int, offset: int) -> None:
        consumptions[INBOX if is_inbox(topic) else topic].rewind(topic, partition, offset)

    batches = BatchRecorder(recorder(rewind), pause=pause, full=runtime.settings.batch // 2)
    for topic in TOPICS:
        consumptions[topic] = runtime.consume(topic, capture, batches.handle, keep_unreadable=True)
