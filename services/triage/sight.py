"""Who is shut out of which case: who is named in its report, by the pseudonyms that stand beside the case.

Also those that handlers named: their tokens stand in the case.
"""

from collections.abc import Sequence

from services.triage.case.case import Case
from services.triage.case.tokens import Tokens
from shared.parties import Parties
from shared.problems import Unavailable


class Sight:
    """What the desk and the queue need to know of a case before they show it."""

    def __init__(self, parties: Parties, tokens: Tokens) -> None:
        self._parties = parties
        self._tokens = tokens

    async def names_of(self, case: Case) -> frozenset[str]:
        """The pseudonyms and references of the people shut out of a case, as they stand beside it.

        Raises Unavailable while they are not known; nobody sees the case until then.
        """
        known = await self._parties.load({case.id})
        if case.parties_apart and case.id not in known:
            raise Unavailable("parties: not known yet")
        return known.get(case.id, frozenset())

    async def shut_out_of(self, case: Case, person: str) -> frozenset[str]:
        """The same, and this person (a reference) where a token of the case stands for the person."""
        return await self.names_of(case) | self._tokens.shut_out(case, [person])

    async def shut_out_of_each(self, cases: Sequence[Case], person: str) -> dict[str, frozenset[str]]:
        """The same of each case, by its id; without those of which it is not known."""
        known = await self._parties.load({case.id for case in cases})
        return {
            case.id: known.get(case.id, frozenset()) | self._tokens.shut_out(case, [person])
            for case in cases
            if case.id in known or not case.parties_apart
        }
