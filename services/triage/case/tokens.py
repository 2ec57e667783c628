"""Tokens that stand for people and other cases in the events of one case, where a reference would link cases. Pure.

A person that handlers name as one that the case is about has such a token. Nobody without the key can tell who it is,
and no other case has it. Another case has a reference that only the key opens: the record shows which cases have to do
with each other to nobody.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from services.triage.case.attendance import People
from services.triage.case.case import Case
from services.triage.case.commands.recusal import NAMED


class NamedIn(Protocol):
    """What it takes to know who may not see a case: a Case, or less of it (services.triage.stored.Glimpse)."""

    @property
    def id(self) -> str: ...
    @property
    def parties(self) -> Sequence[str]: ...
    @property
    def parties_apart(self) -> bool: ...
    @property
    def recused(self) -> Sequence[str]: ...
    @property
    def absorbed(self) -> Sequence[str]: ...
    @property
    def merged_into(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes the tokens, and knows again those that a case has. `key` is secret."""

    key: bytes = field(repr=False)

    def of(self, case_id: str, person: str) -> str:
        """The token (32 hex digits) of a person, by the reference, within this case."""
        return hmac.digest(self.key, f"hearth case\x1f{case_id}\x1f{person}".encode(), "sha256")[:16].hex()

    def ref_of(self, case_id: str, other_id: str) -> str:
        """What the events of a case call another case: always the same, and nothing to another case."""
        return urlsafe_b64encode(self._cases.encrypt(other_id.encode(), [case_id.encode()])).decode().rstrip("=")

    def case_meant(self, case_id: str, ref: str) -> str | None:
        """The id of the case that the events of a case call so; None for a reference that is none."""
        try:
            sealed = urlsafe_b64decode(ref + "=" * (-len(ref) % 4))
            return self._cases.decrypt(sealed, [case_id.encode()]).decode()
        except (InvalidTag, ValueError):
            return None

    def cases_meant(self, case_id: str, refs: Iterable[str]) -> list[str]:
        """As `case_meant`, of several references, without those that are none."""
        return [meant for ref in refs if (meant := self.case_meant(case_id, ref))]

    @property
    def _cases(self) -> AESSIV:
        return AESSIV(hmac.digest(self.key, b"hearth other cases", sha256))

    def meant(self, case: Case, people: Iterable[str]) -> dict[str, str]:
        """Those of the people (references) that handlers have ever named in the case, by their tokens."""
        named = {recusal.person for recusal in (*case.recusals, *case.ended_recusals) if recusal.ground == NAMED}
        if not named:
            return {}
        return {token: person for person in people if (token := self.of(case.id, person)) in named}

    def shut_out(self, case: NamedIn, people: Iterable[str]) -> frozenset[str]:
        """Those of the people (references) who may not see the case now, because handlers have named them."""
        if not case.recused:
            return frozenset()
        return frozenset(person for person in people if self.of(case.id, person) in case.recused)

    def people(self, case: Case, everybody: People, names: frozenset[str]) -> People:
        """Who could handle the case, of everybody. `names`: what stands beside it (see shared.parties)."""
        refs = (person.ref for people in everybody.staff.values() for person in people)
        return everybody.beside(names.union(case.parties), self.meant(case, refs))
