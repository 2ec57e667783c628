"""How far the search for new names has come: the collection `searches`. Its times are those of MongoDB's clock."""

from collections.abc import Collection as Sized
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.mongo import Collection, Document, DuplicateKeyError, UpdateOne, reaching

_PASS = "pass"  # noqa: S105  # no password, but the id of a document
_WHERE = 2
"""In which words names are looked for, as a number. What a version searched that looked in fewer does not count."""


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass through all reports that are not erased, first those of open cases, then those of `closed` ones.

    `names`: what it looks for. `after`: the last report that it has searched. `began_at`: when it began, UTC-aware.
    """

    began_at: datetime
    names: frozenset[str]
    after: str = ""
    closed: bool = False


class MongoSearches:
    """Which names have been looked for in all reports. Every method raises Unavailable."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    async def searched(self) -> dict[str, frozenset[str]]:
        """The pseudonyms of each person, by reference, that were looked for everywhere."""
        found = self.collection.find({"_id": {"$ne": _PASS}, "where": _WHERE})
        with reaching():
            return {document["_id"]: frozenset(document["names"]) async for document in found}

    async def lease(self, owner: str, seconds: float) -> bool:
        """Take or renew the right to search for so long; False while another replica has it."""
        with reaching(), suppress(DuplicateKeyError):
            await self.collection.update_one({"_id": _PASS}, {"$setOnInsert": {"owner": None}}, upsert=True)
        free = {"$expr": {"$lt": [{"$ifNull": ["$until", 0]}, "$$NOW"]}}
        until: list[dict[str, Any]] = [{"$set": {"owner": owner, "until": {"$add": ["$$NOW", seconds * 1000]}}}]
        with reaching():
            taken = await self.collection.update_one({"_id": _PASS, "$or": [{"owner": owner}, free]}, until)
        return bool(taken.matched_count)

    async def release(self, owner: str) -> None:
        """Give up the right to search."""
        with reaching():
            await self.collection.update_one({"_id": _PASS, "owner": owner}, {"$set": {"owner": None, "until": None}})

    async def running(self) -> Pass | None:
        """The pass that a replica began and none has ended."""
        with reaching():
            found = await self.collection.find_one({"_id": _PASS})
        if not found or not found.get("names"):
            return None
        return Pass(found["began_at"], frozenset(found["names"]), found["after"], found.get("closed", False))

    async def keep(self, search: Pass) -> None:
        """Keep how far a pass has come."""
        fields: Document = {
            "began_at": search.began_at, "names": sorted(search.names), "after": search.after, "closed": search.closed
        }  # fmt: skip
        with reaching():
            await self.collection.update_one({"_id": _PASS}, {"$set": fields})

    async def move(self, after: str, *, closed: bool) -> None:
        """Keep which report the running pass has searched last, and whether it is at those of closed cases."""
        with reaching():
            await self.collection.update_one({"_id": _PASS}, {"$set": {"after": after, "closed": closed}})

    async def end(self, searched: Mapping[str, Sized[str]]) -> None:
        """End the pass. `searched`: all pseudonyms of each person who has none left to look for."""
        writes = [
            UpdateOne({"_id": p}, {"$set": {"names": sorted(names), "where": _WHERE}}, upsert=True)
            for p, names in searched.items()
        ]
        with reaching():
            if writes:
                await self.collection.bulk_write(writes, ordered=False)
            await self.collection.update_one(
                {"_id": _PASS}, {"$unset": {"names": "", "after": "", "closed": "", "began_at": ""}}
            )
