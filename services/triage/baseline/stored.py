"""A registry as a store holds it, and what the room needs of such a store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.triage.baseline.registry import Registry
from shared.events import Event


@dataclass(frozen=True, slots=True)
class StoredRegistry:
    """A registry as it is stored. `applied`: causes that were carried out; `base`: what the store builds a write on."""

    registry: Registry
    applied: frozenset[str]
    base: Any


@dataclass(frozen=True, slots=True)
class RegistryChange:
    """A registry after a change, and the events that made it so. `stored` None: a new one."""

    registry: Registry
    stored: StoredRegistry | None
    events: Sequence[Event]
    causes: Sequence[str]


class RegistryStore(Protocol):
    """Where registries are kept: baseline.store.MongoRegistries, or memory in tests. Raises Unavailable while away."""

    async def load(self, ids: Iterable[str], /) -> dict[str, StoredRegistry]:
        """The stored registries by community, without those that do not exist."""
        ...

    async def save(self, changes: Sequence[RegistryChange], /) -> set[str]:
        """Write what is still based on the newest version; returns the communities of the others."""
        ...

    async def after(self, community: str, limit: int) -> list[Registry]:
        """At most `limit` registries by community, from behind this one."""
        ...
