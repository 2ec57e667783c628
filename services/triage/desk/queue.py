"""The queue: the cases that a principal may see, filtered, the most urgent first, a page at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, NamedTuple

from pydantic import Field

from services.triage.case.case import Case
from services.triage.sight import Sight
from services.triage.stored import CaseQuery, CaseStore
from shared.access.authorization import reaches
from shared.access.principal import Principal, Reach
from shared.times import Utc, now
from shared.web.paging import Cursors


class QueuePlace(NamedTuple):
    """The place of a case in the queue."""

    rank: Annotated[int, Field(ge=0, lt=100)]
    due: Utc
    case_id: str


QUEUE_CURSORS = Cursors(QueuePlace)


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which part of the queue: these bodies and states (empty: all), after the place of `cursor`, at most `limit`."""

    bodies: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    cursor: str | None = None
    limit: int = 50


class Queue:
    """The queue, as each principal may see it."""

    def __init__(self, cases: CaseStore, sight: Sight, clock: Callable[[], datetime] = now) -> None:
        self._cases = cases
        self._sight = sight
        self._clock = clock

    def bodies(self, principal: Principal) -> tuple[str, ...]:
        """The handling bodies that the principal may see cases of, in the order in which they were given."""
        found = reaches(principal, "case.list", self._clock())
        return tuple(dict.fromkeys(body for reach in found for body in reach.bodies))

    async def page(self, principal: Principal, wanted: QueueFilter) -> tuple[Sequence[Case], str | None]:
        """The cases, and the cursor of the next page, if there is one. Raises Problem 422 for a foreign cursor."""
        after = QUEUE_CURSORS.read(wanted.cursor)
        reached = [
            Reach(tuple(b for b in reach.bodies if not wanted.bodies or b in wanted.bodies), reach.communities)
            for reach in reaches(principal, "case.list", self._clock())
        ]
        within = tuple(reach for reach in reached if reach.bodies)
        if not within:
            return [], None
        query = CaseQuery(within, principal.ref, principal.pseudonyms, wanted.states, after, wanted.limit + 1)
        cases: list[Case] = []
        while True:
            found = await self._cases.queue(query)
            cases += await self._sight.seen_by(principal, found)
            # A page is as full as if the cases that nobody may know of were not there.
            if len(found) < query.limit or len(cases) > wanted.limit:
                break
            query = replace(query, after=found[-1].place)
        return QUEUE_CURSORS.cut(cases, wanted.limit, lambda case: QueuePlace(*case.place))
