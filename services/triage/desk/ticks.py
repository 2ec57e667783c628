"""What handlers have seen to of a playbook: who ticked which check of a case, and when. Ticks hold no words."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.mongo import Collection as Documents
from shared.mongo import reaching


@dataclass(frozen=True, slots=True)
class Tick:
    """Who has seen to a check (a reference), and when (UTC-aware)."""

    by: str
    at: datetime


class Ticks(Protocol):
    """Where ticks are kept: MongoTicks, or memory in tests. Raises Unavailable while it is away."""

    async def of(self, case_id: str, checks: Collection[str]) -> dict[str, Tick]:
        """The ticks of these checks of a case, by the id of the check."""
        ...

    async def tick(self, case_id: str, check: str, tick: Tick) -> None:
        """Tick a check, unless it is ticked: of two people who tick at once, the first one stands."""
        ...

    async def untick(self, case_id: str, check: str) -> None:
        """Take a tick away, if there is one."""
        ...


class MongoTicks:
    """The ticks of a collection: one small document each, found by its id, so that no two people overwrite another."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def of(self, case_id: str, checks: Collection[str]) -> dict[str, Tick]:
        """See Ticks."""
        wanted = {"_id": {"$in": [_id(case_id, check) for check in checks]}}
        with reaching():
            return {one["check"]: Tick(one["by"], one["at"]) async for one in self._documents.find(wanted)}

    async def tick(self, case_id: str, check: str, tick: Tick) -> None:
        """See Ticks."""
        kept = {"check": check, "by": tick.by, "at": tick.at}
        with reaching():
            await self._documents.update_one({"_id": _id(case_id, check)}, {"$setOnInsert": kept}, upsert=True)

    async def untick(self, case_id: str, check: str) -> None:
        """See Ticks."""
        with reaching():
            await self._documents.delete_one({"_id": _id(case_id, check)})


def _id(case_id: str, check: str) -> str:
    return f"{case_id}/{check}"
