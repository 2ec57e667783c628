"""Refusals, as events on `access`.

Of people and programs with a role each few seconds make one event. Of strangers, who could make any number of them, a
whole day (UTC) makes one event: until then the store keeps the totals.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol

from shared import metrics
from shared.access.access_log import ACCESS_INDEXES, Access, AccessLog
from shared.access.principal import NOBODY, Principal
from shared.aggregates import Aggregates, Save, change
from shared.events import AccessRefused, Actor
from shared.ids import derive, new_id
from shared.mongo import Document, IndexModel, reaching
from shared.problems import Unavailable
from shared.times import now, parse_day

log = logging.getLogger(__name__)

WRITE_EVERY = 5.0
MOST = 1_000
"""Different refusals that are counted apart. Beyond that, they are counted without the caller."""
REFUSAL_INDEXES = (
    *ACCESS_INDEXES,
    IndexModel([("day", 1)], name="open_days", partialFilterExpression={"is_open": True}),
)


class _Key(NamedTuple):
    action: str
    reason: str
    ref: str


class RefusalStore(Protocol):
    """What the log needs of a store."""

    async def load(self, ids: Iterable[str], /) -> Mapping[str, Document]: ...
    async def save(self, saves: Sequence[Save], /) -> set[str]: ...
    async def open_before(self, day: str) -> Sequence[str]:
        """The ids of the totals of earlier days that are open still. Raises Unavailable."""
        ...


class MongoRefusals:
    """The real store, over the aggregates of a collection."""

    def __init__(self, aggregates: Aggregates) -> None:
        self._aggregates = aggregates
        self.load, self.save = aggregates.load, aggregates.save

    async def open_before(self, day: str) -> Sequence[str]:
        """See RefusalStore."""
        found = self._aggregates.collection.find({"is_open": True, "day": {"$lt": day}}, {"_id": 1})
        with reaching():
            return [document["_id"] async for document in found]


class Refusals:
    """Counts refusals. It writes them down every few seconds, and when the service stops."""

    def __init__(self, service: str, store: RefusalStore, clock: Callable[[], datetime] = now) -> None:
        self._service = service
        self._store = store
        self._log = AccessLog(service, store, "refusal")
        self._clock = clock
        self._counts: Counter[_Key] = Counter()
        self._strangers: Counter[_Key] = Counter()
        # What is being added to the totals, under an id by which a repetition adds nothing.
        self._adding: tuple[str, Counter[_Key]] | None = None
        self._closed: date | None = None

    def note(self, action: str, reason: str, who: Principal = NOBODY) -> None:
        """Count one refusal."""
        metrics.REFUSALS.labels(self._service, action, reason).inc()
        counts = self._strangers if who.ref == NOBODY.ref or not who.grants else self._counts
        _add(counts, _Key(action, reason, who.ref), 1)

    async def run(self) -> None:
        """Write down what was counted, every few seconds until cancelled."""
        while True:
            await asyncio.sleep(WRITE_EVERY)
            await self.flush()
            await self.close_days()

    async def flush(self) -> None:
        """Write down what was counted. While the store is away, the counts are kept."""
        counts, self._counts = self._counts, Counter()
        try:
            if counts:
                await self._log.write([self._access(key, count) for key, count in counts.items()])
                counts = Counter()
            await self._add_strangers()
        except Unavailable as error:
            newer, self._counts = self._counts, counts
            for key, count in newer.items():
                _add(self._counts, key, count)
            log.warning("refusals are not written down yet", extra={"reason": str(error)})

    async def close_days(self) -> None:
        """Tell the totals of the days that are over. While the store is away, they stay open."""
        today = self._clock().date()
        if self._closed == today:
            return
        try:
            await change(self._store, await self._store.open_before(today.isoformat()), self._close)
            self._closed = today
        except Unavailable as error:
            log.warning("the refusals of a day are not told yet", extra={"reason": str(error)})

    async def _add_strangers(self) -> None:
        # What could not be added before goes first; then what came since.
        for _ in range(2):
            if self._adding is None and self._strangers:
                self._adding, self._strangers = (new_id(), self._strangers), Counter()
            if self._adding:
                await self._add_to(self._clock().date(), *self._adding)
                self._adding = None

    async def _add_to(self, day: date, cause: str, counts: Mapping[_Key, int]) -> None:
        keys = {derive("refusals", self._service, day.isoformat(), *key): key for key in counts}
        late: dict[_Key, int] = {}

        async def decide(total_id: str, total: Document | None) -> Save | None:
            key = keys[total_id]
            if total is None:
                fields = {"day": day.isoformat(), "is_open": True, **key._asdict(), "count": counts[key]}
                return Save(total_id, None, fields, (), [cause])
            if cause in total["applied"]:
                return None
            if not total["is_open"]:
                late[key] = counts[key]
                return None
            return Save(total_id, total, {"count": total["count"] + counts[key]}, (), [cause])

        await change(self._store, keys, decide)
        if late:
            # By the clock of another replica the day is over.
            await self._add_to(day + timedelta(days=1), cause, late)

    async def _close(self, total_id: str, total: Document | None) -> Save | None:
        if total is None or not total["is_open"]:
            return None
        key = _Key(total["action"], total["reason"], total["ref"])
        told = self._access(key, total["count"], total_id, parse_day(total["day"]))
        return self._log.save_of(told, total)

    def _access(self, key: _Key, count: int, access_id: str | None = None, day: date | None = None) -> Access:
        fact = AccessRefused(service=self._service, action=key.action, reason=key.reason, count=count, day=day)
        at = self._clock()
        actor = Actor(key.ref, key.ref.partition(":")[0])
        return Access(fact, actor, at, access_id or new_id(), fields={"is_open": False, "at": at})


def _add(counts: Counter[_Key], key: _Key, count: int) -> None:
    has_room = key in counts or len(counts) < MOST
    counts[key if has_room else key._replace(ref=NOBODY.ref)] += count
