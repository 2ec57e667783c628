"""The measures in force, found among the cases in MongoDB. Each write of a case keeps its place in the register."""

from dataclasses import dataclass
from typing import Protocol

from services.triage.aside import Aside
from services.triage.case.case import Case
from services.triage.case.in_force import InForcePlace, fields_of
from services.triage.store import case_of, place_all
from shared.mongo import Collection, Document, IndexModel, reaching

IN_FORCE_INDEXES = (
    IndexModel(
        [("in_force", 1), ("in_force_until", 1), ("_id", 1)],
        name="in_force",
        partialFilterExpression={"in_force_until": {"$type": "date"}},
    ),
    IndexModel([("measures.id", 1)], name="measures", partialFilterExpression={"measures.id": {"$gt": ""}}),
)
IN_FORCE_ORDER = [("in_force_until", 1), ("_id", 1)]
_CASE = {"outbox": 0, "applied": 0}


@dataclass(frozen=True, slots=True)
class InForceQuery:
    """Which cases with measures in force: with one of these keys (services.triage.case.in_force), after this place."""

    keys: tuple[str, ...]
    after: InForcePlace | None = None
    limit: int = 50


class InForceStore(Protocol):
    """Where measures in force are found: MongoMeasures, or memory in tests. Raises Unavailable while away."""

    async def in_force(self, query: InForceQuery) -> list[Case]:
        """The cases of which a measure stands, in the order in which the first of their measures ends, then by id."""
        ...

    async def find_by_measure(self, measure_id: str) -> Case | None:
        """The case that has this measure, standing or not."""
        ...


class MongoMeasures:
    """The measures of the cases of a collection."""

    def __init__(self, cases: Collection, aside: Aside | None = None) -> None:
        self._cases = cases
        self._aside = aside or Aside()

    async def in_force(self, query: InForceQuery) -> list[Case]:
        """The cases of which a measure stands, in the order in which the first of their measures ends, then by id."""

        async def find(limit: int) -> list[Document]:
            found = self._cases.find(in_force_of(query), _CASE).sort(IN_FORCE_ORDER).limit(limit)
            with reaching():
                return await found.to_list(None)

        return await self._aside.first(find, query.limit, case_of)

    async def find_by_measure(self, measure_id: str) -> Case | None:
        """The case that has this measure, standing or not."""
        with reaching():
            document = await self._cases.find_one({"measures.id": {"$eq": measure_id, "$gt": ""}})
        return next(iter(self._aside.whole([document], case_of)), None) if document else None

    async def place_measures(self) -> None:
        """Give cases from before the register their place in it. Each write of a case does so by itself."""
        unplaced: Document = {"measures.id": {"$gt": ""}, "in_force_until": {"$exists": False}}
        await place_all(self._cases, unplaced, fields_of, self._aside)


def in_force_of(query: InForceQuery) -> Document:
    """What MongoDB is asked for: the cases with measures in force that have one of these keys, after this place."""
    wanted: Document = {"in_force": {"$in": list(query.keys)}, "in_force_until": {"$type": "date"}}
    if query.after is None:
        return wanted
    until, case_id = query.after
    wanted["in_force_until"] = {"$type": "date", "$gte": until}
    # The place itself is in the index; what comes before it at the same time is passed over there.
    return {**wanted, "$or": [{"in_force_until": {"$gt": until}}, {"_id": {"$gt": case_id}}]}
