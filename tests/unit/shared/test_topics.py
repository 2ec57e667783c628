"""What the table of topics asks of the broker, so that what is given up or erased does not stay there."""

import re

import pytest

from shared.kafka.topics import (
    DEAD_LETTER_TOPICS,
    FACT_TOPICS,
    HOUR_MS,
    TOPICS,
    Topic,
    dead_letters_of,
    inbox_of,
    inboxes,
    is_inbox,
    is_integrator,
    writer_of,
)

INBOX = next(topic for topic in TOPICS if topic.name == "reports.inbox")


@pytest.mark.parametrize("topic", DEAD_LETTER_TOPICS, ids=lambda topic: topic.name)
def test_what_is_settled_can_be_compacted_soon(topic: Topic) -> None:
    config = topic.config()
    assert config["cleanup.policy"].startswith("compact")
    assert int(config["segment.ms"]) == HOUR_MS
    assert int(config["max.compaction.lag.ms"]) == 24 * HOUR_MS
    assert float(config["min.cleanable.dirty.ratio"]) <= 0.01
    assert int(config["delete.retention.ms"]) == HOUR_MS
    assert "min.compaction.lag.ms" not in config


def test_dead_letters_of_strangers_end_and_those_of_ours_wait() -> None:
    for topic in DEAD_LETTER_TOPICS:
        days = int(topic.config()["retention.ms"]) / (24 * HOUR_MS)
        assert (topic.cleanup, days > 0) == (
            ("compact,delete", True) if is_inbox(topic.name[:-4]) else ("compact", False)
        )


def test_what_strangers_write_ends_within_hours_of_its_time() -> None:
    config = INBOX.config()
    assert int(config["retention.ms"]) == 7 * 24 * HOUR_MS
    assert int(config["segment.ms"]) == 6 * HOUR_MS
    # A record that its sender dates in the future would keep those beside it until then.
    assert config["message.timestamp.type"] == "LogAppendTime"


@pytest.mark.parametrize("topic", [t for t in TOPICS if t.restricted], ids=lambda topic: topic.name)
def test_name_keys_that_were_erased_leave_kafka_within_days(topic: Topic) -> None:
    config = topic.config()
    assert config["cleanup.policy"] == "compact"
    assert int(config["max.compaction.lag.ms"]) == 24 * HOUR_MS
    assert int(config["segment.ms"]) == 6 * HOUR_MS
    assert "min.compaction.lag.ms" not in config


def test_nothing_of_a_restricted_topic_becomes_a_dead_letter() -> None:
    restricted = {topic.name for topic in TOPICS if topic.restricted}
    assert restricted == {"parties", "names"}
    assert restricted.isdisjoint(topic.name.removesuffix(".dlq") for topic in DEAD_LETTER_TOPICS)


def test_what_is_kept_for_ever_is_left_in_segments_of_the_brokers_choice() -> None:
    for topic in FACT_TOPICS:
        if topic is not INBOX and not topic.restricted:
            assert "segment.ms" not in topic.config()
            assert "max.compaction.lag.ms" not in topic.config()


@pytest.mark.parametrize("name", ["wiki-bot", "event.app_2", "2", "d", "dlq2", "x" * 64])
def test_an_integrators_inbox_is_found_by_its_name(name: str) -> None:
    topic = inbox_of(name)
    assert is_integrator(name)
    assert writer_of(topic.name) == name
    assert is_inbox(topic.name)
    assert topic.config() == INBOX.config()
    assert dead_letters_of(topic.name) == "reports.inbox.dlq"
    assert re.match(inboxes("t1."), f"t1.{topic.name}")
    assert not re.match(inboxes("t1."), f"t2.{topic.name}")


@pytest.mark.parametrize("name", ["", "dlq", "Bot", "a b", "a/b", "*", ".a", "-a", "ä", "a\n", "x" * 65])
def test_no_integrator_has_the_name_of_dead_letters_or_one_that_hides_another(name: str) -> None:
    assert not is_integrator(name)


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic is not INBOX], ids=lambda topic: topic.name)
def test_no_topic_of_ours_passes_for_an_inbox(topic: Topic) -> None:
    assert not is_inbox(topic.name)
    assert not re.match(inboxes(), topic.name)
    assert re.match(inboxes(), INBOX.name)
