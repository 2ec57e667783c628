"""The keys of names. Intake hands them out for names that a provider tells, by the proof of a sign-in, for those that a
coordinator gives, and for those that a responder looks for.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from services.intake.report.pseudonym import pseudonyms_for, pseudonyms_sought
from shared.access.authorization import FRESH, is_permitted
from shared.access.principal import Principal, Role
from shared.own_names import NameKeys, OwnNames, Proof
from shared.problems import Problem
from shared.sign_in.attempts import SignInRefused, new_secret
from shared.sign_in.identity import Account, ToldName, person_ref
from shared.times import now

MOST_TOLD = 40
"""Names and addresses of one person that count. A provider tells a handful."""
MOST_GIVEN = 40
"""Names that a coordinator can give to people by one sign-in. So a service that was broken into cannot use the sign-in
to turn a list of names into keys.
"""
MOST_SOUGHT = 100
"""Names that one responder looks for in an hour: more than a person types, and no list."""


class Prover(Protocol):
    """What intake needs of the sign-in provider (shared.sign_in.providers.Provider)."""

    async def prove(self, proof: Proof, clients: Collection[str]) -> Account: ...


class FindPerson(Protocol):
    """What intake needs of the roster (shared.access.roster.Roster)."""

    async def person(self, ref: str, *, began_at: datetime, authenticated_at: datetime | None) -> Principal | None: ...


class TicketUses(Protocol):
    """Counts for how many names each ticket was used, and how many each responder looks for in an hour."""

    async def use(self, ticket: str, count: int, most: int, until: datetime) -> bool:
        """Count `count` more names. False if that would be more than `most`."""


@dataclass(frozen=True, slots=True)
class NameKeySource:
    """Turns names into keys for those who may have them.

    `clients` are the names of our services at the provider. A proof of a sign-in at another client is worth nothing.
    """

    prover: Prover
    clients: Collection[str]
    identity_key: bytes
    pseudonym_key: bytes
    people: FindPerson
    uses: TicketUses
    clock: Callable[[], datetime] = now

    async def prove(self, proof: Proof) -> OwnNames:
        """The person of a sign-in that happened just now, by the proof of it, and the keys of the person's names.

        Which names these are, the provider says to intake itself. Raises Problem 422 for a proof that proves nothing,
        and Unavailable while the provider is away.
        """
        try:
            account = await self.prover.prove(proof, self.clients)
        except SignInRefused as refused:
            raise Problem(422, "proof-refused", f"This proves no sign-in: {refused.reason}.") from None
        person = person_ref(self.identity_key, account.issuer, account.subject)
        names = tuple(NameKeys(self._keys(name), name.trust) for name in account.names[:MOST_TOLD])
        return OwnNames(person, names, self._ticket(person))

    async def bind(self, ticket: str, names: Sequence[str]) -> tuple[str, list[tuple[str, ...]]]:
        """The coordinator of a ticket, and the keys of each name that the coordinator gives to another person.

        Raises Problem 403: the ticket is old, not ours, used up, or of a person who is no coordinator now.
        """
        at = self.clock()
        person, signed_in_at = self._read(ticket)
        if not timedelta() <= at - signed_in_at <= FRESH:
            raise _REFUSED
        who = await self.people.person(person, began_at=signed_in_at, authenticated_at=signed_in_at)
        if who is None or not any(grant.role is Role.COORDINATOR for grant in who.running(at)):
            raise _REFUSED
        if not await self.uses.use(
            hashlib.sha256(ticket.encode()).hexdigest(), len(names), MOST_GIVEN, signed_in_at + 2 * FRESH
        ):
            raise _REFUSED
        return person, [given_keys(self.pseudonym_key, name) for name in names]

    async def seek(self, person: str, name: str) -> tuple[str, ...]:
        """The keys under which reports name the person that this responder (a reference) looks for by `name`.

        Raises Problem 403 for a person who may read no reports now, or who has looked for too many names.
        """
        at = self.clock()
        who = await self.people.person(person, began_at=at, authenticated_at=None)
        if who is None or not is_permitted(who, "case.read_content", None, at):
            raise _NOT_SOUGHT
        hour = at.replace(minute=0, second=0, microsecond=0)
        used = hashlib.sha256(f"search\x1f{person}\x1f{hour.isoformat()}".encode()).hexdigest()
        if not await self.uses.use(used, 1, MOST_SOUGHT, hour + timedelta(hours=2)):
            raise _NOT_SOUGHT
        return pseudonyms_sought(self.pseudonym_key, name)

    def _keys(self, name: ToldName) -> tuple[str, ...]:
        own = [name.text]
        return pseudonyms_for(self.pseudonym_key, *((own, []) if name.kind == "name" else ([], own)))

    def _ticket(self, person: str) -> str:
        said = f"{person}~{int(self.clock().timestamp())}~{new_secret()}"
        return f"{said}~{self._seal(said)}"

    def _read(self, ticket: str) -> tuple[str, datetime]:
        said, _, seal = ticket.rpartition("~")
        if not hmac.compare_digest(seal.encode(), self._seal(said).encode()):
            raise _REFUSED
        person, seconds, _ = said.split("~")
        return person, datetime.fromtimestamp(int(seconds), UTC)

    def _seal(self, said: str) -> str:
        return hmac.digest(self.pseudonym_key, f"ticket\x1f{said}".encode(), "sha256").hex()


def given_keys(pseudonym_key: bytes, text: str) -> tuple[str, ...]:
    """The keys of a name, or of an address, that a coordinator or an operator gives to a person."""
    return pseudonyms_for(pseudonym_key, [text], [text] if "@" in text[1:] else [])


_REFUSED = Problem(403, "ticket-refused", "Names are given by a coordinator who signed in within the last ten minutes.")
_NOT_SOUGHT = Problem(403, "name-refused", "Names are looked for by responders, a hundred in an hour at most.")
