"""Cases in MongoDB: one document each, with its outbox; one bulk write a batch."""

import re
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Annotated, NamedTuple

from pydantic import Strict, TypeAdapter

from services.triage.aside import Aside, glimpse_of
from services.triage.case.case import ASLEEP, BEHIND, ENDED, NEVER, URGENT_LANES, Case, urgency
from services.triage.case.facets import OPEN, OPEN_STATES, queues, queues_of
from services.triage.case.in_force import fields_of
from services.triage.case.standing import Whereabouts
from services.triage.case.timers.table import wakes_at
from services.triage.moves import MongoMoves
from services.triage.stored import MOST_NOTED, CaseChange, CaseQuery, Due, Glimpse, StoredCase, Version
from shared.aggregates import OUTBOX_INDEX, Aggregates, Save
from shared.documents import Codec
from shared.mongo import Collection as MongoCollection
from shared.mongo import Document, IndexModel, Regex, UpdateOne, reaching, write_unordered

DUE_ORDER = [("wakes_at", 1), ("_id", 1)]
CASE_INDEXES = (
    OUTBOX_INDEX,
    IndexModel([("code_name", 1)], name="code_name", unique=True),
    IndexModel(DUE_ORDER, name="waking", partialFilterExpression={"wakes_at": {"$type": "date"}}),
    IndexModel(
        [("asleep_for", 1), ("lane_rank", 1), ("due", 1), ("_id", 1)],
        name="asleep",
        partialFilterExpression={"asleep_for": {"$gt": ""}},
    ),
    IndexModel([("queues", 1), ("lane_rank", 1), ("due", 1), ("_id", 1)], name="queues"),
    IndexModel([("own_body", 1), ("body", 1), ("state", 1)], name="own_body"),
    IndexModel([("notes.by", 1)], name="noted_by", partialFilterExpression={"notes.by": {"$gt": ""}}),
    IndexModel([("unattended", 1)], name="unattended", partialFilterExpression={"unattended": True}),
)
QUEUE_ORDER = [("lane_rank", 1), ("due", 1), ("_id", 1)]
MOST_SCANS = 200
"""The scans of an index that MongoDB reads in one order; for more it sorts all (internalQueryMaxScansToExplode)."""
REQUESTS_KEPT = 50
_OPEN: Document = {"state": {"$in": [state.value for state in OPEN_STATES]}}
_RANKS = range(len(URGENT_LANES) + 1)
AT_ONCE = 1_000
"""So many glimpses come in one answer: all of a look, unless cases are hidden from its reader."""
_GLIMPSE = dict.fromkeys(Glimpse._fields, 1)
_CASES = Codec(Case, sparse=True)
_TIME = TypeAdapter(Annotated[datetime, Strict()])
_Number = Annotated[int, Strict()]
_BESIDE = TypeAdapter(tuple[frozenset[str], dict[str, str], _Number, _Number, list[Document]])
"""What stands beside a case in its document: `applied`, `requests`, `version`, `seq` and `outbox`."""


class QueueRange(NamedTuple):
    """A range of the queue: what MongoDB is asked for, and by what it is sorted."""

    wanted: Document
    order: Sequence[tuple[str, int]]


class _Place(NamedTuple):
    """The fields by which a document is found, and which version of it they are for."""

    wanted: Document
    fields: Document


