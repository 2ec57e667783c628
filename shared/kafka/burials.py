"""Gives records up: each becomes a dead letter, is counted, and is told in the log.

On Hearth's own topics many dead letters are a fault of ours, so too many of them stop the consumer. What strangers
write to an inbox stops nothing: it is counted by its writer, and raises an alarm.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from shared import metrics
from shared.kafka.dead_letters import DeadLetter
from shared.kafka.publisher import Publisher
from shared.kafka.records import Record
from shared.kafka.topics import ANYONE, NO_TOKEN, is_inbox, writer_of
from shared.problems import FieldError, Malformed

log = logging.getLogger(__name__)

WINDOW = 600.0
"""Seconds for which a dead letter counts."""
MOST_WRITERS = 50
"""Writers that metrics tell apart, so that a metric never has more series than that. All others are `others`."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that cannot be handled, and why. An error would hold the frames that hold the record."""

    record: Record
    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    parts: tuple[Malformed, ...] = ()

    @classmethod
    def of(cls, record: Record, error: Malformed) -> "Fault":
        """Why this record cannot be handled."""
        return cls(record, error.code, error.detail, error.errors, error.parts)


class Burials:
    """The dead letters of one consumption. `stopped` says why nothing more is given up; of an inbox it is None."""

    def __init__(self, publisher: Publisher, *, service: str, topic: str, group: str, limit: int) -> None:
        self.stopped: str | None = None
        self._publisher = publisher
        self._service = service
        self._topic = topic
        self._group = group
        self._limit = limit
        self._recent: deque[float] = deque()

    async def bury(self, faults: Sequence[Fault]) -> bool:
        """Publish the dead letters. False if they are too many for a topic of ours. Raises Unavailable."""
        if is_inbox(self._topic):
            await self._publish(faults)
            self._tell_by_writer(faults)
            return True
        now = time.monotonic()
        while self._recent and now - self._recent[0] > WINDOW:
            self._recent.popleft()
        room = self._limit - len(self._recent)
        await self._publish(faults[:room])
        self._recent.extend([now] * len(faults[:room]))
        for fault in faults[:room]:
            place = {"partition": fault.record.partition, "offset": fault.record.offset}
            log.error("a record became a dead letter", extra={"group": self._group, **place, "reason": fault.code})
        if len(faults) <= room:
            return True
        letters = f"{self._limit} dead letters within ten minutes"
        self.stopped = f"{self._group} stopped: {letters if self._limit else 'a record cannot be handled'}"
        metrics.STOPPED.labels(self._group).set(1)
        log.error(self.stopped, extra={"group": self._group, "reason": faults[room].code})
        return False

    async def _publish(self, faults: Sequence[Fault]) -> None:
        if not faults:
            return
        letters = [
            DeadLetter.of(
                fault.record,
                # An inbox has several topics, and a dead letter is found by where it came from.
                group=f"{self._service}.{fault.record.topic}" if is_inbox(self._topic) else self._group,
                code=fault.code,
                detail=fault.detail,
            )
            for fault in faults
        ]
        await self._publisher.publish([letter.message() for letter in letters])
        metrics.CONSUMED.labels(self._group, self._topic, "dead_letter").inc(len(letters))

    def _tell_by_writer(self, faults: Sequence[Fault]) -> None:
        """Count what each writer wrote; one line in the log for all of it, because a flood would fill the log."""
        for writer, count in Counter(label_of(writer_of(fault.record.topic)) for fault in faults).items():
            metrics.INBOX_DEAD_LETTERS.labels(self._group, writer).inc(count)
            codes = [fault.code for fault in faults if label_of(writer_of(fault.record.topic)) == writer]
            if waiting := codes.count(NO_TOKEN):
                metrics.WITHOUT_TOKEN.labels(self._group, writer).inc(waiting)
            reasons = sorted(set(codes))
            log.error(
                "records of an inbox became dead letters",
                extra={"group": self._group, "writer": writer, "count": count, "reason": ", ".join(reasons)},
            )


_LABELS: set[str] = set()


def label_of(writer: str | None) -> str:
    """The label of a writer in metrics: `anyone` for the open inbox, `others` for writers beyond MOST_WRITERS."""
    name = writer or ANYONE
    if name in _LABELS or len(_LABELS) < MOST_WRITERS:
        _LABELS.add(name)
        return name
    return "others"
