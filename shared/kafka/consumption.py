"""Reads from Kafka by FastStream: whole batches, each at least once, and no record is skipped.

Offsets are committed only after the handler has returned. In an outage the consumer waits and reads the batch again,
for ever. A record that can never be handled becomes a dead letter with its reason. Too many dead letters on a topic of
ours stop the consumer, and it says so. What strangers write stops nothing.
"""

import asyncio
import logging
import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import chain
from typing import Generic, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage
from faststream.security import BaseSecurity, SASLScram512
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Tracer

from shared import metrics
from shared.connections import OPEN_KAFKA, KafkaAccess
from shared.kafka.burials import Burials, Fault
from shared.kafka.commits import Commits
from shared.kafka.fetching import bound_fetches
from shared.kafka.publisher import Publisher
from shared.kafka.records import Record
from shared.kafka.topics import inboxes, is_inbox
from shared.problems import Malformed, Unavailable, reason_of
from shared.telemetry import context_of, is_unsampled, links_to, span_for, traceparent_of

log = logging.getLogger(__name__)
T = TypeVar("T")

_AWAY = (Unavailable, KafkaError, ConnectionError, TimeoutError)
"""What goes away by itself. It is never a reason to give a message up."""

LONGEST_BACKOFF = 15.0
LONGEST_BATCH = 600.0
"""Seconds that a batch may take before its consumer counts as stuck."""
NEW_TOPICS = 10_000
"""Milliseconds between two looks at which topics there are."""
LONGEST_WAIT = 5_000
"""Milliseconds that a consumer waits for records, and Kafka with its answer. Any record ends the wait at once."""
TICK = 1_000
"""Milliseconds that a consumer waits at once while offsets are to be committed."""
LAST_COMMIT = 1.0
"""Seconds that a consumer that stops waits until Kafka knows what is handled."""
AT_ONCE = 1024 * 1024
"""Bytes of an inbox that are handled together: what they become in memory is many times larger."""
FETCH, FETCH_OF_PARTITION = 512 * 1024, 128 * 1024
"""Bytes of one fetch, in all and of one partition: of all topics that a service reads at once, they become many times
as much in its memory. A single batch of Kafka's that is larger comes whole."""


Decode = Callable[[Record, str | None], T | None]
"""Makes of a record, and of the traceparent of its span, what the handler takes. None passes the record over. Raises
Malformed."""
Unfit = Mapping[int, Malformed] | None
Handle = Callable[[Sequence[T]], Awaitable[Unfit]]
"""Handles what was decoded. Returns what it can never handle, by the place in the batch; the rest is handled."""
TellBuried = Callable[[Sequence[Fault]], Awaitable[None]]
"""Learns of the records that have just become dead letters, before their offsets are committed."""


def make_broker(bootstrap: str, *, client: str, access: KafkaAccess = OPEN_KAFKA) -> KafkaBroker:
    """A FastStream broker for consuming. It makes no topics, and leaves bodies as they are."""
    bound_fetches()
    return KafkaBroker(
        bootstrap,
        client_id=f"hearth-{client}",
        allow_auto_create_topics=False,
        metadata_max_age_ms=NEW_TOPICS,
        consumer_only=True,
        apply_types=False,
        graceful_timeout=5.0,
        logger=logging.getLogger("hearth.kafka"),
        log_level=logging.DEBUG,
        security=_security(access),
    )


def _security(access: KafkaAccess) -> BaseSecurity:
    if access.security == "sasl_ssl":
        return SASLScram512(access.user or "", access.password or "", access.tls())
    return BaseSecurity(access.tls())


async def _keep_raw(
    records: tuple[ConsumerRecord, ...], original: Callable[..., Awaitable[KafkaMessage]]
) -> KafkaMessage:
    """Parse the first record alone, without headers: FastStream makes more of each than anybody here uses.

    Its own parser silently skips a record if it cannot decode a header.
    """
    message = await original((_without_headers(records[0]),))
    message.raw_message = records
    return message


def _without_headers(record: ConsumerRecord) -> ConsumerRecord:
    return ConsumerRecord(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.timestamp_type,
        None,
        None,
        None,
        0,
        0,
        (),
    )


async def _body_is_records(message: KafkaMessage) -> object:
    return message.raw_message


