"""Starts, watches and stops the long-running parts of a service, even while other systems are down."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker

from shared.bounded_clock import BoundedClock
from shared.connections import connected
from shared.kafka.consumption import Consumption
from shared.kafka.publisher import Publisher
from shared.mongo import Client, Collection, IndexModel, ask_time, close, reaching
from shared.outbox import Relay
from shared.problems import Unavailable, reason_of

log = logging.getLogger(__name__)

STALE_POLL = 60.0
"""Seconds without an answer to a fetch after which a consumer counts as stuck, if the broker answers otherwise."""
RETRY = 1.0


@dataclass(slots=True)
class Readiness:
    """What the service waits for, by part, each with the reason. Empty means ready."""

    waiting_for: dict[str, str] = field(
        default_factory=lambda: {"mongodb": "not reached yet", "kafka": "not reached yet"}
    )

    def say(self, part: str, reason: str | None) -> None:
        """Note that a part is away (with the reason), or back (None)."""
        if reason is None:
            if self.waiting_for.pop(part, None):
                log.info("available again", extra={"event": part})
        else:
            if part not in self.waiting_for:
                log.warning("not available", extra={"event": part, "reason": reason})
            self.waiting_for[part] = reason


class Lifecycle:
    """Runs the parts of one service from start to stop.

    start() returns at once, even while Kafka and MongoDB are away. stop() ends within ten seconds: consumers end their
    batch, and the relay publishes what is queued. The rest stays in the outbox.
    """

    def __init__(
        self,
        *,
        client: Client,
        broker: KafkaBroker,
        publisher: Publisher,
        relay: Relay,
        readiness: Readiness,
        clock: BoundedClock,
        consumptions: Sequence[Consumption[object]] = (),
        indexes: Sequence[tuple[Collection, Sequence[IndexModel]]] = (),
        tasks: Sequence[Callable[[], Awaitable[None]]] = (),
        before_consuming: Callable[[], Awaitable[None]] | None = None,
        stops: Sequence[Callable[[], Awaitable[None]]] = (),
        stale_poll: float = STALE_POLL,
    ) -> None:
        self._stale_poll = stale_poll
        self.readiness = readiness
        self._clock = clock
        self._client = client
        self._broker = broker
        self._publisher = publisher
        self._relay = relay
        self._consumptions = consumptions
        self._indexes = indexes
        self._tasks = tasks
        self._before_consuming = before_consuming
        self._stops = stops
        self._starting: list[asyncio.Task[None]] = []
        self._running: list[asyncio.Task[None]] = []
        self._kafka_up_since: float | None = None
        self._consuming = False

    async def start(self) -> None:
        """Begin everything in the background."""
        self._starting = [self._begin(self._consume)]
        work = (self._prepare_store, self._watch, self._relay.run, *self._tasks)
        self._running = [self._begin(part) for part in work]

    async def stop(self) -> None:
        """End everything, in an order that loses nothing."""
        for consumption in self._consumptions:
            consumption.release()
        # First, or consumers that are still starting would be left running.
        await _cancel(self._starting)
        await leave_groups(self._broker)
        await _cancel(self._running)
        for stop in self._stops:
            await _within(2, stop(), "a part")
        await _within(1.5, self._relay.flush(), "outbox")
        await _within(1.5, self._publisher.stop(), "publisher")
        close(self._client)

    def live(self) -> str | None:
        """Why the service should be restarted; None while it works."""
        loop = asyncio.get_running_loop()
        if self._kafka_up_since is not None and loop.time() - self._kafka_up_since > self._stale_poll:
            for consumption in self._consumptions:
                age = consumption.seconds_since_poll()
                if age is not None and age > self._stale_poll:
                    return f"{consumption.group} has had no answer to a fetch for {age:.0f} s"
        return None

    def ready(self) -> dict[str, str]:
        """What the service waits for, by part. Empty means ready."""
        waiting = dict(self.readiness.waiting_for)
        for consumption in self._consumptions:
            if consumption.stopped:
                waiting[consumption.group] = consumption.stopped
        if not self._consuming:
            waiting.setdefault("consumers", "not started yet")
        return waiting

    def _begin(self, part: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        return asyncio.create_task(self._keep(part), name=part.__qualname__)

    async def _keep(self, part: Callable[[], Awaitable[None]]) -> None:
        """Run a part. If a bug ends it, log that and run it again, because nobody would notice a silent end."""
        while True:
            try:
                await part()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.exception("a part failed and is started again", extra={"error": type(error).__name__})
                await asyncio.sleep(RETRY)
            else:
                return

    async def _prepare_store(self) -> None:
        for collection, models in self._indexes:
            while True:
                try:
                    with reaching():
                        await collection.create_indexes(list(models))
                    break
                except Unavailable as error:
                    self.readiness.say("mongodb", str(error))
                    await asyncio.sleep(RETRY)

    async def _consume(self) -> None:
        while True:
            try:
                if self._before_consuming:
                    await self._before_consuming()
                await connected(join_groups(self._broker))
            except (KafkaError, OSError, Unavailable) as error:
                self.readiness.say("consumers", reason_of(error))
                await _within(5, self._broker.stop(), "consumers")
                await asyncio.sleep(RETRY)
            else:
                self._consuming = True
                self.readiness.say("consumers", None)
                return

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                asked_at = self._clock.uptime()
                self._clock.compare(await ask_time(self._client), asked_at)
                self.readiness.say("mongodb", None)
            except Unavailable as error:
                self.readiness.say("mongodb", str(error))
            try:
                await self._publisher.ping()
                self.readiness.say("kafka", None)
                self._kafka_up_since = self._kafka_up_since or loop.time()
            except Unavailable as error:
                self.readiness.say("kafka", str(error))
                self._kafka_up_since = None
            for consumption in self._consumptions:
                consumption.measure_lag()
            await asyncio.sleep(2)


async def join_groups(broker: KafkaBroker) -> None:
    """Start the consumers side by side, because a broker may let each wait seconds for its group.

    Raises the first error, once every consumer has started or failed.
    """
    await broker.connect()
    starts = await asyncio.gather(*(consumer.start() for consumer in broker.subscribers), return_exceptions=True)
    for error in starts:
        if isinstance(error, BaseException):
            raise error


async def leave_groups(broker: KafkaBroker, seconds: float = 6) -> None:
    """Stop the consumers, and wait for that so many seconds at most.

    A consumer that needs longer goes on leaving its group. Cut short, it would stay a member and hold its partitions.
    """
    await _within(seconds, asyncio.shield(broker.stop()), "consumers")


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        # Again after a while, because a library may lose a cancellation; a second one would cut short what cleans up.
        _, running = await asyncio.wait(running, timeout=5)


async def _within(seconds: float, work: Awaitable[None], what: str) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        log.warning("stopping without waiting any longer", extra={"event": what, "seconds": seconds})
    except Exception as error:
        # Whatever the error is (FastStream raises groups of them), the other parts must still be stopped.
        log.warning("did not stop cleanly", extra={"event": what, "error": type(error).__name__})