class MongoCases:
    """The cases of a collection. Raises Unavailable while the server is away.

    A document that holds no case any more is set aside, and missing where several cases are read. Whoever means that
    case, by `load` or by its name, gets DamagedCase.
    """

    def __init__(self, aggregates: Aggregates, aside: Aside | None = None) -> None:
        self._aggregates = aggregates
        self._aside = aside or Aside()
        self._moves = MongoMoves(aggregates.collection.database["moves"])

    async def load(self, case_ids: Iterable[str]) -> dict[str, StoredCase]:
        """The stored cases by id, without those that do not exist. Raises DamagedCase for one that cannot be read."""
        found = await self._aggregates.load(case_ids)
        return {case_id: self._aside.read(document, _stored) for case_id, document in found.items()}

    async def load_whole(self, case_ids: Iterable[str]) -> dict[str, StoredCase]:
        """The stored cases by id, without those that do not exist or cannot be read."""
        found = await self._aggregates.load(case_ids)
        return {stored.case.id: stored for stored in self._aside.whole(found.values(), _stored)}

    async def find_by_code_name(self, code_name: str) -> StoredCase | None:
        """The case of that name, or None. Raises DamagedCase for one that cannot be read."""
        with reaching():
            document = await self._aggregates.collection.find_one({"code_name": code_name})
        return self._aside.read(document, _stored) if document else None

    async def taken(self, code_names: Iterable[str]) -> set[str]:
        """Those of the names that a case has."""
        found = self._aggregates.collection.find(
            {"code_name": {"$in": list(code_names)}}, {"code_name": 1, "_id": 0}
        )  # fmt: skip
        with reaching():
            return {document["code_name"] async for document in found}

    async def remembering(self, case_ids: Iterable[str]) -> set[str]:
        """Those of the cases that keep a digest of a command, or do not know that their report is erased."""
        kept: list[Document] = [{"requests": {"$ne": {}}}, {"reachable": {"$ne": False}}]
        wanted: Document = {"_id": {"$in": list(case_ids)}, "$or": kept}
        with reaching():
            return {document["_id"] async for document in self._aggregates.collection.find(wanted, {"_id": 1})}

    async def ended(self, case_ids: Iterable[str]) -> set[str]:
        """Those of the cases that have ended."""
        wanted: Document = {"_id": {"$in": list(case_ids)}, "state": {"$in": sorted(state.value for state in ENDED)}}
        with reaching():
            return {document["_id"] async for document in self._aggregates.collection.find(wanted, {"_id": 1})}

    async def lanes(self, case_ids: Iterable[str]) -> dict[str, str | None]:
        """The lanes of the cases."""
        found = self._aggregates.collection.find({"_id": {"$in": list(case_ids)}}, {"lane": 1})
        with reaching():
            return {document["_id"]: document.get("lane") async for document in found}

    async def save(self, changes: Sequence[CaseChange]) -> set[str]:
        """One bulk write; returns the ids of cases that were not written."""
        lost = await self._aggregates.save([_save(change) for change in changes])
        self._moves.note(body for change in changes if change.case.id not in lost for body in change.bodies)
        return lost

    async def save_together(self, changes: Sequence[CaseChange]) -> bool:
        """One transaction; returns whether all of them are written, or none."""
        if not await self._aggregates.save_together([_save(change) for change in changes]):
            return False
        self._moves.note(body for change in changes for body in change.bodies)
        return True

    async def moves(self, bodies: Collection[str]) -> dict[str, int]:
        """How often something has changed among the cases of each of these bodies, as far as it ever has."""
        return await self._moves.of(bodies)

    async def stop(self) -> None:
        """End what tells of changes."""
        await self._moves.stop()

    async def queue(self, query: CaseQuery) -> list[Case]:
        """Emergencies first, then by the next deadline, then by id."""
        cases: list[Case] = []
        for ranges in ranges_of(query):
            left = query.limit
            for part in ranges:
                found = await self._first(part, left) if left else []
                cases += found
                left -= len(found)
        # A case may lie with one of the bodies, and be referred to another one.
        found_once = {case.id: case for case in cases}.values()
        return sorted(found_once, key=lambda case: case.place_for(query.viewer))[: query.limit]

    async def _first(self, part: QueueRange, limit: int) -> list[Case]:
        return await self._aside.first(lambda most: self._find(part.wanted, part.order, most), limit, case_of)

    async def _find(self, wanted: Document, order: Sequence[tuple[str, int]], limit: int) -> list[Document]:
        """The first documents of cases, without what stands beside these."""
        found = self._aggregates.collection.find(wanted, {"outbox": 0, "applied": 0}).sort(order).limit(limit)
        with reaching():
            return await found.to_list(None)

    async def called_like(self, names: Sequence[str], bodies: Collection[str], limit: int) -> list[Case]:
        """At most `limit` cases of these bodies, or referred to them, of which the code name begins with one of these.

        They are sorted by code name.
        """
        wanted = called_like(names, bodies)
        return await self._aside.first(lambda most: self._find(wanted, [("code_name", 1)], most), limit, case_of)

    async def noted_by(self, person: str, limit: int) -> list[str]:
        """The ids of at most `limit` cases on which the person (a reference) wrote notes, the newest note first."""
        found = self._aggregates.collection.find({"notes.by": person}, {"notes.by": 1, "notes.at": 1}).limit(MOST_NOTED)
        with reaching():
            documents = await found.to_list(None)
        noted = self._aside.whole(documents, lambda document: (_noted_at(document, person), str(document["_id"])))
        return [case_id for _, case_id in sorted(noted, key=itemgetter(0), reverse=True)[:limit]]

    async def glimpses(self, queries: Sequence[CaseQuery]) -> list[list[Glimpse]]:
        """The cases of each queue, in any order, as far as it takes to count them. All are read in one look."""
        collection = self._aggregates.collection
        damaged = set[str]()
        while True:
            but: Document = {"_id": {"$nin": list(damaged)}} if damaged else {}
            looks: list[list[Document]] = [
                [
                    {"$match": {**wanted_by(query), **but}},
                    {"$limit": query.limit},
                    {"$project": _GLIMPSE},
                    {"$set": {"queue": number}},
                ]
                for number, query in enumerate(queries)
            ]
            first, *more = looks
            pipeline: list[Document] = [
                *first,
                *({"$unionWith": {"coll": collection.name, "pipeline": one}} for one in more),
            ]
            with reaching():
                documents = await collection.aggregate(pipeline, batchSize=AT_ONCE).to_list(None)
            found: list[list[Glimpse]] = [[] for _ in queries]
            for number, one in self._aside.whole(documents, lambda document: (document["queue"], glimpse_of(document))):
                found[number].append(one)
            missing = {document["_id"] for document in documents} - {one.id for some in found for one in some}
            if not missing:
                return found
            # A queue with a limit has others in place of those that cannot be read.
            damaged |= missing

    async def versions(self, ids: Collection[str]) -> dict[str, Version]:
        """The versions of these cases, and who made them so, by id."""
        # A slice alone leaves nothing else out: only with a field that is asked for does MongoDB not send whole cases.
        last: Document = {"history": {"$slice": -1}, "version": 1}
        found = self._aggregates.collection.find({"_id": {"$in": sorted(ids)}}, last)
        with reaching():
            documents = await found.to_list(None)
        return dict(self._aside.whole(documents, _version))

    async def waking(self, at: datetime, limit: int, after: Due | None = None) -> list[Due]:
        """At most `limit` cases with a timer that is due by `at` (UTC-aware), the earliest first, behind `after`."""
        found = self._aggregates.collection.find(due_by(at, after), {"wakes_at": 1}).sort(DUE_ORDER)
        with reaching():
            return [Due(document["wakes_at"], document["_id"]) async for document in found.limit(limit)]

    async def open_after(self, case_id: str, limit: int) -> list[Case]:
        """At most `limit` cases that have not ended, by id, from behind `case_id`."""
        wanted: Document = {"_id": {"$gt": case_id}, **_OPEN}

        def placed(document: Document) -> tuple[Case, _Place | None]:
            case = case_of(document)
            due = {"queues": queues_of(case)}
            return case, None if document.get("queues") == due["queues"] else _place_of(document, due)

        found = await self._aside.first(lambda most: self._find(wanted, [("_id", 1)], most), limit, placed)
        # A version from before the queues moves a case and leaves its places, while both run side by side.
        with reaching():
            await _put(self._aggregates.collection, [place for _, place in found if place])
        return [case for case, _ in found]

    async def place_in_queues(self) -> None:
        """Give cases from before the queues their places in them. Each write of a case does so by itself.

        Nothing else finds a closed one that was stored before a timer of it was built.
        """

        def found_by(case: Case) -> Document:
            return {"queues": queues_of(case), "wakes_at": wakes_at(case)}

        await place_all(self._aggregates.collection, {"queues": None}, found_by, self._aside)

    async def where(self, those: Whereabouts) -> AsyncIterator[Case]:
        """The open cases there, in any order; one that is changed meanwhile may be missing, or come twice."""
        found = self._aggregates.collection.find(where_of(those), {"outbox": 0, "applied": 0})
        with reaching():
            async for document in found:
                for case in self._aside.whole([document], case_of):
                    yield case

    async def unattended(self) -> int:
        """How many cases are unattended and have not ended."""
        with reaching():
            return await self._aggregates.collection.count_documents({"unattended": True, **_OPEN})

    async def outside(self, bodies: Collection[str]) -> dict[str, int]:
        """How many cases that have not ended lie with each body that is none of these."""
        counted: list[Document] = [{"$match": outside_of(bodies)}, {"$group": {"_id": "$body", "cases": {"$sum": 1}}}]
        with reaching():
            found = self._aggregates.collection.aggregate(counted)
            # A case that was changed by hand may have something else there.
            return {body: document["cases"] async for document in found if isinstance(body := document["_id"], str)}


