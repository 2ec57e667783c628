"""Entries of the roster in MongoDB: one document each, with its outbox; tokens stand beside them."""

from collections.abc import Iterable, Sequence

from services.triage.roster.entry import StoredEntry
from services.triage.roster.names import NameHeld, Names, Source
from shared.access.roster_store import read_state
from shared.aggregates import Aggregates, Save
from shared.events import RosterEntryChanged
from shared.mongo import Document, reaching

HOLDING_NAMES: Document = {"entry.pseudonyms.0": {"$exists": True}}


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

    async def holding_names(self) -> list[str]:
        """The people with an entry that holds pseudonyms, as it was told before `names` told them."""
        with reaching():
            return [d["_id"] async for d in self._aggregates.collection.find(HOLDING_NAMES, {"_id": 1})]

    async def everybody(self) -> list[StoredEntry]:
        """The entries of all people, in no order."""
        found = self._aggregates.collection.find(
            {"kind": RosterEntryChanged.name},
            {"kind": 1, "entry": 1, "seq": 1, "names": 1, "pseudonyms": 1, "changed_at": 1},
        )
        with reaching():
            return [kept async for document in found if (kept := kept_of(document))]


def kept_of(document: Document) -> StoredEntry | None:
    """The entry that a document holds; None for a token."""
    state = read_state(document)
    return (
        StoredEntry(state, document["seq"], _names_in(document, state))
        if isinstance(state, RosterEntryChanged)
        else None
    )


def _names_in(document: Document, state: RosterEntryChanged) -> Names:
    """The names of an entry. One of an earlier version has only their keys, which hold as before."""
    kept = document.get("names")
    if kept is None and state.pseudonyms:
        since = document["changed_at"]
        return (NameHeld("earlier", state.pseudonyms, Source.EARLIER, since, since),)
    return tuple(
        NameHeld(**{**name, "keys": tuple(name["keys"]), "source": Source(name["source"])}) for name in kept or ()
    )
