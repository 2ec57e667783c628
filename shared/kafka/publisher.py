"""Writes to Kafka: acks=all, idempotent, in order for each key. It waits while the broker is away."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.connections import OPEN_KAFKA, KafkaAccess, connected
from shared.events import Message
from shared.kafka.topics import LARGEST_DEAD_LETTER
from shared.problems import Unavailable

log = logging.getLogger(__name__)


class Publisher:
    """One idempotent producer. It starts on first use, and is replaced when it does not recover.

    A send that timed out may still arrive later, so consumers pass over event ids that they know. A new producer sends
    the same events from the start, so the first occurrences of a case's events stay in order.
    """

    def __init__(
        self, bootstrap: str, *, client: str, prefix: str = "", timeout: float = 30.0, access: KafkaAccess = OPEN_KAFKA
    ) -> None:
        self._bootstrap = bootstrap
        self._access = access
        self._client = f"hearth-{client}"
        self._prefix = prefix
        self._timeout = timeout
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return when all replicas have acknowledged every message. Raises Unavailable otherwise."""
        try:
            async with asyncio.timeout(self._timeout):
                producer = await self._started()
                await self._send(producer, messages)
        except (KafkaError, TimeoutError, OSError) as error:
            await self._abandon()
            raise Unavailable(f"kafka: {type(error).__name__}") from None

    async def _send(self, producer: AIOKafkaProducer, messages: Sequence[Message]) -> None:
        """Send what a partition gets as whole batches, in order, and wait until each is acknowledged.

        A message in a ready-made batch costs a fifth of one that the library gathers with others by itself.
        """
        parted: dict[tuple[str, int], list[Message]] = {}
        topics = {self._prefix + message.topic for message in messages}
        partitions = {topic: sorted(await producer.partitions_for(topic)) for topic in topics}
        for message in messages:
            topic = self._prefix + message.topic
            parted.setdefault((topic, partition_of(message.key, partitions[topic])), []).append(message)
        sent: list[asyncio.Future[object]] = []
        try:
            for (topic, partition), those in parted.items():
                for batch in _batches(producer, those):
                    future = await producer.send_batch(batch, topic, partition=partition)
                    sent.append(future)
            await asyncio.gather(*sent)
        except BaseException:
            # Nobody waits for the others any more.
            for one in sent:
                one.cancel()
            raise

    async def ping(self) -> None:
        """Return when the broker answers a metadata request. Raises Unavailable otherwise."""
        await self.topics()

    async def topics(self) -> frozenset[str]:
        """The topics that are there and may be seen, by their logical names. Raises Unavailable."""
        try:
            async with asyncio.timeout(5):
                producer = await self._started()
                cluster = await producer.client.fetch_all_metadata()
                there = cluster.topics()
                return frozenset(t.removeprefix(self._prefix) for t in there if t.startswith(self._prefix))
        except (KafkaError, TimeoutError, OSError) as error:
            raise Unavailable(f"kafka: {type(error).__name__}") from None

    async def stop(self) -> None:
        """Flush for at most five seconds and let go. What was not acknowledged is still in the outbox."""
        await self._abandon()

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap,
                    client_id=self._client,
                    acks="all",
                    enable_idempotence=True,
                    linger_ms=1,
                    max_batch_size=256 * 1024,
                    max_request_size=LARGEST_DEAD_LETTER,
                    **self._access.options(),
                )
                try:
                    await connected(producer.start())
                except BaseException:
                    await _close(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _abandon(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _close(producer)


def partition_of(key: bytes | None, partitions: Sequence[int]) -> int:
    """The partition of a key, as every client of Kafka finds it; any where there is no key."""
    if key is None:
        return secrets.choice(partitions)
    return partitions[(_hash_of(key) & 0x7FFFFFFF) % len(partitions)]


# All events of a case have one key, and the hash is computed in Python.
_hash_of: Callable[[bytes], int] = lru_cache(10_000)(murmur2)


def _batches(producer: AIOKafkaProducer, messages: Sequence[Message]) -> Iterator[BatchBuilder]:
    """The messages in as few batches as they fit in. A batch takes its first message, however large."""
    batch = producer.create_batch()
    for message in messages:
        record = {"key": message.key, "value": message.value, "headers": list(message.headers), "timestamp": None}
        if batch.append(**record) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(**record)
    if batch.record_count():
        yield batch


async def _close(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(5):
            await producer.stop()
    except (TimeoutError, KafkaError, OSError):
        # stop() waits for the broker first. Without the broker, sender and client must be ended here.
        log.warning("the broker did not take the last messages; they stay in the outbox")
        await producer._sender.close()
        await producer.client.close()