async def place_all(
    cases: MongoCollection, unplaced: Document, fields_of_case: Callable[[Case], Document], aside: Aside
) -> None:
    """Give the cases that `unplaced` finds the fields by which they are found. Raises Unavailable.

    `unplaced`: what only cases from before these fields fit.
    """

    def placed(document: Document) -> _Place:
        return _place_of(document, fields_of_case(case_of(document)))

    found = cases.find(unplaced, {"outbox": 0, "applied": 0})
    with reaching():
        while documents := await found.to_list(AT_ONCE):
            await _put(cases, aside.whole(documents, placed))


def _place_of(document: Document, fields: Document) -> _Place:
    return _Place({"_id": document["_id"], "version": document["version"]}, fields)


async def _put(cases: MongoCollection, places: Sequence[_Place]) -> None:
    """Set these fields of these documents, but for those that were written meanwhile and so have their place."""
    if places:
        await write_unordered(cases, [UpdateOne(place.wanted, {"$set": place.fields}) for place in places])


def called_like(names: Sequence[str], bodies: Collection[str]) -> Document:
    """What MongoDB is asked for: the cases of these bodies of which the code name begins so.

    Each beginning is a range of the index. What other bodies have of one word is read as well: thousands of a million.
    """
    theirs = {"$in": sorted(bodies)}
    # A pattern of Python's has the flag of Unicode, and with any flag MongoDB reads the whole index.
    return {
        "code_name": {"$in": [Regex(f"^{re.escape(name)}") for name in names]},
        "$or": [{"body": theirs}, {"referred_to": theirs}, {"joined": theirs}],
    }


