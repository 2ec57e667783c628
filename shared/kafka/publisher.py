"""Writes to Kafka: acks=all, idempotent, in order for each key. It waits while the broker is away."""

import asyncio
import logging
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

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
                # All are sent in order before any is awaited: the order stays, and Kafka gets whole batches.
                sent = [
                    await producer.send(self._prefix + m.topic, m.value, m.key, headers=list(m.headers))
                    for m in messages
                ]
                await asyncio.gather(*sent)
        except (KafkaError, TimeoutError, OSError) as error:
            await self._abandon()
            raise Unavailable(f"kafka: {type(error).__name__}") from None

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


async def _close(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(5):
            await producer.stop()
    except (TimeoutError, KafkaError, OSError):
        # stop() waits for the broker first. Without the broker, sender and client must be ended here.
        log.warning("the broker did not take the last messages; they stay in the outbox")
        await producer._sender.close()
        await producer.client.close()
