"""Who looks at which case, in MongoDB: one small document each, which goes by itself."""

from collections.abc import Collection
from datetime import datetime

from shared.mongo import Collection as Documents
from shared.mongo import IndexModel, UpdateOne, reaching, write_unordered

LOOKER_INDEXES = (
    IndexModel([("case_id", 1), ("until", 1)], name="case"),
    IndexModel([("until", 1)], name="gone", expireAfterSeconds=60),
)


class MongoLookers:
    """The lookers of a collection. Raises Unavailable while the server is away."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def look(self, looks: Collection[tuple[str, str]], until: datetime) -> None:
        """Note that these people look at these cases: (case id, reference), until then (UTC-aware)."""
        writes = [
            UpdateOne(
                {"_id": f"{case_id}/{person}"},
                {"$set": {"case_id": case_id, "person": person, "until": until}},
                upsert=True,
            )
            for case_id, person in sorted(looks)
        ]
        if writes:
            with reaching():
                await write_unordered(self._documents, writes)

    async def looking(self, ids: Collection[str], at: datetime) -> dict[str, frozenset[str]]:
        """Who looks at each of these cases at that time (UTC-aware), by the id of the case."""
        found: dict[str, set[str]] = {}
        with reaching():
            async for one in self._documents.find({"case_id": {"$in": sorted(ids)}, "until": {"$gt": at}}):
                found.setdefault(one["case_id"], set()).add(one["person"])
        return {case_id: frozenset(people) for case_id, people in found.items()}
