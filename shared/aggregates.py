"""Aggregates: one document update holds a change of state and the events that it causes. Lost races are run again.

A change of several aggregates together is one transaction, which writes all of their documents or none.

An aggregate is one document: its own fields, `version`, `seq` (events so far, but for those on restricted topics),
`applied` (a bounded window of causes), `outbox` (events that Kafka has not acknowledged), `outbox_due` (from when on
any replica may publish them), and `told_at` (the time of the last fact that takes the place of earlier ones; see
shared.succession).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from shared.addresses import LOCAL
from shared.events import Event, encode
from shared.kafka.topics import RESTRICTED, SUPERSEDED
from shared.mongo import (
    DUPLICATE_KEY,
    BulkWriteError,
    Collection,
    Document,
    IndexModel,
    InsertOne,
    UpdateOne,
    WriteConcernError,
    reaching,
    write_together,
)
from shared.outbox import Parcel, Relay
from shared.problems import Unavailable
from shared.times import now

GRACE = timedelta(seconds=5)
"""How long only the replica that wrote an event may publish it."""
APPLIED_WINDOW = 200
ROUNDS = 12
"""How many races a change may lose before the caller is told that the aggregate keeps changing."""

STEP, JOINT_ROUNDS = 0.005, 45
"""Seconds that a change of several aggregates waits after it lost a race; after each further one, so much longer. All
rounds together wait for five seconds, because a slow disk can keep the transaction of another writer open for one."""

OUTBOX_INDEX = IndexModel(
    [("outbox_due", 1)], name="outbox_due", partialFilterExpression={"outbox.0": {"$exists": True}}
)

StoredT = TypeVar("StoredT")
StoredT_co = TypeVar("StoredT_co", covariant=True)
ChangeT = TypeVar("ChangeT")
ChangeT_contra = TypeVar("ChangeT_contra", contravariant=True)


class ChangeStore(Protocol[StoredT_co, ChangeT_contra]):
    """A store of aggregates: `load` gives what is stored, `save` writes changes of it."""

    async def load(self, ids: Iterable[str], /) -> Mapping[str, StoredT_co]: ...

    async def save(self, changes: Sequence[ChangeT_contra], /) -> set[str]:
        """Write each change to an aggregate that has not changed since. Returns the ids that were not written."""
        ...


Decide = Callable[[str, StoredT | None], Awaitable[ChangeT | None]]
"""Gets an id and what is stored under it (None: nothing). Gives a change, or None for no change."""


async def change(
    store: ChangeStore[StoredT, ChangeT],
    ids: Iterable[str],
    decide: Decide[StoredT, ChangeT],
    portion: int | None = None,
    note: Callable[[ChangeT], None] = lambda _: None,
) -> dict[str, ChangeT]:
    """Load, decide, save. Where another writer was faster, do it again on what is stored by then.

    `portion`: so many aggregates go into one write at most, and some are decided while the server writes others; None
    writes all of them at once. `note`: gets each change once it is known to be written, whatever becomes of the others.
    Returns the changes that were written, by id. Raises what `decide` raises. Raises Unavailable when the store is away
    or an aggregate keeps changing. After either, some changes may be written, and their causes are in `applied`.
    """
    wanted = list(dict.fromkeys(ids))
    if portion is None or len(wanted) <= portion:
        return await _change(store, wanted, decide, note)
    portions = [wanted[first : first + portion] for first in range(0, len(wanted), portion)]
    # None is left alone while it writes, so that each write is over when this returns or raises.
    ended = await asyncio.gather(*(_change(store, part, decide, note) for part in portions), return_exceptions=True)
    written: dict[str, ChangeT] = {}
    for end in ended:
        if isinstance(end, BaseException):
            raise end
        written |= end
    return written


async def _change(
    store: ChangeStore[StoredT, ChangeT],
    waiting: Sequence[str],
    decide: Decide[StoredT, ChangeT],
    note: Callable[[ChangeT], None],
) -> dict[str, ChangeT]:
    written: dict[str, ChangeT] = {}
    for _ in range(ROUNDS):
        stored = await store.load(waiting)
        made: dict[str, ChangeT] = {}
        for aggregate_id in waiting:
            decided = await decide(aggregate_id, stored.get(aggregate_id))
            if decided is not None:
                made[aggregate_id] = decided
        lost = await store.save(list(made.values())) if made else set()
        for aggregate_id, done in made.items():
            if aggregate_id not in lost:
                written[aggregate_id] = done
                note(done)
        if not lost:
            return written
        waiting = [aggregate_id for aggregate_id in waiting if aggregate_id in lost]
    raise Unavailable("written by others all the time")


class JointStore(Protocol[StoredT_co, ChangeT_contra]):
    """A store of aggregates that writes changes of several of them at once."""

    async def load(self, ids: Iterable[str], /) -> Mapping[str, StoredT_co]: ...

    async def save_together(self, changes: Sequence[ChangeT_contra], /) -> bool:
        """Write all of these changes, or none where one of the aggregates has changed since. Returns whether."""
        ...


DecideTogether = Callable[[Mapping[str, StoredT]], Awaitable[Sequence[ChangeT]]]
"""Gets what is stored, by id, without what is not there. Gives the changes; none for no change."""


async def change_together(
    store: JointStore[StoredT, ChangeT], ids: Iterable[str], decide: DecideTogether[StoredT, ChangeT]
) -> Sequence[ChangeT]:
    """As `change`, but of several aggregates at once: all changes are written, or none.

    Returns the changes that were written. Raises what `decide` raises. Raises Unavailable when the store is away, an
    aggregate keeps changing, or it is not known whether the changes are written; a repetition finds their causes in
    `applied`.
    """
    wanted = list(dict.fromkeys(ids))
    for number in range(JOINT_ROUNDS):
        made = await decide(await store.load(wanted))
        if not made or await store.save_together(made):
            return made
        # A transaction is refused from the first write of another one on, long before what that one writes can be read.
        await asyncio.sleep(STEP * (number + 1))
    raise Unavailable("written by others all the time")


@dataclass(frozen=True, slots=True)
class Save:
    """One change of one aggregate: the document that it builds on (None: a new one), new fields, events and causes.

    `more`: what is added to arrays of the document, of which nothing else changes.
    """

    id: str
    base: Document | None
    fields: Mapping[str, Any]
    events: Sequence[Event]
    causes: Sequence[str]
    more: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    pending: list[Document] = field(default_factory=list)

    @property
    def version(self) -> int:
        """The version that this change makes. A new aggregate has version 1."""
        return 1 if self.base is None else int(self.base["version"]) + 1


class Aggregates:
    """The aggregates of one collection, written with one atomic update each."""

    def __init__(
        self, collection: Collection, relay: Relay, grace: timedelta = GRACE, *, public_url: str = LOCAL
    ) -> None:
        """`grace`: how long only the relay of this process may publish the events; zero where no relay runs.
        `public_url`: the address at which the events say that their schemas stand.
        """
        self.collection = collection
        self._public_url = public_url
        self._grace = grace
        self._relay = relay
        relay.watch(collection)

    async def load(self, ids: Iterable[str]) -> dict[str, Document]:
        """The stored documents by id. An id without a document is missing from the answer."""
        found = self.collection.find({"_id": {"$in": list(ids)}})
        with reaching():
            return {document["_id"]: document async for document in found}

    async def save(self, saves: Sequence[Save]) -> set[str]:
        """Write each change to an aggregate of the same version as before. Returns the ids that were not written.

        Durable on return (majority, journal). Raises Unavailable when the server is away. Then some changes may be
        written; a repetition finds their causes in `applied`.
        """
        if not saves:
            return set()
        with reaching():
            return await self._save(saves)

    async def _save(self, saves: Sequence[Save]) -> set[str]:
        due = now() + self._grace
        operations = [_operation(save, due, self._public_url) for save in saves]
        lost: set[str] = set()
        matched = sum(1 for s in saves if s.base is not None)
        try:
            result = await self.collection.bulk_write(operations, ordered=False)
            matched -= result.matched_count
        except BulkWriteError as error:
            if error.details["writeConcernErrors"]:
                # A server that stops or steps down says so: the change is written, but perhaps not for good.
                raise WriteConcernError("written, but perhaps not durably") from None
            for failure in error.details["writeErrors"]:
                if failure["code"] != DUPLICATE_KEY:
                    raise
                lost.add(saves[failure["index"]].id)
            matched -= error.details["nMatched"]
        parcels = {s.id: Parcel(self.collection, s.id, s.version, s.pending) for s in saves}
        if matched:
            based = [s for s in saves if s.base is not None]
            stored = await self._applied(based)
            lost |= {s.id for s in based} - stored.keys()
            parcels |= stored
        self._relay.wake([parcel for parcel in parcels.values() if parcel.pending and parcel.id not in lost])
        return lost

    async def save_together(self, saves: Sequence[Save]) -> bool:
        """Write all of these changes in one transaction, each to an aggregate of the same version as before, or none.

        Returns whether they are written. Durable on return (majority, journal). Raises Unavailable when the server is
        away, or it is not known whether they are written; a repetition finds their causes in `applied`.
        """
        due = now() + self._grace
        operations = [_operation(save, due, self._public_url) for save in saves]
        with reaching():
            if await write_together(self.collection, operations):
                parcels = [Parcel(self.collection, s.id, s.version, s.pending) for s in saves]
            else:
                stored = await self._applied([save for save in saves if save.base is not None])
                if len(stored) < len(saves):
                    return False
                parcels = list(stored.values())
        self._relay.wake([parcel for parcel in parcels if parcel.pending])
        return True

    async def _applied(self, saves: Sequence[Save]) -> dict[str, "Parcel"]:
        """The parcels of changes that are stored: another replica may have written them, with events of its own."""
        causes = {save.id: save.causes for save in saves}
        found = self.collection.find({"_id": {"$in": list(causes)}}, {"applied": 1, "version": 1, "outbox": 1})
        return {
            d["_id"]: Parcel(self.collection, d["_id"], d["version"], d["outbox"])
            async for d in found
            if set(d["applied"]).issuperset(causes[d["_id"]])
        }


def count_numbered(events: Sequence[Event]) -> int:
    """How many of these events count in the numbers of their aggregate. The record shows those numbers without gaps,
    so events on restricted topics have numbers of their own.
    """
    return sum(event.fact.topic not in RESTRICTED for event in events)


def told_last(events: Sequence[Event]) -> datetime | None:
    """The time of the last of these events that takes the place of earlier ones of its key; None if none does."""
    return max((event.time for event in events if event.fact.topic in SUPERSEDED), default=None)


def _operation(save: Save, due: Any, public_url: str) -> InsertOne[Document] | UpdateOne:
    pending = [_pending(event, public_url) for event in save.events]
    causes, told_at = list(save.causes), told_last(save.events)
    if save.base is None:
        save.pending.extend(pending)
        return InsertOne(
            {
                "_id": save.id,
                "version": 1,
                "seq": count_numbered(save.events),
                "applied": causes,
                "outbox": pending,
                "outbox_due": due,
                **({"told_at": told_at} if told_at else {}),
                **save.fields,
            }
        )
    # Earlier events go first, or this replica would publish the events of a case out of order.
    save.pending.extend([*save.base["outbox"], *pending])
    return UpdateOne(
        {"_id": save.id, "version": save.base["version"]},
        {
            "$set": {**save.fields, "version": save.version, "outbox_due": due},
            "$inc": {"seq": count_numbered(save.events)},
            **({"$max": {"told_at": told_at}} if told_at else {}),
            "$push": {
                "applied": {"$each": causes, "$slice": -APPLIED_WINDOW},
                "outbox": {"$each": pending},
                **{name: {"$each": added} for name, added in save.more.items()},
            },
        },
        # MongoDB plans an update by more than the identifier anew each time, and else looks at every index for it.
        hint="_id_",
    )


def _pending(event: Event, public_url: str) -> Document:
    message = encode(event, public_url)
    return {
        "id": event.id,
        "at": event.time,
        "trace": event.trace,
        "topic": message.topic,
        "key": message.key,
        "headers": {name: value for name, value in message.headers if name != "traceparent"},
        "value": message.value,
    }
