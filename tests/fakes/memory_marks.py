"""Marks of reports, in memory, with the same promises as services.triage.patterns.store.MongoMarks."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from services.triage.patterns.marks import Marks, marks_of
from shared.parties import PartiesEvent
from shared.policy import About
from tests.fakes.memory_parties import MemoryParties


class MemoryMarks:
    """What was told last of each case."""

    def __init__(self, parties: MemoryParties | None = None) -> None:
        """`parties`: those that a test feeds already; what they are told is known here as well."""
        self.told = parties or MemoryParties()

    async def keep(self, told: Sequence[PartiesEvent]) -> None:
        await self.told.keep(told)

    async def places(self) -> dict[int, int]:
        return await self.told.places()

    async def load(self, case_ids: Iterable[str]) -> dict[str, Marks]:
        known = await self._all()
        return {case_id: known[case_id] for case_id in case_ids if case_id in known}

    async def sharing(
        self, about: About, keys: Collection[str], since: datetime, until: datetime, limit: int
    ) -> Sequence[Marks]:
        known = (await self._all()).values()
        found = [m for m in known if _values(m, about) & set(keys) and since <= m.reported_at <= until]
        return sorted(found, key=lambda marks: marks.reported_at, reverse=True)[:limit]

    async def _all(self) -> dict[str, Marks]:
        await self.told.load([])
        return {case_id: marks_of(one) for case_id, one in self.told.told.items()}


def _values(marks: Marks, about: About) -> set[str | None]:
    values: dict[About, set[str | None]] = {
        "person": {*marks.people},
        "page": {*marks.pages},
        "source": {marks.source},
    }
    return values[about]
