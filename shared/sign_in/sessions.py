"""Sessions of people who signed in. A browser holds a random id, the store only the SHA-256 of the id.

A session ends 30 minutes after it was last seen, and 12 hours after it began. Both are checked when it is looked at;
the store sweeps up later. A revocation holds at once in the replica that carried it out, and within FRESHNESS in every
other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from shared.own_names import OwnNames
from shared.sign_in.attempts import SignInAttempt, hash_of, is_secret, new_secret
from shared.sign_in.identity import Identity
from shared.times import now

IDLE = timedelta(minutes=30)
SESSION_LIFE = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
"""`seen_at` is written no more often. So an idle session may end up to a minute early, but never late."""
FRESHNESS = timedelta(seconds=3)
"""How long a replica answers from memory: that takes 4 µs, and MongoDB 0.6 ms (0.4 ms of them ours)."""
KNOWN = 5_000
"""Sessions that one replica remembers for FRESHNESS."""


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is signed in. Times are UTC-aware. `own` are the person's names, as the provider told them.

    `authenticated_at` is when the person last proved who they are. None: the provider did not say, so the session is
    never fresh. `agent` is a coarse label, such as `Firefox, Linux`.
    """

    id_hash: str
    person: str
    own: OwnNames
    issuer: str
    sid: str | None
    began_at: datetime
    seen_at: datetime
    authenticated_at: datetime | None
    agent: str | None = None

    @property
    def pseudonyms(self) -> tuple[str, ...]:
        """The keys that hide reports from the person now."""
        return self.own.holding

    @property
    def named(self) -> bool:
        """Whether the provider told a user name."""
        return self.own.has_user_name

    @property
    def ticket(self) -> str | None:
        """What shows intake that this person signed in."""
        return self.own.ticket

    def is_over(self, at: datetime) -> bool:
        """Whether the session has been idle, or has lasted, for too long."""
        return at - self.seen_at >= IDLE or at - self.began_at >= SESSION_LIFE


MOST_DRAFTS = 20
"""So many drafts wait under one session; of more, the one that ends first goes."""


@dataclass(frozen=True, slots=True)
class KeptDraft:
    """A sealed draft, a keyed digest of the page that it is about, and until when it waits (UTC-aware)."""

    sealed: str
    about: str
    until: datetime


class SessionStore(Protocol):
    """What sessions need of a store (shared.sign_in.store.MongoSessions). Every method raises Unavailable."""

    def check(self) -> None:
        """Raises Unavailable while the store is known to be away. It asks nobody."""

    async def keep_attempt(self, attempt: SignInAttempt) -> None: ...

    async def take_attempt(self, key: str) -> SignInAttempt | None:
        """The attempt. It can be taken once."""

    async def keep_draft(self, id_hash: str, slot: str, draft: KeptDraft) -> None:
        """Keep a draft under a session, in place of any other in this slot. Of more than MOST_DRAFTS one goes."""

    async def drafts_of(self, id_hash: str, at: datetime, about: str | None = None) -> dict[str, KeptDraft]:
        """The drafts that are kept under a session at this time (UTC-aware), by slot; only those `about` one page."""

    async def drop_draft(self, id_hash: str, slot: str) -> None:
        """Forget the draft in this slot of a session."""

    async def drop_drafts_about(self, about: str) -> None:
        """Forget all drafts about a page, under every session."""

    async def use_once(self, token: str, until: datetime) -> bool:
        """Whether the token was not used before. It is remembered until then."""

    async def note_end(self, names: Sequence[str], at: datetime, until: datetime) -> None:
        """Remember until then that everything with these names ended at that time."""

    async def ended_since(self, names: Sequence[str], since: datetime) -> bool:
        """Whether anything with one of these names ended then or later."""

    async def open(self, session: Session) -> None: ...

    async def find(self, id_hash: str) -> Session | None:
        """The session, even if it is over and not yet swept up."""

    async def touch(self, id_hash: str, at: datetime) -> bool:
        """Move `seen_at` forward. False if the session has ended; it never comes back."""

    async def of_person(self, person: str) -> list[Session]:
        """The sessions of a person, newest first."""

    async def revoke(self, person: str, id_hash: str) -> bool:
        """End one session, if it is of this person."""

    async def revoke_person(self, person: str, before: datetime, but: str | None = None) -> int:
        """End all sessions of a person that began at `before` or earlier, except `but`. Returns how many."""

    async def revoke_sid(self, issuer: str, sid: str) -> int:
        """End all sessions that came from one session of the provider. Returns how many."""


