"""Changes of the roster, which triage owns. Every change is one atomic write and one event with the whole entry."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from services.triage.author import SOURCE
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
from shared.aggregates import ChangeStore, Save, change
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
from shared.problems import KeyReused, NotFound, Problem
from shared.times import now

T = TypeVar("T")


class RosterEditor:
    """Changes entries of the roster. Raises Unavailable when one keeps changing, or the store is away."""

    def __init__(self, entries: ChangeStore[Document, Save], clock: Callable[[], datetime] = now) -> None:
        self._entries = entries
        self._clock = clock

    async def grant(self, person: str, grant: GrantHeld, by: Actor) -> RosterEntryChanged:
        """Give a role; see `with_grant`."""
        return await self._edit(person, with_grant(grant), by)

    async def revoke(self, person: str, role: str, by: Actor, body: str | None = None) -> RosterEntryChanged:
        """Take a role away; see `without_role`."""
        return await self._edit(person, without_role(role, body), by)

    async def note_training(self, person: str, training: TrainingHeld, by: Actor) -> RosterEntryChanged:
        """Note a training module; see `with_training`."""
        return await self._edit(person, with_training(training), by)

    async def note_agreement(self, person: str, until: datetime | None, by: Actor) -> RosterEntryChanged:
        """Note a confidentiality agreement; see `with_agreement`."""
        return await self._edit(person, with_agreement(until), by)

    async def note_leaves(self, person: str, leaves: Sequence[LeaveTaken], by: Actor) -> RosterEntryChanged:
        """Note all leaves of a person; see `with_leaves`."""
        return await self._edit(person, with_leaves(leaves), by)

    async def note_pseudonyms(self, person: str, pseudonyms: Sequence[str], by: Actor) -> RosterEntryChanged:
        """Add pseudonyms of a person's own names: reports that have them are hidden from the person."""

        def with_names(entry: RosterEntryChanged) -> RosterEntryChanged:
            known = tuple(dict.fromkeys((*entry.pseudonyms, *pseudonyms)))
            return entry if known == entry.pseudonyms else entry.model_copy(
                update={"pseudonyms": known, "change": "names"}
            )  # fmt: skip

        return await self._edit(person, with_names, by)

    async def sign_out(self, person: str, by: Actor) -> RosterEntryChanged:
        """End every session and every token of a person that began before now; see `signed_out`."""
        return await self._edit(person, signed_out(self._clock()), by)

    async def find(self, person: str) -> StoredEntry:
        """The entry of a person; an empty one of version 0 for a person who is not on the roster."""
        return _entry_in((await self._entries.load([person])).get(person), person)

    async def carry_out(
        self,
        person: str,
        by: Callable[[StoredEntry], Actor],
        decide: Callable[[StoredEntry], EntryStep],
        request: ChangeRequest,
    ) -> StoredEntry:
        """Make the change of a request. `by` gives the actor, if the sender may; `decide` says what the change does.

        Raises what they raise, EntryConflict, KeyReused for another request under the same cause, and Unavailable.
        """
        marks = (request.cause, f"{request.cause} {request.digest}")

        def step(document: Document | None) -> tuple[StoredEntry, Save | None]:
            kept = _entry_in(document, person)
            actor = by(kept)
            if document and request.cause in document["applied"]:
                if marks[1] not in document["applied"]:
                    raise KeyReused
                return kept, None
            if request.version != kept.version:
                raise EntryConflict(kept)
            after = decide(kept)(kept.entry)
            if document and after == kept.entry:
                return kept, None
            return StoredEntry(after, kept.version + 1), self._save(person, document, after, actor, marks)

        return await self._change(person, step)

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
        await self._entries.save([self._save(state.token_id, None, state, by)])
        return IssuedToken(token, state)

    async def revoke_token(self, token_id: str, by: Actor, at: datetime | None = None) -> RosterTokenChanged:
        """End a token now, or at a later time (for a rotation with overlap). Raises Problem 404."""
        ends = at or self._clock()

        def step(document: Document | None) -> tuple[RosterTokenChanged, Save | None]:
            state = read_state(document) if document else None
            if not isinstance(state, RosterTokenChanged):
                raise Problem(404, "not-found", "There is no such token.")
            if state.revoked_at and state.revoked_at <= ends:
                return state, None
            after = state.model_copy(update={"revoked_at": ends, "change": "revoked"})
            return after, self._save(token_id, document, after, by)

        return await self._change(token_id, step)

    async def _edit(self, person: str, step: EntryStep, by: Actor) -> RosterEntryChanged:
        def edit(document: Document | None) -> tuple[RosterEntryChanged, Save | None]:
            before = _entry_in(document, person).entry
            after = step(before)
            if document and after == before:
                return after, None
            return after, self._save(person, document, after, by)

        return await self._change(person, edit)

    async def _change(self, key: str, step: Callable[[Document | None], tuple[T, Save | None]]) -> T:
        """What `step` gives of the stored document, once its save is written."""
        given: list[T] = []

        async def decide(_: str, document: Document | None) -> Save | None:
            value, save = step(document)
            given.append(value)
            return save

        await change(self._entries, [key], decide)
        return given[-1]

    def _save(self, key: str, base: Document | None, state: RosterState, by: Actor, causes: Sequence[str] = ()) -> Save:
        at, causes = self._clock(), causes or (new_id(),)
        fact: Fact = state
        events = stamp(
            [Draft(fact, by, at, causes[0])],
            source=SOURCE,
            subject=f"roster/{key}",
            case_id=key,
            last_seq=base["seq"] if base else 0,
            trace=None,
        )
        return Save(key, base, fields_of(state, at), events, list(causes))


def _entry_in(document: Document | None, person: str) -> StoredEntry:
    state = read_state(document) if document else RosterEntryChanged(change="added", person=person)
    if not isinstance(state, RosterEntryChanged):
        raise NotFound
    return StoredEntry(state, document["seq"] if document else 0)


async def note_names(roster: Roster, editor: RosterEditor, person: str, pseudonyms: Sequence[str]) -> None:
    """Keep the pseudonyms of a person who is signed in, if they are on the roster.

    Then the person gets no case that names them, and no notice of one, by a program or while they are away either.
    """
    known = await roster.person(person, began_at=now(), authenticated_at=None)
    if known is not None and known.grants and not known.pseudonyms.issuperset(pseudonyms):
        await editor.note_pseudonyms(person, pseudonyms, Actor(person, "service"))
