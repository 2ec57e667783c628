"""Registries in memory, with the same promises as services.triage.baseline.store.MongoRegistries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.triage.baseline.registry import Registry
from services.triage.baseline.stored import RegistryChange, StoredRegistry
from shared.events import Event
from shared.problems import Unavailable


@dataclass
class MemoryRegistries:
    """Registries by community, and every event that a change wrote."""

    stored: dict[str, StoredRegistry] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    away: bool = False

    async def load(self, ids: Iterable[str], /) -> dict[str, StoredRegistry]:
        self._reach()
        return {i: self.stored[i] for i in ids if i in self.stored}

    async def save(self, changes: Sequence[RegistryChange], /) -> set[str]:
        self._reach()
        lost = set()
        for change in changes:
            community = change.registry.id
            known = self.stored.get(community)
            if (known.base if known else None) != (change.stored.base if change.stored else None):
                if change.stored is None or known is None or not known.applied.issuperset(change.causes):
                    lost.add(community)
                continue
            applied = (known.applied if known else frozenset()) | set(change.causes)
            self.stored[community] = StoredRegistry(change.registry, applied, (known.base if known else 0) + 1)
            self.events += change.events
        return lost

    async def after(self, community: str, limit: int) -> list[Registry]:
        self._reach()
        return [self.stored[name].registry for name in sorted(self.stored) if name > community][:limit]

    def of(self, community: str) -> Registry:
        """The registry of a community; an empty one if it has said nothing."""
        return self.stored[community].registry if community in self.stored else Registry(community)

    def _reach(self) -> None:
        if self.away:
            raise Unavailable("mongodb: away")
