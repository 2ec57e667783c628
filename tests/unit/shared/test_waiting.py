"""A consumer that waits: in an outage it says what is away, and with empty inboxes it takes what comes first."""

import time
from collections.abc import Sequence
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import LeaderNotAvailableError
from faststream.kafka import KafkaBroker

from shared.kafka.consumption import Consumption, Redelivery
from shared.kafka.publisher import Publisher
from shared.kafka.records import Record
from shared.problems import Unavailable


class Broker:
    """A broker that delivers what the test hands it."""

    consumer: Any = None

    def subscriber(self, *_: object, **__: object) -> "Broker":
        return self

    def __call__(self, deliver: Any) -> None:
        self.deliver = deliver


def read_value(record: Record, _: str | None) -> bytes | None:
    return record.value


@pytest.mark.parametrize(
    ("away", "told"),
    [
        (Unavailable("mongodb: NotPrimaryError"), "mongodb: NotPrimaryError"),
        (LeaderNotAvailableError("partition 3 of reports"), "LeaderNotAvailableError"),
    ],
)
async def test_a_batch_that_waits_names_what_is_away(
    away: Exception, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: Sequence[bytes]) -> None:
        raise away

    broker, publisher = Broker(), Publisher("127.0.0.1:9", client="test")
    consumption = Consumption(
        cast(KafkaBroker, broker), publisher, service="test", topic="reports", decode=read_value, handle=fail
    )
    consumption.release()
    record: Any = ConsumerRecord("reports", 0, 0, 0, 0, b"k", b"v", None, 1, 1, ())
    with pytest.raises(Redelivery, match=told):
        await broker.deliver((record,))
    assert [getattr(line, "reason", None) for line in caplog.records] == [told]


class Inboxes:
    """A consumer of two inboxes, of which the second one gets records while it is waited for."""

    def __init__(self) -> None:
        self.first, self.second = TopicPartition("reports.inbox", 0), TopicPartition("reports.inbox", 1)
        self.coming: list[bytes] = [b"one", b"two", b"three"]
        self.there: list[bytes] = []

        self.still: set[TopicPartition] = set()

    def assignment(self) -> set[TopicPartition]:
        return {self.first, self.second}

    def paused(self) -> set[TopicPartition]:
        return self.still

    def pause(self, *those: TopicPartition) -> None:
        self.still = self.still.union(those)

    def resume(self, *those: TopicPartition) -> None:
        self.still = self.still.difference(those)

    async def getmany(
        self, *only: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[bytes]]:
        if timeout_ms:
            self.there, self.coming = self.coming, []
        taken, self.there = (self.there[:max_records], self.there[max_records:]) if self.first not in only else ([], [])
        return {self.second: taken} if taken else {}


async def test_all_that_comes_into_an_empty_inbox_is_taken_together() -> None:
    async def handle(_: Sequence[bytes]) -> None: ...

    broker, publisher = Broker(), Publisher("127.0.0.1:9", client="test")
    Consumption(
        cast(KafkaBroker, broker), publisher, service="test", topic="reports.inbox", decode=read_value, handle=handle
    )
    take: Any = cast(Any, broker).get_msg
    inboxes = Inboxes()
    consumer = cast(AIOKafkaConsumer, inboxes)
    assert await take(consumer) == (b"one", b"two", b"three")
    assert inboxes.paused() == inboxes.assignment(), "nothing is fetched while a batch is handled"
    assert await take(consumer) == ()
    assert not inboxes.paused()


class Answered:
    """A consumer of which the last fetch was answered long ago."""

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition("reports", 0)}

    def last_poll_timestamp(self, _: TopicPartition) -> float:
        return (time.time() - 100) * 1000


async def test_a_consumer_is_not_stuck_when_a_long_batch_has_just_ended() -> None:
    async def handle(_: Sequence[bytes]) -> None: ...

    broker, publisher = Broker(), Publisher("127.0.0.1:9", client="test")
    consumption = Consumption(
        cast(KafkaBroker, broker), publisher, service="test", topic="reports", decode=read_value, handle=handle
    )
    broker.consumer = Answered()
    age = consumption.seconds_since_poll()
    assert age is not None
    assert age >= 100
    await broker.deliver((ConsumerRecord("reports", 0, 0, 0, 0, b"k", b"v", None, 1, 1, ()),))
    age = consumption.seconds_since_poll()
    assert age is not None
    assert age < 50
