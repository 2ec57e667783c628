"""The roster as a service sees it: who may do what, in memory, seconds old at most.

Triage owns the roster and publishes every entry on the topic `roster`. Each other service keeps a copy in its own
database. Every replica reads that copy every few seconds, so a change reaches all of them. An end that was set
beforehand needs no message, because `shared.access.authorization.allow` is given the time.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from shared.access.entries import RosterState, grants_of, principal_in
from shared.access.principal import PEOPLE, Grant, Principal, has_ended, serves
from shared.access.tokens import hash_token, kind_of
from shared.events import RosterEntryChanged, RosterTokenChanged
from shared.problems import Unavailable
from shared.times import now

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
"""Seconds between two looks at what has changed."""
OVERLAP = timedelta(seconds=30)
"""How far the clocks of writers may differ."""
WHOLE = timedelta(seconds=30)
"""How often the whole roster is read, whatever the clocks say."""
OLDEST = timedelta(seconds=60)
"""How old the copy may be. By an older copy nobody is let in."""
FRESH = timedelta(seconds=5)
"""How old the names may be by which a report is searched."""
USE_NOTED = timedelta(minutes=1)


class RosterStore(Protocol):
    """What the roster needs of a store: access.roster_store.MongoRoster, or memory in tests."""

    async def changed_since(self, at: datetime | None) -> list[RosterState]: ...

    async def find_token(self, secret_hash: str) -> RosterTokenChanged | None: ...

    async def find_entry(self, person: str) -> RosterEntryChanged | None: ...

    async def note_use(self, token_id: str, at: datetime) -> None: ...


Staff = Mapping[str, Sequence[Principal]]
"""Those who have, had or will have a role of people in a handling body, by its id; none of them is signed in."""


class Roster:
    """Who may do what, as it was at most a few seconds ago. Raises Unavailable when the copy is older than OLDEST."""

    def __init__(self, copies: RosterStore, clock: Callable[[], datetime] = now) -> None:
        self._copies = copies
        self._clock = clock
        self._entries: dict[str, Principal] = {}
        self._staff: dict[str, list[Principal]] | None = None
        self._signed_out: dict[str, datetime] = {}
        self._tokens: dict[str, RosterTokenChanged] = {}
        self._integrators: dict[str, Principal] = {}
        # By token: the person as the roster had it, and the principal that was made of that.
        self._owners: dict[str, tuple[Principal, Principal]] = {}
        self._used: dict[str, datetime] = {}
        self._everybody: frozenset[str] | None = None
        self._read_at: datetime | None = None
        self._whole_at: datetime | None = None

    async def watch(self) -> None:
        """Keep the copy fresh until cancelled. An outage only makes it older."""
        while True:
            try:
                await self.refresh()
            except Unavailable as error:
                log.warning("the roster is not read", extra={"reason": str(error)})
            await asyncio.sleep(LOOK_EVERY)

    async def refresh(self) -> None:
        """Read what has changed, or everything if that was last done long ago. Raises Unavailable."""
        at = self._clock()
        whole = self._whole_at is None or self._read_at is None or at - self._whole_at > WHOLE
        since = None if whole or self._read_at is None else self._read_at - OVERLAP
        for state in await self._copies.changed_since(since):
            self._take(state)
        self._read_at = at
        if whole:
            self._whole_at = at

    async def person(
        self,
        ref: str,
        *,
        began_at: datetime,
        authenticated_at: datetime | None,
        pseudonyms: Iterable[str] = (),
        named: bool = False,
        ticket: str | None = None,
    ) -> Principal | None:
        """A person who has signed in, with what the roster gives the person now, and what the sign-in told.

        A person on no roster has no grants. None for a person who was signed out everywhere after `began_at`.
        """
        await self.ready()
        known = self._entries.get(ref) or await self._find(ref)
        return self._signed_in(known, began_at, authenticated_at, pseudonyms, named, ticket)

    async def bearer(self, token: str) -> Principal | None:
        """The person or integrator of a token; None if it is unknown, expired, revoked or no token of ours."""
        at = self._clock()
        if not self._is_ready(at):
            await self.ready()
        secret_hash = hash_token(token)
        state = self._tokens.get(secret_hash)
        if state is None:
            # A new token is often used before the next look. A text that cannot be a token needs no look.
            state = await self._copies.find_token(secret_hash) if kind_of(token) else None
            if state is None:
                return None
            self._take(state)
        if state.expires_at <= at or (state.revoked_at and state.revoked_at <= at):
            return None
        last = self._used.get(state.token_id)
        if last is None or at - last >= USE_NOTED:
            await self._note_use(state.token_id, at)
        if state.person is None:
            return self._integrators[state.token_id]
        known = self._entries.get(state.person) or await self._find(state.person)
        made = self._owners.get(state.token_id)
        if made and made[0] is known and known.ref not in self._signed_out:
            return made[1]
        owner = self._signed_in(known, state.issued_at, state.issued_at)
        if owner:
            self._owners[state.token_id] = (known, owner)
        return owner

    def grants_for(self, source: str, sent_at: datetime) -> list[Grant]:
        """What tokens of integrators that are good now, or were at `sent_at` (UTC-aware), give for this source.

        Raises Unavailable while that is not known.
        """
        at = self._clock()
        if not self._is_ready(at):
            raise Unavailable("the roster has not been read for a minute")
        return [
            grant
            for state in self._tokens.values()
            if state.person is None
            for grant in self._integrators[state.token_id].grants
            if source in grant.sources
            and (_is_good(state, grant, at) or (state.issued_at <= sent_at and _is_good(state, grant, sent_at)))
        ]

    def parties(self, person: str) -> frozenset[str]:
        """The pseudonyms of a person's own names, as far as the roster knows them."""
        known = self._entries.get(person)
        return known.pseudonyms if known else frozenset()

    async def names_of(self, person: str) -> frozenset[str]:
        """The names by which a case shuts a person out: the reference, and the pseudonyms of the person's own names.

        Raises Unavailable while that is not known.
        """
        await self.ready()
        return self.parties(person) | {person}

    async def everybody(self) -> frozenset[str]:
        """The pseudonyms of all people on the roster, as it was seconds ago. Raises Unavailable when that is not known.

        What is not in it yet is looked for later, so it must be known how old it can be.
        """
        if self._read_at is None or self._clock() - self._read_at > FRESH:
            await self.refresh()
        if self._everybody is None:
            self._everybody = frozenset(name for person in self._entries.values() for name in person.pseudonyms)
        return self._everybody

    async def names_by_person(self) -> dict[str, frozenset[str]]:
        """The pseudonyms of each person on the roster, by reference. Raises Unavailable."""
        await self.ready()
        return {person.ref: person.pseudonyms for person in self._entries.values() if person.pseudonyms}

    async def people_of(self, names: Collection[str]) -> tuple[str, ...]:
        """The references of people on the roster who have one of these pseudonyms. Raises Unavailable."""
        await self.ready()
        known = self._entries.values()
        return tuple(sorted(person.ref for person in known if not person.pseudonyms.isdisjoint(names)))

    async def refs(self) -> Collection[str]:
        """The references of all people on the roster. Raises Unavailable while that is not known."""
        await self.ready()
        return self._entries.keys()

    def known(self) -> Mapping[str, Principal]:
        """Everybody as this copy has them, however old it is: only to name people, and never to let them in."""
        return self._entries

    async def staff(self) -> Staff:
        """The people of each handling body. Raises Unavailable while that is not known."""
        await self.ready()
        return self._by_body()

    def names_in(self, body: str, at: datetime) -> frozenset[str]:
        """The names by which a case shuts out anyone who has a role in this handling body at that time (UTC-aware)."""
        people = (person for person in self._by_body().get(body, ()) if serves(person, body, at))
        return frozenset(name for person in people for name in (person.ref, *person.pseudonyms))

    def _by_body(self) -> Staff:
        # Made again only when an entry has changed, because each new case asks for it.
        if self._staff is None:
            self._staff = {}
            for person in self._entries.values():
                held = (body for grant in person.grants if grant.role in PEOPLE for body in grant.bodies)
                for body in dict.fromkeys(held):
                    self._staff.setdefault(body, []).append(person)
        return self._staff

    async def ready(self) -> None:
        """Return when the copy is fresh enough. Raises Unavailable."""
        if self._is_ready(self._clock()):
            return
        if self._read_at is not None:
            raise Unavailable("the roster has not been read for a minute")
        await self.refresh()

    def _is_ready(self, at: datetime) -> bool:
        return self._read_at is not None and at - self._read_at <= OLDEST

    async def _find(self, ref: str) -> Principal:
        if entry := await self._copies.find_entry(ref):
            self._take(entry)
        return self._entries.get(ref) or Principal(ref)

    def _signed_in(
        self,
        known: Principal,
        began_at: datetime,
        authenticated_at: datetime | None,
        pseudonyms: Iterable[str] = (),
        named: bool = False,
        ticket: str | None = None,
    ) -> Principal | None:
        out = self._signed_out.get(known.ref)
        if out is not None and began_at < out:
            return None
        return Principal(
            known.ref,
            known.grants,
            known.trainings,
            known.confidential_until,
            known.leaves,
            known.pseudonyms.union(pseudonyms),
            authenticated_at,
            named=known.named or named,
            ticket=ticket,
            languages=known.languages,
            since=known.since,
        )

    async def _note_use(self, token_id: str, at: datetime) -> None:
        self._used[token_id] = at
        try:
            await self._copies.note_use(token_id, at)
        except Unavailable as error:
            log.warning("the use of a token is not noted", extra={"reason": str(error)})

    def _take(self, state: RosterState) -> None:
        match state:
            case RosterEntryChanged():
                self._entries[state.person] = principal_in(state)
                self._staff = self._everybody = None
                if state.signed_out_at:
                    self._signed_out[state.person] = state.signed_out_at
            case RosterTokenChanged():
                self._tokens[state.secret_hash] = state
                if state.person is None:
                    self._integrators[state.token_id] = Principal(state.token_id, grants_of(state.grants))


def _is_good(token: RosterTokenChanged, grant: Grant, at: datetime) -> bool:
    return not any(has_ended(end, at) for end in (token.expires_at, token.revoked_at, grant.expires_at))
