"""What intake tells an integrator of its submissions: at once on its topic, and later to the one who asks for them."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.intake.outcomes.store import StoredRefusal
from services.intake.outcomes.telling import refusals_in, tell_accepted, tell_refused
from services.intake.report.receipt import derive_report_id
from services.intake.sources.api import SCOPE
from services.intake.sources.arrival import Arrival, Origin, Raw
from services.intake.sources.parsing import key_of, scope_of
from services.intake.stored import Store, StoredReport, owned_key
from shared import metrics
from shared.addresses import LOCAL
from shared.events import Message
from shared.kafka.burials import Fault, label_of
from shared.kafka.topics import OUTCOMES, outcomes_of, writer_of
from shared.times import now

log = logging.getLogger(__name__)

LOOK_EVERY = 10.0
"""Seconds for which a topic of outcomes that was there counts as there."""


class Publishing(Protocol):
    """What this needs of the publisher."""

    async def publish(self, messages: Sequence[Message]) -> None: ...

    async def topics(self) -> Collection[str]: ...


class Refusals(Protocol):
    """What this needs of the store of refusals."""

    async def keep(self, refusals: Sequence[StoredRefusal]) -> None: ...

    async def find(self, refusal_id: str) -> StoredRefusal | None: ...


@dataclass(frozen=True, slots=True)
class Stored:
    """An arrival that is stored as a report, and the record that it came with."""

    origin: Origin
    arrival: Arrival
    report_id: str


class Outcomes:
    """Tells the integrator that wrote a record what became of it, before the record counts as read.

    Kafka and the database are those that the records come from and go to. So an outage of either stops the reading, and
    nothing else does: an integrator without a topic of outcomes is told nothing.
    """

    def __init__(
        self,
        publisher: Publishing,
        refusals: Refusals,
        reports: Store,
        pepper: bytes,
        public_url: str = LOCAL,
        clock: Callable[[], datetime] = now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._publisher = publisher
        self._refusals = refusals
        self._reports = reports
        self._pepper = pepper
        self._url = public_url
        self._clock = clock
        self._monotonic = monotonic
        self._topics: frozenset[str] = frozenset()
        self._looked_at: float | None = None

    async def tell_stored(self, stored: Sequence[Stored]) -> None:
        """Tell of submissions that are stored, all at once. Raises Unavailable; then they may be told again."""
        if not stored:
            return
        topics, at = await self._look(item.arrival.writer for item in stored), self._clock()
        messages = []
        for item in stored:
            writer = item.arrival.writer
            if writer is not None and self._is_there(writer, topics):
                messages.append(tell_accepted(writer, item.origin, item.arrival, item.report_id, at, self._url))
        if messages:
            await self._publisher.publish(messages)

    async def tell_buried(self, faults: Sequence[Fault]) -> None:
        """Keep and tell what is refused of records that are dead letters now. Raises Unavailable."""
        topics, at = await self._look(writer_of(fault.record.topic) for fault in faults), self._clock()
        messages, kept = [], []
        for fault in faults:
            record = fault.record
            writer = writer_of(record.topic)
            if writer is None:
                continue
            headers = {name.lower(): text for name, text in record.header_texts().items()}
            origin = Origin(record.topic, record.partition, record.offset)
            for name, fact in refusals_in(fault, Raw("kafka", headers, record.value or b""), writer):
                if name and name.source.partition("/")[0] == writer:
                    errors = tuple((error.pointer, error.code) for error in fact.errors)
                    refusal_id = self._kafka_id(name.source, name.id)
                    kept.append(StoredRefusal(refusal_id, fact.code, fact.detail, errors, at))
                if self._is_there(writer, topics):
                    messages.append(tell_refused(writer, origin, fact, at, self._url))
        await self._refusals.keep(kept)
        if messages:
            await self._publisher.publish(messages)

    async def find(self, source: str, name: str, owner: str) -> StoredReport | StoredRefusal | None:
        """What became of the submission that a source calls so, or that its token's `owner` sent under this key.

        None: nothing like it has come, or it was refused long ago. Raises Unavailable.
        """
        by_kafka = self._kafka_id(source, name)
        by_http = derive_report_id(self._pepper, SCOPE, owned_key(owner, name))
        found = await self._reports.load([by_kafka, by_http])
        return found.get(by_kafka) or found.get(by_http) or await self._refusals.find(by_kafka)

    def _kafka_id(self, source: str, name: str) -> str:
        """The id of the report that a submission over Kafka becomes. Its writer is the first part of its source."""
        return derive_report_id(self._pepper, scope_of(source.partition("/")[0]), key_of(source, name))

    async def _look(self, writers: Iterable[str | None]) -> frozenset[str]:
        """The topics of outcomes that are there. A question about a topic that is missing would wait for it.

        A topic that was missing may have been made a moment ago, for a record that is here already: so Kafka is asked
        again before one of these writers is told nothing.
        """
        at = self._monotonic()
        is_old = self._looked_at is None or at - self._looked_at >= LOOK_EVERY
        if is_old or any(writer and outcomes_of(writer).name not in self._topics for writer in writers):
            self._topics = frozenset(t for t in await self._publisher.topics() if t.startswith(f"{OUTCOMES}."))
            self._looked_at = at
        return self._topics

    @staticmethod
    def _is_there(writer: str, topics: Collection[str]) -> bool:
        there = outcomes_of(writer).name in topics
        if not there:
            metrics.UNTOLD_OUTCOMES.labels(label_of(writer)).inc()
        return there
