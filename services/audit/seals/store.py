"""MongoDB behind seals: aggregates with an outbox that announces the seal log on `audit.seals`, a stretch each."""

from collections.abc import Sequence

from shared.aggregates import OUTBOX_INDEX, Aggregates, Save
from shared.mongo import Collection, IndexModel, reaching

INDEXES = (OUTBOX_INDEX, IndexModel([("end", -1)], name="end"))


class MongoAnnouncements:
    """What is announced of the seal log. Every method raises Unavailable while the database is away."""

    def __init__(self, aggregates: Aggregates) -> None:
        self._aggregates = aggregates
        self.collection: Collection = aggregates.collection

    async def announced(self) -> int:
        """How many entries of the seal log are announced: the `end` of the last stretch."""
        with reaching():
            last = await self.collection.find_one({}, {"end": 1}, sort=[("end", -1)])
        return int(last["end"]) if last else 0

    async def save(self, saves: Sequence[Save]) -> set[str]:
        """Store new stretches with their events; returns the ids of those that another replica has stored already."""
        return await self._aggregates.save(saves)
