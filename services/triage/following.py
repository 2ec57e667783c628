"""Cases that came of the report of another one take over who may not see that one: a part, or bad treatment for it."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime

from services.triage.case.attendance import People
from services.triage.case.case import ENDED, Case
from services.triage.case.commands.following import KeepApart
from services.triage.case.tokens import Tokens
from services.triage.own_steps import own_step
from services.triage.sight import Sight
from services.triage.stored import CaseChange, CaseStore, Staffing, StoredCase
from shared.aggregates import change
from shared.events import CaseAbsorbed, CaseMerged
from shared.policy import Policy

_MERGES = frozenset({CaseAbsorbed.name, CaseMerged.name})


class Following:
    """Keeps these cases shut. The first case changes in nothing: not even a gap in its numbers tells of the others."""

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

    async def after(self, changed: Iterable[Case]) -> int:
        """Judge the cases that came of these ones, or of those which are part of these. Returns how many changed."""
        firsts = {i for case in changed for i in (case.id, *self._meant(case, *case.absorbed))}
        return await self._keep_apart(await self._sight.parties.following(firsts))

    async def judge(self, cases: Iterable[Case]) -> int:
        """Judge those of these cases that came of another one. Returns how many changed. It may be repeated."""
        return await self._keep_apart(await self._sight.parties.followed({case.id for case in cases}))

    async def _keep_apart(self, firsts: Mapping[str, str]) -> int:
        staff = await self._staffing.staff() if firsts else {}

        async def decide(case_id: str, stored: StoredCase | None) -> CaseChange | None:
            # The first case is loaded after the one that came of it, so again after a lost race.
            first = (await self._cases.load([firsts[case_id]])).get(firsts[case_id])
            names = (await self._sight.names_of_each([stored.case])).get(case_id) if stored else None
            if stored is None or first is None or names is None:
                return None
            survivors = await self._cases.load(self._meant(first.case, first.case.merged_into or ""))
            known = (first.case, *(one.case for one in survivors.values()))
            people = self._tokens.people(stored.case, People(staff), names)
            return own_step(stored, KeepApart(known), people, self._policy, self._clock())

        changed = [done.case for done in (await change(self._cases, firsts, decide)).values()]
        # Other cases may have come of these.
        return len(changed) + (await self.after(changed) if changed else 0)

    async def judge_ended(self, at_once: int, rest: Callable[[float], Awaitable[None]]) -> int:
        """As `judge`, each closed or merged case that came of another one. `rest`: behind a full batch, which took so
        many seconds.
        """
        changed, ids = 0, list[str]()
        async for case_id in self._sight.parties.all_following():
            ids.append(case_id)
            if len(ids) == at_once:
                began = time.monotonic()
                changed, ids = changed + await self._judge_if_ended(ids), []
                await rest(time.monotonic() - began)
        return changed + (await self._judge_if_ended(ids) if ids else 0)

    async def _judge_if_ended(self, ids: Sequence[str]) -> int:
        found = await self._cases.load(ids)
        return await self.judge(one.case for one in found.values() if one.case.state in ENDED)

    async def kin(self, case: Case) -> tuple[Case, ...]:
        """The other cases that came of the same report, and those that were ever merged with one of them."""
        known, new = {case.id: case}, [case]
        seen = {case.id}
        while new:
            ids, parties = {one.id for one in new}, self._sight.parties
            merged = (ref for one in new for ref in self._meant(one, *_merged_with(one)))
            found = {*(await parties.followed(ids)).values(), *await parties.following(ids), *merged} - seen
            seen |= found
            new = [stored.case for stored in (await self._cases.load(found)).values()] if found else []
            known |= {one.id: one for one in new}
        return tuple(one for one in known.values() if one.id != case.id)

    def _meant(self, case: Case, *refs: str) -> list[str]:
        return [meant for ref in refs if (meant := self._tokens.case_meant(case.id, ref))]


def _merged_with(case: Case) -> set[str]:
    """What the case calls those that it was ever merged with."""
    return {step.other_case for step in case.history if step.fact in _MERGES and step.other_case}
