"""What follows by itself from a change of a case: in the case, and in others that have to do with it."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime

from services.triage.case.attendance import NOBODY, People
from services.triage.case.case import ENDED, Case
from services.triage.case.commands.command import Command
from services.triage.case.commands.following import KeepApart
from services.triage.case.commands.handling import LetGo
from services.triage.case.commands.merging import Follow
from services.triage.case.tokens import Tokens
from services.triage.own_steps import own_step
from services.triage.sight import Sight
from services.triage.stored import CaseChange, CaseStore, Staffing, StoredCase
from shared.aggregates import change
from shared.policy import Policy

_Step = Callable[[Case, Case], Awaitable[tuple[Command, People] | None]]
"""Gets a case and the one from which something follows for it. Gives the command that says it, and those it is for."""


class Consequences:
    """Carries out what follows. It may be repeated in any number.

    Cases that are part of another one follow it to another handling body, to its outcome and its clocks. Cases that
    came of the report of another one, as a part of it or of bad treatment for it, stay shut to those who may not see
    that one; that one changes in nothing, so that not even a gap in its numbers tells of them. A case that became
    urgent waits for nobody who serves none of its bodies any more, also where a role may be renewed.
    """

    def __init__(
        self,
        cases: CaseStore,
        sight: Sight,
        staffing: Staffing,
        tokens: Tokens,
        policy: Policy,
        clock: Callable[[], datetime],
    ) -> None:
        self._cases = cases
        self._sight = sight
        self._staffing = staffing
        self._tokens = tokens
        self._policy = policy
        self._clock = clock

    async def of(self, written: Iterable[CaseChange], repeated: Iterable[Case] = ()) -> int:
        """Carry out what follows from these changes. Returns how many other changes that made. Raises Unavailable.

        `repeated`: cases of which a change is asked for once more; the process may have ended behind it the first time.
        """
        # A case that is new has nobody yet, and nothing has come of it.
        changes, again = [one for one in written if one.stored], list(repeated)
        urgent = [*again, *(one.case for one in changes if one.stored and not one.stored.case.is_urgent)]
        there = [*again, *(one.case for one in changes)]
        return (
            len(await self._each(self._parts_of(one.case for one in changes if _is_to_follow(one)), self._follow))
            + len(await self._each({one.id: one.id for one in urgent if one.is_urgent and one.assignee}, self._let_go))
            + await self._keep_apart(await self._sight.parties.following({i for one in there for i in self._here(one)}))
        )

    async def on(self, cases: Iterable[Case]) -> int:
        """Carry out what has not followed yet on these cases. Returns how many. Raises Unavailable."""
        there = list(cases)
        followed = await self._each(self._parts_of(there), self._follow)
        return len(followed) + await self._keep_apart(await self._sight.parties.followed({one.id for one in there}))

    async def on_ended(self, at_once: int, rest: Callable[[float], Awaitable[None]]) -> int:
        """As `on`, each closed or merged case that came of another one.

        `rest`: behind a full batch, which took so many seconds.
        """
        changed, ids = 0, list[str]()
        async for case_id in self._sight.parties.all_following():
            ids.append(case_id)
            if len(ids) == at_once:
                began = time.monotonic()
                changed, ids = changed + await self._on_those_ended(ids), []
                await rest(time.monotonic() - began)
        return changed + (await self._on_those_ended(ids) if ids else 0)

    async def _on_those_ended(self, ids: Sequence[str]) -> int:
        found = (one.case for one in (await self._cases.load(ids)).values())
        ended = {case.id for case in found if case.state in ENDED}
        return await self._keep_apart(await self._sight.parties.followed(ended))

    async def _keep_apart(self, firsts: Mapping[str, str]) -> int:
        """Keep these cases shut, each by the case it came of; then those that came of them."""
        changed = await self._each(firsts, self._shut_out)
        further = {i for one in changed for i in self._here(one)}
        return len(changed) + (await self._keep_apart(await self._sight.parties.following(further)) if changed else 0)

    async def _each(self, sources: Mapping[str, str], step: _Step) -> list[Case]:
        """Let each of these cases (their ids) take the step that follows from another; returns those that changed."""
        known: Mapping[str, StoredCase] = {}
        asked = set[str]()

        async def decide(case_id: str, stored: StoredCase | None) -> CaseChange | None:
            nonlocal known
            if not asked or case_id in asked:
                # Loaded after those that follow, so again after a lost race: else one could follow an older one.
                known = await self._cases.load(set(sources.values()))
                asked.clear()
            asked.add(case_id)
            source = known.get(sources[case_id])
            due = await step(stored.case, source.case) if stored and source else None
            return own_step(stored, *due, self._policy, self._clock()) if stored and due else None

        return [done.case for done in (await change(self._cases, sources, decide)).values()] if sources else []

    async def _follow(self, case: Case, survivor: Case) -> tuple[Command, People] | None:
        # Nothing is to be done where it is a case for itself again.
        is_part = case.merged_into is not None and self._tokens.case_meant(case.id, case.merged_into) == survivor.id
        return (Follow(survivor, self._tokens.ref_of(survivor.id, case.id)), NOBODY) if is_part else None

    async def _shut_out(self, case: Case, first: Case) -> tuple[Command, People] | None:
        names = (await self._sight.names_of_each([case])).get(case.id)
        if names is None:
            return None
        survivors = await self._cases.load(self._meant(first, first.merged_into)) if first.merged_into else {}
        known = (first, *(one.case for one in survivors.values()))
        return KeepApart(known), self._tokens.people(case, People(await self._staffing.staff()), names)

    async def _let_go(self, case: Case, _: Case) -> tuple[Command, People] | None:
        people = self._tokens.people(case, People(await self._staffing.staff()), await self._sight.names_of(case))
        return LetGo(frozenset({case.assignee or ""})), people

    def _parts_of(self, cases: Iterable[Case]) -> dict[str, str]:
        """The cases that are part of these, each with the one of these."""
        return {part: case.id for case in cases for part in self._meant(case, *case.absorbed)}

    def _here(self, case: Case) -> list[str]:
        """The case, and those that are part of it."""
        return [case.id, *self._meant(case, *case.absorbed)]

    def _meant(self, case: Case, *refs: str) -> list[str]:
        return [meant for ref in refs if (meant := self._tokens.case_meant(case.id, ref))]


def _is_to_follow(done: CaseChange) -> bool:
    """Whether others are part of the case, and it differs in what these follow."""
    return bool(done.case.absorbed and (done.stored is None or _followed(done.case) != _followed(done.stored.case)))


def _followed(case: Case) -> tuple[object, ...]:
    clocks = [(d.name, d.due_at, d.met_at, d.breached_at, d.remaining_seconds) for d in case.deadlines]
    return case.body, case.outcome, case.absorbed, clocks, case.messages, case.questions, case.recusals
