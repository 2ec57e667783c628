"""A service that stops waits for its consumers, but not for ever."""

import asyncio
from typing import cast

from faststream.kafka import KafkaBroker

from shared.lifecycle import leave_groups


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
