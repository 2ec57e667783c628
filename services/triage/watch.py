"""Looks after cases, whether or not anybody does something with them: times come, and each case needs people.

Everything that it does follows from what the store holds. So it goes on after a restart, in any number of replicas.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from services.triage.aside import Aside
from services.triage.case.attendance import People, attend, attendance, has_left
from services.triage.case.case import Case
from services.triage.case.commands.command import Command
from services.triage.case.commands.handling import Attend, LetGo
from services.triage.case.commands.waking import Wake
from services.triage.case.standing import Standing, Whereabouts, moved, reached, standing
from services.triage.case.timers.table import wakes_at
from services.triage.case.tokens import Tokens
from services.triage.consequences import Consequences
from services.triage.own_steps import own_step
from services.triage.sight import Sight
from services.triage.stored import CaseChange, CaseStore, Due, Staffing, StoredCase, count_passed_on
from shared import metrics
from shared.access.principal import serves_beside
from shared.access.roster import OLDEST, Staff
from shared.aggregates import change
from shared.events import DeadlineBreached
from shared.kept_policy import PolicyState
from shared.parties import Parties
from shared.policy import Policy
from shared.problems import Problem, Unavailable
from shared.times import now

log = logging.getLogger(__name__)

LOOKED_AT_ONCE = 500
PORTION = 50
"""Cases that are changed in one write. Of more, some are decided while MongoDB writes others."""
RETRY = 5.0
TICK = 5.0
"""Seconds between two looks for timers that are due."""
RESTS = 3
"""After a full batch, the watch rests for so many times as long as the batch took: everything else goes first."""
SETTLES = timedelta(seconds=30)
"""How long a change of a case may go on that began with older names."""
_NAMES = frozenset[str]()
"""What stands beside a case that names nobody."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look saw of all that the judgement of a case depends on, beside the case itself. Times are UTC-aware.

    `places`: how far the parties were known at the looks before, the earliest first. `again`: bodies, and when their
    cases are to be judged once more. `bodies`: this look has to judge their cases.
    """

    at: datetime
    standing: Standing
    places: Sequence[tuple[datetime, Mapping[int, int]]]
    again: Mapping[str, datetime] = field(default_factory=dict)
    bodies: frozenset[str] = frozenset()

    @property
    def since(self) -> Mapping[int, int]:
        """From where on the next look reads what was told of parties."""
        return self.places[0][1]

    def followed_by(self, later: "Seen") -> "Seen":
        """What is known at the next look, which saw `later`.

        Everything that changed is judged twice: another process may have written, meanwhile, what follows from the
        people as they were before, or from older names.
        """
        changed = moved(self.standing, later.standing)
        bodies = changed | {body for body, at in self.again.items() if at <= later.at}
        again = {body: at for body, at in self.again.items() if body not in bodies}
        again |= dict.fromkeys(changed, later.at + OLDEST + SETTLES)
        places = [*self.places, *later.places]
        settled = sum(at <= later.at - SETTLES for at, _ in places)
        return Seen(later.at, later.standing, places[max(settled - 1, 0) :], again, bodies)


class Hinting(Protocol):
    """What judges a community that misses deadlines (services.triage.patterns.hints.SystemicHints)."""

    async def look(self, community: str, /) -> int:
        """How much is told of the community. Raises Unavailable."""
        ...


class CaseWatch:
    """Wakes cases in time, and judges again who is there for each open case, when the answer may have changed.

    A handler's command is judged behind it. So only people and parties are left, and what nobody saw while no process
    ran: for this each process judges every open case once after its start.
    """

    def __init__(
        self,
        cases: CaseStore,
        parties: Parties,
        staffing: Staffing,
        policy: Policy,
        tokens: Tokens,
        *,
        every: float,
        hints: Hinting | None = None,
        state: PolicyState | None = None,
        aside: Aside | None = None,
        clock: Callable[[], datetime] = now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`every`: seconds from the end of one look to the next. `hints`: judges communities that miss deadlines.

        `state`: is told of the bodies that have open cases, and that the policy does not have. `aside`: what cannot be
        judged is set aside there; timers pass it over, and each look judges it once more.
        """
        self._cases = cases
        self._parties = parties
        self._staffing = staffing
        self._policy = policy
        self._tokens = tokens
        self._sight = Sight(parties, tokens, cases, clock)
        self._consequences = Consequences(cases, self._sight, staffing, tokens, policy, clock)
        self._every = every
        self._clock = clock
        self._sleep = sleep
        self._seen: Seen | None = None
        self._hints = hints
        self._state = state or PolicyState()
        self._missed: set[str] = set()
        """The communities in which a deadline was missed since they were last judged."""
        self._aside = aside or Aside(self._state)
        self._after: str | None = ""
        """The last case of those that were judged since the start; None once all were."""
        self._following: list[str] | None = None
        """The cases that came of another one and wait for the look behind that; None while they are not known."""

    async def run(self) -> None:
        """Judge who is there for each open case until cancelled; an outage only makes it wait."""
        await self._repeat(self.look, self._every)

    async def run_timers(self) -> None:
        """Wake cases in time until cancelled; an outage only makes it wait."""
        await self._repeat(self.wake, min(self._every, TICK))

    async def run_hints(self) -> None:
        """Judge the communities that miss deadlines until cancelled; an outage only makes it wait."""
        await self._repeat(self.hint, min(self._every, TICK))

    async def hint(self) -> int:
        """Judge the communities in which a deadline was missed. Returns how much is told. Raises Unavailable."""
        told = 0
        for community in tuple(self._missed):
            try:
                told += await self._hints.look(community) if self._hints else 0
            except Problem as refused:
                # The next missed deadline of the community asks once more.
                log.warning("a hint was refused", extra={"reason": str(refused)})
            self._missed.discard(community)
        return told

    def _note(self, done: CaseChange) -> None:
        count_passed_on(done, self._policy)
        if any(isinstance(event.fact, DeadlineBreached) for event in done.events):
            self._missed.add(done.case.community)

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
        """Judge the cases for which the answer may have changed since the last look, and at first each open case.

        Returns how many changes there were. Raises Unavailable.
        """
        changed, followed = await self._follow(), self._clock()
        async for done in self._at_start():
            changed += done
            if self._clock() - followed >= timedelta(seconds=self._every):
                changed, followed = changed + await self._follow(), self._clock()
                await self._measure()
        await self._measure()
        return changed

    async def _at_start(self) -> AsyncIterator[int]:
        """Judge each open case, and what follows for each ended one, once; an outage only interrupts it.

        Gives how many changes there were, behind each portion.
        """
        while self._after is not None:
            batch = await self._cases.open_after(self._after, LOOKED_AT_ONCE)
            changed = await self._judge(batch)
            self._after = batch[-1].id if len(batch) == LOOKED_AT_ONCE else None
            yield changed
        if self._following is None:
            self._following = [case_id async for case_id in self._parties.all_following()]
        while ids := self._following[:LOOKED_AT_ONCE]:
            began = time.monotonic()
            changed = await self._each_judged(ids, self._consequences.on_ended)
            del self._following[:LOOKED_AT_ONCE]
            if len(ids) == LOOKED_AT_ONCE:
                await self._sleep(RESTS * (time.monotonic() - began))
            yield changed

    async def _follow(self) -> int:
        """Judge the cases that lie where people have changed, and those of which names were told."""
        # What changes from here on is found at the next look, because only then this one counts.
        seen = await self._see()
        changed = await self.wake() + await self._judge_again()
        if self._seen:
            told = list(await self._parties.told_from(self._seen.since))
            for first in range(0, len(told), LOOKED_AT_ONCE):
                changed += await self._judge(await self._with_survivors(told[first : first + LOOKED_AT_ONCE]))
            seen = self._seen.followed_by(seen)
            changed += await self._judge_where(reached(seen.bodies, self._policy)) if seen.bodies else 0
        self._seen = seen
        return changed

    async def _see(self) -> Seen:
        staff, at = await self._staffing.staff(), self._clock()
        return Seen(at, standing(staff, at), [(at, await self._parties.places())])

    async def _with_survivors(self, ids: Sequence[str]) -> list[Case]:
        """These cases, and those of which they are a part now: a survivor shuts out the people of both."""
        cases = [stored.case for stored in (await self._cases.load_whole(ids)).values()]
        meant = [self._tokens.case_meant(case.id, case.merged_into) for case in cases if case.merged_into]
        survivors = {case_id for case_id in meant if case_id}.difference(ids)
        more = (await self._cases.load_whole(survivors)).values() if survivors else ()
        return cases + [one.case for one in more]

    async def _judge_where(self, those: Whereabouts) -> int:
        changed, batch = 0, list[Case]()
        async for case in self._cases.where(those):
            batch.append(case)
            if len(batch) == LOOKED_AT_ONCE:
                changed, batch = changed + await self._judge(batch), []
        return changed + await self._judge(batch)

    async def _judge(self, batch: Sequence[Case]) -> int:
        """Carry out what follows for these cases from who is there now. A full batch is followed by a rest."""
        began, cases = time.monotonic(), {case.id: case for case in batch}
        changed = await self._each_judged(list(cases), lambda ids: self._judge_at_once([cases[i] for i in ids]))
        if len(batch) == LOOKED_AT_ONCE:
            await self._sleep(RESTS * (time.monotonic() - began))
        return changed

    async def _judge_again(self) -> int:
        """Judge once more what was set aside, and all that follows from it: it may have been changed."""

        async def judge(ids: Sequence[str]) -> int:
            cases = [stored.case for stored in (await self._cases.load(ids)).values()]
            # What failed may have failed behind a change that is written.
            return await self._judge_at_once(cases) + await self._consequences.of((), cases)

        changed = await self._each_judged(self._aside.begin(), judge)
        self._aside.end()
        return changed

    async def _each_judged(self, ids: Sequence[str], judge: Callable[[Sequence[str]], Awaitable[int]]) -> int:
        """Judge these cases at once; where that fails, fewer of them at a time. What fails alone is set aside.

        Returns how many changes there were. Raises Unavailable.
        """
        if not ids:
            return 0
        try:
            return await judge(ids)
        except Unavailable:
            raise
        except Exception as error:
            if len(ids) == 1:
                self._aside.add(ids[0], error)
                return 0
            half = len(ids) // 2
            return await self._each_judged(ids[:half], judge) + await self._each_judged(ids[half:], judge)

    async def _judge_at_once(self, batch: Sequence[Case]) -> int:
        staff, named, at = await self._staffing.staff(), await self._sight.names_of_each(batch), self._clock()
        # A case that was stored before its timer was built is found only here.
        overdue = [case.id for case in batch if (due_at := wakes_at(case)) and due_at <= at]
        changed = len(await self._carry_out(overdue, Wake(), staff))
        # A process may have ended between the change of a case and what follows from it.
        changed += await self._consequences.on(batch)
        everybody = People(staff)
        known = [(c, self._tokens.people(c, everybody, named.get(c.id, _NAMES))) for c in batch if _is_known(c, named)]
        due = [case.id for case, people in known if attend(case, people, self._policy, at)]
        changed += len(await self._carry_out(due, Attend(), staff))
        left = [case for case in batch if has_left(case, everybody, at)]
        let_go = LetGo(frozenset(case.assignee for case in left if case.assignee))
        return changed + len(await self._carry_out([case.id for case in left], let_go, staff))

    async def wake(self) -> int:
        """Carry out the timers that are due, and touch no other case.

        The first batch has those that were due first; within a batch they are carried out in any order. Returns how
        many changes that made. Raises Unavailable.
        """
        changed, at = 0, self._clock()
        after: Due | None = None
        while due := await self._cases.waking(at, LOOKED_AT_ONCE, after):
            # After an outage this goes on for minutes, in which people come and go.
            staff, written = await self._staffing.staff(), set[str]()

            async def wake(ids: Sequence[str], staff: Staff = staff, written: set[str] = written) -> int:
                done = await self._carry_out(ids, Wake(), staff)
                written.update(done)
                return len(done)

            changed += await self._each_judged([one.id for one in due if one.id not in self._aside], wake)
            # A case that cannot be woken yet is due still, and holds up none behind it.
            after = next((one for one in reversed(due) if one.id not in written), after)
        return changed

    async def _carry_out(self, ids: Sequence[str], command: Command, staff: Staff) -> dict[str, Case]:
        """What became of those of the cases that the command changed, by id."""
        if not ids:
            return {}
        named, everybody, at = await self._parties.load(set(ids)), People(staff), self._clock()

        async def decide(case_id: str, stored: StoredCase | None) -> CaseChange | None:
            if stored is None:
                return None
            about = await self._sight.names_of_each([stored.case]) if stored.case.absorbed else named
            if not _is_known(stored.case, about):
                return None
            # Nothing is to be done where it has ended meanwhile.
            people = self._tokens.people(stored.case, everybody, about.get(case_id, _NAMES))
            # They are judged at one time, so that what is the same for them is judged once.
            began = at if stored.case.updated_at <= at else self._clock()
            return own_step(stored, command, people, self._policy, began)

        written = await change(self._cases, ids, decide, PORTION, self._note)
        # It is written, and no second try would find what follows.
        await self._each_judged(list(written), lambda some: self._consequences.of([written[i] for i in some]))
        return {case_id: done.case for case_id, done in written.items()}

    async def _measure(self) -> None:
        metrics.CASES_UNATTENDED.set(await self._cases.unattended())
        self._state.lose(await self._cases.outside(self._policy.bodies))
        staff = await self._staffing.staff()
        at, last = self._clock(), self._policy.bodies[self._policy.last_resort]
        metrics.LAST_RESORT_PEOPLE.set(attendance(last.id, None, People(staff), self._policy, at).able)
        metrics.LAST_RESORT_SHARED.set(sum(serves_beside(one, last.id, at) for one in staff.get(last.id, ())))
        metrics.ATTENDANCE_SWEPT.set(at.timestamp())


def _is_known(case: Case, named: Mapping[str, frozenset[str]]) -> bool:
    """Whether it is known who is named in the report; else nothing can be said of the case."""
    return case.id in named or not case.parties_apart
