"""Holds back the answers to wrong secrets, so that a stream of guesses cannot keep a service busy.

The secrets themselves have at least 100 random bits, so nobody finds one by guessing. The look at a secret never waits,
and the answer to a right one never waits. Only the answer to a wrong one waits for its turn, wherever it comes from.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from shared import metrics

A_SECOND = 50
"""Wrong answers that leave a process in a second, once the first ones are used up."""
AT_ONCE = 100
"""Wrong answers in a row that wait for nothing: people mistype."""
LONGEST = 2.0
"""Seconds that one answer is held at most."""
MOST_HELD = 500
"""Answers that are held at the same time. Further ones leave at once, so that held ones cannot fill the memory."""


class Brake:
    """Paces the wrong answers of one process. It remembers no addresses."""

    def __init__(
        self,
        kind: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`kind` names in the metrics what was wrong."""
        self._kind = kind
        self._clock = clock
        self._sleep = sleep
        self._free_at = 0.0
        self._held = 0

    async def hold(self) -> None:
        """Return when the answer to a wrong secret may leave: at most `LONGEST` seconds later."""
        now = self._clock()
        # The turns of the last `AT_ONCE` answers that nobody used are still there.
        earliest = max(self._free_at, now - AT_ONCE / A_SECOND)
        self._free_at = min(earliest + 1 / A_SECOND, now + LONGEST)
        if self._free_at <= now or self._held >= MOST_HELD:
            return
        metrics.THROTTLED.labels(self._kind, "held").inc()
        self._held += 1
        try:
            await self._sleep(self._free_at - now)
        finally:
            self._held -= 1
