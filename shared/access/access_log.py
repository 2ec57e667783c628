"""Accesses to reports and to the record, as events on `access`. They are on record before anything is handed out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from shared.aggregates import Save
from shared.events import Actor, Draft, Fact, stamp


class AccessStore(Protocol):
    """What the log needs of a store (shared.aggregates.Aggregates)."""

    async def save(self, saves: Sequence[Save]) -> set[str]: ...


class Access(NamedTuple):
    """One access: what was seen, tried or refused, the actor, and when (UTC-aware).

    Two accesses with one `id` are the same access. An access without `case_id` is about no case. `fields` are stored
    beside the event.
    """

    fact: Fact
    actor: Actor
    at: datetime
    id: str
    case_id: str | None = None
    trace: str | None = None
    fields: Mapping[str, Any] = MappingProxyType({})


class AccessLog:
    """Writes down the accesses of one service. Each becomes a document with one event, which never changes."""

    def __init__(self, service: str, store: AccessStore, kind: str = "access") -> None:
        """`kind` begins the events' subject, such as `access/<id>`."""
        self._source = f"hearth/{service}"
        self._store = store
        self._kind = kind

    async def write(self, accesses: Sequence[Access]) -> None:
        """Durable on return. Raises Unavailable; then some may be on record, and nothing may be handed out."""
        # Where the store says that one exists, another replica has written the same access.
        await self._store.save([self._save(access) for access in accesses])

    def _save(self, access: Access) -> Save:
        subject = f"{self._kind}/{access.id}"
        draft = Draft(access.fact, access.actor, access.at, access.id)
        events = stamp(
            [draft],
            source=self._source,
            subject=subject,
            case_id=access.case_id or access.id,
            last_seq=0,
            trace=access.trace,
        )
        return Save(access.id, None, access.fields, events, [access.id])
