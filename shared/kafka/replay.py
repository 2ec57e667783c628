"""Reads topics from their beginning to where they end now, for a service that must know all before it works."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.connections import OPEN_KAFKA, KafkaAccess, connected
from shared.kafka.fetching import bound_fetches
from shared.kafka.records import Record
from shared.problems import Unavailable

STALL = 15.0
"""Seconds without a new record after which the broker counts as away."""
LARGEST_FETCH = 8 * 1024 * 1024


async def read_to_end(
    bootstrap: str,
    *topics: str,
    client: str,
    prefix: str = "",
    access: KafkaAccess = OPEN_KAFKA,
    batch: int = 5_000,
    starts: Mapping[int, int] | None = None,
) -> AsyncIterator[Sequence[Record]]:
    """All records of the topics, at most `batch` at a time, in order per partition; without a consumer group.

    `starts`: the offset to begin at, by partition of a single topic; the others are read from their beginning. A topic
    that ends before such an offset is another topic than it was, and is read from its beginning.
    Raises Unavailable when a topic is missing, or the broker is away or goes away.
    """
    bound_fetches()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id=f"hearth-{client}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=LARGEST_FETCH,
        **access.options(),
    )
    try:
        try:
            async with asyncio.timeout(STALL):
                await connected(consumer.start())
                # The metadata of all topics, because a question about a missing topic would make it.
                cluster = await consumer._client.fetch_all_metadata()
                there = {topic: cluster.partitions_for_topic(prefix + topic) for topic in topics}
                for topic in topics:
                    if not there[topic]:
                        raise Unavailable(f"kafka: the topic {topic} is missing")
                partitions = [TopicPartition(prefix + topic, p) for topic in topics for p in there[topic]]
                consumer.assign(partitions)
                await consumer.seek_to_beginning(*partitions)
                ends = await consumer.end_offsets(partitions)
                for tp in partitions:
                    start = starts.get(tp.partition, 0) if starts else 0
                    if 0 < start <= ends[tp]:
                        consumer.seek(tp, start)
            while records := await _next(consumer, prefix, ends, batch):
                yield records
        except (KafkaError, TimeoutError, OSError) as error:
            raise Unavailable(f"kafka: {type(error).__name__}") from None
    finally:
        await consumer.stop()


async def _next(
    consumer: AIOKafkaConsumer, prefix: str, ends: dict[TopicPartition, int], batch: int
) -> Sequence[Record]:
    """The next records before `ends`; none when all have been read."""
    async with asyncio.timeout(STALL):
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            found = await consumer.getmany(timeout_ms=500, max_records=batch)
            records = [
                Record(
                    tp.topic.removeprefix(prefix), r.partition, r.offset, r.timestamp, r.key, tuple(r.headers), r.value
                )
                for tp, raw in found.items()
                for r in raw
            ]
            if records:
                return records
    return ()
