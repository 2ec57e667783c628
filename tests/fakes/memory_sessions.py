"""Sessions in memory, with the same promises as shared.sign_in.store.MongoSessions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.problems import Unavailable
from shared.sign_in.attempts import SignInAttempt
from shared.sign_in.sessions import MOST_DRAFTS, KeptDraft, Session


@dataclass
class MemorySessions:
    """One database; two of shared.sign_in.sessions.Sessions on it are two replicas."""

    sessions: dict[str, Session] = field(default_factory=dict)
    attempts: dict[str, SignInAttempt] = field(default_factory=dict)
    drafts: dict[tuple[str, str], KeptDraft] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    ends: dict[str, datetime] = field(default_factory=dict)
    reads: int = 0
    writes: int = 0
    away: bool = False

    def check(self) -> None:
        self._reach()

    async def keep_attempt(self, attempt: SignInAttempt) -> None:
        self._reach()
        self.attempts[attempt.key] = attempt

    async def take_attempt(self, key: str) -> SignInAttempt | None:
        self._reach()
        return self.attempts.pop(key, None)

    async def keep_draft(self, id_hash: str, slot: str, draft: KeptDraft) -> None:
        self._reach()
        self.drafts[id_hash, slot] = draft
        theirs = sorted((key for key in self.drafts if key[0] == id_hash), key=lambda key: self.drafts[key].until)
        for key in theirs[:-MOST_DRAFTS]:
            del self.drafts[key]

    async def drafts_of(self, id_hash: str, at: datetime, about: str | None = None) -> dict[str, KeptDraft]:
        self._reach()
        return {
            slot: one
            for (session, slot), one in self.drafts.items()
            if session == id_hash and one.until > at and about in (None, one.about)
        }

    async def drop_draft(self, id_hash: str, slot: str) -> None:
        self._reach()
        self.drafts.pop((id_hash, slot), None)

    async def drop_drafts_about(self, about: str) -> None:
        self._reach()
        self.drafts = {key: one for key, one in self.drafts.items() if one.about != about}

    async def use_once(self, token: str, until: datetime) -> bool:
        self._reach()
        known = token in self.used
        self.used.add(token)
        return not known

    async def note_end(self, names: Sequence[str], at: datetime, until: datetime) -> None:
        self._reach()
        for name in names:
            self.ends[name] = max(at, self.ends.get(name, at))

    async def ended_since(self, names: Sequence[str], since: datetime) -> bool:
        self._reach()
        return any(self.ends[name] >= since for name in names if name in self.ends)

    async def open(self, session: Session) -> None:
        self._reach()
        self.sessions[session.id_hash] = session

    async def find(self, id_hash: str) -> Session | None:
        self._reach()
        self.reads += 1
        return self.sessions.get(id_hash)

    async def touch(self, id_hash: str, at: datetime) -> bool:
        self._reach()
        self.writes += 1
        session = self.sessions.get(id_hash)
        if session:
            self.sessions[id_hash] = replace(session, seen_at=max(session.seen_at, at))
        return session is not None

    async def of_person(self, person: str) -> list[Session]:
        self._reach()
        theirs = [session for session in self.sessions.values() if session.person == person]
        return sorted(sorted(theirs, key=lambda s: s.id_hash), key=lambda s: s.began_at, reverse=True)

    async def revoke(self, person: str, id_hash: str) -> bool:
        return self._delete(lambda s: s.person == person and s.id_hash == id_hash) == 1

    async def revoke_person(self, person: str, before: datetime, but: str | None = None) -> int:
        return self._delete(lambda s: s.person == person and s.began_at <= before and s.id_hash != but)

    async def revoke_sid(self, issuer: str, sid: str) -> int:
        return self._delete(lambda s: s.issuer == issuer and s.sid == sid)

    def _delete(self, which: Callable[[Session], bool]) -> int:
        self._reach()
        ending = [session.id_hash for session in self.sessions.values() if which(session)]
        for id_hash in ending:
            del self.sessions[id_hash]
        return len(ending)

    def _reach(self) -> None:
        if self.away:
            raise Unavailable("mongodb: away")
