"""What follows by itself from a change of a case: in the case, and in others that have to do with it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from services.triage.case.attendance import NOBODY, People
from services.triage.case.case import ENDED, Case
from services.triage.case.clocks_there import absorptions
from services.triage.case.commands.command import Command
from services.triage.case.commands.following import KeepApart, matters_of, relation_of
from services.triage.case.commands.handling import LetGo
from services.triage.case.commands.merging import Follow
from services.triage.case.parts import had_part, took_part
from services.triage.case.tokens import Tokens
from services.triage.own_steps import own_step
from services.triage.sight import Sight
from services.triage.stored import CaseChange, CaseStore, Staffing, StoredCase
from shared.aggregates import change
from shared.events import RETALIATION, CaseAssigned
from shared.policy import Policy

PORTION = 50
"""Cases that are changed in one write. Of more, each portion waits for the one before, and other work goes between."""

_Due = Mapping[str, tuple[Command, People]]
"""The command that says what follows for a case, and those it is for, by the id of the case."""
_Load = Callable[[Iterable[str]], Awaitable[Mapping[str, StoredCase]]]
_Steps = Callable[[Sequence[tuple[Case, Case]]], Awaitable[_Due]]
"""Gets cases, each with the one from which something follows for it."""


class Consequences:
    """Carries out what follows. It may be repeated in any number.

    Cases that are part of another one follow it to another handling body, to its outcome and its clocks. Cases that
    came of the report of another one, as a part of it or of bad treatment for it, stay shut to those who may not see
    that one, and after bad treatment to those who had a part in any matter of that report. That one changes in nothing,
    so that not even a gap in its numbers tells of them. A case that became urgent waits for nobody who serves none of
    its bodies any more, also where a role may be renewed. A case that comes back after it had ended waits for nobody
    who has left; a role that ran out may still be renewed.
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
        # No look at people who left judged what had ended.
        back = [one.case for one in changes if one.stored and _is_urgent_or_back(one.case, one.stored.case)]
        asked = [one for one in again if one.is_urgent or _is_back(one)]
        had = {one.id: one.id for one in (*back, *asked) if one.assignee}
        there = [*again, *(one.case for one in changes if _has_others_shut_out(one))]
        return (
            len(await self._each(self._parts_of(one.case for one in changes if _is_to_follow(one)), self._follow))
            + len(await self._each(had, self._let_go))
            + await self.keep_apart(await self._came_of(there))
        )

    async def on(self, cases: Iterable[Case]) -> int:
        """Carry out what has not followed yet on these cases. Returns how many. Raises Unavailable."""
        there = list(cases)
        followed = await self._each(self._parts_of(there), self._follow)
        return len(followed) + await self.keep_apart(await self._sight.parties.followed({one.id for one in there}))

    async def on_ended(self, ids: Iterable[str]) -> int:
        """As `on`, for those of these cases that are closed or merged and came of another one."""
        return await self.keep_apart(await self._sight.parties.followed(await self._cases.ended(ids)))

    async def keep_apart(self, firsts: Mapping[str, str]) -> int:
        """Keep these cases shut, each by the case it came of; then those that came of them."""
        changed = await self._each(firsts, self._shut_out)
        # Also those of which nothing changed: what failed behind them the first time is found only so.
        here = {*firsts, *(i for one in changed for i in self._here(one))}
        further = await self._sight.parties.following(here)
        return len(changed) + (await self.keep_apart(further) if further else 0)

    async def matters_beside(self, case: Case) -> tuple[Case, ...]:
        """The cases of the other matters of a case's report, and those of which these are a part now."""
        matters = [one for one in await self._matters_of([case]) if one.id != case.id]
        survivors = await self.survivors_of(matters)
        return tuple({one.id: one for one in (*matters, *survivors.values())}.values())

    async def survivors_of(self, cases: Iterable[Case]) -> dict[str, Case]:
        """The cases of which these are a part now, by the ids of these."""
        meant = {one.id: self._tokens.case_meant(one.id, one.merged_into) for one in cases if one.merged_into}
        stored = await self._load({i for i in meant.values() if i})
        return {part: stored[i] for part, i in meant.items() if i in stored}

    async def _matters_of(self, cases: Iterable[Case], load: _Load | None = None) -> list[Case]:
        """These cases, and those of the other matters of their reports: split off them, or they off those."""
        known = {one.id: one for one in cases}
        new = [*known.values()]
        while new:
            ids = {i for one in new for i in self._tokens.cases_meant(one.id, matters_of(one))}
            new = [*(await self._load(ids - known.keys(), load)).values()]
            known |= {one.id: one for one in new}
        return [*known.values()]

    async def _came_of(self, cases: Iterable[Case]) -> dict[str, str]:
        """The cases that came of these, of their parts, and of other matters of the reports of both.

        Each has the one it came of.
        """
        changed = {one.id: one for one in cases}
        parts = await self._load(self._parts_of(changed.values()).keys() - changed.keys(), self._cases.load_whole)
        matters = await self._matters_of([*changed.values(), *parts.values()], self._cases.load_whole)
        return await self._sight.parties.following({*changed, *parts, *(one.id for one in matters)})

    async def _load(self, ids: Set[str], load: _Load | None = None) -> dict[str, Case]:
        return {i: one.case for i, one in (await (load or self._cases.load)(ids)).items()} if ids else {}

    async def _each(self, sources: Mapping[str, str], steps: _Steps) -> list[Case]:
        """Let each of these cases (their ids) take the step that follows from another; returns those that changed."""
        pairs, ids, changed = _Pairs(self._cases, sources, steps), list(sources), list[Case]()

        async def decide(case_id: str, stored: StoredCase | None) -> CaseChange | None:
            due = pairs.due.get(case_id)
            return own_step(stored, *due, self._policy, self._clock()) if stored and due else None

        for first in range(0, len(ids), PORTION):
            written = await change(pairs, ids[first : first + PORTION], decide)
            changed += [done.case for done in written.values()]
        return changed

    async def _follow(self, pairs: Sequence[tuple[Case, Case]]) -> _Due:
        survivors = {survivor.id: survivor for _, survivor in pairs}
        absorbed = {case_id: absorptions(survivor) for case_id, survivor in survivors.items()}
        return {
            case.id: (Follow(survivor, absorbed[survivor.id].get(self._tokens.ref_of(survivor.id, case.id))), NOBODY)
            for case, survivor in pairs
            # Nothing is to be done where it is a case for itself again.
            if case.merged_into is not None and self._tokens.case_meant(case.id, case.merged_into) == survivor.id
        }

    async def _shut_out(self, pairs: Sequence[tuple[Case, Case]]) -> _Due:
        names = await self._sight.names_of_each([case for case, _ in pairs])
        survivors = await self.survivors_of(first for _, first in pairs)
        everybody = People(await self._staffing.staff())
        due = dict[str, tuple[Command, People]]()
        for case, first in pairs:
            if case.id in names:
                known = (first, survivors[first.id]) if first.id in survivors else (first,)
                matters = await self.matters_beside(first) if relation_of(case) == RETALIATION else ()
                people = self._tokens.people(case, everybody, names[case.id])
                due[case.id] = KeepApart(known, matters=matters), people
        return due

    async def _let_go(self, pairs: Sequence[tuple[Case, Case]]) -> _Due:
        everybody, due = People(await self._staffing.staff()), dict[str, tuple[Command, People]]()
        for case, _ in pairs:
            people = self._tokens.people(case, everybody, await self._sight.names_of(case))
            due[case.id] = LetGo(frozenset({case.assignee or ""})), people
        return due

    def _parts_of(self, cases: Iterable[Case]) -> dict[str, str]:
        """The cases that are part of these, each with the one of these."""
        return {part: case.id for case in cases for part in self._tokens.cases_meant(case.id, case.absorbed)}

    def _here(self, case: Case) -> list[str]:
        """The case, and those that are part of it."""
        return [case.id, *self._tokens.cases_meant(case.id, case.absorbed)]


