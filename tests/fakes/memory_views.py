"""Saved views, in memory, with the same promises as services.triage.desk.view_store.MongoViews."""

from dataclasses import replace

from services.triage.desk.saved_views import StoredViews


class MemoryViews:
    def __init__(self) -> None:
        self.stored: dict[str, StoredViews] = {}

    async def load(self, person: str) -> StoredViews:
        return self.stored.get(person, StoredViews(person))

    async def save(self, stored: StoredViews) -> bool:
        if (await self.load(stored.id)).version != stored.version:
            return False
        self.stored[stored.id] = replace(stored, version=stored.version + 1)
        return True
