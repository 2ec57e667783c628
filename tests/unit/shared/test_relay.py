"""The relay of the outbox ends when it is told to, and its rounds keep apart."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from shared.mongo import Collection
from shared.outbox import ROUNDS, Parcel, Relay
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


class TimedRelay(Relay):
    """Notes when its rounds begin, and publishes nothing."""

    def __init__(self) -> None:
        super().__init__(Nowhere(), service="test")
        self.begun: list[float] = []

    async def publish_queued(self) -> None:
        self.begun.append(asyncio.get_running_loop().time())
        self._queue.clear()


@pytest.mark.parametrize(("changes", "apart"), ROUNDS, ids=[str(least) for least, _ in ROUNDS])
async def test_rounds_are_farther_apart_after_a_large_one(changes: int, apart: float) -> None:
    relay = TimedRelay()
    running = asyncio.create_task(relay.run())
    parcel = Parcel(cast(Collection, None), "a", 1, [])
    for count in (max(changes, 1), 1):
        relay.wake([parcel] * count)
        while relay._queue:
            await asyncio.sleep(0.001)
    running.cancel()
    first, second = relay.begun
    assert second - first >= apart - 0.002


class SlowRelay(Relay):
    """Notes how many changes it publishes at once; while it publishes the first ones, one more comes."""

    def __init__(self) -> None:
        super().__init__(Nowhere(), service="test")
        self.sizes: list[int] = []

    async def _publish(self, parcels: Sequence[Parcel]) -> None:
        if not self.sizes:
            self.wake([parcels[0]])
        self.sizes.append(len(parcels))


async def test_what_comes_amid_a_round_is_left_for_the_next_one() -> None:
    relay, parcel = SlowRelay(), Parcel(cast(Collection, None), "a", 1, [])
    relay.wake([parcel] * 3)
    await relay.publish_queued()
    assert (relay.sizes, len(relay._queue)) == ([3], 1)
    await relay.flush()
    assert (relay.sizes, relay._queue) == ([3, 1], [])
