"""Marks in MongoDB: a document for each case, in a copy of the topic `parties` of its own."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from services.triage.patterns.marks import Marks, marks_of
from shared.documents import Codec
from shared.mongo import Collection as MongoCollection
from shared.mongo import Document, IndexModel, reaching
from shared.parties import INDEXES, PartiesEvent, places_of
from shared.policy import About
from shared.projections import Told, keep_newest

_FIELDS: Mapping[About, str] = {"person": "people", "page": "pages", "source": "source"}
MARK_INDEXES = (
    *INDEXES,
    *(IndexModel([(field, 1), ("reported_at", -1)], name=field) for field in _FIELDS.values()),
)
_MARKS = Codec(Marks)


class MongoMarks:
    """The marks of a collection."""

    def __init__(self, collection: MongoCollection) -> None:
        self.collection = collection

    async def keep(self, told: Sequence[PartiesEvent]) -> None:
        """See MarkStore."""
        newest = {one.event.case_id: one for one in sorted(told, key=lambda one: one.event.time)}
        fields = {
            case_id: Told(
                one.event.time,
                {**_MARKS.to_document(marks_of(one)), "partition": one.partition, "offset": one.offset},
            )
            for case_id, one in newest.items()
        }
        await keep_newest(self.collection, fields, "told_at")

    async def places(self) -> dict[int, int]:
        """See MarkStore."""
        return await places_of(self.collection)

    async def load(self, case_ids: Iterable[str]) -> dict[str, Marks]:
        """See MarkStore."""
        found = self.collection.find({"_id": {"$in": list(case_ids)}})
        with reaching():
            return {document["_id"]: _MARKS.from_document(document) async for document in found}

    async def sharing(
        self, about: About, keys: Collection[str], since: datetime, until: datetime, limit: int
    ) -> Sequence[Marks]:
        """See MarkStore."""
        if not keys:
            return []
        found = self.collection.find(sharing(about, keys, since, until)).sort("reported_at", -1).limit(limit)
        with reaching():
            return [_MARKS.from_document(document) async for document in found]


def sharing(about: About, keys: Collection[str], since: datetime, until: datetime) -> Document:
    """What MongoDB is asked for: it reads one range of an index for each key, and no other documents."""
    return {_FIELDS[about]: {"$in": list(keys)}, "reported_at": {"$gte": since, "$lte": until}}
