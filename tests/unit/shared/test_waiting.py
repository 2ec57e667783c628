"""A consumer that waits: in an outage it says what is away, and with empty inboxes it takes what comes first."""

import time
from collections.abc import Sequence
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CorruptRecordException, LeaderNotAvailableError
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

    async def stop(self) -> None: ...


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
        self.failures: list[Exception] = []

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
        if max_records < 1:
            raise ValueError("`max_records` must be a positive Integer")
        if timeout_ms:
            self.there, self.coming = self.coming, []
        elif self.failures and self.there:
            raise self.failures.pop()
        if self.first in only:
            return {}
        taken, self.there = self.there[:max_records], self.there[max_records:]
        return {self.second: taken} if taken else {}


async def pass_over(_: Sequence[bytes]) -> None: ...


def make_take(batch: int = 200) -> Any:
    """How a consumer of inboxes takes what is handled next."""
    broker, publisher = Broker(), Publisher("127.0.0.1:9", client="test")
    Consumption(
        cast(KafkaBroker, broker),
        publisher,
        service="test",
        topic="reports.inbox",
        decode=read_value,
        handle=pass_over,
        batch=batch,
    )
    return cast(Any, broker).get_msg


async def test_all_that_comes_into_an_empty_inbox_is_taken_together() -> None:
    take, inboxes = make_take(), Inboxes()
    consumer = cast(AIOKafkaConsumer, inboxes)
    assert await take(consumer) == (b"one", b"two", b"three")
    assert inboxes.paused() == inboxes.assignment(), "nothing is fetched while a batch is handled"
    assert await take(consumer) == ()
    assert not inboxes.paused()


async def test_with_batches_of_one_record_each_record_is_taken() -> None:
    take, consumer = make_take(batch=1), cast(AIOKafkaConsumer, Inboxes())
    assert [await take(consumer) for _ in range(4)] == [(b"one",), (b"two",), (b"three",), ()]


async def test_a_record_that_was_taken_is_handled_though_the_question_for_more_fails() -> None:
    take, inboxes = make_take(), Inboxes()
    inboxes.failures = [CorruptRecordException()]
    consumer = cast(AIOKafkaConsumer, inboxes)
    assert [await take(consumer) for _ in range(3)] == [(b"one",), (b"two", b"three"), ()]


class Answered:
    """A consumer of which the last fetch was answered long ago."""

    records = 1

    def __init__(self) -> None:
        self.told: list[int] = []

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition("reports", 0)}

    def last_poll_timestamp(self, _: TopicPartition) -> float:
        return (time.time() - 100) * 1000

    def paused(self) -> set[TopicPartition]:
        return set()

    def pause(self, *_: TopicPartition) -> None: ...

    def resume(self, *_: TopicPartition) -> None: ...

    async def getmany(self, **_: object) -> dict[TopicPartition, list[ConsumerRecord]]:
        raw = [ConsumerRecord("reports", 0, 0, 0, 0, b"k", b"v", None, 1, 1, ())] * self.records
        self.records = 0
        return {TopicPartition("reports", 0): raw} if raw else {}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.told.append(offsets[TopicPartition("reports", 0)])


async def test_a_consumer_is_not_stuck_while_a_batch_is_handled_and_committed() -> None:
    broker, publisher = Broker(), Publisher("127.0.0.1:9", client="test")
    consumption = Consumption(
        cast(KafkaBroker, broker), publisher, service="test", topic="reports", decode=read_value, handle=pass_over
    )
    broker.consumer = Answered()
    take: Any = cast(Any, broker).get_msg
    age = consumption.seconds_since_poll()
    assert age is not None
    assert age >= 100
    batch = await take(broker.consumer)
    await broker.deliver(batch)
    assert consumption.seconds_since_poll() is None, "its offsets are being committed"
    assert await take(broker.consumer) == ()
    age = consumption.seconds_since_poll()
    assert age is not None
    assert age < 50


async def test_a_consumer_with_a_commit_that_never_ends_counts_as_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    broker, publisher = Broker(), Publisher("127.0.0.1:9", client="test")
    consumption = Consumption(
        cast(KafkaBroker, broker), publisher, service="test", topic="reports", decode=read_value, handle=pass_over
    )
    broker.consumer = Answered()
    await broker.deliver(await cast(Any, broker).get_msg(broker.consumer))
    monkeypatch.setattr("shared.kafka.consumption.LONGEST_BATCH", 0.0)
    age = consumption.seconds_since_poll()
    assert age is not None
    assert age >= 100
