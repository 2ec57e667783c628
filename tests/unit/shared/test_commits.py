"""Offsets are committed once a second, of what is handled alone, and before anybody else gets the partitions."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError, KafkaTimeoutError

from shared.kafka import commits
from shared.kafka.commits import COMMIT_EVERY, Commits

OWN, OTHER = TopicPartition("cases", 0), TopicPartition("cases", 1)


class Consumer:
    """Notes what is committed."""

    failing: type[KafkaError] | None = None

    def __init__(self) -> None:
        self.told: list[dict[TopicPartition, int]] = []

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset([OWN])

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        if self.failing:
            raise self.failing
        self.told.append(dict(offsets))


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
def committing(consumer: Consumer) -> Commits:
    return Commits("test.cases", lambda: cast(AIOKafkaConsumer, consumer))


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock on."""
    at = [100.0]
    monkeypatch.setattr(commits, "monotonic", lambda: at[0])

    def move(seconds: float) -> None:
        at[0] += seconds

    return move


async def test_batches_of_one_second_are_committed_together(
    consumer: Consumer, committing: Commits, wait: Callable[[float], None]
) -> None:
    for offset in (3, 5, 8):
        committing.note({OWN: offset})
        await committing.commit_when_due()
        wait(COMMIT_EVERY / 4)
    assert consumer.told == [{OWN: 3}], "what comes alone is committed at once"
    wait(COMMIT_EVERY)
    await committing.commit_when_due()
    await committing.commit_when_due()
    assert consumer.told == [{OWN: 3}, {OWN: 8}]


async def test_what_is_handled_is_committed_before_others_get_its_partition(
    consumer: Consumer, committing: Commits, wait: Callable[[float], None]
) -> None:
    committing.note({OWN: 1})
    await committing.commit_when_due()
    committing.note({OWN: 2})
    await committing.on_partitions_revoked({OWN})
    await committing.commit()
    assert consumer.told == [{OWN: 1}, {OWN: 2}]


async def test_a_partition_that_another_member_has_is_left_alone(consumer: Consumer, committing: Commits) -> None:
    committing.note({OWN: 1, OTHER: 7})
    await committing.commit()
    committing.note({OTHER: 8})
    await committing.commit()
    assert consumer.told == [{OWN: 1}]


@pytest.mark.parametrize(
    ("error", "told_later"), [(CommitFailedError, []), (KafkaTimeoutError, [{OWN: 1}])], ids=["has left", "away"]
)
async def test_a_commit_that_fails_ends_no_consumer_and_is_owed_to_a_member(
    consumer: Consumer,
    committing: Commits,
    caplog: pytest.LogCaptureFixture,
    error: type[KafkaError],
    told_later: list[object],
) -> None:
    consumer.failing = error
    committing.note({OWN: 1})
    await committing.commit()
    assert [cast(Any, line).reason for line in caplog.records] == [error.__name__]
    consumer.failing = None
    await committing.commit()
    assert consumer.told == told_later
