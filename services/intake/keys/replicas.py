"""Which replica has loaded which keyring, and which rotation may change it: the collection `keyrings`.

All its times are those of MongoDB's clock.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from services.intake.keys.keyring import Keyring, KeyState
from shared.mongo import RELAXED, Collection, DuplicateKeyError, IndexModel, reaching

SEEN = 60
"""Seconds without a sign after which a replica counts as gone; each gives one every few seconds."""

REPLICA_INDEXES = (IndexModel([("at", 1)], name="at", expireAfterSeconds=86_400),)
_ROTATION = "rotation"
_NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Replica:
    """A running intake: the ids of the master keys that it opens with, and of the one that it seals with."""

    id: str
    opens: frozenset[str]
    seals: str


@dataclass(frozen=True, slots=True)
class Newest:
    """What the last rotation left: the ids of the master key that seals, and of those that must not seal any more."""

    seals: str
    retired: frozenset[str]


class Replicas:
    """The running intakes, each with its keyring. Every method raises Unavailable while the database is away."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._relaxed = collection.with_options(write_concern=RELAXED)

    async def tell(self, replica_id: str, ring: Keyring) -> None:
        """Say that this replica runs, and holds this keyring."""
        told = {"opens": [key.id for key in ring.keys], "seals": ring.current.id}
        with reaching():
            await self._relaxed.update_one(
                {"_id": replica_id}, {"$set": told, "$currentDate": {"at": True}}, upsert=True
            )

    async def leave(self, replica_id: str) -> None:
        """Say that this replica stops."""
        # Not deleted, because a sign of this replica that is still on its way would bring it back.
        left = {"$set": {"left": True, "opens": [], "seals": ""}, "$currentDate": {"at": True}}
        with reaching():
            await self.collection.update_one({"_id": replica_id}, left, upsert=True)

    async def running(self) -> Sequence[Replica]:
        """All replicas that gave a sign in the last minute."""
        alive = {"$expr": {"$gt": ["$at", {"$subtract": ["$$NOW", SEEN * 1000]}]}}
        found = self.collection.find({"_id": {"$ne": _ROTATION}, "left": {"$ne": True}, **alive})
        with reaching():
            return [Replica(d["_id"], frozenset(d["opens"]), d["seals"]) async for d in found]

    async def lease(self, owner: str, seconds: float) -> bool:
        """Take or renew the right to change the keyring for so long; False while another rotation has it."""
        with reaching(), suppress(DuplicateKeyError):
            await self.collection.insert_one({"_id": _ROTATION, "owner": None})
        free = {"$expr": {"$lt": [{"$ifNull": ["$until", 0]}, "$$NOW"]}}
        until: list[dict[str, Any]] = [{"$set": {"owner": owner, "until": {"$add": ["$$NOW", seconds * 1000]}}}]
        with reaching():
            taken = await self.collection.update_one({"_id": _ROTATION, "$or": [{"owner": owner}, free]}, until)
        return bool(taken.matched_count)

    async def release(self, owner: str) -> None:
        """Give up the right to change the keyring."""
        free = {"$set": {"owner": None, "until": None}}
        with reaching():
            await self.collection.update_one({"_id": _ROTATION, "owner": owner}, free)

    async def newest(self) -> Newest | None:
        """What the last rotation named, if there was one."""
        with reaching():
            found = await self.collection.find_one({"_id": _NEWEST})
        return Newest(found["seals"], frozenset(found.get("retired", ()))) if found else None

    async def name_newest(self, ring: Keyring) -> None:
        """Keep what a rotation left for replicas that do not run now; a retired key stays named after it is dropped."""
        retired = [key.id for key in ring.keys if key.state is KeyState.RETIRED]
        # It has no time, so that it does not expire as replicas do.
        named = {"$set": {"seals": ring.current.id}, "$addToSet": {"retired": {"$each": retired}}}
        with reaching():
            await self.collection.update_one({"_id": _NEWEST}, named, upsert=True)
