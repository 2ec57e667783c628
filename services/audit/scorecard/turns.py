"""Turns: the scorecards of earlier checkpoints take a share of the processor at most, however many are asked for.

Each costs one evaluation, and a record has as many checkpoints as seals. So they are computed one after the other, with
a rest after each. Few readers wait; the others come again. No address is remembered, because many readers share one.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from math import ceil

from shared import metrics
from shared.problems import Problem

REST = 3.0
"""Seconds of rest for each second of work: at most a quarter of the time goes into earlier checkpoints."""
MOST_WAITING = 8
"""So many readers wait for their turn or have it."""
SHORTEST_WAIT = 2
"""Seconds after which a reader who was refused may come again, at least."""


class Turns:
    """The turns of one door of one process."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._one = asyncio.Lock()
        self._waiting = 0
        self._free_at = 0.0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn, and work in it. Raises Problem 429 if too many wait already."""
        if self._waiting >= MOST_WAITING:
            metrics.THROTTLED.labels("earlier_checkpoint", "refused").inc()
            wait = max(SHORTEST_WAIT, ceil(self._free_at - self._clock()))
            raise Problem(
                429,
                "too-many-checkpoints",
                "Too many earlier checkpoints are asked for at this moment.",
                retry_after=wait,
            )
        self._waiting += 1
        try:
            async with self._one:
                await self._sleep(max(0.0, self._free_at - self._clock()))
                began = self._clock()
                try:
                    yield
                finally:
                    self._free_at = self._clock() + REST * (self._clock() - began)
        finally:
            self._waiting -= 1
