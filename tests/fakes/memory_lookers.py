"""Who looks at which case, in memory, with the same promises as services.triage.desk.lookers.MongoLookers."""

from collections.abc import Collection
from datetime import datetime


class MemoryLookers:
    def __init__(self) -> None:
        self.until: dict[tuple[str, str], datetime] = {}

    async def look(self, looks: Collection[tuple[str, str]], until: datetime) -> None:
        self.until |= dict.fromkeys(looks, until)

    async def looking(self, ids: Collection[str], at: datetime) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for (case_id, person), until in self.until.items():
            if case_id in ids and until > at:
                found.setdefault(case_id, set()).add(person)
        return {case_id: frozenset(people) for case_id, people in found.items()}