def due_by(at: datetime, after: Due | None = None) -> Document:
    """What MongoDB is asked for: the cases of which a timer is due by that time (UTC-aware), behind `after`."""
    # Without the type it does not see that the index has all of them, and reads every case.
    due: Document = {"$lte": at, "$type": "date"}
    if after is None:
        return {"wakes_at": due}
    behind: list[Document] = [{"wakes_at": {"$gt": after.at}}, {"wakes_at": after.at, "_id": {"$gt": after.id}}]
    return {"wakes_at": {"$gte": after.at, **due}, "$or": behind}


def outside_of(bodies: Collection[str]) -> Document:
    """What MongoDB is asked for: the open cases that lie with a body that is none of these."""
    # Every case fits the condition on `own_body`: it leads MongoDB to an index that skips the cases of these bodies.
    return {"own_body": {"$ne": ""}, "body": {"$nin": sorted(bodies), "$gt": ""}, **_OPEN}


def where_of(those: Whereabouts) -> Document:
    """What MongoDB is asked for; an index leads to each kind of them, so it reads no other cases."""
    kinds: list[Document] = [{"unattended": True}]
    if those.bodies:
        # Those that a body is only asked for stand in its queue, too.
        theirs = {"$in": sorted(those.bodies)}
        kinds.append(
            {"queues": {"$in": queues(sorted(those.bodies), [OPEN])}, "$or": [{"body": theirs}, {"joined": theirs}]}
        )
    kinds += [{"own_body": own, "body": {"$nin": list(away)}} for own, away in sorted(those.but_at.items())]
    # Each kind says which states it has, or MongoDB does not find the index that leads to it.
    return {"$or": [{**kind, **_OPEN} for kind in kinds]}


def ranges_of(query: CaseQuery) -> list[list[QueueRange]]:
    """The cases that a query is about: for some bodies each, the ranges of their queues, in order.

    They are so few that MongoDB reads each range in the order of the index and sorts nothing. Without a lane and a
    second facet it examines no more cases than it returns. For this a range is not sorted by what is the same in all
    of it.
    """
    parts = _parts(query.after, query)
    if query.viewer is not None:
        rank, due, case_id = query.after or (0, NEVER, "")
        awake = parts if rank < ASLEEP else []
        asleep = _parts((rank - ASLEEP, due, case_id) if rank >= ASLEEP else None, query)
        parts = [QueueRange({**part.wanted, "asleep_for": {"$ne": query.viewer}}, part.order) for part in awake]
        parts += [QueueRange({**part.wanted, "asleep_for": query.viewer}, part.order) for part in asleep]
    step = MOST_SCANS // len(query.any_of[0])
    some = [query.bodies[first : first + step] for first in range(0, len(query.bodies), step)]
    return [[QueueRange({**_wanted(query, bodies), **wanted}, order) for wanted, order in parts] for bodies in some]


def wanted_by(query: CaseQuery) -> Document:
    """The cases that a query is about, in no order."""
    ranks = {"lane_rank": {"$in": _ranks(query)}} if query.lane or query.due_before else {}
    due = {"due": {"$lt": query.due_before}} if query.due_before else {}
    return {**_wanted(query, query.bodies), **ranks, **due}


