"""Who is shut out of which case: who is named in its report, by the pseudonyms that stand beside the case.

Also those that handlers named: their tokens stand in the case. Of two merged cases each shuts out the people of both.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from services.triage.case.case import Case
from services.triage.case.tokens import NamedIn, Tokens
from services.triage.stored import StoredCase
from shared.events import mark_noted
from shared.parties import Parties
from shared.problems import Problem, Unavailable
from shared.times import now


class Cases(Protocol):
    """Where the cases are with which a case is merged (services.triage.stored.CaseStore)."""

    async def load_whole(self, ids: Iterable[str], /) -> Mapping[str, StoredCase]: ...


class Sight:
    """What the desk and the queue need to know of a case before they show it."""

    def __init__(self, parties: Parties, tokens: Tokens, cases: Cases, clock: Callable[[], datetime] = now) -> None:
        self.parties = parties
        self._tokens = tokens
        self._cases = cases
        self._clock = clock

    async def names_of(self, case: Case) -> frozenset[str]:
        """The pseudonyms and references of the people shut out of a case, as they stand beside it.

        Raises Unavailable while they are not known; nobody sees the case until then, nor while a case cannot be read
        with which it is merged.
        """
        known, merged = await self._beside([case])
        if case.id not in merged:
            # No waiting mends it, and what waits would hold up all others.
            raise Problem(500, "case-damaged", "A case that is merged with this one cannot be read.")
        return _known(self._names([case], known, merged).get(case.id))

    async def names_of_each(self, cases: Sequence[Case]) -> dict[str, frozenset[str]]:
        """The same of each case, by its id; without those of which it is not known."""
        return self._names(cases, *await self._beside(cases))

    async def shut_out_of(self, case: Case, person: str) -> frozenset[str]:
        """The same, and this person (a reference) where a token of the case stands for the person."""
        return _known((await self.shut_out_of_each([case], person)).get(case.id))

    async def shut_out_of_each(self, cases: Sequence[NamedIn], person: str) -> dict[str, frozenset[str]]:
        """The same of each case, by its id; without those of which it is not known."""
        known, merged = await self._beside(cases)
        names, at = self._names(cases, known, merged), self._clock()
        return {
            case.id: names[case.id].union(
                self._tokens.shut_out(case, [person]),
                *(self._tokens.shut_out(other, [person]).union(_recused(other, at)) for other in merged[case.id]),
            )
            for case in cases
            if case.id in names
        }

    async def _beside(self, cases: Sequence[NamedIn]) -> tuple[dict[str, frozenset[str]], dict[str, list[Case]]]:
        """What stands beside the cases and those with which they are merged, and these, by the ids of the first."""
        wanted: dict[str, list[str]] = {}
        for case in cases:
            refs = (*case.absorbed, *([case.merged_into] if case.merged_into else []))
            wanted[case.id] = self._tokens.cases_meant(case.id, refs) if refs else []
        ids = {i for some in wanted.values() for i in some}
        others = await self._cases.load_whole(ids) if ids else {}
        known = await self.parties.load({*wanted, *others})
        # Of a case that is merged with one that cannot be read, it is not known who is shut out.
        readable = {one: some for one, some in wanted.items() if others.keys() >= set(some)}
        return known, {one: [others[i].case for i in some] for one, some in readable.items()}

    @staticmethod
    def _names(
        cases: Sequence[NamedIn], known: Mapping[str, frozenset[str]], merged: Mapping[str, Sequence[Case]]
    ) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for case in cases:
            others = merged.get(case.id)
            if others is not None and all(one.id in known or not one.parties_apart for one in (case, *others)):
                found[case.id] = together(
                    known.get(case.id, frozenset()),
                    *(known.get(other.id, frozenset()).union(other.parties) for other in others),
                )
        return found


def together(*names: frozenset[str]) -> frozenset[str]:
    """All of these names. A name is marked (mark_noted) only where all of them mark it that have it."""
    plain = {mark_noted(name) for some in names for name in some if mark_noted(name) not in some}
    return frozenset().union(*names) - plain


def _recused(case: Case, now: datetime) -> Iterable[str]:
    """Who is recused from a case. No timer ends a recusal of a merged one, so what nobody confirmed lapses here."""
    lapsed = {one.person for one in case.recusals if one.confirm_by is not None and one.confirm_by <= now}
    return (person for person in case.recused if person not in lapsed)


def _known(found: frozenset[str] | None) -> frozenset[str]:
    if found is None:
        raise Unavailable("parties: not known yet")
    return found
