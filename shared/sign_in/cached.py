"""What is read of a provider: it is kept for a while, and only one task reads at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from shared.problems import Unavailable
from shared.sign_in.attempts import SignInRefused

FAILED = timedelta(seconds=5)
"""How long a failure stands for all callers. Otherwise strangers could make us ask the provider all the time."""

Found = TypeVar("Found")


class Cached(Generic[Found]):
    """One thing that a provider tells."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept: tuple[datetime, Found] | None = None
        self._failed: tuple[datetime, Exception] | None = None

    async def get(self, newest: timedelta, read: Callable[[], Awaitable[Found]]) -> Found:
        """What was read less than `newest` ago, else what `read` gives now.

        Raises SignInRefused and Unavailable as `read` does, and again for FAILED after it did.
        """
        if self._kept and self._is_within(newest, self._kept[0]):
            return self._kept[1]
        async with self._lock:
            # The task that had the lock before may have read it, or failed.
            if self._kept and self._is_within(newest, self._kept[0]):
                return self._kept[1]
            if self._failed and self._is_within(FAILED, self._failed[0]):
                # Without the traceback, which would grow with every caller.
                raise self._failed[1].with_traceback(None)
            at = self._clock()
            try:
                found = await read()
            except (SignInRefused, Unavailable) as error:
                self._failed = (self._clock(), error)
                raise
            self._kept, self._failed = (at, found), None
            return found

    def _is_within(self, span: timedelta, since: datetime) -> bool:
        # A clock that was set back must not keep anything for longer.
        return timedelta() <= self._clock() - since < span
