"""A consumer that waits: in an outage it says what is away, and with empty inboxes it takes what comes first."""

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

    consumer = None

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

    def assignment(self) -> set[TopicPartition]:
        return {self.first, self.second}

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
    consumer = cast(AIOKafkaConsumer, Inboxes())
    assert await take(consumer) == (b"one", b"two", b"three")
    assert await take(consumer) == ()
