"""Recent cases in MongoDB, as they are compared: read one after the other, and of each no more than that."""

from collections.abc import AsyncIterator, Collection
from datetime import datetime
from typing import Any, Protocol

from services.triage.aside import Aside
from services.triage.shadow.comparison import CaseKind, ShadowCase
from shared.mongo import Collection as MongoCollection
from shared.mongo import Document, IndexModel, reaching

SHADOW_INDEXES = (IndexModel([("received_at", -1), ("body", 1)], name="received"),)
_OWN = ("community", "category", "setting", "privacy", "outcome")
_FIELDS = dict.fromkeys(
    (
        *("code_name", "received_at", "flags", *_OWN),
        *("deadlines.stopped_for", "deadlines.moves.reason", "measures.kind", "measures.until", "grouped.rule"),
    ),
    1,
)


class RecentCases(Protocol):
    """Where the cases are that a policy is tried on. Raises Unavailable while away."""

    def received_since(self, at: datetime, bodies: Collection[str] | None = None) -> AsyncIterator[ShadowCase]:
        """The cases of reports that came since then (UTC-aware), the newest first: all, or those of the bodies."""
        ...


class MongoRecentCases:
    """The cases of triage's collection."""

    def __init__(self, cases: MongoCollection, aside: Aside | None = None) -> None:
        self._cases = cases
        self._aside = aside or Aside()

    async def received_since(self, at: datetime, bodies: Collection[str] | None = None) -> AsyncIterator[ShadowCase]:
        """See RecentCases."""
        found = self._cases.find(received_since(at, bodies), _FIELDS).sort("received_at", -1)
        with reaching():
            async for document in found:
                for case in self._aside.whole([document], _recent):
                    yield case


def _recent(document: Document) -> ShadowCase:
    return ShadowCase(document["_id"], document["code_name"], document["received_at"], _kind_of(document))


def _kind_of(document: Document) -> CaseKind:
    """What the policy looks at; a document of an earlier version may lack what was added since."""
    clocks = document.get("deadlines", ())
    stopped = {one["stopped_for"] for one in clocks if one.get("stopped_for")}
    own: dict[str, Any] = {name: document.get(name) for name in _OWN}
    return CaseKind(
        **own,
        flags=frozenset(document["flags"]),
        waits=frozenset(stopped.union(move["reason"] for one in clocks for move in one.get("moves", ()))),
        measures=frozenset((one["kind"], bool(one.get("until"))) for one in document.get("measures", ())),
        grouped=(document.get("grouped") or {}).get("rule"),
    )


def received_since(at: datetime, bodies: Collection[str] | None) -> Document:
    """What MongoDB is asked for; the index leads to it."""
    of_bodies: Document = {} if bodies is None else {"body": {"$in": sorted(bodies)}}
    return {"received_at": {"$gte": at}, **of_bodies}
