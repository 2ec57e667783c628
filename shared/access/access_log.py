"""Accesses to reports and to the record, as events on `access`. They are on record before anything is handed out."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from shared.aggregates import OUTBOX_INDEX, Save
from shared.events import Actor, Draft, Fact, stamp
from shared.mongo import Document, IndexModel

KEPT = timedelta(days=30)
"""How long the store keeps what the record has."""
ACCESS_INDEXES = (
    OUTBOX_INDEX,
    # An event that Kafka has not taken yet stays.
    IndexModel(
        [("at", 1)],
        name="at",
        expireAfterSeconds=int(KEPT.total_seconds()),
        partialFilterExpression={"outbox": []},
    ),
)


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
        await self._store.save([self.save_of(access) for access in accesses])

    def save_of(self, access: Access, base: Document | None = None) -> Save:
        """The write of an access, on top of the document `base` if there is one under its id."""
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
        return Save(access.id, base, access.fields, events, [access.id])
