"""Looks after open cases, whether or not anybody does something with them: each must have people who can act.

Everything that it does follows from what the store holds. So it goes on after a restart, in any number of replicas.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from services.triage.author import TRIAGE
from services.triage.case.attendance import People, attend, attendance
from services.triage.case.case import Case
from services.triage.case.commands.handling import Attend
from services.triage.case.commands.table import carry_out
from services.triage.case.lifecycle import NotPermitted
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


class CaseWatch:
    """Judges again, at intervals, who is there for each open case."""

    def __init__(
        self,
        cases: CaseStore,
        parties: Parties,
        staffing: Staffing,
        policy: Policy,
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
        self._every = every
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Look until cancelled; an outage only makes it wait."""
        while True:
            try:
                await self.look()
                wait = self._every
            except Unavailable as error:
                log.info("the look at open cases waits", extra={"reason": str(error)})
                wait = RETRY
            await self._sleep(wait)

    async def look(self) -> int:
        """Go through all open cases once; returns how many of them changed. Raises Unavailable."""
        staff = await self._staffing.staff()
        changed = unattended = 0
        after = ""
        while batch := await self._cases.open_after(after, LOOKED_AT_ONCE):
            after = batch[-1].id
            written = await self._judge(batch, staff)
            changed += len(written)
            unattended += sum((written.get(case.id) or case).unattended for case in batch)
        metrics.CASES_UNATTENDED.set(unattended)
        self._measure_last_resort(staff)
        metrics.ATTENDANCE_SWEPT.set(self._clock().timestamp())
        return changed

    async def _judge(self, batch: Sequence[Case], staff: Staff) -> dict[str, Case]:
        """What became of those cases for which something follows, by id."""
        at, named = self._clock(), await self._parties.load({case.id for case in batch})

        def people(case: Case) -> People:
            return People(staff, named.get(case.id, frozenset()).union(case.parties))

        # Of a case of which it is not known whom it names, nothing can be said.
        known = [case for case in batch if case.id in named or not case.parties_apart]
        due = [case.id for case in known if attend(case, people(case), self._policy, at)]

        async def decide(case_id: str, stored: StoredCase | None) -> CaseChange | None:
            if stored is None:
                return None
            cause, case = new_id(), stored.case
            try:
                after, events = carry_out(
                    case,
                    Attend(),
                    self._policy,
                    people(case),
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

        written = await change(self._cases, due, decide) if due else {}
        for done in written.values():
            count_passed_on(done.events, self._policy)
        return {case_id: done.case for case_id, done in written.items()}

    def _measure_last_resort(self, staff: Staff) -> None:
        at, last = self._clock(), self._policy.bodies[self._policy.last_resort]
        about = Resource(body=last.id, training=last.training)
        metrics.LAST_RESORT_PEOPLE.set(attendance(about, People(staff), at).able)
        metrics.LAST_RESORT_SHARED.set(sum(serves_beside(one, last.id, at) for one in staff.get(last.id, ())))