def _wanted(query: CaseQuery, bodies: Sequence[str]) -> Document:
    first, *others = ({"queues": {"$in": queues(bodies, facets)}} for facets in query.any_of)
    narrowed = {"lane": query.lane, "community": query.community, "category": query.category}
    return {
        **first,
        **({"$and": others} if others else {}),
        **({"state": {"$in": sorted({state.value for state in query.states})}} if query.states else {}),
        **{name: value for name, value in narrowed.items() if value is not None},
    }


def _ranks(query: CaseQuery) -> list[float]:
    """The ranks of a lane, or of all, each also behind a flood."""
    lanes = [urgency(query.lane)] if query.lane else list(_RANKS)
    return [rank + behind for rank in lanes for behind in (0, BEHIND)]


def _parts(after: tuple[float, datetime, str] | None, query: CaseQuery) -> list[QueueRange]:
    """What comes behind a place; of one lane, or of what is due before a time, each rank is a range of its own."""
    before = query.due_before
    if query.lane or before:
        until = {"$lt": before} if before else {}
        ranks = _ranks(query)
        found = [
            QueueRange({"lane_rank": rank, **({"due": until} if until else {})}, QUEUE_ORDER[1:])
            for rank in ranks
            if after is None or rank > after[0]
        ]
        if after and after[0] in ranks and not (before and after[1] >= before):
            rank, due, case_id = after
            here = QueueRange({"lane_rank": rank, "due": due, "_id": {"$gt": case_id}}, QUEUE_ORDER[2:])
            found = [here, QueueRange({"lane_rank": rank, "due": {"$gt": due, **until}}, QUEUE_ORDER[1:]), *found]
        return found
    if after is None:
        return [QueueRange({}, QUEUE_ORDER)]
    rank, due, case_id = after
    return [
        QueueRange({"lane_rank": rank, "due": due, "_id": {"$gt": case_id}}, QUEUE_ORDER[2:]),
        QueueRange({"lane_rank": rank, "due": {"$gt": due}}, QUEUE_ORDER[1:]),
        QueueRange({"lane_rank": {"$gt": rank}}, QUEUE_ORDER),
    ]


def _save(change: CaseChange) -> Save:
    """The write of a change: a new case as a whole, of a stored one what differs, and by what it is found.

    So a case with a long history is written as fast as any.
    """
    case, stored = change.case, change.stored
    if stored is None:
        fields = {**document_of(case), "requests": _kept(change.requests)}
        return Save(case.id, None, fields, change.events, change.causes)
    fields, more = _CASES.changes(case, stored.case)
    fields |= _found_by(case)
    if change.requests or change.forget:
        fields["requests"] = _kept({**({} if change.forget else stored.requests), **change.requests})
    return Save(case.id, stored.base, fields, change.events, change.causes, more)


def _kept(requests: Mapping[str, str]) -> Document:
    return dict(list(requests.items())[-REQUESTS_KEPT:])


def _stored(document: Document) -> StoredCase:
    fields = ("applied", "requests", "version", "seq", "outbox")
    applied, requests, version, seq, outbox = _BESIDE.validate_python(tuple(document[name] for name in fields))
    # A write builds on these fields, and needs no others of the old document.
    return StoredCase(case_of(document), applied, requests, {"version": version, "seq": seq, "outbox": outbox})


def _version(document: Document) -> tuple[str, Version]:
    step = document["history"][-1]
    return document["_id"], Version(step["seq"], step["actor"], step["role"])


def _noted_at(document: Document, person: str) -> datetime:
    """When the person wrote the newest note on a case."""
    return _TIME.validate_python(max(note["at"] for note in document["notes"] if note["by"] == person))


def document_of(case: Case) -> Document:
    """The fields of a case as MongoDB keeps them, with its place in the queues and when it is to be woken."""
    # MongoDB looks for each field of an index from the first field of a document on.
    return {**_found_by(case), **_CASES.to_document(case)}


def _found_by(case: Case) -> Document:
    """By what MongoDB finds a case, beside its own fields."""
    rank, due, _ = case.place
    return {
        **fields_of(case),
        "lane_rank": rank,
        "due": due,
        "wakes_at": wakes_at(case),
        "asleep_for": case.asleep_for,
        "queues": queues_of(case),
        "referred_to": case.asked.to_body if case.asked else None,
        "joined": list(case.joined),
    }


def case_of(document: Document) -> Case:
    """The case that a stored document holds, written by this version or an earlier one."""
    return _CASES.from_document(document)
