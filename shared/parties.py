"""Who is named in each report, as this service's copy of the topic `parties` knows it: by pseudonyms.

A copy stands beside the cases, never in them. It is fed by a consumer of its own, so that the consumers of `reports`
and `cases` may wait for it. The copy knows how far it has read each partition: a restored database catches up.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from shared.events import Event, ReportParties
from shared.kafka.records import Record
from shared.mongo import Collection, Document, IndexModel, reaching
from shared.parts import Part
from shared.problems import Unavailable
from shared.projections import Told, keep_newest
from shared.runtime import Runtime, facts_of

TOPIC = "parties"
PATIENCE = 1.0
"""Seconds that a consumer waits within a batch; after that, Kafka delivers the batch again."""
STEP = 0.01
"""Seconds before the second look; each later look waits twice as long."""
RECENT = 10_000
"""So many cases a process remembers, because it has kept what was told of them."""
INDEXES = (
    IndexModel([("partition", 1), ("offset", -1)], name="place"),
    IndexModel([("follows", 1)], name="follows", partialFilterExpression={"follows": {"$gt": ""}}),
)
THAT_FOLLOW: Document = {"follows": {"$gt": ""}}
"""What MongoDB is asked for: the cases that came of an earlier report."""


@dataclass(frozen=True, slots=True)
class PartiesEvent:
    """A `report.parties`, and where it stands on its topic."""

    event: Event
    fact: ReportParties
    partition: int
    offset: int


class PartiesCopy(Protocol):
    """What keeps something of the topic. Raises Unavailable."""

    async def keep(self, told: Sequence[PartiesEvent]) -> None:
        """Keep what was told last of each report, however often and in whatever order it comes."""
        ...

    async def places(self) -> dict[int, int]:
        """The offset after the last record that was kept, by partition."""
        ...


class PartiesStore(PartiesCopy, Protocol):
    """What is needed of a copy: MongoParties, or memory in tests. Raises Unavailable."""

    async def load(self, case_ids: Iterable[str]) -> dict[str, frozenset[str]]:
        """The pseudonyms and references of those shut out of each case; a case of which nothing was told is missing."""
        ...

    async def followed(self, case_ids: Iterable[str]) -> dict[str, str]:
        """Of those of the cases that came of an earlier report, the case of that report."""
        ...

    async def following(self, case_ids: Iterable[str]) -> dict[str, str]:
        """The cases that came of the reports of these ones, each with the one of these."""
        ...

    def all_following(self) -> AsyncIterator[str]:
        """Every case that came of an earlier report."""
        ...

    async def told_from(self, places: Mapping[int, int]) -> set[str]:
        """The cases of which something was kept from these offsets on; of partitions that are missing, all."""
        ...


class MongoParties:
    """The copy in a service's own database: a document for each case."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    async def load(self, case_ids: Iterable[str]) -> dict[str, frozenset[str]]:
        """See PartiesStore."""
        found = self.collection.find({"_id": {"$in": list(case_ids)}}, {"names": 1})
        with reaching():
            return {document["_id"]: frozenset(document["names"]) async for document in found}

    async def followed(self, case_ids: Iterable[str]) -> dict[str, str]:
        """See PartiesStore."""
        found = self.collection.find({"_id": {"$in": list(case_ids)}, "follows": {"$ne": None}}, {"follows": 1})
        with reaching():
            return {document["_id"]: document["follows"] async for document in found}

    async def following(self, case_ids: Iterable[str]) -> dict[str, str]:
        """See PartiesStore."""
        found = self.collection.find(came_of(case_ids), {"follows": 1})
        with reaching():
            return {document["_id"]: document["follows"] async for document in found}

    async def all_following(self) -> AsyncIterator[str]:
        """See PartiesStore."""
        with reaching():
            async for document in self.collection.find(THAT_FOLLOW, {"_id": 1}):
                yield document["_id"]

    async def keep(self, told: Sequence[PartiesEvent]) -> None:
        """See PartiesStore."""
        newest = {one.event.case_id: one for one in sorted(told, key=lambda one: one.event.time)}
        fields = {
            case_id: Told(
                one.event.time,
                {
                    "names": sorted(one.fact.names),
                    "follows": one.fact.follows,
                    "partition": one.partition,
                    "offset": one.offset,
                },
            )
            for case_id, one in newest.items()
        }
        await keep_newest(self.collection, fields, "told_at")

    async def places(self) -> dict[int, int]:
        """See PartiesStore."""
        return await places_of(self.collection)

    async def told_from(self, places: Mapping[int, int]) -> set[str]:
        """See PartiesStore."""
        wanted: list[Document] = [{"partition": {"$nin": list(places)}}]
        wanted += [{"partition": partition, "offset": {"$gte": offset}} for partition, offset in places.items()]
        found = self.collection.find({"$or": wanted}, {"_id": 1})
        with reaching():
            return {document["_id"] async for document in found}


def came_of(case_ids: Iterable[str]) -> Document:
    """What MongoDB is asked for: the cases that came of the reports of these ones."""
    # Without the range it does not see that the index has all of them.
    return {"follows": {"$in": list(case_ids), "$gt": ""}}


