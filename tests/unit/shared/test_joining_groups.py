"""Consumers join their groups side by side; a service that stops waits for them, but not for ever."""

import asyncio
from typing import cast

import pytest
from aiokafka.errors import KafkaConnectionError
from faststream.kafka import KafkaBroker

from shared.lifecycle import join_groups, leave_groups


class SlowBroker:
    """Leaves its groups once it is let go."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.has_left = asyncio.Event()

    async def stop(self) -> None:
        await self.let_go.wait()
        self.has_left.set()


async def test_a_consumer_that_leaves_slowly_is_not_cut_short() -> None:
    broker = SlowBroker()
    await leave_groups(cast(KafkaBroker, broker), 0.01)
    assert not broker.has_left.is_set()
    broker.let_go.set()
    async with asyncio.timeout(10):
        await broker.has_left.wait()


class Consumer:
    """Starts once every consumer of its broker has begun to start; fails then if it is `broken`."""

    def __init__(self, all_began: asyncio.Barrier, *, broken: bool = False) -> None:
        self._all_began = all_began
        self._broken = broken
        self.has_started = False

    async def start(self) -> None:
        await self._all_began.wait()
        if self._broken:
            raise KafkaConnectionError
        self.has_started = True


class Broker:
    def __init__(self, consumers: int, *, broken: int = 0) -> None:
        all_began = asyncio.Barrier(consumers)
        self.subscribers = [Consumer(all_began, broken=n < broken) for n in range(consumers)]

    async def connect(self) -> None:
        """Nothing to do."""


async def test_consumers_start_side_by_side() -> None:
    broker = Broker(5)
    async with asyncio.timeout(10):
        await join_groups(cast(KafkaBroker, broker))
    assert all(consumer.has_started for consumer in broker.subscribers)


async def test_a_start_that_fails_is_told_after_the_others_have_started() -> None:
    broker = Broker(5, broken=1)
    with pytest.raises(KafkaConnectionError):
        async with asyncio.timeout(10):
            await join_groups(cast(KafkaBroker, broker))
    assert [consumer.has_started for consumer in broker.subscribers] == [False, True, True, True, True]
