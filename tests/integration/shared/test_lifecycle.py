"""A service that is stopped at any moment of its start, on a real broker and a real database."""

import asyncio
import gc
import time
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from infra.local.stack import Stack, StackSettings
from services.intake.app import build_app
from shared.kafka.publisher import Publisher
from shared.mongo import ask_time, close, connect
from shared.times import now
from tests.integration.intake.test_service import TOPICS, settings
from tests.support.broker import make_topics


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4])
async def test_a_stop_in_the_middle_of_a_start_leaves_nothing_running(
    seconds: float, kafka: str, mongo_uri: str, prefix: str, database_prefix: str
) -> None:
    await make_topics(kafka, prefix, *TOPICS)
    gc.collect()
    before = {id(client) for client in open_clients()}
    app = build_app(settings(kafka, mongo_uri, prefix, database_prefix))
    async with app.router.lifespan_context(app):
        await asyncio.sleep(seconds)
    assert [client for client in open_clients() if id(client) not in before] == []
    assert {task for task in asyncio.all_tasks() if not task.done()} == {asyncio.current_task()}


async def test_a_publisher_that_is_cut_short_while_it_connects_leaves_no_connection(kafka: str) -> None:
    left: list[str] = []
    for moment in range(40):
        publisher = Publisher(kafka, client="test")
        asking = asyncio.create_task(publisher.ping())
        await asyncio.sleep(moment * 0.0005)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await publisher.stop()
        left += [str(task) for task in asyncio.all_tasks() - {asyncio.current_task()} if not task.done()]
    assert left == []


def open_clients() -> list[AIOKafkaConsumer | AIOKafkaProducer]:
    # Not isinstance, which would ask weak proxies whose object is gone.
    clients = [found for found in gc.get_objects() if type(found) in (AIOKafkaConsumer, AIOKafkaProducer)]
    return [client for client in clients if not client._closed]


async def test_closing_does_not_wait_for_a_database_that_is_away() -> None:
    with Stack(StackSettings.private("mongo")) as stack:
        client = connect(stack.mongo, service="test")
        # The database of a machine has the time of that machine.
        assert abs(await ask_time(client) - now()) < timedelta(seconds=30)
        stack.stop_mongo()
        began = time.monotonic()
        close(client)
        assert time.monotonic() - began < 2
