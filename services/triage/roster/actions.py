"""The roster: who may do what. Triage owns it; every change is one atomic write and one event with the whole entry."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from services.triage.roster.entry import (
    ChangeRequest,
    EntryConflict,
    EntryStep,
    IssuedToken,
    StoredEntry,
    signed_out,
    with_agreement,
    with_grant,
    with_leaves,
    with_training,
    without_role,
)
from shared.access.entries import RosterState
from shared.access.roster import Roster
from shared.access.roster_store import fields_of, read_state
from shared.access.tokens import Kind, hash_token, make_token
from shared.aggregates import Save
from shared.events import (
    Actor,
    Draft,
    Fact,
    GrantHeld,
    LeaveTaken,
    RosterEntryChanged,
    RosterTokenChanged,
    TrainingHeld,
    stamp,
)
from shared.ids import new_id
from shared.mongo import Document
from shared.problems import KeyReused, NotFound, Problem, Unavailable
from shared.times import now

SOURCE = "hearth/triage"
ATTEMPTS = 5


class Entries(Protocol):
    """What the roster needs of a store (shared.aggregates.Aggregates)."""

    async def load(self, ids: Sequence[str]) -> dict[str, Document]: ...

    async def save(self, saves: Sequence[Save]) -> set[str]: ...


class RosterEditor:
    """Changes entries of the roster. Raises Unavailable when one keeps changing, or a TRANSIENT of shared.mongo."""

    def __init__(self, entries: Entries, clock: Callable[[], datetime] = now) -> None:
        self._entries = entries
        self._clock = clock

    async def grant(self, person: str, grant: GrantHeld, by: Actor) -> RosterEntryChanged:
        """Give a role; see `with_grant`."""
        return await self._change(person, with_grant(grant), by)

    async def revoke(self, person: str, role: str, by: Actor, body: str | None = None) -> RosterEntryChanged:
        """Take a role away; see `without_role`."""
        return await self._change(person, without_role(role, body), by)

    async def note_training(self, person: str, training: TrainingHeld, by: Actor) -> RosterEntryChanged:
        """Note a training module; see `with_training`."""
        return await self._change(person, with_training(training), by)

    async def note_agreement(self, person: str, until: datetime | None, by: Actor) -> RosterEntryChanged:
        """Note a confidentiality agreement; see `with_agreement`."""
        return await self._change(person, with_agreement(until), by)

    async def note_leaves(self, person: str, leaves: Sequence[LeaveTaken], by: Actor) -> RosterEntryChanged:
        """Note all leaves of a person; see `with_leaves`."""
        return await self._change(person, with_leaves(leaves), by)

    async def note_pseudonyms(self, person: str, pseudonyms: Sequence[str], by: Actor) -> RosterEntryChanged:
        """Add pseudonyms of a person's own names, so that they are shut out of reports that name them."""

        def change(entry: RosterEntryChanged) -> RosterEntryChanged:
            known = tuple(dict.fromkeys((*entry.pseudonyms, *pseudonyms)))
            return entry if known == entry.pseudonyms else entry.model_copy(
                update={"pseudonyms": known, "change": "names"}
            )  # fmt: skip

        return await self._change(person, change, by)

    async def sign_out(self, person: str, by: Actor) -> RosterEntryChanged:
        """End every session and every token of a person that began before now; see `signed_out`."""
        return await self._change(person, signed_out(self._clock()), by)

    async def find(self, person: str) -> StoredEntry:
        """The entry of a person; an empty one of version 0 for somebody who is not on the roster."""
        kept, _ = await self._find(person)
        return kept

    async def carry_out(
        self,
        person: str,
        by: Callable[[StoredEntry], Actor],
        decide: Callable[[StoredEntry], EntryStep],
        order: ChangeRequest,
    ) -> StoredEntry:
        """What somebody ordered: `by` says whether they may, and as whom; `decide` what it does to the entry.

        Raises what they raise, Stale, and Problem 422 for another order under the same name.
        """
        marks = (order.cause, f"{order.cause} {order.digest}")
        for _ in range(ATTEMPTS):
            kept, document = await self._find(person)
            actor = by(kept)
            if document and order.cause in document["applied"]:
                if marks[1] not in document["applied"]:
                    raise KeyReused
                return kept
            if order.version != kept.version:
                raise EntryConflict(kept)
            after = decide(kept)(kept.entry)
            if document and after == kept.entry:
                return kept
            if await self._write(person, document, after, actor, marks):
                return StoredEntry(after, kept.version + 1)
        raise Unavailable("the entry keeps changing")

    async def issue(
        self,
        kind: Kind,
        *,
        expires_at: datetime,
        by: Actor,
        person: str | None = None,
        grants: Sequence[GrantHeld] = (),
    ) -> IssuedToken:
        """A new token of a person (`pat`) or of an integrator with `grants` of its own (`int`)."""
        token = make_token(kind)
        state = RosterTokenChanged(
            change="issued",
            token_id=f"integrator:{new_id()}" if person is None else f"token:{new_id()}",
            secret_hash=hash_token(token),
            person=person,
            grants=tuple(grants),
            issued_at=self._clock(),
            expires_at=expires_at,
        )
        await self._write(state.token_id, None, state, by)
        return IssuedToken(token, state)

    async def revoke_token(self, token_id: str, by: Actor, at: datetime | None = None) -> RosterTokenChanged:
        """End a token now, or at a later time (for a rotation with overlap). Raises Problem 404."""
        ends = at or self._clock()
        for _ in range(ATTEMPTS):
            document = (await self._entries.load([token_id])).get(token_id)
            state = read_state(document) if document else None
            if not isinstance(state, RosterTokenChanged):
                raise Problem(404, "not-found", "There is no such token.")
            if state.revoked_at and state.revoked_at <= ends:
                return state
            after = state.model_copy(update={"revoked_at": ends, "change": "revoked"})
            if await self._write(token_id, document, after, by):
                return after
        raise Unavailable("the token keeps changing")

    async def _find(self, person: str) -> tuple[StoredEntry, Document | None]:
        document = (await self._entries.load([person])).get(person)
        state = read_state(document) if document else RosterEntryChanged(change="added", person=person)
        if not isinstance(state, RosterEntryChanged):
            raise NotFound
        return StoredEntry(state, document["seq"] if document else 0), document

    async def _change(self, person: str, step: EntryStep, by: Actor) -> RosterEntryChanged:
        for _ in range(ATTEMPTS):
            kept, document = await self._find(person)
            after = step(kept.entry)
            if document and after == kept.entry:
                return after
            if await self._write(person, document, after, by):
                return after
        raise Unavailable("the entry keeps changing")

    async def _write(
        self, key: str, base: Document | None, state: RosterState, by: Actor, causes: Sequence[str] = ()
    ) -> bool:
        at, causes = self._clock(), causes or (new_id(),)
        cause = causes[0]
        fact: Fact = state
        events = stamp(
            [Draft(fact, by, at, cause)],
            source=SOURCE,
            subject=f"roster/{key}",
            case_id=key,
            last_seq=base["seq"] if base else 0,
            trace=None,
        )
        return not await self._entries.save([Save(key, base, fields_of(state, at), events, list(causes))])


async def note_names(roster: Roster, book: RosterEditor, person: str, pseudonyms: Sequence[str]) -> None:
    """Keep the pseudonyms of somebody who is signed in, if they are on the roster: so that they get no case that names
    them, and no notice of one, by their programs and while they are away as well."""
    known = await roster.person(person, began_at=now(), authenticated_at=None)
    if known is not None and known.grants and not known.pseudonyms.issuperset(pseudonyms):
        await book.note_pseudonyms(person, pseudonyms, Actor(person, "service"))
