"""Refusals, as events on `access`. They are counted for seconds, so that ten thousand guesses are one event."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from shared import metrics
from shared.access.access_log import Access, AccessLog, AccessStore
from shared.access.principal import NOBODY, Principal
from shared.events import AccessRefused, Actor
from shared.ids import new_id
from shared.problems import Unavailable
from shared.times import now

log = logging.getLogger(__name__)

WRITE_EVERY = 5.0
MOST = 1_000
"""Different refusals that are counted apart. Beyond that, they are counted without the caller."""

_Key = tuple[str, str, str]


class Refusals:
    """Counts refusals. It writes them down every few seconds, and when the service stops."""

    def __init__(self, service: str, store: AccessStore, clock: Callable[[], datetime] = now) -> None:
        self._service = service
        self._log = AccessLog(service, store, "refusal")
        self._clock = clock
        self._counts: Counter[_Key] = Counter()

    def note(self, action: str, reason: str, who: Principal = NOBODY) -> None:
        """Count one refusal."""
        metrics.REFUSALS.labels(self._service, action, reason).inc()
        self._add((action, reason, who.ref), 1)

    async def run(self) -> None:
        """Write down what was counted, every few seconds until cancelled."""
        while True:
            await asyncio.sleep(WRITE_EVERY)
            await self.flush()

    async def flush(self) -> None:
        """Write down what was counted. While the store is away, the counts are kept."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            await self._log.write([self._access(key, count) for key, count in counts.items()])
        except Unavailable as error:
            newer, self._counts = self._counts, counts
            for key, count in newer.items():
                self._add(key, count)
            log.warning("refusals are not written down yet", extra={"reason": str(error)})

    def _add(self, key: _Key, count: int) -> None:
        has_room = key in self._counts or len(self._counts) < MOST
        self._counts[key if has_room else (*key[:2], NOBODY.ref)] += count

    def _access(self, key: _Key, count: int) -> Access:
        action, reason, ref = key
        fact = AccessRefused(service=self._service, action=action, reason=reason, count=count)
        return Access(fact, Actor(ref, ref.partition(":")[0]), self._clock(), new_id())
