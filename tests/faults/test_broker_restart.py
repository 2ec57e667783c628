"""The broker is killed and comes back: producers and consumers go on by themselves and nothing is lost."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from infra.local.stack import Stack, StackSettings
from shared.events import Message
from shared.kafka.consumption import Consumption, make_broker
from shared.kafka.publisher import Publisher
from shared.problems import Unavailable
from tests.faults.victim import value_of
from tests.support.broker import make_topics, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(StackSettings.private("kafka")) as stack:
        asyncio.run(make_topics(stack.kafka, "", "cases"))
        yield stack


async def test_a_killed_broker_loses_nothing_and_consumers_go_on(stack: Stack) -> None:
    kafka = stack.kafka
    handled: list[bytes] = []

    async def handle(values: Sequence[bytes]) -> None:
        handled.extend(values)

    broker = make_broker(kafka, client="test")
    consumer_side = Publisher(kafka, client="letters")
    consumption = Consumption(broker, consumer_side, service="test", topic="cases", decode=value_of, handle=handle)
    await broker.start()
    publisher = Publisher(kafka, client="test", timeout=5)
    sent: list[bytes] = []

    async def produce() -> None:
        for number in range(150):
            message = Message("cases", b"%d" % (number % 7), (), b"%d" % number)
            while True:
                try:
                    await publisher.publish([message])
                    break
                except Unavailable:
                    await asyncio.sleep(0.2)
            sent.append(message.value or b"")
            await asyncio.sleep(0.05)

    producing = asyncio.create_task(produce())
    await until(lambda: len(handled) > 20)
    await asyncio.to_thread(stack.stop_kafka, kill=True)
    await asyncio.sleep(8)
    await asyncio.to_thread(stack.start_kafka)
    await asyncio.wait_for(producing, 90)
    await until(lambda: set(sent) <= set(handled), seconds=60)
    assert len(sent) == 150
    age = consumption.seconds_since_poll()
    assert age is None or age < 10
    consumption.release()
    await broker.stop()
    await publisher.stop()
    await consumer_side.stop()


async def test_publishing_and_stopping_end_in_bounded_time_while_the_broker_is_gone(stack: Stack) -> None:
    publisher = Publisher(stack.kafka, client="test", timeout=2)
    await publisher.publish([Message("cases", b"k", (), b"1")])
    await asyncio.to_thread(stack.stop_kafka, kill=True)
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        with pytest.raises(Unavailable):
            await publisher.publish([Message("cases", b"k", (), b"2")])
        await publisher.stop()
        assert loop.time() - began < 12
    finally:
        await asyncio.to_thread(stack.start_kafka)