@dataclass(slots=True)
class _Pairs:
    """The cases, and what follows for those that were loaded last, each from its source."""

    cases: CaseStore
    sources: Mapping[str, str]
    steps: _Steps
    due: _Due = field(default_factory=dict)

    async def load(self, ids: Iterable[str]) -> Mapping[str, StoredCase]:
        stored = await self.cases.load_whole(ids)
        # Loaded after those that follow, so again after a lost race: else one could follow an older one.
        known = await self.cases.load_whole({self.sources[case_id] for case_id in stored}) if stored else {}
        both = [(one.case, known.get(self.sources[case_id])) for case_id, one in stored.items()]
        self.due = await self.steps([(case, source.case) for case, source in both if source])
        return stored

    async def save(self, changes: Sequence[CaseChange]) -> set[str]:
        return await self.cases.save(changes)


def _is_urgent_or_back(case: Case, before: Case) -> bool:
    """Whether the case became urgent, or comes back after it had ended."""
    return (case.is_urgent and not before.is_urgent) or (before.state in ENDED and case.state not in ENDED)


def _is_back(case: Case) -> bool:
    """Whether the case came back after it had ended, and nobody was given it since."""
    for step in reversed(case.history):
        if step.state in ENDED or step.fact == CaseAssigned.name:
            return False
        if step.previous in ENDED:
            return True
    return False


def _is_to_follow(done: CaseChange) -> bool:
    """Whether others are part of the case, and it differs in what these follow."""
    return bool(done.case.absorbed and (done.stored is None or _followed(done.case) != _followed(done.stored.case)))


def _followed(case: Case) -> tuple[object, ...]:
    kept = [(deadline.name, deadline.met_at) for deadline in case.deadlines]
    return case.body, case.outcome, case.absorbed, kept, case.messages, case.questions, case.recusals


def _has_others_shut_out(done: CaseChange) -> bool:
    """Whether the case differs in what those that came of it take over."""
    return done.stored is None or _shuts_out(done.case) != _shuts_out(done.stored.case)


def _shuts_out(case: Case) -> tuple[object, ...]:
    """What a case that came of this one takes over (KeepApart), and which others it may have come of."""
    return case.recused, case.recusals, case.absorbed, case.merged_into, took_part(case), had_part(case)
