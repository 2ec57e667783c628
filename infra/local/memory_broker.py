"""Kafka's protocol in memory: librdkafka's mock cluster. `python -m infra.local.memory_broker FILE`.

It makes every topic, writes its address into the file, and waits to be ended. Nothing survives it, and two members of
one consumer group do not share the work. It knows no requests that make or change topics, so every topic has the four
partitions that it gets by itself.
"""

import signal
import sys
from pathlib import Path

from confluent_kafka import Producer

from shared.kafka.topics import TOPICS


def main() -> None:
    address_file = Path(sys.argv[1])
    # A producer's question about a topic makes the topic. A question of an admin client would not.
    cluster = Producer({"test.mock.num.brokers": 1})
    for topic in TOPICS:
        cluster.list_topics(topic.name, timeout=10)
    broker = next(iter(cluster.list_topics(timeout=10).brokers.values()))
    partial = address_file.with_suffix(".part")
    partial.write_text(f"{broker.host}:{broker.port}")
    partial.rename(address_file)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
