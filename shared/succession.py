"""The times of facts that take the place of earlier ones of their key: the later one told has the later time.

Readers keep the fact with the latest time, in whatever order and however often facts come. Numbers would not do,
because a restored database numbers anew. A clock alone would not do either, because the clocks of replicas differ. So
the writer looks at what it told last of the key (`told_at` of the aggregate), and at what its topics say was told at
all, which a restored database has forgotten.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from shared.kafka.records import Record
from shared.mongo import Collection, Database, Document, reaching
from shared.runtime import Runtime
from shared.times import parse_rfc3339

STEP = timedelta(milliseconds=1)
"""MongoDB and the wire tell times no finer."""

ReadOn = Callable[[Mapping[int, int]], AsyncIterator[Sequence[Record]]]
"""Gives the records of a topic from these offsets on, by partition, to where it ends now."""


class Succession:
    """Gives facts the time of their telling, strictly later than what was told before."""

    def __init__(self) -> None:
        self._floor: datetime | None = None

    def after(self, last: datetime | None, at: datetime) -> datetime:
        """`at`, or the first time after `last`, when a fact was told last of the key. All are UTC-aware."""
        return max([at, *(earlier + STEP for earlier in (last, self._floor) if earlier)])

    def raise_floor(self, told_at: datetime | None) -> None:
        """Take note that something was told at this time."""
        if told_at and (self._floor is None or told_at > self._floor):
            self._floor = told_at


class ToldBefore:
    """What the topics of a service say was told at all, read once a process from where the database has it."""

    def __init__(self, collection: Collection, topics: Mapping[str, ReadOn], succession: Succession) -> None:
        """`collection` has one document for each topic: how far it was read, and the latest time found."""
        self._collection = collection
        self._topics = topics
        self._succession = succession
        self._done = False

    async def catch_up(self) -> None:
        """Take note of everything that was ever told. Raises Unavailable; then it may be run again."""
        if self._done:
            return
        await recall(self._collection, self._succession)
        for topic, read in self._topics.items():
            with reaching():
                known = await self._collection.find_one({"_id": topic}) or {}
            places = {int(partition): offset for partition, offset in known.get("places", {}).items()}
            async for records in read(places):
                await self._note(topic, records)
        self._done = True

    async def _note(self, topic: str, records: Sequence[Record]) -> None:
        ends: Document = {f"places.{r.partition}": r.offset + 1 for r in sorted(records, key=lambda r: r.offset)}
        latest = max((at for record in records if (at := _told_at(record))), default=None)
        self._succession.raise_floor(latest)
        with reaching():
            # Two replicas may read at once: each offset of either is true, and of the times the latest counts.
            noted: Document = {"$set": ends, **({"$max": {"told_at": latest}} if latest else {})}
            await self._collection.update_one({"_id": topic}, noted, upsert=True)


def follow_own(runtime: Runtime, topics: Sequence[str]) -> tuple[Succession, ToldBefore]:
    """The succession of facts that this service tells on these topics, and what reads them."""
    succession = Succession()
    reads = {topic: partial(runtime.read_to_end, topic) for topic in topics}
    return succession, ToldBefore(told_in(runtime.database), reads, succession)


async def recall(told: Collection, succession: Succession) -> None:
    """Take note of what was read at an earlier start. Raises Unavailable."""
    with reaching():
        async for document in told.find({}, {"told_at": 1}):
            succession.raise_floor(document.get("told_at"))


def told_in(database: Database) -> Collection:
    """Where a service keeps how far it has read its own topics."""
    return database["told"]


def _told_at(record: Record) -> datetime | None:
    """When an event says that it was told; None for a record that is no event."""
    try:
        return parse_rfc3339(record.header_texts()["ce_time"])
    except (KeyError, ValueError):
        return None
