"""What tests do with a real broker: make topics, write raw records, read everything back."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest

from infra.kafka.topics import create_topics
from shared.kafka.topics import TOPICS, Topic, dead_letters_of

UNKNOWN_TOPIC, NOT_LEADER = 3, 6
"""What a broker answers that does not know a new topic yet."""

Headers = Sequence[tuple[str, bytes | None]]


@asynccontextmanager
async def admin_of(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client, closed afterwards."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def make_topics(kafka: str, prefix: str, *names: str, partitions: int = 2) -> None:
    """Create these topics, with few partitions, and their dead letter topics."""
    wanted = {*names, *(dead_letters_of(name) for name in names)}
    known = {t.name: t for t in TOPICS}
    topics = [
        Topic(n, t.writers, t.key, 1 if n.endswith(".dlq") else partitions, t.retention_ms, t.consumers, t.cleanup)
        for n, t in known.items()
        if n in wanted
    ]
    async with admin_of(kafka) as admin:
        await create_topics(admin, prefix, topics)


async def write(kafka: str, topic: str, *records: tuple[bytes | None, bytes | None, Headers]) -> None:
    """Write (key, value, headers) records, in order."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        for key, value, headers in records:
            await producer.send_and_wait(topic, value, key, headers=list(headers))
    finally:
        await producer.stop()


async def write_batch(kafka: str, topic: str, partition: int, data: bytes) -> None:
    """Write a batch as it is, to a topic that may be so new that it has no leader; fails if Kafka does not take it."""
    client = AIOKafkaClient(bootstrap_servers=kafka)
    await client.bootstrap()
    try:
        for _ in range(50):
            cluster = await client.fetch_all_metadata()
            leader = cluster.leader_for_partition(TopicPartition(topic, partition))
            code = UNKNOWN_TOPIC
            if leader not in (None, -1):
                request = ProduceRequest(None, -1, 30_000, [(topic, [(partition, data)])])
                response = await client.send(leader, request)
                (code,) = [partition[1] for _, partitions in response.topics for partition in partitions]
            if code not in (UNKNOWN_TOPIC, NOT_LEADER):
                break
            await asyncio.sleep(0.1)
        assert code == 0, code
    finally:
        await client.close()


async def read(kafka: str, topic: str, at_least: int = 0, seconds: float = 60) -> list[ConsumerRecord]:
    """Everything on a topic, waiting until there are `at_least` so many records."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [
            TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or await _found(consumer, topic)
        ]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        records: list[ConsumerRecord] = []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            batches = await consumer.getmany(timeout_ms=200)
            records += [record for batch in batches.values() for record in batch]
            ends = await consumer.end_offsets(partitions)
            positions = [await consumer.position(tp) for tp in partitions]
            if len(records) >= at_least and positions == [ends[tp] for tp in partitions]:
                return records
        raise AssertionError(f"{topic} has {len(records)} records, {at_least} wanted")
    finally:
        await consumer.stop()


async def _found(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    # A broker that makes many topics at once tells of the last ones late.
    for _ in range(300):
        await consumer._client.add_topic(topic)
        if found := consumer._client.cluster.partitions_for_topic(topic):
            return set(found)
        await asyncio.sleep(0.1)
    raise AssertionError(f"{topic} does not exist")


async def committed(kafka: str, group: str) -> dict[TopicPartition, int]:
    """The committed offsets of a group."""
    async with admin_of(kafka) as admin:
        offsets = await admin.list_consumer_group_offsets(group)
        return {tp: entry.offset for tp, entry in offsets.items()}


async def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until the condition holds; fails the test after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        await asyncio.sleep(0.02)
