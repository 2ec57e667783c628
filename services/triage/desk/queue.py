"""The queue: the cases that a principal may see, filtered, the most urgent first, a page at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, NamedTuple

from pydantic import Field

from services.triage.case.case import Case
from services.triage.case.forms import resource_of
from services.triage.case.outline import outline_of
from services.triage.sight import Sight
from services.triage.stored import CaseQuery, CaseStore
from shared.access.authorization import is_permitted, reaches
from shared.access.principal import Principal
from shared.events import CaseState
from shared.policy import Policy
from shared.times import Utc, now
from shared.web.paging import Cursors


class QueuePlace(NamedTuple):
    """The place of a case in the queue."""

    rank: Annotated[int, Field(ge=0, lt=100)]
    due: Utc
    case_id: str


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which part of the queue: these bodies and states (empty: all), after the place of `cursor`, at most `limit`."""

    bodies: tuple[str, ...] = ()
    states: tuple[CaseState, ...] = ()
    cursor: str | None = None
    limit: int = 50


class Queue:
    """The queue, as each principal may see it."""

    def __init__(
        self, cases: CaseStore, sight: Sight, policy: Policy, key: bytes, clock: Callable[[], datetime] = now
    ) -> None:
        """`key`: 32 bytes that seal cursors."""
        self._cases = cases
        self._sight = sight
        self._policy = policy
        self._cursors = Cursors(QueuePlace, key)
        self._clock = clock

    def bodies(self, principal: Principal) -> tuple[str, ...]:
        """The handling bodies that the principal may see cases of, in the order in which they were given."""
        found = reaches(principal, "case.list", self._clock())
        return tuple(dict.fromkeys(body for reach in found for body in reach.bodies))

    async def page(self, principal: Principal, wanted: QueueFilter) -> tuple[Sequence[Case], str | None]:
        """The cases, and the cursor of the next page, if there is one; shared.web.paging says when a page is short.

        Raises Problem 422 for a foreign cursor.
        """
        bodies = tuple(body for body in self.bodies(principal) if not wanted.bodies or body in wanted.bodies)

        async def read(after: QueuePlace | None, most: int) -> list[Case]:
            return (
                await self._cases.queue(CaseQuery(bodies, wanted.states, after, most, principal.ref)) if bodies else []
            )

        async def see(found: Sequence[Case]) -> list[Case]:
            known, at = await self._sight.shut_out_of_each(found, principal.ref), self._clock()
            seen = (self._seen(principal, case, known[case.id], at) for case in found if case.id in known)
            return [case for case in seen if case]

        def place(case: Case) -> QueuePlace:
            return QueuePlace(*case.place_for(principal.ref))

        return await self._cursors.page(wanted.cursor, wanted.limit, read, see, place)

    def _seen(self, principal: Principal, case: Case, shut_out: frozenset[str], at: datetime) -> Case | None:
        """What the principal sees of a case in the queue: all, or its outline where it is referred to their body."""
        for asked in (False, True):
            resource = resource_of(case, self._policy, shut_out, asked=asked)
            if is_permitted(principal, "case.list", resource, at):
                return outline_of(case) if asked else case
        return None
