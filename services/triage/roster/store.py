"""Entries of the roster in MongoDB: one document each, with its outbox; tokens stand beside them."""

from collections.abc import Iterable, Sequence

from services.triage.roster.entry import StoredEntry
from shared.access.roster_store import read_state
from shared.aggregates import Aggregates, Save
from shared.events import RosterEntryChanged
from shared.mongo import Document, reaching


class MongoEntries:
    """The roster of a collection. Raises Unavailable while the server is away."""

    def __init__(self, aggregates: Aggregates) -> None:
        self._aggregates = aggregates

    async def load(self, ids: Iterable[str], /) -> dict[str, Document]:
        """The stored entries and tokens by id, without those that do not exist."""
        with reaching():
            return await self._aggregates.load(ids)

    async def save(self, saves: Sequence[Save], /) -> set[str]:
        """One bulk write; returns the ids of those that were not written."""
        with reaching():
            return await self._aggregates.save(saves)

    async def everybody(self) -> list[StoredEntry]:
        """The entries of all people, in no order."""
        found = self._aggregates.collection.find({"kind": RosterEntryChanged.name}, {"kind": 1, "entry": 1, "seq": 1})
        with reaching():
            return [kept async for document in found if (kept := kept_of(document))]


def kept_of(document: Document) -> StoredEntry | None:
    """The entry that a document holds; None for a token."""
    state = read_state(document)
    return StoredEntry(state, document["seq"]) if isinstance(state, RosterEntryChanged) else None
