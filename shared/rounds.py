"""When the next round of some work begins: the more the last one had to do, the later, because more comes meanwhile.

A durable write, a request or a fetch costs nearly the same for one thing as for many.
"""

import asyncio
import math
from collections.abc import Sequence

Steps = Sequence[tuple[int, float]]
"""From so many things in a round on, the least seconds until the next one begins; the largest number first, 0 last."""


class Rounds:
    """The rounds of one kind of work in this process, which may go on in several tasks."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._next_at = -math.inf

    async def wait(self) -> bool:
        """Sleep until a round may begin. Returns whether it slept: another task may then have taken what there is."""
        early = self._next_at - asyncio.get_running_loop().time()
        if early <= 0:
            return False
        await asyncio.sleep(early)
        return True

    def begin(self, count: int) -> None:
        """A round of so many things begins now."""
        seconds = next(seconds for least, seconds in self._steps if count >= least)
        self._next_at = asyncio.get_running_loop().time() + seconds
