"""Sessions of signed-in people, kept by the service. A browser holds a random id, the store only the id's SHA-256.

A session ends 30 minutes after it was last seen and 12 hours after it began, both exactly when it is looked at; the
store sweeps up afterwards. A revocation holds at once in the replica that carried it out, and in every other within
FRESHNESS.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from shared.sign_in.attempts import SignInAttempt, hash_of, is_secret, new_secret
from shared.sign_in.identity import Identity
from shared.times import now

IDLE = timedelta(minutes=30)
SESSION_LIFE = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
"""`seen_at` is written no more often, so that an idle session may end up to a minute early, but never late."""
FRESHNESS = timedelta(seconds=3)
"""For how long a replica answers from memory: 4 µs in place of the 0.6 ms (0.4 ms of them ours) that MongoDB takes."""
KNOWN = 5_000
"""Sessions that one replica remembers for FRESHNESS."""


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser. Times are UTC-aware.

    `pseudonyms` are the person's own, known from the sign-in. `authenticated_at` is when the person last proved who
    they are; None: the provider did not say, so it is never fresh. `agent` is a coarse label, `Firefox, Linux`.
    """

    id_hash: str
    person: str
    pseudonyms: tuple[str, ...]
    issuer: str
    sid: str | None
    began_at: datetime
    seen_at: datetime
    authenticated_at: datetime | None
    agent: str | None = None

    def is_over(self, at: datetime) -> bool:
        """Whether it has been idle, or has lasted, for too long."""
        return at - self.seen_at >= IDLE or at - self.began_at >= SESSION_LIFE


class SessionStore(Protocol):
    """Where sessions and attempts are kept (shared.sign_in.store.MongoSessions). Raises Unavailable while away."""

    async def keep_attempt(self, attempt: SignInAttempt) -> None: ...

    async def take_attempt(self, key: str) -> SignInAttempt | None:
        """The attempt, which nobody can take again."""

    async def use_once(self, token: str, until: datetime) -> bool:
        """Whether nobody used it before; remembered until then."""

    async def note_end(self, names: Sequence[str], at: datetime, until: datetime) -> None:
        """Remember until then that what has these names was ended at that time."""

    async def ended_since(self, names: Sequence[str], since: datetime) -> bool:
        """Whether any of what has these names was ended then or later."""

    async def open(self, session: Session) -> None: ...

    async def find(self, id_hash: str) -> Session | None:
        """The session, even if it is over but not yet swept up."""

    async def touch(self, id_hash: str, at: datetime) -> bool:
        """Move `seen_at` forward. False if the session is no more; it never comes back."""

    async def of_person(self, person: str) -> list[Session]:
        """Newest first."""

    async def revoke(self, person: str, id_hash: str) -> bool:
        """End one session of this person, and of nobody else."""

    async def revoke_person(self, person: str, before: datetime, but: str | None = None) -> int:
        """End all sessions of a person that began at `before` or earlier, except `but`; how many those were."""

    async def revoke_sid(self, issuer: str, sid: str) -> int:
        """End all sessions that came out of one session of the provider; how many those were."""


class Sessions:
    """The sessions of one service: what a request's secret stands for, and how a session begins and ends."""

    def __init__(self, store: SessionStore, clock: Callable[[], datetime] = now) -> None:
        self.store = store
        self.clock = clock
        # By id_hash: when it was read, and the session; oldest first.
        self._known: dict[str, tuple[datetime, Session]] = {}
        # How often something ended here.
        self._ends = 0

    async def find(self, secret: str | None) -> Session | None:
        """The running session that the secret opens, or None; being looked for keeps it from becoming idle."""
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
        person: str,
        identity: Identity,
        pseudonyms: Sequence[str],
        *,
        agent: str | None = None,
        instead_of: str | None = None,
    ) -> tuple[str, Session]:
        """A new session and its secret, for every sign-in; the one that the secret `instead_of` opens ends."""
        secret, at = new_secret(), self.clock()
        session = Session(
            hash_of(secret),
            person,
            tuple(pseudonyms),
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
        """End one session of a person; False if the person has none such."""
        revoked = await self.store.revoke(person, id_hash)
        self._forget(id_hash)
        return revoked

    async def revoke_person(self, person: str, before: datetime, but: str | None = None) -> int:
        """End what a person began at `before` (UTC-aware) or earlier, except `but`; how many sessions those were."""
        revoked = await self.store.revoke_person(person, before, but)
        self._forget()
        return revoked

    async def revoke_sid(self, issuer: str, sid: str) -> int:
        """End what came out of one session of the provider; how many sessions those were."""
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
        # A clock that was set back must not keep anything in memory for longer.
        return session if read_at and timedelta() <= at - read_at < FRESHNESS else None

    def _remember(self, session: Session, at: datetime, ends: int) -> None:
        if ends != self._ends:
            # It may be what ended while the store was asked.
            return
        self._known.pop(session.id_hash, None)
        self._known[session.id_hash] = (at, session)
        if len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]
