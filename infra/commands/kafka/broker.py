"""Kafka for commands: questions that wait for a starting broker, and topics read to their end."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError, NodeNotReadyError

from infra.commands.console import Trouble
from infra.commands.options import kafka_access
from shared.connections import KafkaAccess
from shared.kafka import replay
from shared.kafka.records import Record
from shared.problems import Unavailable

T = TypeVar("T")
ATTEMPT_SECONDS = 30.0
PAUSE_SECONDS = 1.0

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


async def read_to_end(bootstrap: str, topics: Sequence[str], prefix: str) -> AsyncIterator[Record]:
    """Every record of the topics up to where they end now, without a consumer group. Raises Trouble."""
    if not topics:
        return
    access = kafka_access(prefix)
    there = await ask_admin(bootstrap, 0, lambda admin: admin.list_topics(), access=access)
    if missing := [prefix + topic for topic in topics if prefix + topic not in there]:
        raise Trouble(f"Topic {missing[0]} does not exist: run `hearth topics create`.")
    try:
        async for records in replay.read_to_end(bootstrap, *topics, client="cli", prefix=prefix, access=access):
            for record in records:
                yield record
    except Unavailable:
        raise Trouble(f"{', '.join(topics)} could not be read to the end.") from None