class Sessions:
    """The sessions of one service: the session of a request's secret, and how sessions begin and end."""

    def __init__(self, store: SessionStore, clock: Callable[[], datetime] = now) -> None:
        self.store = store
        self.clock = clock
        # By id_hash: the time of reading and the session, oldest first.
        self._known: dict[str, tuple[datetime, Session]] = {}
        # How many revocations there were here.
        self._ends = 0

    async def find(self, secret: str | None) -> Session | None:
        """The running session of this secret, or None. The look keeps it from becoming idle."""
        if not is_secret(secret):
            return None
        key, at, ends = hash_of(secret), self.clock(), self._ends
        session = self._remembered(key, at)
        if session is None or session.is_over(at):
            # Another replica may have seen the person since.
            session = await self.store.find(key)
            if session is None or session.is_over(at):
                self._known.pop(key, None)
                return None
            self._remember(session, at, ends)
        if at - session.seen_at >= SEEN_EVERY:
            if not await self.store.touch(key, at):
                self._known.pop(key, None)
                return None
            session = replace(session, seen_at=at)
            self._remember(session, at, ends)
        return session

    async def begin(
        self,
        own: OwnNames,
        identity: Identity,
        *,
        agent: str | None = None,
        instead_of: str | None = None,
    ) -> tuple[str, Session]:
        """A new session and its secret, for every sign-in. The session of the secret `instead_of` ends."""
        secret, at = new_secret(), self.clock()
        session = Session(
            hash_of(secret),
            own.person,
            own,
            identity.issuer,
            identity.sid,
            at,
            at,
            identity.authenticated_at,
            agent,
        )
        await self.store.open(session)
        if is_secret(instead_of):
            old = await self.store.find(hash_of(instead_of))
            if old:
                await self.end(old)
        return secret, session

    async def end(self, session: Session) -> None:
        """Sign this browser out."""
        await self.revoke(session.person, session.id_hash)

    async def listed(self, person: str) -> list[Session]:
        """The running sessions of a person, newest first."""
        at = self.clock()
        return [session for session in await self.store.of_person(person) if not session.is_over(at)]

    async def revoke(self, person: str, id_hash: str) -> bool:
        """End one session of a person. False if the person has no such session."""
        revoked = await self.store.revoke(person, id_hash)
        self._forget(id_hash)
        return revoked

    async def revoke_person(self, person: str, before: datetime, but: str | None = None) -> int:
        """End the sessions of a person that began at `before` (UTC-aware) or earlier, except `but`. Returns how
        many.
        """
        revoked = await self.store.revoke_person(person, before, but)
        self._forget()
        return revoked

    async def revoke_sid(self, issuer: str, sid: str) -> int:
        """End the sessions that came from one session of the provider. Returns how many."""
        revoked = await self.store.revoke_sid(issuer, sid)
        self._forget()
        return revoked

    def _forget(self, id_hash: str | None = None) -> None:
        self._ends += 1
        if id_hash is None:
            self._known.clear()
        else:
            self._known.pop(id_hash, None)

    def _remembered(self, key: str, at: datetime) -> Session | None:
        read_at, session = self._known.get(key, (None, None))
        # A clock that was set back must not keep a session in memory for longer.
        return session if read_at and timedelta() <= at - read_at < FRESHNESS else None

    def _remember(self, session: Session, at: datetime, ends: int) -> None:
        if ends != self._ends:
            # The session may have ended while the store was asked.
            return
        self._known.pop(session.id_hash, None)
        self._known[session.id_hash] = (at, session)
        if len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]
