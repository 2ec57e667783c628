"""The time by which a service tells that something is over: that of its machine, but no later one than MongoDB has.

What is told stays for ever, so a machine with a clock that has jumped ahead must tell nothing that is still to come.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import wraps

from shared import metrics
from shared.problems import Unavailable
from shared.times import cut, now

log = logging.getLogger(__name__)

SKEW = timedelta(minutes=1)
"""How far the two clocks may differ before a service says so."""


class BoundedClock:
    """A clock; what reads the time of the database server has to `compare` it every now and then."""

    def __init__(
        self, own: Callable[[], datetime] = now, uptime: Callable[[], float] = time.monotonic, *, service: str = ""
    ) -> None:
        """`own`: the time of the machine (UTC-aware). `uptime`: seconds that no change of a clock makes jump."""
        self._own = own
        self._service = service
        self.uptime = uptime
        self._read: tuple[datetime, float] | None = None
        self._differs = False
        self._compared = asyncio.Event()

    def compare(self, told: datetime, asked_at: float) -> None:
        """Take what the database server told as its time (UTC-aware), when it was asked at that `uptime`."""
        # It cannot be later there than this, so two clocks that agree are never told apart by the way of the answer.
        self._read = told, asked_at
        ahead = self._own() - self._bound(told, asked_at)
        metrics.CLOCK_AHEAD.labels(self._service).set(ahead.total_seconds())
        differs = abs(ahead) > SKEW
        if differs is not self._differs:
            say = log.warning if differs else log.info
            say("this machine's clock against that of MongoDB", extra={"seconds": round(ahead.total_seconds())})
        self._differs = differs
        self._compared.set()

    def __call__(self) -> datetime:
        """The time (UTC-aware). Raises Unavailable until it was compared with that of MongoDB for the first time."""
        if self._read is None:
            raise Unavailable("clock: not compared with that of MongoDB yet")
        return min(self._own(), self._bound(*self._read))

    def or_own(self) -> datetime:
        """The same, and until the first comparison the time of the machine: for what needs the database anyway."""
        return self() if self._read else self._own()

    def behind(self, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """The work, begun once the clock was compared for the first time."""

        @wraps(work)
        async def begin() -> None:
            await self._compared.wait()
            await work()

        return begin

    def _bound(self, told: datetime, asked_at: float) -> datetime:
        return cut(told + timedelta(seconds=self.uptime() - asked_at))
