"""The wrapped keys of stored reports: which master keys they need, and wrapping them anew while intake runs.

A write replaces a wrapped key only while it is the very bytes that were read, and never touches the sealed data. So an
erasure, an answer or another rotation that comes in between wins, and the next pass looks at its result. `version`
stays as it is, because the content of the report stays the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.intake.report.sealed import WrappedKey
from services.intake.vault.cipher import Vault, VaultError
from shared.mongo import Collection, Document, UpdateOne, reaching

DRAWERS = ("vault", "statements", "answers")
"""The fields of a report that hold sealed data by name."""
REWRAPPED_AT_ONCE = 200


@dataclass(slots=True)
class Pass:
    """What one pass through all reports did: how many it wrote, and the places of keys that cannot be unwrapped."""

    reports: int = 0
    damaged: list[str] = field(default_factory=list)


class WrappedKeys:
    """The wrapped keys of all reports. Every method raises Unavailable while the database is away."""

    def __init__(self, reports: Collection, at_once: int = REWRAPPED_AT_ONCE) -> None:
        """`at_once`: so many reports are read and written together."""
        self._reports = reports
        self._at_once = at_once

    async def uses(self) -> dict[str, int]:
        """How many reports need each master key, by its id."""
        stages = [
            _KEYS,
            {"$project": {"ids": {"$setUnion": ["$keys.key_id", []]}}},
            {"$unwind": "$ids"},
            {"$group": {"_id": "$ids", "reports": {"$sum": 1}}},
        ]
        return {found["_id"]: found["reports"] for found in await self._aggregate(stages)}

    async def sample(self, most: int) -> tuple[int, dict[str, int]]:
        """How many reports were looked at, and how many of them need each master key, by its id."""
        # Ids are random, so both ends of their order are fair samples.
        counts: dict[str, int] = {}
        seen: set[str] = set()
        for order in (1, -1):
            stages: list[Document] = [{"$sort": {"_id": order}}, {"$limit": most // 2}, _KEYS]
            for found in await self._aggregate(stages):
                if found["_id"] not in seen:
                    seen.add(found["_id"])
                    for key_id in {key["key_id"] for key in found["keys"]}:
                        counts[key_id] = counts.get(key_id, 0) + 1
        return len(seen), counts

    async def count_without(self, key_id: str) -> int:
        """How many reports need another master key than this one."""
        stages = [_KEYS, _others(key_id), {"$count": "reports"}]
        return sum(found["reports"] for found in await self._aggregate(stages))

    async def rewrap(self, vault: Vault, key_id: str, tell: Callable[[int], None] = lambda _: None) -> Pass:
        """Wrap every key anew that is under another master key than `key_id`, the current one of `vault`.

        A report that changes meanwhile is left for the next pass. Durable (majority, journal) on return. Each write
        calls `tell` with the number of reports it wrote.
        """
        done, last = Pass(), ""
        while batch := await self._read(key_id, last):
            last = batch[-1]["_id"]
            operations = []
            for found in batch:
                operation, damaged = rewrapped(vault, found)
                done.damaged += damaged
                if operation:
                    operations.append(operation)
            if operations:
                with reaching():
                    result = await self._reports.bulk_write(operations, ordered=False)
                done.reports += result.matched_count
                tell(result.matched_count)
        return done

    async def _read(self, key_id: str, after: str) -> Sequence[Document]:
        later: list[Document] = [{"$match": {"_id": {"$gt": after}}}, {"$sort": {"_id": 1}}]
        stages = [*later, _KEYS, _others(key_id), {"$limit": self._at_once}]
        return await self._aggregate(stages)

    async def _aggregate(self, stages: Sequence[Document]) -> list[Document]:
        with reaching():
            return [found async for found in self._reports.aggregate(list(stages))]


def rewrapped(vault: Vault, found: Mapping[str, Any]) -> tuple[UpdateOne | None, list[str]]:
    """The write that wraps the keys of a report anew (None: nothing to do), and the places that cannot be unwrapped."""
    wanted: Document = {"_id": found["_id"]}
    fields: Document = {}
    damaged = []
    for key in found["keys"]:
        path, place = f"{key['drawer']}.{key['name']}", _place(found["_id"], key)
        try:
            anew = vault.rewrap(place, WrappedKey(key["key_id"], key["key"]))
        except VaultError:
            damaged.append(place)
            continue
        if anew is not None:
            wanted[f"{path}.key"] = key["key"]
            fields |= {f"{path}.key": anew.key, f"{path}.key_id": anew.key_id}
    return (UpdateOne(wanted, {"$set": fields}) if fields else None), damaged


def _place(report_id: str, key: Mapping[str, Any]) -> str:
    drawer = "" if key["drawer"] == "vault" else f"{key['drawer']}/"
    return f"{report_id}/{drawer}{key['name']}"


def _listed(drawer: str) -> Document:
    """The wrapped keys of a drawer as a list, which is empty for an erased report."""
    sealed = {"$filter": {
        "input": {"$objectToArray": {"$ifNull": [f"${drawer}", {}]}},
        "as": "s",
        "cond": {"$eq": [{"$type": "$$s.v.key"}, "binData"]},
    }}  # fmt: skip
    named = {"drawer": drawer, "name": "$$s.k", "key_id": "$$s.v.key_id", "key": "$$s.v.key"}
    return {"$map": {"input": sealed, "as": "s", "in": named}}


# Without the sealed data, which may be long.
_KEYS: Document = {"$project": {"keys": {"$concatArrays": [_listed(drawer) for drawer in DRAWERS]}}}


def _others(key_id: str) -> Document:
    return {"$match": {"keys": {"$elemMatch": {"key_id": {"$ne": key_id}}}}}
