"""Has aiokafka read what it fetched by shared.kafka.batches."""

from aiokafka.consumer import fetcher

from shared.kafka.batches import BoundedRecords, Frames


def bound_fetches() -> None:
    """From now on consumers read within bounds, and pass over what they cannot read. May be called again."""
    # aiokafka has no other place to say this. tests/unit/shared/test_batches.py notices if it gives up these names.
    fetcher.MemoryRecords = Frames
    fetcher.PartitionRecords = BoundedRecords
