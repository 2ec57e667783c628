"""The copy of the roster in a service's own database."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.access.entries import RosterState
from shared.events import Event, RosterEntryChanged, RosterNames, RosterTokenChanged
from shared.kafka.consumption import Decode
from shared.kafka.records import Record
from shared.mongo import Collection, Document, IndexModel, reaching
from shared.projections import Told, keep_newest
from shared.times import now

ROSTER_INDEXES = (
    IndexModel([("changed_at", 1)], name="changed_at"),
    IndexModel([("entry.secret_hash", 1)], name="secret_hash", unique=True, sparse=True),
)


class NamesReplay:
    """Brings the names in a copy up to their topic before a service consumes: a restored database may lack some."""

    def __init__(
        self, read: Callable[[], AsyncIterator[Sequence[Record]]], decode: Decode[Event], roster: "MongoRoster"
    ) -> None:
        """`read` gives the records of the topic from its beginning to where it ends now."""
        self._read = read
        self._decode = decode
        self._roster = roster
        self._done = False

    async def run(self) -> None:
        """Store what the topic says, once a process. Raises Unavailable (then it may be run again), and Malformed."""
        if self._done:
            return
        async for records in self._read():
            await self._roster.project([event for record in records if (event := self._decode(record, None))])
        self._done = True


class MongoRoster:
    """The copy in a service's own database; in triage, the entries themselves. Every method raises Unavailable.

    `entry` is what the newest event says, and `pseudonyms` are the person's, which travel apart. In an entry that
    an event from before that says, they stand in the entry.
    """

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    async def changed_since(self, at: datetime | None) -> list[RosterState]:
        """Every entry written at or after `at` (UTC-aware); without `at`, every entry."""
        wanted: Document = {"entry": {"$exists": True}, **({"changed_at": {"$gte": at}} if at else {})}
        found = self.collection.find(wanted, {"entry": 1, "kind": 1, "pseudonyms": 1})
        with reaching():
            return [read_state(document) async for document in found]

    async def find_token(self, secret_hash: str) -> RosterTokenChanged | None:
        """The token with this hash."""
        with reaching():
            document = await self.collection.find_one({"entry.secret_hash": secret_hash})
        state = read_state(document) if document else None
        return state if isinstance(state, RosterTokenChanged) else None

    async def find_entry(self, person: str) -> RosterEntryChanged | None:
        """The entry of a person."""
        with reaching():
            document = await self.collection.find_one({"_id": person, "entry": {"$exists": True}})
        state = read_state(document) if document else None
        return state if isinstance(state, RosterEntryChanged) else None

    async def note_use(self, token_id: str, at: datetime) -> None:
        """Note when a token was used here."""
        with reaching():
            await self.collection.update_one({"_id": token_id}, {"$max": {"used_at": at}})

    async def project(self, events: Sequence[Event]) -> None:
        """Store what the topics `roster` and `names` say. What is older than what is stored changes nothing."""
        at = now()
        entries: dict[str, Told] = {}
        names: dict[str, Told] = {}
        for event in sorted(events, key=lambda e: e.time):
            match event.fact:
                case RosterNames() as told:
                    names[event.case_id] = Told(event.time, {"pseudonyms": list(told.names), "changed_at": at})
                case RosterEntryChanged() | RosterTokenChanged() as state:
                    fields = {"kind": state.name, "entry": state.model_dump(), "changed_at": at}
                    entries[event.case_id] = Told(event.time, fields)
        await keep_newest(self.collection, names, "pseudonyms_told_at")
        await keep_newest(self.collection, entries, "entry_told_at")


def fields_of(state: RosterState, at: datetime) -> Document:
    """The fields by which the owner stores a state, changed at `at`: the pseudonyms of a person beside the entry."""
    fields: Document = {"kind": state.name, "entry": published(state).model_dump(), "changed_at": at}
    return fields | ({"pseudonyms": list(state.pseudonyms)} if isinstance(state, RosterEntryChanged) else {})


def published(state: RosterState) -> RosterState:
    """The state as the topic `roster` tells it: without pseudonyms."""
    return state.model_copy(update={"pseudonyms": ()}) if isinstance(state, RosterEntryChanged) else state


def read_state(document: Mapping[str, Any]) -> RosterState:
    """The state that a document stores."""
    entry = document["entry"]
    if document["kind"] == RosterTokenChanged.name:
        return RosterTokenChanged.model_validate(entry)
    names = dict.fromkeys((*entry.get("pseudonyms", ()), *document.get("pseudonyms", ())))
    return RosterEntryChanged.model_validate({**entry, "pseudonyms": tuple(names)})
