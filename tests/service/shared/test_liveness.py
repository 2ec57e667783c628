"""Alive and ready: what each of the two says when a consumer is stuck, has stopped itself, or only has to wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from shared import lifecycle
from shared.bounded_clock import BoundedClock
from shared.lifecycle import Lifecycle
from shared.problems import Unavailable
from shared.times import now

STALE = 0.3


@dataclass
class Consumer:
    """A consumption as the lifecycle sees it."""

    group: str = "triage.reports"
    stopped: str | None = None
    age: float | None = 0.0

    def seconds_since_poll(self) -> float | None:
        return self.age

    def measure_lag(self) -> None: ...

    def release(self) -> None: ...


@dataclass
class Outside:
    """Kafka and MongoDB, which answer or do not."""

    kafka: bool = True
    prepared: bool = True
    consumer: Consumer = field(default_factory=Consumer)

    async def ping(self) -> None:
        if not self.kafka:
            raise Unavailable("kafka: away")

    async def prepare(self) -> None:
        if not self.prepared:
            raise Unavailable("mongodb: NotPrimaryError")

    async def hello(self, *_: object) -> dict[str, Any]:
        return {"localTime": now()}

    async def nothing(self, *_: object) -> None: ...

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Lifecycle]:
        given: dict[str, Any] = {
            "client": SimpleNamespace(admin=SimpleNamespace(command=self.hello), close=lambda: None),
            "broker": SimpleNamespace(connect=self.nothing, subscribers=[], stop=self.nothing),
            "publisher": SimpleNamespace(ping=self.ping, stop=self.nothing),
            "relay": SimpleNamespace(run=self.nothing, flush=self.nothing),
            "readiness": lifecycle.Readiness(),
            "clock": BoundedClock(),
            "consumptions": [self.consumer],
            "before_consuming": self.prepare,
            "stale_poll": STALE,
        }
        running = Lifecycle(**cast(dict[str, Any], given))
        await running.start()
        try:
            await asyncio.sleep(0.05)
            yield running
        finally:
            await running.stop()


async def test_a_consumer_whose_fetches_are_answered_is_alive_and_ready() -> None:
    async with Outside().running() as service:
        await asyncio.sleep(2 * STALE)
        assert service.live() is None
        assert service.ready() == {}


async def test_a_consumer_without_an_answer_while_the_broker_answers_others_is_stuck() -> None:
    async with Outside(consumer=Consumer(age=600)).running() as service:
        # The broker may just have come back; a consumer needs a moment to find it.
        assert service.live() is None
        await asyncio.sleep(2 * STALE)
        assert service.live() == "triage.reports has had no answer to a fetch for 600 s"


async def test_a_consumer_that_handles_a_batch_or_has_no_partition_is_not_stuck() -> None:
    async with Outside(consumer=Consumer(age=None)).running() as service:
        await asyncio.sleep(2 * STALE)
        assert service.live() is None


async def test_without_a_broker_nobody_is_stuck_and_a_restart_would_not_help() -> None:
    async with Outside(kafka=False, consumer=Consumer(age=600)).running() as service:
        await asyncio.sleep(2 * STALE)
        assert service.live() is None
        assert service.ready() == {"kafka": "kafka: away"}


async def test_a_consumer_that_stopped_itself_is_alive_but_not_ready_and_says_why() -> None:
    said = "triage.reports stopped: 200 dead letters within ten minutes"
    async with Outside(consumer=Consumer(stopped=said)).running() as service:
        assert service.live() is None
        assert service.ready() == {"triage.reports": said}


async def test_consumers_that_cannot_start_yet_say_what_they_wait_for() -> None:
    async with Outside(prepared=False).running() as service:
        assert service.ready() == {"consumers": "mongodb: NotPrimaryError"}
