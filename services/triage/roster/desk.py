"""What coordinators do to the roster: they see who may do what, change it, and end sessions."""

import hmac
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from services.triage.roster.actions import RosterEditor
from services.triage.roster.changes import (
    CHANGES,
    Enrol,
    GiveNames,
    GiveRole,
    NoteTraining,
    RosterChange,
    SignOut,
    TakeName,
    TakeRole,
    ends_of,
    running,
)
from services.triage.roster.checklist import RosterFilter
from services.triage.roster.entry import ChangeRequest, EntryStep, StoredEntry, both, with_names_given
from services.triage.roster.names import has_given, look_at
from shared.access.authorization import Refused, allow, demand, is_permitted
from shared.access.conditions import Permit, Reason, Refusal
from shared.access.entries import principal_in
from shared.access.principal import MODULES, PEOPLE, SCOPES, Grant, Principal, Resource, Role, has_ended
from shared.aggregates import ChangeStore, Save
from shared.events import Actor
from shared.input.readable import readable
from shared.mongo import Document
from shared.policy import Policy
from shared.problems import FieldError, FieldsWrong, NotFound, Problem
from shared.sign_in.sessions import Session, Sessions
from shared.times import Utc, now

GivenKeys = Callable[[str, Sequence[str]], Awaitable[list[tuple[str, ...]]]]
"""Gives the keys of names, by the ticket of a coordinator. Raises Problem 403 for a ticket that is no longer good."""
_ONLY_PEOPLE_NAME = (
    "A person needs a name with the first role. A coordinator who has signed in gives both on the page, or an operator"
    " by `hearth roster grant --name`: a program cannot show a sign-in to intake."
)
EVERYBODY = RosterFilter()
_NEVER = datetime.max.replace(tzinfo=UTC)


class EntryPlace(NamedTuple):
    """A place in the list of entries: when something of the entry ends next, and its person."""

    end: Utc
    person: str