async def places_of(collection: Collection) -> dict[int, int]:
    """The offset after the last record that is kept in the collection, which has INDEXES, by partition."""
    last: list[Document] = [
        {"$sort": {"partition": 1, "offset": -1}},
        {"$group": {"_id": "$partition", "offset": {"$first": "$offset"}}},
    ]
    with reaching():
        return {document["_id"]: document["offset"] + 1 async for document in collection.aggregate(last)}


class Parties:
    """Who is named in reports, for those who decide who may see what."""

    def __init__(self, store: PartiesStore, patience: float = PATIENCE) -> None:
        self.store = store
        self._patience = patience
        # Ids of cases, the oldest first.
        self._recent: dict[str, None] = {}

    async def load(self, case_ids: AbstractSet[str]) -> dict[str, frozenset[str]]:
        """The pseudonyms and references of those shut out of each case; a case of which nothing was told is missing."""
        return await self.store.load(case_ids) if case_ids else {}

    async def followed(self, case_ids: AbstractSet[str]) -> dict[str, str]:
        """Of those of the cases that came of an earlier report, the case of that report."""
        return await self.store.followed(case_ids) if case_ids else {}

    def all_following(self) -> AsyncIterator[str]:
        """See PartiesStore."""
        return self.store.all_following()

    async def following(self, case_ids: AbstractSet[str]) -> dict[str, str]:
        """The cases that came of the reports of these ones, each with the one of these."""
        return await self.store.following(case_ids) if case_ids else {}

    async def places(self) -> dict[int, int]:
        """The offset after the last record that was kept, by partition."""
        return await self.store.places()

    async def told_from(self, places: Mapping[int, int]) -> set[str]:
        """The cases of which something was kept from these offsets on; of partitions that are missing, all."""
        return await self.store.told_from(places)

    async def known(self, case_ids: AbstractSet[str]) -> dict[str, frozenset[str]]:
        """The same, once it is known of every one of these cases. Raises Unavailable if that takes too long."""
        found = await self.load(case_ids)
        waited, wait = 0.0, STEP
        while len(found) < len(case_ids):
            if waited >= self._patience:
                raise Unavailable("parties: not known yet")
            await asyncio.sleep(wait)
            waited, wait = waited + wait, wait * 2
            found = await self.load(case_ids)
        return found

    async def told(self, case_ids: AbstractSet[str]) -> None:
        """Return once something was told of every one of these cases. Raises Unavailable if that takes too long."""
        if not case_ids <= self._recent.keys():
            # What comes at this moment is kept at this moment, too, and then nobody needs to look.
            await asyncio.sleep(min(STEP, self._patience))
            await self.known(case_ids - self._recent.keys())

    def note(self, case_ids: Iterable[str]) -> None:
        """Remember that something is kept of these cases: something always will be."""
        self._recent |= dict.fromkeys(case_ids)
        for case_id in list(islice(self._recent, max(0, len(self._recent) - RECENT))):
            del self._recent[case_id]


class PartiesFollower:
    """Feeds a copy: at the start with what it missed, and then by a consumer."""

    def __init__(
        self, store: PartiesCopy, read: Callable[[Mapping[int, int]], AsyncIterator[Sequence[Record]]]
    ) -> None:
        """`read` gives the records of the topic from these offsets on, to where it ends now."""
        self._store = store
        self._read = read
        self._caught_up = False

    async def catch_up(self) -> None:
        """Keep what was told since the copy was last written. Raises Unavailable, and Malformed."""
        if self._caught_up:
            return
        async for records in self._read(await self._store.places()):
            await self._store.keep([told for record in records if (told := decode_parties(record, None))])
        self._caught_up = True


_decode = facts_of([ReportParties])


def decode_parties(record: Record, trace: str | None) -> PartiesEvent | None:
    """The decoder of the topic. Raises Malformed."""
    event = _decode(record, trace)
    if event is None or not isinstance(event.fact, ReportParties):
        return None
    return PartiesEvent(event, event.fact, record.partition, record.offset)


def follow_parties(runtime: Runtime, store: PartiesStore | None = None, *beside: PartiesCopy) -> tuple[Parties, Part]:
    """The copy of a service, and the part that feeds it. Tests hand in another store.

    `beside`: what else the service keeps of the topic. What is known of parties is known there already; a copy that is
    new catches up from the beginning.
    """
    kept = MongoParties(runtime.database[TOPIC])
    store = store or kept
    copies = (*beside, store)
    parties = Parties(store)

    async def keep(told: Sequence[PartiesEvent]) -> None:
        for copy in copies:
            await copy.keep(told)
        parties.note(one.event.case_id for one in told)

    followers = [PartiesFollower(copy, lambda places: runtime.read_to_end(TOPIC, places)) for copy in copies]
    runtime.consume(TOPIC, decode_parties, keep, "copy")
    return parties, Part(indexes=[(kept.collection, INDEXES)], prepare=[one.catch_up for one in followers])
