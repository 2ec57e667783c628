"""The missed deadlines of a community, found among the cases by an index: the cases themselves keep them."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from services.triage.aside import Aside
from services.triage.patterns.systemic import Breach
from shared.events import SystemicPatternFound
from shared.mongo import Collection as MongoCollection
from shared.mongo import Document, IndexModel, reaching

BREACH_INDEX = IndexModel(
    [("community", 1), ("deadlines.breached_at", -1)],
    name="breaches",
    partialFilterExpression={"deadlines.breached_at": {"$type": "date"}},
)
TOLD_INDEX = IndexModel(
    [("community", 1), ("received_at", -1)],
    name="systemic",
    partialFilterExpression={"history.fact": SystemicPatternFound.name},
)


class BreachStore(Protocol):
    """Where breaches are found: MongoBreaches, or memory in tests. Raises Unavailable while away."""

    async def breaches(self, community: str, since: datetime, bodies: Collection[str], limit: int) -> list[Breach]:
        """The breaches since then (UTC-aware) of at most `limit` cases of the community with one of these bodies.

        Cases that are part of a flood count for nobody, nor do those that Hearth made of a hint.
        """
        ...

    async def told(self, community: str, flag: str, since: datetime) -> bool:
        """Whether Hearth made a case with this flag of a hint at the community since then (UTC-aware)."""
        ...


class MongoBreaches:
    """The breaches of the cases of a collection."""

    def __init__(self, cases: MongoCollection, aside: Aside | None = None) -> None:
        self._cases = cases
        self._aside = aside or Aside()

    async def breaches(self, community: str, since: datetime, bodies: Collection[str], limit: int) -> list[Breach]:
        """See BreachStore."""
        found = self._cases.find(breached(community, since, bodies), {"deadlines": 1}).limit(limit)

        def breaches_in(document: Document) -> list[Breach]:
            missed = [one for one in document["deadlines"] if one.get("breached_at") and one["breached_at"] >= since]
            return [Breach(document["_id"], one["name"], one["breached_at"]) for one in missed]

        with reaching():
            documents = await found.to_list(None)
        return [breach for some in self._aside.whole(documents, breaches_in) for breach in some]

    async def told(self, community: str, flag: str, since: datetime) -> bool:
        """See BreachStore."""
        with reaching():
            return await self._cases.find_one(hinted(community, flag, since), {"_id": 1}) is not None


def breached(community: str, since: datetime, bodies: Collection[str]) -> Document:
    """What MongoDB is asked for: one range of an index, and no other cases."""
    return {
        "community": community,
        "deadlines.breached_at": {"$gte": since, "$type": "date"},
        "body": {"$in": sorted(bodies)},
        "grouped": None,
        "history.fact": {"$ne": SystemicPatternFound.name},
    }


def hinted(community: str, flag: str, since: datetime) -> Document:
    """The same for the cases that were made of hints."""
    return {
        "community": community,
        "received_at": {"$gte": since},
        "history.fact": SystemicPatternFound.name,
        "flags": flag,
    }