class Entries(ChangeStore[Document, Save], Protocol):
    """What the roster needs of a store (services.triage.roster.store.MongoEntries)."""

    async def everybody(self) -> list[StoredEntry]: ...
    async def holding_names(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Offer:
    """A change that the reader may make now, or after a fresh sign-in, and what each of its choices offers."""

    change: type[RosterChange]
    options: dict[str, tuple[str, ...]]


class RosterDesk:
    """The roster, for readers and editors of it."""

    def __init__(
        self,
        editor: RosterEditor,
        people: Entries,
        policy: Policy,
        sessions: Sessions,
        keys_of: GivenKeys,
        key: bytes,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`sessions`: those of this service. `keys_of` asks intake (shared.clients.vault.VaultClient.given_names).

        `key` makes the digests of requests: names stand in them, and nobody may try names against a digest.
        """
        self._keys_of = keys_of
        self._key = key
        self._editor = editor
        self._people = people
        self._sessions = sessions
        self.clock = clock
        self.policy = policy

    async def page(
        self, who: Principal, after: EntryPlace | None, limit: int, wanted: RosterFilter = EVERYBODY
    ) -> list[StoredEntry]:
        """Entries, sorted by what ends next: a role, a training or the agreement. Raises Problem 403."""
        at = self.clock()
        demand(who, "roster.read", Resource(), at)
        shown = [kept for kept in await self._people.everybody() if wanted.shows(kept.entry, self.policy, at)]
        found = sorted(shown, key=lambda kept: self.place(kept, at))
        return [kept for kept in found if after is None or self.place(kept, at) > after][:limit]

    async def languages(self) -> list[str]:
        """The languages that people on the roster read, as tags."""
        return sorted({one for kept in await self._people.everybody() for one in kept.entry.languages})

    async def alarming(self, who: Principal) -> list[StoredEntry]:
        """The entries with names that a coordinator should look at. Raises Problem 403."""
        at = self.clock()
        demand(who, "roster.read", Resource(), at)
        everybody = await self._people.everybody()
        found = [kept for kept in everybody if look_at(kept.names, at, has_role=has_role(kept, at))]
        return sorted(found, key=lambda kept: kept.entry.person)

    def place(self, kept: StoredEntry, at: datetime | None = None) -> EntryPlace:
        """The place of an entry in the list."""
        return EntryPlace(next(iter(ends_of(kept.entry, at or self.clock())), _NEVER), kept.entry.person)

    async def find(self, who: Principal, person: str) -> StoredEntry:
        """The entry of a person; it has version 0 for a person who is not on the roster. Raises Problem 403."""
        demand(who, "roster.read", Resource(owner=person), self.clock())
        return await self._editor.find(person)

    async def own(self, who: Principal) -> StoredEntry:
        """The entry of the reader, for what everybody may change of their own. Raises Problem 403."""
        demand(who, "roster.languages", Resource(owner=who.ref), self.clock())
        return await self._editor.find(who.ref)

    async def carry_out(self, who: Principal, person: str, change: RosterChange, seen: int, cause: str) -> StoredEntry:
        """Make a change, once however often it comes under the same `cause`. `seen`: the version that the sender saw.

        Raises Problem: 401 (fresh sign-in), 403, 422 (fields, or another request under the same cause), and
        EntryConflict (412).
        """
        at = self.clock()
        relieved = await self._relieved(who, person, change, getattr(change, "begins_at", None) or at)
        given = await self._given(who, person, change)

        def by(kept: StoredEntry) -> Actor:
            return who.actor(self._admit(who, change, kept, relieved, at).role)

        def decide(kept: StoredEntry) -> EntryStep:
            if faults := self._faults(who, change, kept, at):
                raise FieldsWrong(faults)
            step = change.step(at, who.ref)
            return both(step, with_names_given(given, at)) if given else step

        digest = hmac.digest(self._key, f"{change.name} {change.model_dump_json()}".encode(), "sha256").hex()
        kept = await self._editor.carry_out(person, by, decide, ChangeRequest(seen, cause, digest))
        if isinstance(change, SignOut):
            # Every service follows the roster and ends them; the list of sessions here need not wait for that.
            await self._sessions.revoke_person(person, kept.entry.signed_out_at or at)
        if isinstance(change, GiveRole):
            return await self._note_names(kept)
        return kept

    async def all_faults(
        self, who: Principal, person: str, kind: type[RosterChange], wrong: FieldsWrong
    ) -> FieldsWrong:
        """What is wrong with the fields of a change of this kind, and with the others as well. Raises Problem 403."""
        kept, left = await self.find(who, person), readable(kind, wrong.said)
        return wrong.and_further(self._faults(who, left, kept, self.clock())) if left else wrong

    def _faults(self, who: Principal, change: RosterChange, kept: StoredEntry, at: datetime) -> tuple[FieldError, ...]:
        faults = tuple(change.faults(kept, self.policy, at))
        names = change.names if isinstance(change, GiveRole | GiveNames) else ()
        if names and who.ticket is None:
            return (*faults, FieldError("/names", "needs_sign_in", _ONLY_PEOPLE_NAME))
        # A program gives further roles: the first one came with names.
        is_bare = isinstance(change, GiveRole) and not names and not has_given(kept.names)
        if is_bare and (who.ticket or not has_role(kept, at)):
            told = "Say by which user names you know this person." if who.ticket else _ONLY_PEOPLE_NAME
            return (*faults, FieldError("/names", "needs_names", told))
        return faults

    def _admit(self, who: Principal, change: RosterChange, kept: StoredEntry, relieved: bool, at: datetime) -> Permit:
        """The permit for a change. Raises Refused, and Problem 422 for a slip that makes a role reach too far."""
        about = Resource(owner=kept.entry.person, grants=change.touched(kept.entry, at), relieved=relieved)
        try:
            return demand(who, change.action, about, at)
        except Refused as refused:
            slips = change.slips(kept, self.policy, at) if refused.reason is Reason.REACH else ()
            if slips:
                raise FieldsWrong(slips) from None
            raise

    async def _given(self, who: Principal, person: str, change: RosterChange) -> list[tuple[str, ...]]:
        """The keys of the names that a change gives; none without a sign-in that intake can verify."""
        names = change.names if isinstance(change, GiveRole | GiveNames) else ()
        if not names:
            return []
        # Before intake is asked: who may not make this change turns no name into a key.
        at, kept = self.clock(), await self._editor.find(person)
        self._admit(who, change, kept, False, at)
        if who.ticket is None:
            return []
        try:
            return await self._keys_of(who.ticket, names)
        except Problem as problem:
            if problem.status == 403:
                raise Refused(change.action, Refusal(Reason.SIGN_IN_AGAIN)) from None
            raise

    async def _note_names(self, kept: StoredEntry) -> StoredEntry:
        """The entry with the names under which the person is signed in here: no case that has them is theirs.

        A person who signs in before they have a role is not asked again.
        """
        person = kept.entry.person
        sessions = await self._sessions.listed(person)
        for session in sessions:
            await self._editor.note_names(session.own, Actor(person, "service"))
        return await self._editor.find(person) if sessions else kept

    async def offers(self, who: Principal, kept: StoredEntry) -> list[Offer]:
        """The changes that may be made now, or after a fresh sign-in."""
        to_give: dict[str, dict[str, tuple[str, ...]]] = {}
        found = [await self._offer(who, kept, change, to_give) for change in CHANGES.values()]
        return [offer for offer in found if offer is not None]

    async def sessions_of(self, who: Principal, kept: StoredEntry) -> list[Session]:
        """The running sessions of a person at this service. Raises Problem 403."""
        demand(who, "session.read", self._about(kept), self.clock())
        out = kept.entry.signed_out_at
        return [s for s in await self._sessions.listed(kept.entry.person) if out is None or s.began_at >= out]

    def sees_sessions(self, who: Principal, kept: StoredEntry) -> bool:
        """Whether `who` may see and end the sessions of a person."""
        return is_permitted(who, "session.read", self._about(kept), self.clock())

    async def end_session(self, who: Principal, person: str, id_hash: str) -> None:
        """End one session of a person at this service. Raises Problem 403, and 404 for a session that is not there."""
        kept = await self.find(who, person)
        demand(who, "session.end", self._about(kept), self.clock())
        if not await self._sessions.revoke(person, id_hash):
            raise NotFound

    async def _offer(
        self,
        who: Principal,
        kept: StoredEntry,
        change: type[RosterChange],
        to_give: dict[str, dict[str, tuple[str, ...]]],
    ) -> Offer | None:
        """`to_give`: what can be given by each action, which is asked hundreds of times, and so only once a page."""
        at = self.clock()
        relieved = await self._relieved(who, kept.entry.person, change, at)

        def may(grants: Sequence[Grant]) -> bool:
            resource = Resource(owner=kept.entry.person, grants=tuple(grants), relieved=relieved)
            answer = allow(who, change.action, resource, at)
            return isinstance(answer, Permit) or answer.reason is Reason.SIGN_IN_AGAIN

        if issubclass(change, GiveRole) and change.action not in to_give:
            to_give[change.action] = self._to_give(may)
        if change is Enrol:
            given = to_give[change.action]
            shown = {"bodies": given["bodies"], "communities": given["communities"], "modules": MODULES}
            return Offer(change, shown) if given["bodies"] and may(running(kept.entry.grants, at)) else None
        if change is GiveRole:
            options = to_give[change.action]
            return Offer(change, options) if options["role"] else None
        held = running(kept.entry.grants, at)
        if change is TakeName:
            return Offer(change, {"name_id": tuple(n.id for n in kept.names)}) if kept.names and may(held) else None
        if change is TakeRole:
            in_bodies = [(g, b) for g in held for b in g.bodies if may([replace(g, bodies=(b,))])]
            whole = [g for g in held if may([g])]
            roles = _distinct(g.role for g in (*whole, *(g for g, _ in in_bodies)))
            return Offer(change, {"role": roles, "body": _distinct(b for _, b in in_bodies)}) if roles else None
        if not may(held):
            return None
        return Offer(change, {"module": MODULES} if change is NoteTraining else {})

    def _to_give(self, may: Callable[[Sequence[Grant]], bool]) -> dict[str, tuple[str, ...]]:
        def somewhere(bodies: Sequence[str], communities: Sequence[tuple[str, ...]]) -> bool:
            return any(may([Grant(Role.RESPONDER, (b,), c)]) for b in bodies for c in communities)

        communities = tuple(c for c in self.policy.communities if somewhere(list(self.policy.bodies), [(c,)]))
        within = [(), *((c,) for c in communities)]
        bodies = tuple(b for b in self.policy.bodies if somewhere([b], within))
        bound = (Role.RESPONDER, Role.COORDINATOR, Role.ENFORCER)
        roles = tuple(r.value for r in PEOPLE if may([Grant(r)]) or (r in bound and bodies))
        return {"role": roles, "bodies": bodies, "communities": communities, "scopes": SCOPES}

    async def _relieved(
        self, who: Principal, person: str, change: RosterChange | type[RosterChange], at: datetime
    ) -> bool:
        """Whether another person could take back, at that time, what `who` does to their own entry."""
        if who.ref != person:
            return True
        resource = Resource(owner=person, grants=running((await self._editor.find(person)).entry.grants, at))
        others = [principal_in(k.entry) for k in await self._people.everybody() if k.entry.person != person]
        signed_in = (replace(other, authenticated_at=at) for other in others)
        return any(is_permitted(other, change.action, resource, at) for other in signed_in)

    def _about(self, kept: StoredEntry) -> Resource:
        return Resource(owner=kept.entry.person, grants=running(kept.entry.grants, self.clock()))


def has_role(kept: StoredEntry, at: datetime) -> bool:
    """Whether the person of an entry has a role at this time (UTC-aware)."""
    return any(not has_ended(grant.expires_at, at) for grant in kept.entry.grants)


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
