"""A process killed at the worst moments: nothing is lost, and what happens twice has the effect of once."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from shared.aggregates import OUTBOX_INDEX
from shared.ids import new_id
from shared.kafka.consumption import Consumption, make_broker
from shared.kafka.publisher import Publisher
from shared.mongo import Client, connect
from shared.outbox import Relay
from tests.faults.victim import count_effects, value_of
from tests.support.broker import make_topics, read, until, write

pytestmark = pytest.mark.slow


@pytest.fixture
async def client(mongo_uri: str) -> AsyncIterator[Client]:
    client = connect(mongo_uri, service="test")
    yield client
    client.close()


@pytest.fixture
async def cases(client: Client, database_prefix: str, kafka: str, prefix: str):
    await make_topics(kafka, prefix, "cases")
    database = client[f"{database_prefix}faults"]
    await database["cases"].create_indexes([OUTBOX_INDEX])
    yield database["cases"]
    await client.drop_database(database.name)


async def run_victim(point: str, kafka: str, mongo_uri: str, cases, prefix: str, case_id: str) -> None:
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.victim", point, kafka, mongo_uri, cases.database.name, prefix, case_id
    )
    assert await asyncio.wait_for(victim.wait(), 60) == -signal.SIGKILL


async def recover(kafka: str, prefix: str, cases) -> None:
    """Another replica's relay, until the outbox is empty."""
    publisher = Publisher(kafka, client="test", prefix=prefix)
    relay = Relay(publisher, service="test", poll=0.1)
    relay.watch(cases)
    running = asyncio.create_task(relay.run())
    while await cases.find_one({"outbox.0": {"$exists": True}}):
        await asyncio.sleep(0.05)
    running.cancel()
    await publisher.stop()


async def test_killed_between_write_and_publish_the_event_is_published_by_another_replica(
    kafka: str, mongo_uri: str, cases, prefix: str
) -> None:
    case_id = new_id()
    await run_victim("written", kafka, mongo_uri, cases, prefix, case_id)
    assert await read(kafka, f"{prefix}cases") == []
    await recover(kafka, prefix, cases)
    # Once or more: a poll may see the outbox as it was before the clearing reached a majority.
    records = await read(kafka, f"{prefix}cases", 1)
    assert {record.key for record in records} == {case_id.encode()}
    assert len({dict(record.headers)["ce_id"] for record in records}) == 1


async def test_killed_between_publish_and_clear_the_event_comes_twice_with_one_id(
    kafka: str, mongo_uri: str, cases, prefix: str
) -> None:
    await run_victim("published", kafka, mongo_uri, cases, prefix, new_id())
    await recover(kafka, prefix, cases)
    records = await read(kafka, f"{prefix}cases", 2)
    assert len(records) >= 2
    assert len({dict(record.headers)["ce_id"] for record in records}) == 1


async def test_killed_between_effect_and_commit_the_record_is_delivered_again(
    kafka: str, mongo_uri: str, cases, prefix: str
) -> None:
    await write(kafka, f"{prefix}cases", (b"k", b"one", []))
    await run_victim("effect", kafka, mongo_uri, cases, prefix, "-")
    assert (await cases.find_one({"_id": "one"}))["tries"] == 1
    handled: list[bytes] = []

    async def handle(values) -> None:
        await count_effects(cases, values)
        handled.extend(values)

    broker = make_broker(kafka, client="test")
    publisher = Publisher(kafka, client="test", prefix=prefix)
    Consumption(broker, publisher, service="test", topic="cases", decode=value_of, handle=handle, prefix=prefix)
    await broker.start()
    # The broker waits for the dead member's session to end before it gives its partitions away.
    await until(lambda: handled == [b"one"], seconds=60)
    await broker.stop()
    await publisher.stop()
    assert await cases.count_documents({}) == 1
    assert (await cases.find_one({"_id": "one"}))["tries"] == 2
