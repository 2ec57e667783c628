"""Kafka for commands: questions that wait for a starting broker, and topics read to their end."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError, NodeNotReadyError

from infra.commands.console import Trouble
from infra.commands.options import kafka_access
from shared.connections import KafkaAccess
from shared.kafka.records import Record

T = TypeVar("T")
ATTEMPT_SECONDS = 30.0
PAUSE_SECONDS = 1.0
STALL_SECONDS = 15.0

_AWAY = (KafkaConnectionError, NodeNotReadyError, TimeoutError, OSError)


async def ask_admin(
    bootstrap: str, wait: float, question: Callable[[AIOKafkaAdminClient], Awaitable[T]], *, access: KafkaAccess
) -> T:
    """What `question` answers; while it fails it is asked again for `wait` seconds. Raises Trouble after that."""
    until = time.monotonic() + wait
    while True:
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                return await _ask(bootstrap, question, access)
        except (KafkaError, TimeoutError, OSError) as error:
            if time.monotonic() + PAUSE_SECONDS > until:
                raise explain(bootstrap, error, access) from None
        await asyncio.sleep(PAUSE_SECONDS)


async def _ask(bootstrap: str, question: Callable[[AIOKafkaAdminClient], Awaitable[T]], access: KafkaAccess) -> T:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="hearth-cli", **access.options())
    try:
        await admin.start()
        return await question(admin)
    finally:
        await admin.close()


def explain(bootstrap: str, error: BaseException, access: KafkaAccess) -> Trouble:
    """The sentence for a failure of Kafka."""
    if isinstance(error, _AWAY):
        # aiokafka takes a refused sign-in for a broker that is away.
        or_else = "" if access.security == "plaintext" else ", or does not let us in"
        return Trouble(f"Kafka at {bootstrap} does not answer{or_else}.")
    return Trouble(f"Kafka at {bootstrap} refused: {type(error).__name__}.")


async def read_to_end(bootstrap: str, topic: str, prefix: str) -> AsyncIterator[Record]:
    """Every record of a topic up to where it ends now, without a consumer group. Raises Trouble."""
    full_name = prefix + topic
    access = kafka_access(prefix)

    async def find_partitions(admin: AIOKafkaAdminClient) -> list[TopicPartition]:
        if full_name not in await admin.list_topics():
            raise Trouble(f"Topic {full_name} does not exist: run `hearth topics create`.")
        (description,) = await admin.describe_topics([full_name])
        return [TopicPartition(full_name, p["partition"]) for p in description["partitions"]]

    partitions = await ask_admin(bootstrap, 0, find_partitions, access=access)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id="hearth-cli",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **access.options(),
    )
    try:
        await consumer.start()
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        moved = time.monotonic()
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            batches = await consumer.getmany(timeout_ms=500)
            for raw in (raw for batch in batches.values() for raw in batch):
                yield Record(topic, raw.partition, raw.offset, raw.timestamp, raw.key, tuple(raw.headers), raw.value)
                moved = time.monotonic()
            if time.monotonic() - moved > STALL_SECONDS:
                raise Trouble(f"Topic {full_name} could not be read to its end.")
    except (KafkaError, TimeoutError, OSError) as error:
        raise explain(bootstrap, error, access) from None
    finally:
        await consumer.stop()
