"""Recent cases in memory, with the same promises as services.triage.shadow.store.MongoRecentCases."""

from collections.abc import AsyncIterator, Collection, Mapping
from datetime import datetime

from services.triage.case.case import Case
from services.triage.shadow.comparison import CaseKind, ShadowCase
from services.triage.stored import StoredCase


def shadow_of(case: Case) -> ShadowCase:
    """A case as it is compared."""
    flags = frozenset(case.flags)
    waits = {reason for one in case.deadlines for reason in (one.stopped_for, *(move.reason for move in one.moves))}
    kind = CaseKind(
        case.community,
        case.category,
        flags,
        case.setting,
        case.privacy,
        case.outcome,
        frozenset(filter(None, waits)),
        frozenset((measure.kind, measure.until is not None) for measure in case.measures),
        case.grouped.rule if case.grouped else None,
    )
    return ShadowCase(case.id, case.code_name, case.received_at, kind)


class MemoryRecentCases:
    """The cases of a store in memory, by id."""

    def __init__(self, stored: Mapping[str, StoredCase]) -> None:
        self._stored = stored

    async def received_since(self, at: datetime, bodies: Collection[str] | None = None) -> AsyncIterator[ShadowCase]:
        found = [stored.case for stored in self._stored.values()]
        for case in sorted(found, key=lambda case: case.received_at, reverse=True):
            if case.received_at >= at and (bodies is None or case.body in bodies):
                yield shadow_of(case)
