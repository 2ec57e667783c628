"""Erasures from the topic `erasures`, applied again to a database that may be older than they are.

The topic remembers longer than any backup. A consumer is not enough: Kafka keeps the consumer's place, which is past
what a restored database has lost.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence

from shared import metrics
from shared.events import FACTS, Event, ReportErased, decode
from shared.kafka.records import Record
from shared.problems import Malformed

log = logging.getLogger(__name__)

AT_ONCE = 200
"""Erasures that are applied together."""
_SUBJECT = b"report/"


class ErasureReplay:
    """Applies every erasure that the database does not show, once a process."""

    def __init__(
        self,
        read: Callable[[], AsyncIterator[Sequence[Record]]],
        *,
        name_of: Callable[[Record], str],
        standing: Callable[[Collection[str]], Awaitable[Collection[str]]],
        erase: Callable[[Sequence[Event]], Awaitable[int]],
    ) -> None:
        """`read` gives the records of the topic from its beginning to its end.

        `name_of` says which report (or case) a record is about. Of these names `standing` gives those that the database
        does not show as erased. `erase` applies at most AT_ONCE erasures, and says how many it wrote.
        """
        self._read = read
        self._name_of = name_of
        self._standing = standing
        self._erase = erase
        self._done = False

    async def run(self) -> None:
        """Return when the database shows every erasure. Raises Unavailable; then it may be run again."""
        if self._done:
            return
        count = 0
        async for records in self._read():
            named = [(self._name_of(record), record) for record in records]
            # Nearly all are in the database already, and need not be read any further.
            standing = await self._standing({name for name, _ in named})
            found: dict[str, Event] = {}
            for name, record in named:
                if name in standing and name not in found and (event := _erasure_in(record)):
                    found[name] = event
            erasures = list(found.values())
            for start in range(0, len(erasures), AT_ONCE):
                done = await self._erase(erasures[start : start + AT_ONCE])
                metrics.REPLAYED_ERASURES.inc(done)
                count += done
        if count:
            log.warning("a restored database was brought up to its erasures", extra={"count": count})
        self._done = True


def report_named_by(record: Record) -> str:
    """The report that the header of an erasure names; a text that names none if there is no such header."""
    subject = next((value for name, value in record.headers if name == "ce_subject" and value), b"")
    return subject.removeprefix(_SUBJECT).decode("utf-8", "replace")


def case_named_by(record: Record) -> str:
    """The case that the key of an erasure names; a text that names none if there is no key."""
    return (record.key or b"").decode("utf-8", "replace")


def _erasure_in(record: Record) -> Event | None:
    try:
        event = decode(FACTS, record.header_texts(), record.key, record.value or b"")
    except Malformed as error:
        # Only intake writes here, and to wait for ever would not mend this record.
        log.error("an erasure cannot be read", extra={"offset": record.offset, "reason": error.code})
        return None
    return event if event is not None and isinstance(event.fact, ReportErased) else None
