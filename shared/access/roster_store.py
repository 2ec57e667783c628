"""The copy of the roster in a service's own database."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.access.entries import ROSTER_FACTS, RosterState
from shared.events import Event, Fact, RosterEntryChanged, RosterTokenChanged
from shared.mongo import (
    DUPLICATE_KEY,
    BulkWriteError,
    Collection,
    Document,
    IndexModel,
    UpdateOne,
    WriteConcernError,
    reaching,
)
from shared.times import now

ROSTER_INDEXES = (
    IndexModel([("changed_at", 1)], name="changed_at"),
    IndexModel([("entry.secret_hash", 1)], name="secret_hash", unique=True, sparse=True),
)


class MongoRoster:
    """The copy in a service's own database; in triage, the entries themselves. Every method raises Unavailable."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    async def changed_since(self, at: datetime | None) -> list[RosterState]:
        """Every entry written at or after `at` (UTC-aware); without `at`, every entry."""
        found = self.collection.find({"changed_at": {"$gte": at}} if at else {}, {"entry": 1, "kind": 1})
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
            document = await self.collection.find_one({"_id": person})
        state = read_state(document) if document else None
        return state if isinstance(state, RosterEntryChanged) else None

    async def note_use(self, token_id: str, at: datetime) -> None:
        """Note when a token was used here."""
        with reaching():
            await self.collection.update_one({"_id": token_id}, {"$max": {"used_at": at}})

    async def project(self, events: Sequence[Event]) -> None:
        """Store what the topic says. An event older than what is stored changes nothing."""
        at = now()
        newest = {e.case_id: e for e in sorted(events, key=lambda e: e.case_seq) if isinstance(e.fact, ROSTER_FACTS)}
        operations = [
            UpdateOne(
                {"_id": key, "seq": {"$lt": event.case_seq}},
                {"$set": {**fields_of(event.fact, at), "seq": event.case_seq}},
                upsert=True,
            )
            for key, event in newest.items()
        ]
        if operations:
            with reaching():
                await self._write(operations)

    async def _write(self, operations: Sequence[UpdateOne]) -> None:
        try:
            # Unordered, because the operations are independent: each keeps the newest.
            await self.collection.bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            if error.details["writeConcernErrors"]:
                raise WriteConcernError("written, but perhaps not durably") from None
            # A duplicate key is an upsert that found a newer entry under its id.
            if any(failure["code"] != DUPLICATE_KEY for failure in error.details["writeErrors"]):
                raise


def fields_of(state: Fact, at: datetime) -> Document:
    """The fields that store a state, changed at `at`."""
    return {"kind": state.name, "entry": state.model_dump(), "changed_at": at}


def read_state(document: Mapping[str, Any]) -> RosterState:
    """The state that a document stores."""
    kind = RosterTokenChanged if document["kind"] == RosterTokenChanged.name else RosterEntryChanged
    return kind.model_validate(document["entry"])
