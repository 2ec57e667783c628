"""Changes of the roster, which triage owns. Every change is one atomic write and one event with the whole entry."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from os import urandom
from typing import TypeVar

from services.triage.author import SOURCE, TRIAGE
from services.triage.roster.entry import (
    ChangeRequest,
    EntryConflict,
    EntryStep,
    IssuedToken,
    StoredEntry,
    both,
    signed_out,
    with_agreement,
    with_grant,
    with_leaves,
    with_names_given,
    with_names_told,
    with_training,
    without_role,
)
from services.triage.roster.names import Alarm, Names
from services.triage.roster.store import kept_of
from shared import metrics
from shared.access.entries import RosterState
from shared.access.roster import Roster
from shared.access.roster_store import fields_of, published, read_state
from shared.access.tokens import Kind, hash_token, make_token
from shared.aggregates import ChangeStore, Save, change
from shared.events import (
    Actor,
    Draft,
    Event,
    Fact,
    GrantHeld,
    LeaveTaken,
    RosterEntryChanged,
    RosterNames,
    RosterTokenChanged,
    TrainingHeld,
    stamp,
)
from shared.ids import new_id
from shared.mongo import Document
from shared.own_names import OwnNames, Proof
from shared.problems import KeyReused, NotFound, Problem
from shared.succession import Succession
from shared.times import now

log = logging.getLogger(__name__)

T = TypeVar("T")


class RosterEditor:
    """Changes entries of the roster. Raises Unavailable when one keeps changing, or the store is away."""

    def __init__(
        self,
        entries: ChangeStore[Document, Save],
        succession: Succession,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._entries = entries
        self._succession = succession
        self._clock = clock

    async def grant(
        self, person: str, grant: GrantHeld, by: Actor, names: Sequence[tuple[str, ...]] = ()
    ) -> RosterEntryChanged:
        """Give a role, and with it names, as keys; see `with_grant` and `with_names_given`."""
        return await self._edit(person, both(with_grant(grant), with_names_given(names, self._clock())), by)

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

    async def note_names(self, own: OwnNames, by: Actor, *, signed_in: bool = False) -> RosterEntryChanged:
        """Note names that the provider told of a person; see `with_names_told`. An alarm is counted."""
        alarms: list[str] = []

        def step(kept: StoredEntry) -> StoredEntry:
            after = with_names_told(own.names, self._clock(), signed_in=signed_in)(kept)
            alarms[:] = [after.entry.change] if after.names != kept.names and after.entry.change in set(Alarm) else []
            return after

        entry = await self._edit(own.person, step, by)
        for alarm in alarms:
            metrics.NAME_ALARMS.labels(alarm).inc()
            log.warning("a person on the roster has a new name that a coordinator should look at")
        return entry

    async def give_names(self, person: str, given: Sequence[tuple[str, ...]], by: Actor) -> RosterEntryChanged:
        """Note names that a coordinator or operator gave a person; see `with_names_given`."""
        return await self._edit(person, with_names_given(given, self._clock()), by)

    async def tell_names_apart(self, people: Sequence[str]) -> None:
        """Tell the pseudonyms of these people on `names`, and their entries without them. Raises Unavailable."""
        for person in people:
            await self._edit(person, lambda kept: kept, TRIAGE)

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
            kept = self._before(document, person)
            actor = by(kept)
            if document and request.cause in document["applied"]:
                if marks[1] not in document["applied"]:
                    raise KeyReused
                return kept, None
            if request.version != kept.version:
                raise EntryConflict(kept)
            after = decide(kept)(kept)
            if document and after == kept:
                return kept, None
            made = self._save(person, document, after.entry, actor, marks, names=after.names)
            return replace(after, version=kept.version + 1), made

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
            before = self._before(document, person)
            after = step(before)
            if document and after == before and not document["entry"].get("pseudonyms"):
                return after.entry, None
            return after.entry, self._save(person, document, after.entry, by, names=after.names)

        return await self._change(person, edit)

    def _before(self, document: Document | None, person: str) -> StoredEntry:
        """The entry before a change, by which a person may come onto the roster now."""
        kept = _entry_in(document, person)
        return kept if document else replace(kept, entry=kept.entry.model_copy(update={"since": self._clock()}))

    async def _change(self, key: str, step: Callable[[Document | None], tuple[T, Save | None]]) -> T:
        """What `step` gives of the stored document, once its save is written."""
        given: list[T] = []

        async def decide(_: str, document: Document | None) -> Save | None:
            value, save = step(document)
            given.append(value)
            return save

        await change(self._entries, [key], decide)
        return given[-1]

    def _save(
        self,
        key: str,
        base: Document | None,
        state: RosterState,
        by: Actor,
        causes: Sequence[str] = (),
        names: Names = (),
    ) -> Save:
        at, causes = self._clock(), causes or (new_id(),)
        told_at = self._succession.after((base or {}).get("told_at"), at)

        def told(fact: Fact, subject: str, last_seq: int) -> list[Event]:
            draft = Draft(fact, by, told_at, causes[0])
            return stamp([draft], source=SOURCE, subject=subject, case_id=key, last_seq=last_seq, trace=None)

        events = told(published(state), f"roster/{key}", base["seq"] if base else 0)
        if isinstance(state, RosterEntryChanged) and list(state.pseudonyms) != (base or {}).get("pseudonyms", []):
            apart = RosterNames(person=key, names=state.pseudonyms, salt=urandom(16).hex())
            # They go first: by an entry without them nobody could tell that a report names the person.
            events = [*told(apart, f"names/{key}", base["version"] if base else 0), *events]
        fields = {
            **fields_of(state, at),
            **({"names": [asdict(name) for name in names]} if isinstance(state, RosterEntryChanged) else {}),
        }
        return Save(key, base, fields, events, list(causes))


def _entry_in(document: Document | None, person: str) -> StoredEntry:
    if document is None:
        return StoredEntry(RosterEntryChanged(change="added", person=person), 0)
    kept = kept_of(document)
    if kept is None:
        raise NotFound
    return kept


class SignIns:
    """What the roster does when a person signs in, at any service."""

    def __init__(self, roster: Roster, editor: RosterEditor, prove: Callable[[Proof], Awaitable[OwnNames]]) -> None:
        """`prove` asks intake (shared.clients.vault.VaultClient.prove)."""
        self._roster = roster
        self._editor = editor
        self._prove = prove

    async def take(self, proof: Proof) -> OwnNames:
        """The names of the person of a sign-in that happened just now. The roster has noted them on return.

        Raises Problem 422 for a proof that proves nothing, and Unavailable.
        """
        own = await self._prove(proof)
        return replace(own, held=await self._note(own, signed_in=True))

    async def note(self, own: OwnNames) -> None:
        """Note the names of a person who is signed in already: perhaps the person has a role only now."""
        await self._note(own, signed_in=False)

    async def _note(self, own: OwnNames, *, signed_in: bool) -> tuple[str, ...]:
        """The keys that the roster holds of the person; none of a person without a role."""
        # A person gets no case that names them, and no notice of one, by a program or while they are away either.
        known = await self._roster.person(own.person, began_at=now(), authenticated_at=None)
        if known is None or not known.grants:
            return ()
        # A session that runs tells only what the roster never heard: what two coordinators took away stays away.
        is_news = own.has_user_name and not (known.named and known.pseudonyms)
        if signed_in or is_news:
            entry = await self._editor.note_names(own, Actor(own.person, "service"), signed_in=signed_in)
            return entry.pseudonyms
        return tuple(known.pseudonyms)
