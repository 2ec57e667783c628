"""The missed deadlines of a community, found among the cases by an index: the cases themselves keep them."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from services.triage.patterns.systemic import Breach
from shared.mongo import Collection as MongoCollection
from shared.mongo import Document, IndexModel, reaching

BREACH_INDEX = IndexModel(
    [("community", 1), ("deadlines.breached_at", -1)],
    name="breaches",
    partialFilterExpression={"deadlines.breached_at": {"$type": "date"}},
)


class BreachStore(Protocol):
    """Where breaches are found: MongoBreaches, or memory in tests. Raises Unavailable while away."""

    async def breaches(self, community: str, since: datetime, without: Collection[str], limit: int) -> list[Breach]:
        """The breaches since then (UTC-aware) of at most `limit` cases of the community without one of these flags."""
        ...


class MongoBreaches:
    """The breaches of the cases of a collection."""

    def __init__(self, cases: MongoCollection) -> None:
        self._cases = cases

    async def breaches(self, community: str, since: datetime, without: Collection[str], limit: int) -> list[Breach]:
        """See BreachStore."""
        found = self._cases.find(breached(community, since, without), {"deadlines": 1}).limit(limit)
        with reaching():
            return [
                Breach(document["_id"], one["name"], one["breached_at"])
                async for document in found
                for one in document["deadlines"]
                if one.get("breached_at") and one["breached_at"] >= since
            ]


def breached(community: str, since: datetime, without: Collection[str]) -> Document:
    """What MongoDB is asked for: one range of an index, and no other cases."""
    return {
        "community": community,
        "deadlines.breached_at": {"$gte": since, "$type": "date"},
        "flags": {"$nin": sorted(without)},
    }
