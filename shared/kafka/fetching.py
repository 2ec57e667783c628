"""Has aiokafka read what it fetched by shared.kafka.batches, and fetch no more than is handled."""

from aiokafka.consumer import fetcher

from shared.kafka.batches import BoundedRecords, Frames

HELD = 5.0
"""Seconds that records of a partition may wait for their handler before others are fetched without it.

Whatever a consumer takes meanwhile is fetched again only after such a fetch, which Kafka may hold.
"""


def bound_fetches() -> None:
    """From now on consumers read within bounds, and pass over what they cannot read. May be called again."""
    # aiokafka has no other place to say this. tests/unit/shared/test_batches.py notices if it gives up these names.
    fetcher.MemoryRecords = Frames
    fetcher.PartitionRecords = BoundedRecords
    fetcher.Fetcher.__init__.__kwdefaults__["prefetch_backoff"] = HELD
