"""Kafka's protocol in memory: librdkafka's mock cluster. `python -m infra.local.memory_broker FILE`.

Writes its address into the file once it listens, then waits to be ended. Nothing survives it, and two members of one
consumer group do not share the work there.
"""

import signal
import sys
from pathlib import Path

from confluent_kafka.admin import AdminClient


def main() -> None:
    address_file = Path(sys.argv[1])
    cluster = AdminClient({"test.mock.num.brokers": 1})
    broker = next(iter(cluster.list_topics(timeout=10).brokers.values()))
    partial = address_file.with_suffix(".part")
    partial.write_text(f"{broker.host}:{broker.port}")
    partial.rename(address_file)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
