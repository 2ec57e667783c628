"""The relay of the outbox ends when it is told to."""

import asyncio

import pytest

from shared.outbox import Relay
from tests.support.stores import Nowhere


@pytest.mark.parametrize("steps", range(6))
async def test_a_relay_that_is_woken_as_it_is_cancelled_ends(steps: int) -> None:
    relay = Relay(Nowhere(), service="test")
    running = asyncio.create_task(relay.run())
    await asyncio.sleep(0.01)
    relay.wake([])
    # The loop takes so many steps between the two, until the relay has noticed the first.
    for _ in range(steps):
        await asyncio.sleep(0)
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=2)
    assert done
    assert running.cancelled()
