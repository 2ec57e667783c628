"""Writing to Kafka: acks=all, idempotent, order kept per key. Waits while the broker is away."""

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
    """One idempotent producer, started on first use and replaced when it will not recover.

    A send that timed out may still land later, so consumers must dedupe by event id; because a replacement sends the
    same prefix again, the first occurrences of a case's events stay in order.
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
        """Return when every message is acknowledged by all replicas; raises Unavailable when that did not happen."""
        try:
            async with asyncio.timeout(self._timeout):
                producer = await self._started()
                # Sending in order and waiting at the end keeps the order per key at the speed of whole batches.
                sent = [
                    await producer.send(self._prefix + m.topic, m.value, m.key, headers=list(m.headers))
                    for m in messages
                ]
                await asyncio.gather(*sent)
        except (KafkaError, TimeoutError, OSError) as error:
            await self._abandon()
            raise Unavailable(f"kafka: {type(error).__name__}") from None

    async def ping(self) -> None:
        """Return when the broker answers a metadata request; raises Unavailable otherwise."""
        try:
            async with asyncio.timeout(5):
                producer = await self._started()
                await producer.client.fetch_all_metadata()
        except (KafkaError, TimeoutError, OSError) as error:
            raise Unavailable(f"kafka: {type(error).__name__}") from None

    async def stop(self) -> None:
        """Flush for at most five seconds and let go; what was not acknowledged is still in the outbox."""
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
        # stop() waits for the broker before it lets go; the sender and the client must be ended by hand then.
        log.warning("the broker did not take the last messages; they stay in the outbox")
        await producer._sender.close()
        await producer.client.close()
