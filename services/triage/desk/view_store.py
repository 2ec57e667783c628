"""Saved views in MongoDB: one document for each person, under the person's reference."""

from services.triage.desk.saved_views import StoredViews
from shared.documents import Codec
from shared.mongo import Collection, reaching, write_version

_VIEWS = Codec(StoredViews)


class MongoViews:
    """The views of a collection, with the promises of services.triage.desk.saved_views.ViewStore."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def load(self, person: str) -> StoredViews:
        """See ViewStore."""
        with reaching():
            document = await self._collection.find_one({"_id": person})
        return _VIEWS.from_document(document) if document else StoredViews(person)

    async def save(self, stored: StoredViews) -> bool:
        """See ViewStore."""
        with reaching():
            return await write_version(self._collection, stored.id, stored.version, _VIEWS.to_document(stored))
