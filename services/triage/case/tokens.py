"""Tokens that stand for people in the events of one case, where a reference would link cases. Pure.

A person that handlers name as one that the case is about has such a token. Nobody without the key can tell who it is,
and no other case has it.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.triage.case.attendance import People
from services.triage.case.case import Case
from services.triage.case.commands.recusal import NAMED
from shared.access.principal import Principal


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes the tokens, and knows again those that a case has. `key` is secret."""

    key: bytes = field(repr=False)

    def of(self, case_id: str, person: str) -> str:
        """The token (32 hex digits) of a person, by the reference, within this case."""
        return hmac.digest(self.key, f"hearth case\x1f{case_id}\x1f{person}".encode(), "sha256")[:16].hex()

    def meant(self, case: Case, people: Iterable[str]) -> dict[str, str]:
        """Those of the people (references) that handlers have ever named in the case, by their tokens."""
        named = {recusal.person for recusal in (*case.recusals, *case.ended_recusals) if recusal.ground == NAMED}
        if not named:
            return {}
        return {token: person for person in people if (token := self.of(case.id, person)) in named}

    def shut_out(self, case: Case, people: Iterable[str]) -> frozenset[str]:
        """Those of the people (references) who may not see the case now, because handlers have named them."""
        return frozenset(person for token, person in self.meant(case, people).items() if token in case.recused)

    def people(self, case: Case, staff: Mapping[str, Sequence[Principal]], names: frozenset[str]) -> People:
        """Who could handle the case. `names`: what stands beside it (see shared.parties)."""
        refs = (person.ref for people in staff.values() for person in people)
        return People(staff, names.union(case.parties), self.meant(case, refs))
