"""Submissions that were refused, in MongoDB, for as long as dead letters of strangers are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.documents import Codec
from shared.kafka.topics import STRANGERS_LETTERS_MS
from shared.mongo import Collection, IndexModel, UpdateOne, reaching

REFUSALS_INDEX = IndexModel([("at", 1)], name="at", expireAfterSeconds=STRANGERS_LETTERS_MS // 1000)


@dataclass(frozen=True, slots=True)
class StoredRefusal:
    """Why a submission was refused, and when (UTC-aware). `id`: that of the report that it would have become."""

    id: str
    code: str
    detail: str
    errors: tuple[tuple[str, str], ...]
    at: datetime


_REFUSALS = Codec(StoredRefusal)


class MongoRefusals:
    """Raises Unavailable while the database is away."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    async def keep(self, refusals: Sequence[StoredRefusal]) -> None:
        """Keep these; of two with the same id the later one."""
        writes = [
            UpdateOne({"_id": refusal.id}, {"$set": _REFUSALS.to_document(refusal)}, upsert=True)
            for refusal in refusals
        ]
        if writes:
            with reaching():
                await self.collection.bulk_write(writes)

    async def find(self, refusal_id: str) -> StoredRefusal | None:
        """The refusal with this id."""
        with reaching():
            document = await self.collection.find_one({"_id": refusal_id})
        return _REFUSALS.from_document(document) if document else None
