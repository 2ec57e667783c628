"""Looks after cases, whether or not anybody does something with them: times come, and each case needs people.

Everything that it does follows from what the store holds. So it goes on after a restart, in any number of replicas.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from services.triage.author import TRIAGE
from services.triage.case.attendance import People, attend, attendance
from services.triage.case.case import Case
from services.triage.case.commands.command import Command
from services.triage.case.commands.handling import Attend
from services.triage.case.commands.table import carry_out
from services.triage.case.commands.waking import Wake
from services.triage.case.lifecycle import NotPermitted
from services.triage.case.timers.table import wakes_at
from services.triage.case.tokens import Tokens
from services.triage.sight import Sight
from services.triage.stored import CaseChange, CaseStore, Staffing, StoredCase, count_passed_on
from shared import metrics
from shared.access.principal import Resource, serves_beside
from shared.access.roster import Staff
from shared.aggregates import change
from shared.ids import new_id
from shared.parties import Parties
from shared.policy import Policy
from shared.problems import Unavailable
from shared.times import now

log = logging.getLogger(__name__)

LOOKED_AT_ONCE = 500
RETRY = 5.0
TICK = 5.0
"""Seconds between two looks for timers that are due."""


class CaseWatch:
    """Wakes cases in time, and judges again, at intervals, who is there for each open case."""

    def __init__(
        self,
        cases: CaseStore,
        parties: Parties,
        staffing: Staffing,
        policy: Policy,
        tokens: Tokens,
        *,
        every: float,
        clock: Callable[[], datetime] = now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`every`: seconds from the end of one look at all open cases to the next."""
        self._cases = cases
        self._parties = parties
        self._staffing = staffing
        self._policy = policy
        self._tokens = tokens
        self._sight = Sight(parties, tokens, cases)
        self._every = every
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Look at all open cases until cancelled; an outage only makes it wait."""
        await self._repeat(self.look, self._every)

    async def run_timers(self) -> None:
        """Wake cases in time until cancelled; an outage only makes it wait."""
        await self._repeat(self.wake, min(self._every, TICK))

    async def _repeat(self, work: Callable[[], Awaitable[int]], every: float) -> None:
        while True:
            try:
                await work()
                wait = every
            except Unavailable as error:
                log.info("the look at cases waits", extra={"reason": str(error)})
                wait = RETRY
            await self._sleep(wait)

    async def look(self) -> int:
        """Go through all open cases once; returns how many changes there were. Raises Unavailable."""
        staff = await self._staffing.staff()
        changed, unattended, after = await self.wake(), 0, ""
        while batch := await self._cases.open_after(after, LOOKED_AT_ONCE):
            after = batch[-1].id
            named, at = await self._sight.names_of_each(batch), self._clock()
            # A case that was stored before its timer was built is found only here.
            overdue = [case.id for case in batch if (time := wakes_at(case)) and time <= at]
            changed += len(await self._carry_out(overdue, Wake(), staff))
            due = [
                c.id
                for c in batch
                if _is_known(c, named) and attend(c, self._people(c, staff, named), self._policy, at)
            ]
            written = await self._carry_out(due, Attend(), staff)
            changed += len(written)
            unattended += sum((written.get(case.id) or case).unattended for case in batch)
        metrics.CASES_UNATTENDED.set(unattended)
        self._measure_last_resort(staff)
        metrics.ATTENDANCE_SWEPT.set(self._clock().timestamp())
        return changed

    async def wake(self) -> int:
        """Carry out the timers that are due, the earliest first, and touch no other case.

        Returns how many changes that made. Raises Unavailable.
        """
        staff, changed, at = await self._staffing.staff(), 0, self._clock()
        while ids := await self._cases.waking(at, LOOKED_AT_ONCE):
            written = await self._carry_out(ids, Wake(), staff)
            changed += len(written)
            if not written:
                break
        return changed

    async def _carry_out(self, ids: Sequence[str], command: Command, staff: Staff) -> dict[str, Case]:
        """What became of those of the cases that the command changed, by id."""
        if not ids:
            return {}
        named = await self._parties.load(set(ids))

        async def decide(case_id: str, stored: StoredCase | None) -> CaseChange | None:
            if stored is None:
                return None
            about = await self._sight.names_of_each([stored.case]) if stored.case.absorbed else named
            if not _is_known(stored.case, about):
                return None
            cause = new_id()
            try:
                after, events = carry_out(
                    stored.case,
                    command,
                    self._policy,
                    self._people(stored.case, staff, about),
                    self._clock(),
                    case_id=case_id,
                    actor=TRIAGE,
                    cause=cause,
                    trace=None,
                )
            except NotPermitted:
                # It has ended meanwhile.
                return None
            return CaseChange(after, stored, events, [cause]) if after and events else None

        written = await change(self._cases, ids, decide)
        for done in written.values():
            count_passed_on(done, self._policy)
        return {case_id: done.case for case_id, done in written.items()}

    def _people(self, case: Case, staff: Staff, named: Mapping[str, frozenset[str]]) -> People:
        return self._tokens.people(case, staff, named.get(case.id, frozenset()))

    def _measure_last_resort(self, staff: Staff) -> None:
        at, last = self._clock(), self._policy.bodies[self._policy.last_resort]
        about = Resource(body=last.id, training=last.training)
        metrics.LAST_RESORT_PEOPLE.set(attendance(about, People(staff), at).able)
        metrics.LAST_RESORT_SHARED.set(sum(serves_beside(one, last.id, at) for one in staff.get(last.id, ())))


def _is_known(case: Case, named: Mapping[str, frozenset[str]]) -> bool:
    """Whether it is known who is named in the report; else nothing can be said of the case."""
    return case.id in named or not case.parties_apart
