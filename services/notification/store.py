"""MongoDB behind notification: summaries of cases, deliveries (aggregates with an outbox), the calendar of digests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from services.notification.delivery import Delivery, DeliveryState, Settlement
from services.notification.routing.audiences import asked_named, body_named, recipients_of
from services.notification.routing.summary import CaseSummary
from shared.aggregates import OUTBOX_INDEX, Aggregates, Save
from shared.documents import Codec
from shared.ids import new_id
from shared.mongo import (
    Collection,
    Database,
    Document,
    DuplicateKeyError,
    IndexModel,
    InsertOne,
    ReplaceOne,
    UpdateOne,
    reaching,
    write_unordered,
)
from shared.times import Utc

PLANNED: Document = {"state": DeliveryState.PLANNED.value}
WAITING: Document = {"gather_at": {"$exists": True}}
FIRST_WAITING: list[Document] = [
    {"$match": {"recipient": {"$gt": ""}, "gather_at": {"$gt": datetime.min.replace(tzinfo=UTC)}}},
    {"$sort": {"recipient": 1, "gather_at": 1}},
    {"$group": {"_id": "$recipient", "at": {"$first": "$gather_at"}}},
]
"""When the first notice of each recipient may go. With bounds on both fields, MongoDB reads one key of each."""
INDEXES = [
    OUTBOX_INDEX,
    IndexModel([("due_at", 1)], name="due", partialFilterExpression=PLANNED),
    IndexModel([("mail", 1)], name="mail", partialFilterExpression=PLANNED),
    IndexModel([("recipient", 1), ("gather_at", 1)], name="gather", partialFilterExpression=WAITING),
    IndexModel([("planned_at", -1), ("_id", -1)], name="newest"),
    IndexModel([("state", 1), ("planned_at", -1), ("_id", -1)], name="newest_of_state"),
]
TURN_INDEXES = [IndexModel([("until", 1)], name="until", expireAfterSeconds=0)]
DELIVERIES = Codec(Delivery)
SUMMARIES = Codec(CaseSummary)
_NEW: Document = {"version": 1, "outbox": []}
"""What a save builds on. A planned delivery has version 1, because leases and postponements do not change it."""


@dataclass(frozen=True, slots=True)
class DeliveryPlace:
    """A place in the list of deliveries, newest first: the last one that was read."""

    planned_at: Utc
    id: str


class ListedDelivery(NamedTuple):
    """What decides who may see a delivery, and where it stands in the list."""

    place: DeliveryPlace
    case_id: str
    shuts_out: Sequence[str]
    reason: str | None = None


class MongoStore:
    """The real store. Every method raises Unavailable while the database is away."""

    def __init__(self, database: Database, deliveries: Aggregates) -> None:
        self._cases: Collection = database["cases"]
        self._calendar: Collection = database["gatherings"]
        self.turns: Collection = database["turns"]
        self._deliveries = deliveries
        self._collection = deliveries.collection

    async def read_summaries(self, case_ids: Sequence[str], after: int = -1) -> dict[str, CaseSummary]:
        """What is known of these cases; those never opened are missing, and those as of fact number `after` at most."""
        found = self._cases.find({"_id": {"$in": list(case_ids)}, **({"seq": {"$gt": after}} if after >= 0 else {})})
        with reaching():
            return {d["_id"]: SUMMARIES.from_document(d) async for d in found}

    async def keep_summaries(self, new: Sequence[CaseSummary], changed: Sequence[CaseSummary]) -> None:
        """Keep the summaries of `new` cases, and those of known cases that have `changed`.

        A summary that is as old as the one that is kept of its case, or older, changes nothing.
        """
        with reaching():
            # An upsert would do for all of them, at three times the cost of an insert.
            replaced = [*changed, *(await self._insert(new) if new else ())]
            if replaced:
                await self._cases.bulk_write([_replacement(summary) for summary in replaced], ordered=False)

    async def _insert(self, new: Sequence[CaseSummary]) -> list[CaseSummary]:
        """Insert these summaries; returns those that have a stored one already."""
        inserts = [InsertOne({"_id": s.id, **SUMMARIES.to_document(s)}) for s in new]
        return [new[number] for number in await write_unordered(self._cases, inserts)]

    async def add(self, deliveries: Sequence[Delivery]) -> set[str]:
        """Store planned deliveries, durably; returns the ids of those that were not there yet."""
        lost = await self._deliveries.save([Save(d.id, None, to_document(d), (), [d.cause]) for d in deliveries])
        return {d.id for d in deliveries} - lost

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Store final states with their events. A delivery that has a final state already keeps it."""
        await self._deliveries.save(
            [Save(s.delivery.id, _NEW, _end(s.delivery), [s.event], [s.event.id]) for s in settlements]
        )

    async def postpone(self, deliveries: Sequence[Delivery]) -> None:
        """Give up the lease on planned deliveries until their new `due_at`."""
        writes = [
            UpdateOne(
                {"_id": d.id, **PLANNED}, {"$set": {"due_at": d.due_at, "attempts": d.attempts, "reason": d.reason}}
            )
            for d in deliveries
        ]
        with reaching():
            await self._collection.bulk_write(writes, ordered=False)

    async def claim(self, now: datetime, until: datetime, limit: int) -> list[Delivery]:
        """Whole mails that are due, at most `limit` of them, with a lease until `until`.

        Of several replicas exactly one gets each mail.
        """
        with reaching():
            return await self._hold(await self._claim({**PLANNED, "due_at": {"$lte": now}}, until, limit), until)

    async def _claim(self, due: Document, until: datetime, limit: int) -> list[str]:
        """The mails that this caller has won: it has moved the `due_at` of their first delivery to `until`."""
        mails = {d["mail"] async for d in self._collection.find(due, {"mail": 1}).sort("due_at", 1).limit(limit)}
        if not mails:
            return []
        # The first planned delivery stands for its mail: the replica that moves it has the whole mail.
        grouped = self._collection.aggregate(
            [
                {"$match": {**PLANNED, "mail": {"$in": list(mails)}}},
                {"$group": {"_id": "$mail", "id": {"$min": "$_id"}}},
            ]
        )
        first = [d["id"] async for d in grouped]
        claim = new_id()
        await self._collection.update_many({"_id": {"$in": first}, **due}, {"$set": {"due_at": until, "claim": claim}})
        return [d["mail"] async for d in self._collection.find({"_id": {"$in": first}, "claim": claim}, {"mail": 1})]

    async def gather(self, recipient: str, mail: str, until: datetime, limit: int) -> list[Delivery]:
        """Put at most `limit` notices that wait for the recipient, the oldest first, into the digest `mail`, with a
        lease until `until`. The others wait for the next one.
        """
        taken = {"$set": {"mail": mail, "due_at": until}, "$unset": {"gather_at": ""}}
        found = self._collection.find({"recipient": recipient, **WAITING}, {"_id": 1}).sort("gather_at").limit(limit)
        with reaching():
            ids = [document["_id"] async for document in found]
            await self._collection.update_many({"_id": {"$in": ids}, **WAITING}, taken)
            return await self._hold([mail], until)

    async def _hold(self, mails: Sequence[str], until: datetime) -> list[Delivery]:
        if not mails:
            return []
        members = {**PLANNED, "mail": {"$in": list(mails)}}
        await self._collection.update_many(members, {"$set": {"due_at": until}})
        return [DELIVERIES.from_document(d) async for d in self._collection.find(members)]

    async def waiting(self, now: datetime) -> list[str]:
        """The recipients with notices that may go into a digest now."""
        with reaching():
            return [d["_id"] async for d in self._collection.aggregate(FIRST_WAITING) if d["at"] <= now]

    async def open_window(self, recipient: str, now: datetime, until: datetime) -> datetime | None:
        """See digests.Calendar."""
        is_open = {"_id": recipient, "next_at": {"$lte": now}}
        with reaching():
            try:
                await self._calendar.find_one_and_update(is_open, {"$set": {"next_at": until}}, upsert=True)
            except DuplicateKeyError:
                found = await self._calendar.find_one({"_id": recipient})
            else:
                return None
        at: datetime = found["next_at"] if found else until
        # The window may have opened between the two calls; then it belongs to the next caller.
        return at if at > now else until

    async def take_turns(self, wanted: Mapping[str, str], now: datetime, until: datetime) -> set[str]:
        """See spacing.Turns."""
        inserts = [InsertOne({"_id": address, "by": one, "until": until}) for one, address in wanted.items()]
        with reaching():
            # Nearly every address comes for the first time within the hour.
            known = await write_unordered(self.turns, inserts)
            taken = {delivery for number, delivery in enumerate(wanted) if number not in known}
            if known:
                held = {delivery: address for delivery, address in wanted.items() if delivery not in taken}
                taken |= await self._take_held(held, now, until)
        return taken

    async def _take_held(self, wanted: Mapping[str, str], now: datetime, until: datetime) -> set[str]:
        """As take_turns, of addresses that had a turn before."""
        turns = [
            UpdateOne(
                {"_id": address, "$or": [{"until": {"$lte": now}}, {"by": delivery}]},
                {"$set": {"by": delivery, "until": until}},
                upsert=True,
            )
            for delivery, address in wanted.items()
        ]
        # An upsert also loses to another replica that inserts the turn of the same delivery at the same moment.
        failed = await write_unordered(self.turns, turns)
        taken = {delivery for number, delivery in enumerate(wanted) if number not in failed}
        if failed:
            found = self.turns.find({"_id": {"$in": list({*wanted.values()})}, "until": {"$gt": now}})
            by = {turn["_id"]: turn["by"] async for turn in found}
            taken |= {delivery for delivery, address in wanted.items() if by.get(address) == delivery}
        return taken

    async def hide(self, summaries: Sequence[CaseSummary], only: Sequence[str] | None = None) -> None:
        """Hide the deliveries of these cases (`only` those with these ids) from those who may not hear of them now.

        An older summary than the one by which a delivery was last hidden changes nothing.
        """
        for summary in summaries:
            earlier: Document = {"case_id": summary.id, "heard": {"$not": {"$gte": summary.seq}}}
            hidden: Document = {"shuts_out": list(summary.parties), "heard": summary.seq}
            bodies = f"^({body_named('')}|{asked_named('')})"
            left: Document = {"recipient": {"$regex": bodies, "$nin": list(recipients_of(summary))}}
            if only is not None:
                earlier["_id"] = {"$in": list(only)}
            with reaching():
                if summary.body:
                    # A body that has the case no longer.
                    also = {"shuts_out": {"$setUnion": [hidden["shuts_out"], ["$recipient"]]}}
                    await self._collection.update_many({**earlier, **left}, [{"$set": {**hidden, **also}}])
                await self._collection.update_many(earlier, {"$set": hidden})

    async def read_page(self, state: DeliveryState | None, after: DeliveryPlace | None, limit: int) -> list[Delivery]:
        """At most `limit` deliveries, newest first, from behind `after`."""
        with reaching():
            return [DELIVERIES.from_document(d) async for d in self._page(state, after).limit(limit)]

    async def read_listed(self, state: DeliveryState, after: DeliveryPlace | None, limit: int) -> list[ListedDelivery]:
        """As read_page, but only what a count needs of each delivery."""
        found = self._page(state, after, {"planned_at": 1, "case_id": 1, "shuts_out": 1, "reason": 1}).limit(limit)
        with reaching():
            return [
                ListedDelivery(
                    DeliveryPlace(d["planned_at"], d["_id"]), d["case_id"], d.get("shuts_out", ()), d.get("reason")
                )
                async for d in found
            ]

    def _page(self, state: DeliveryState | None, after: DeliveryPlace | None, fields: Any = None) -> Any:
        return self._collection.find(page_filter(state, after), fields).sort([("planned_at", -1), ("_id", -1)])


def page_filter(state: DeliveryState | None, after: DeliveryPlace | None) -> Document:
    """The deliveries of a page, as MongoDB is asked for them. It asks nothing else: see shared.web.paging."""
    wanted: Document = {"state": state.value} if state else {}
    if after:
        wanted["$or"] = [
            {"planned_at": {"$lt": after.planned_at}},
            {"planned_at": after.planned_at, "_id": {"$lt": after.id}},
        ]
    return wanted


def _replacement(summary: CaseSummary) -> ReplaceOne[Document]:
    older = {"_id": summary.id, "seq": {"$not": {"$gte": summary.seq}}}
    return ReplaceOne(older, SUMMARIES.to_document(summary))


def to_document(delivery: Delivery) -> Document:
    """The fields of a planned delivery, as stored."""
    document = DELIVERIES.to_document(delivery)
    if delivery.gather_at is None:
        # The index holds every document that has the field, even a null.
        del document["gather_at"]
    return document


def _end(delivery: Delivery) -> Document:
    return {
        "state": delivery.state.value,
        "reason": delivery.reason,
        "message_id": delivery.message_id,
        "settled_at": delivery.settled_at,
        "due_at": None,
        "attempts": delivery.attempts,
    }
