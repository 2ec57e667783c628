"""What the table of topics asks of the broker, so that what is given up or erased does not stay there."""

import pytest

from shared.kafka.topics import DEAD_LETTER_TOPICS, FACT_TOPICS, HOUR_MS, TOPICS, Topic

INBOX = next(topic for topic in TOPICS if topic.name == "reports.inbox")


@pytest.mark.parametrize("topic", DEAD_LETTER_TOPICS, ids=lambda topic: topic.name)
def test_what_is_settled_can_be_compacted_soon(topic: Topic) -> None:
    config = topic.config()
    assert config["cleanup.policy"] == "compact"
    assert int(config["segment.ms"]) == HOUR_MS
    assert int(config["max.compaction.lag.ms"]) == 24 * HOUR_MS
    assert float(config["min.cleanable.dirty.ratio"]) <= 0.01
    assert int(config["delete.retention.ms"]) == HOUR_MS
    assert "min.compaction.lag.ms" not in config


def test_what_strangers_write_ends_within_hours_of_its_time() -> None:
    config = INBOX.config()
    assert int(config["retention.ms"]) == 7 * 24 * HOUR_MS
    assert int(config["segment.ms"]) == 6 * HOUR_MS
    # A record that its sender dates in the future would keep those beside it until then.
    assert config["message.timestamp.type"] == "LogAppendTime"


def test_what_is_kept_for_ever_is_left_in_segments_of_the_brokers_choice() -> None:
    for topic in FACT_TOPICS:
        if topic is not INBOX:
            assert "segment.ms" not in topic.config()
            assert "max.compaction.lag.ms" not in topic.config()
