"""What triage reads from Kafka: reports become cases, answers reach theirs, erasures are followed."""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from services.triage.reports import DigestEraser, ReportFollower
from shared import metrics
from shared.events import Event, ReportAnswered, ReportErased, ReportReceived
from shared.kafka.records import Record
from shared.problems import Malformed
from shared.runtime import Runtime, facts_of

log = logging.getLogger(__name__)

AT_ONCE = 200


def consume(runtime: Runtime, intake: ReportFollower, eraser: DigestEraser) -> None:
    """Have the batches of `reports` handed to `intake`, and those of `erasures` to `forgetting`."""
    runtime.consume_facts("reports", [ReportReceived, ReportAnswered], intake.take)
    runtime.consume_facts("erasures", [ReportErased], eraser.take)


class Replay:
    """Brings a database up to the topic `erasures`, which remembers longer than any backup.

    The consumer of that topic does not: its place is kept in Kafka, and is past what a restored database has lost.
    """

    def __init__(self, read: Callable[[], AsyncIterator[Sequence[Record]]], eraser: DigestEraser) -> None:
        """`read` gives the records of the topic, in batches, from its beginning to its end."""
        self._read = read
        self._eraser = eraser
        self._done = False

    async def run(self) -> None:
        """Forget what the topic says is erased; once a process. Raises Unavailable; then it may be run again."""
        if self._done:
            return
        forgotten = 0
        async for records in self._read():
            remembering = await self._eraser.remembering({_case_id(record) for record in records})
            # Nearly all cases have forgotten already, and their erasures need not be read any further.
            events = _erasures_in(record for record in records if _case_id(record) in remembering)
            for start in range(0, len(events), AT_ONCE):
                done = await self._eraser.forget(events[start : start + AT_ONCE])
                metrics.REPLAYED_ERASURES.inc(done)
                forgotten += done
        if forgotten:
            log.warning("a restored database was brought up to its erasures", extra={"count": forgotten})
        self._done = True


def _case_id(record: Record) -> str:
    return (record.key or b"").decode("utf-8", "replace")


def _erasures_in(records: Iterable[Record]) -> list[Event]:
    read = facts_of([ReportErased])
    events = []
    for record in records:
        try:
            event = read(record, None)
        except Malformed as error:
            # The consumer makes a dead letter of it; waiting for ever would not mend it.
            log.error("an erasure cannot be read", extra={"offset": record.offset, "reason": error.code})
            continue
        if event is not None:
            events.append(event)
    return events
