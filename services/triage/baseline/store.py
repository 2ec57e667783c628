"""Registries in MongoDB: one document a community, with its outbox."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.triage.baseline.registry import Registry
from services.triage.baseline.stored import RegistryChange, StoredRegistry
from shared.aggregates import OUTBOX_INDEX, Aggregates, Save
from shared.documents import Codec
from shared.mongo import Document, reaching

REGISTRY_INDEXES = (OUTBOX_INDEX,)
_REGISTRIES = Codec(Registry)


class MongoRegistries:
    """The registries of a collection. Raises Unavailable while the server is away."""

    def __init__(self, aggregates: Aggregates) -> None:
        self._aggregates = aggregates

    async def load(self, ids: Iterable[str], /) -> dict[str, StoredRegistry]:
        """The stored registries by community, without those that do not exist."""
        found = await self._aggregates.load(ids)
        return {community: _stored(document) for community, document in found.items()}

    async def save(self, changes: Sequence[RegistryChange], /) -> set[str]:
        """One bulk write; returns the communities that were not written."""
        return await self._aggregates.save([_save(change) for change in changes])

    async def after(self, community: str, limit: int) -> list[Registry]:
        """At most `limit` registries by community, from behind this one."""
        found = self._aggregates.collection.find({"_id": {"$gt": community}}, {"outbox": 0, "applied": 0})
        with reaching():
            return [registry_of(document) async for document in found.sort("_id", 1).limit(limit)]


def registry_of(document: Mapping[str, Any]) -> Registry:
    """The registry that a stored document holds, written by this version or an earlier one."""
    return _REGISTRIES.from_document(document)


def document_of(registry: Registry) -> Document:
    """The fields of a registry as MongoDB keeps them. Each write counts its own events in `seq`."""
    fields = _REGISTRIES.to_document(registry)
    fields.pop("seq")
    return fields


def _save(change: RegistryChange) -> Save:
    base = change.stored.base if change.stored else None
    return Save(change.registry.id, base, document_of(change.registry), change.events, change.causes)


def _stored(document: Document) -> StoredRegistry:
    # A write builds on these fields, and needs no others of the old document.
    base = {name: document[name] for name in ("version", "seq", "outbox")}
    return StoredRegistry(registry_of(document), frozenset(document["applied"]), base)
