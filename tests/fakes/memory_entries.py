"""The roster's entries in memory, with the same promises as services.triage.roster.store.MongoEntries."""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.triage.roster.entry import StoredEntry
from services.triage.roster.store import kept_of
from shared.access.principal import Principal
from shared.access.roster_store import fields_of
from shared.aggregates import Save, count_numbered, told_last
from shared.events import Event
from shared.mongo import Document
from shared.problems import Unavailable
from shared.times import now
from tests.support.people import COPIES, entry_of


@dataclass
class MemoryEntries:
    """Documents by id, and every event that a change wrote."""

    documents: dict[str, Document] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    away: bool = False

    async def load(self, ids: Iterable[str], /) -> dict[str, Document]:
        self._reach()
        return {i: copy.deepcopy(self.documents[i]) for i in ids if i in self.documents}

    async def save(self, saves: Sequence[Save], /) -> set[str]:
        self._reach()
        lost = set()
        for save in saves:
            known = self.documents.get(save.id)
            if (known["version"] if known else None) != (save.base["version"] if save.base else None):
                if known is None or not set(known["applied"]).issuperset(save.causes):
                    lost.add(save.id)
                continue
            base = known or {"_id": save.id, "seq": 0, "applied": [], "outbox": []}
            self.documents[save.id] = {
                **base,
                **save.fields,
                "version": save.version,
                "seq": base["seq"] + count_numbered(save.events),
                "applied": [*base["applied"], *save.causes],
            }
            if told_at := told_last(save.events):
                self.documents[save.id]["told_at"] = max(told_at, base.get("told_at", told_at))
            self.events += save.events
        return lost

    async def holding_names(self) -> list[str]:
        return [i for i, document in self.documents.items() if document["entry"].get("pseudonyms")]

    async def everybody(self) -> list[StoredEntry]:
        self._reach()
        return [kept for document in self.documents.values() if (kept := kept_of(document))]

    def enrol(self, who: Principal) -> None:
        """Put somebody on the roster as they are, here and in the copy that the gate looks at."""
        COPIES.enrol(who)
        state = entry_of(who)
        kept = {"_id": who.ref, "version": 1, "seq": 1, "applied": [], "outbox": []}
        self.documents[who.ref] = {**kept, **fields_of(state, now())}

    def of(self, person: str) -> StoredEntry:
        """The entry of somebody who is on the roster."""
        kept = kept_of(self.documents[person])
        assert kept is not None
        return kept

    def _reach(self) -> None:
        if self.away:
            raise Unavailable("mongodb: away")