class Consumption(Generic[T]):
    """One topic, consumed by one group: decodes each record, and hands the batch to the handler.

    The topic of inboxes stands for the inboxes of all integrators, too. New ones are found within NEW_TOPICS.
    """

    def __init__(
        self,
        broker: KafkaBroker,
        publisher: Publisher,
        *,
        service: str,
        topic: str,
        decode: Decode[T],
        handle: Handle[T],
        tell_buried: TellBuried | None = None,
        use: str = "",
        prefix: str = "",
        keep_unreadable: bool = False,
        batch: int = 200,
        attempts: int = 5,
        dead_letter_limit: int = 200,
        tracer: Tracer | None = None,
    ) -> None:
        """`keep_unreadable`: also what Kafka could not give as a record goes to `decode`; else it is a dead letter."""
        # Two uses of one topic need two groups, or they would share its records.
        self.group = f"{service}.{topic}{use and f'.{use}'}"
        self.topic = topic
        self.of_strangers = is_inbox(topic)
        self._burials = Burials(publisher, service=service, topic=topic, group=self.group, limit=dead_letter_limit)
        self._keep_unreadable = keep_unreadable
        self._decode = decode
        self._handle = handle
        self._tell_buried = tell_buried
        self._prefix = prefix
        self._attempts = attempts
        self._tracer = tracer or trace.get_tracer(__name__)
        self._waits = 0
        # The offset after the last handled record, by topic and partition.
        self._done: dict[TopicPartition, int] = {}
        # Offsets to which the handler goes back while it has a batch in hand.
        self._rewound: dict[TopicPartition, int] = {}
        self._commits = Commits(self.group, lambda: self._subscriber.consumer)
        self._stopping = asyncio.Event()
        self._busy_since: float | None = None
        self._handled_at = 0.0
        self._subscriber = broker.subscriber(
            *(() if self.of_strangers else (prefix + topic,)),
            pattern=inboxes(prefix) if self.of_strangers else None,
            group_id=prefix + self.group,
            batch=True,
            max_records=batch,
            batch_timeout_ms=LONGEST_WAIT,
            auto_offset_reset="earliest",
            # FastStream would commit all partitions after each batch.
            ack_policy=AckPolicy.MANUAL,
            listener=self._commits,
            parser=_keep_raw,
            decoder=_body_is_records,
            fetch_max_wait_ms=LONGEST_WAIT,
            # Besides after each event, aiokafka looks so often for what to fetch.
            consumer_timeout_ms=TICK,
            fetch_max_bytes=FETCH,
            max_partition_fetch_bytes=FETCH_OF_PARTITION,
        )
        self._subscriber(self._consume)
        self._most = batch
        self._turn_of: TopicPartition | None = None
        # FastStream sleeps after it has waited in vain.
        self._subscriber.get_msg = self._take  # type: ignore[method-assign]
        self._leave = self._subscriber.stop
        self._subscriber.stop = self._stop  # type: ignore[method-assign]

    @property
    def stopped(self) -> str | None:
        """Why this consumer has stopped itself; None while it consumes."""
        return self._burials.stopped

    async def _take(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord, ...]:
        """What is handled next. While it is handled nothing is fetched, so that the next fetch brings all that came."""
        await self._commits.commit_when_due()
        if self._busy_since:
            self._busy_since, self._handled_at = None, time.time()
        consumer.resume(*consumer.paused())
        # Of strangers, all inboxes at once would take much memory.
        found = await (self._take_turn(consumer) if self.of_strangers else self._take_all(consumer))
        if found:
            self._busy_since = time.monotonic()
            consumer.pause(*consumer.assignment())
        return found

    def _patience(self) -> int:
        """Milliseconds to wait for records."""
        return TICK if self._commits.owed else LONGEST_WAIT

    async def _take_all(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord, ...]:
        """What all partitions have, as soon as one has something; nothing if none soon has."""
        found = await consumer.getmany(timeout_ms=self._patience(), max_records=self._most)
        return tuple(chain.from_iterable(found.values()))

    async def _take_turn(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord, ...]:
        """What the next inbox has, in turn. If all are empty, what comes first, if anything does soon."""
        assigned = sorted(consumer.assignment())
        start = bisect_right(assigned, self._turn_of) if self._turn_of else 0
        for tp in (*assigned[start:], *assigned[:start]):
            # Before the question, so that one that fails does not come first again.
            self._turn_of = tp
            if found := await consumer.getmany(tp, timeout_ms=0, max_records=self._most):
                return tuple(found[tp])
        for tp, first in (await consumer.getmany(timeout_ms=self._patience(), max_records=1)).items():
            self._turn_of = tp
            return (*first, *await self._take_rest(consumer, tp))
        return ()

    async def _take_rest(self, consumer: AIOKafkaConsumer, tp: TopicPartition) -> tuple[ConsumerRecord, ...]:
        """What else has come into an inbox whose first record was taken."""
        if self._most == 1:
            return ()
        try:
            rest = await consumer.getmany(tp, timeout_ms=0, max_records=self._most - 1)
        except Exception as error:
            # The next commit is behind the first record, so that one has to be handled. The next question fails again.
            log.warning("no more can be taken", extra={"group": self.group, "reason": reason_of(error)})
            return ()
        return tuple(rest.get(tp, ()))

    def release(self) -> None:
        """End any waiting, so that a stop does not take as long as an outage."""
        self._stopping.set()

    def seconds_since_poll(self) -> float | None:
        """Seconds since the broker answered a fetch, or a batch ended; None while nothing is fetched: no partition is
        assigned, a batch is in hand or committed, or the consumer has stopped itself.
        """
        consumer = self._subscriber.consumer
        if consumer is None or (self._busy_since and time.monotonic() - self._busy_since < LONGEST_BATCH):
            return None
        if self.stopped:
            # Started again, it would give up as many records again.
            return None
        polls = [at for tp in consumer.assignment() if (at := consumer.last_poll_timestamp(tp)) is not None]
        return time.time() - max(max(polls) / 1000, self._handled_at) if polls else None

    def rewind(self, topic: str, partition: int, offset: int) -> None:
        """Have a partition of this consumer delivered again from `offset` on. Call it while its batch is in hand."""
        tp = TopicPartition(self._prefix + topic, partition)
        self._rewound[tp] = offset
        self._seek(tp, offset)

    def _seek(self, tp: TopicPartition, offset: int) -> None:
        consumer = self._subscriber.consumer
        if consumer is not None and tp in consumer.assignment():
            consumer.seek(tp, offset)

    def measure_lag(self) -> None:
        """Set the metric of the lag: records behind the last handled one, in the partitions of this consumer."""
        consumer = self._subscriber.consumer
        if consumer is None:
            return
        lag = 0
        for tp in consumer.assignment():
            newest, done = consumer.highwater(tp), self._done.get(tp)
            if newest is not None and done is not None:
                lag += max(0, newest - done)
        metrics.LAG.labels(self.group, self.topic).set(lag)

    async def _consume(self, raw: tuple[ConsumerRecord, ...]) -> None:
        try:
            with metrics.BATCH_SECONDS.labels(self.group).time():
                for records in self._portions([self._record(r) for r in raw]):
                    await self._handle_batch(records)
        except BaseException as error:
            for tp, first in {TopicPartition(r.topic, r.partition): r.offset for r in reversed(raw)}.items():
                self._seek(tp, first)
            if not isinstance(error, _AWAY):
                raise
            await self._wait_out(error)
        else:
            self._waits = 0
            done = {TopicPartition(r.topic, r.partition): r.offset + 1 for r in raw} | self._rewound
            self._done.update(done)
            self._commits.note(done)
            if self._stopping.is_set():
                await self._commits.commit()
        finally:
            self._rewound.clear()

    async def _stop(self) -> None:
        """Commit what is handled, and leave the group."""
        self._subscriber.running = False
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_COMMIT):
                await self._commits.commit()
        await self._leave()

    async def _wait_out(self, error: BaseException) -> None:
        """Sleep, longer each time, and then have the batch delivered again."""
        self._waits += 1
        cause = reason_of(error)
        metrics.WAITS.labels(self.group, cause).inc()
        wait = min(0.1 * 2**self._waits, LONGEST_BACKOFF)
        log.warning("something is away; the batch waits", extra={"group": self.group, "reason": cause, "seconds": wait})
        await self._pause(wait)
        raise Redelivery(cause) from None

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _record(self, raw: ConsumerRecord) -> Record:
        return Record(
            raw.topic.removeprefix(self._prefix),
            raw.partition,
            raw.offset,
            raw.timestamp,
            raw.key,
            tuple(raw.headers),
            raw.value,
        )

    def _portions(self, records: list[Record]) -> Iterator[Sequence[Record]]:
        """What is handled at once: everything, or of an inbox AT_ONCE bytes and what goes beyond in the last record."""
        if not self.of_strangers:
            yield records
            return
        start = size = 0
        for place, record in enumerate(records, start=1):
            size += len(record.value or b"")
            if size >= AT_ONCE:
                yield records[start:place]
                start, size = place, 0
        if start < len(records):
            yield records[start:]

    async def _handle_batch(self, records: Sequence[Record]) -> None:
        if self.stopped:
            await self._stopping.wait()
            raise Redelivery(self.stopped)
        spans: list[Span] = []
        items: list[T] = []
        sources: list[Record] = []
        faults: list[Fault] = []
        ignored = 0
        try:
            for record in records:
                span, traceparent = self._span_for(record)
                if span:
                    spans.append(span)
                try:
                    if not self._keep_unreadable:
                        record.demand_readable()
                    item = self._decode(record, traceparent)
                except Malformed as error:
                    if span:
                        span.set_attribute("error.type", error.code)
                    faults.append(Fault.of(record, error))
                    continue
                if item is None:
                    ignored += 1
                    continue
                items.append(item)
                sources.append(record)
            metrics.CONSUMED.labels(self.group, self.topic, "ignored").inc(ignored)
            await self._bury(*faults)
            if items:
                with self._span_of(spans):
                    await self._hand_over(items, sources)
        finally:
            for span in spans:
                span.end()

    def _span_for(self, record: Record) -> tuple[Span | None, str | None]:
        """The span of a record, and the traceparent for its effects. A trace that is not sampled gets no span."""
        found = next((value for name, value in record.headers if name == "traceparent" and value), b"")
        parent = found.decode("ascii", "replace")
        links = links_to(parent) if self.of_strangers else []
        if self.of_strangers:
            # Events keep the trace they came by, so a stranger's trace id must not become that of a report.
            parent = ""
        if is_unsampled(parent):
            return None, parent
        span = self._tracer.start_span(
            f"{record.topic} process",
            context=context_of(parent),
            kind=SpanKind.CONSUMER,
            links=links,
            attributes={"messaging.system": "kafka", "messaging.destination.name": record.topic},
        )
        return span, traceparent_of(span)

    def _span_of(self, spans: Sequence[Span]) -> AbstractContextManager[Span | None]:
        """The span for the work on a batch: that of its one message, or a new one with links to all messages."""
        if not spans:
            return nullcontext()
        if len(spans) == 1:
            return trace.use_span(spans[0], record_exception=False, set_status_on_exception=False)
        links = tuple(filter(None, map(traceparent_of, spans))) if spans[0].is_recording() else ()
        return span_for(self._tracer, f"{self.topic} batch", kind=SpanKind.CONSUMER, links=links)

    async def _hand_over(self, items: list[T], sources: list[Record]) -> None:
        try:
            unfit = await self._handle(items)
        except _AWAY:
            raise
        except Exception as error:
            log.warning(
                "a batch failed; its messages are tried one by one",
                extra={"group": self.group, "count": len(items), "error": type(error).__name__},
                exc_info=True,
            )
            for item, record in zip(items, sources, strict=True):
                await self._hand_over_alone(item, record)
        else:
            await self._settle(sources, unfit)

    async def _settle(self, sources: Sequence[Record], unfit: Unfit) -> None:
        unfit = unfit or {}
        metrics.CONSUMED.labels(self.group, self.topic, "handled").inc(len(sources) - len(unfit))
        await self._bury(*(Fault.of(sources[place], error) for place, error in unfit.items()))

    async def _hand_over_alone(self, item: T, record: Record) -> None:
        for attempt in range(1, self._attempts + 1):
            try:
                unfit = await self._handle([item])
            except _AWAY:
                raise
            except Malformed as error:
                await self._bury(Fault.of(record, error))
                return
            except Exception as error:
                if attempt == self._attempts:
                    log.exception("a message cannot be handled", extra={"group": self.group, "offset": record.offset})
                    await self._bury(Fault(record, "unhandled", type(error).__name__))
                    return
                await self._pause(0.05 * 2**attempt)
                if self._stopping.is_set():
                    raise Redelivery("stopping") from None
            else:
                await self._settle([record], unfit)
                return

    async def _bury(self, *faults: Fault) -> None:
        if not await self._burials.bury(faults):
            await self._stopping.wait()
            raise Redelivery(str(self.stopped))
        if faults and self._tell_buried:
            await self._tell_buried(faults)


class Redelivery(Exception):
    """Has Kafka deliver the batch again. It holds only a code, so that its line in the log shows no content."""
