"""What can be changed of an entry of the roster, and what each change takes, for the API and the pages. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.triage.roster.entry import (
    EntryStep,
    StoredEntry,
    both,
    signed_out,
    with_agreement,
    with_grant,
    with_languages,
    with_leaves,
    with_name_unwanted,
    with_training,
    without_role,
)
from services.triage.roster.names import find_name
from shared.access.entries import grants_of, principal_in
from shared.access.principal import SCOPES, Grant, Module, serves_beside
from shared.events import GrantHeld, LeaveTaken, RosterEntryChanged, TrainingHeld
from shared.input.languages import read_language
from shared.input.texts import TypedText
from shared.names import LONGEST_LINE
from shared.policy import Policy
from shared.problems import FieldError
from shared.times import Utc

RosterCode = Annotated[str, TypedText(80)]
Codes = Annotated[tuple[RosterCode, ...], Field(max_length=50)]
GivenName = Annotated[str, TypedText(320, longest=LONGEST_LINE)]
GivenNames = Annotated[tuple[GivenName, ...], Field(max_length=20)]
MOST_LANGUAGES = 20
Languages = Annotated[tuple[RosterCode, ...], Field(max_length=MOST_LANGUAGES)]
PersonRole = Literal["responder", "coordinator", "enforcer", "auditor", "operator"]
Scope = Literal["meta", "proof", "export"]


class RosterChange(BaseModel):
    """One change. `action`: its action in shared/access/table.py.

    Of one that has faults, `faults` judges what is readable (shared.input.readable): what it needs may be empty text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: ClassVar[str]
    action: ClassVar[str] = "roster.change"

    def touched(self, entry: RosterEntryChanged, at: datetime) -> tuple[Grant, ...]:
        """The roles that the change touches, for access control: all that the person has, where it says no others."""
        return running(entry.grants, at)

    def faults(self, kept: StoredEntry, policy: Policy, at: datetime) -> Iterable[FieldError]:
        """What is wrong with its values, beyond their shape."""
        return ()

    def slips(self, kept: StoredEntry, policy: Policy, at: datetime) -> Sequence[FieldError]:
        """What may have been mistyped or forgotten, where it reaches further than the role of its maker."""
        return ()

    def step(self, at: datetime, by: str) -> EntryStep:
        """What it does to an entry. `by`: the coordinator's reference."""
        raise NotImplementedError


class GiveRole(RosterChange):
    """POST /v1/roster/{person}/grant. Without `communities` it holds in all; an auditor without `scopes` has all.

    `names`: the user names, and addresses, by which the coordinator knows the person. Intake turns them into keys.
    """

    name = "grant"

    role: PersonRole
    bodies: Codes = ()
    communities: Codes = ()
    scopes: tuple[Scope, ...] = ()
    expires_at: Utc | None = None
    names: GivenNames = ()

    def held(self) -> GrantHeld:
        """The role as the entry keeps it."""
        return GrantHeld(
            role=self.role,
            bodies=tuple(dict.fromkeys(self.bodies)),
            communities=tuple(dict.fromkeys(self.communities)),
            scopes=tuple(s for s in SCOPES if s in (self.scopes or SCOPES)) if self.role == "auditor" else (),
            expires_at=self.expires_at,
        )

    def touched(self, entry: RosterEntryChanged, at: datetime) -> tuple[Grant, ...]:
        """Only what is given."""
        return grants_of([self.held()])

    def slips(self, kept: StoredEntry, policy: Policy, at: datetime) -> Sequence[FieldError]:
        """Its faults. A coordinator's role without a handling body reaches all of them; the body may be forgotten."""
        found = tuple(self.faults(kept, policy, at))
        if self.role == "coordinator" and not self.bodies:
            return (FieldError("/bodies", "missing", "Choose at least one handling body."), *found)
        return found

    def faults(self, kept: StoredEntry, policy: Policy, at: datetime) -> Iterable[FieldError]:
        """Places that the policy does not know or that do not go together, bounds that the role does not have, and an
        end that is over.
        """
        if self.role == "responder" and not self.bodies:
            yield FieldError("/bodies", "missing", "A responder works for at least one handling body.")
        if self.role in ("auditor", "operator"):
            for name, given in (("bodies", self.bodies), ("communities", self.communities)):
                if given:
                    yield FieldError(f"/{name}", "not_of_this_role", "This role is not bound to places.")
        else:
            yield from _unknown("bodies", self.bodies, policy.bodies, "unknown_body")
            yield from _unknown("communities", self.communities, policy.communities, "unknown_community")
        if self.scopes and self.role in ("responder", "coordinator", "enforcer", "operator"):
            yield FieldError("/scopes", "not_of_this_role", "Only auditors have scopes.")
        yield from _over("expires_at", self.expires_at, at)
        if self.role and serves_beside(principal_in(with_grant(self.held())(kept).entry), policy.last_resort, at):
            says = "The people of the body of last resort have a role in no other handling body."
            yield FieldError("/bodies", "not_apart", says)

    def step(self, at: datetime, by: str) -> EntryStep:
        """Give it."""
        return with_grant(self.held())


class Enrol(GiveRole):
    """POST /v1/roster/{person}/enrol: a responder, with trainings and the confidentiality agreement, in one write.

    `modules`: those that the person has completed by now. `agreement_until`: until when the agreement holds. Without
    them, and without `languages`, these stay as they are.
    """

    name = "enrol"

    role: Literal["responder"] = "responder"
    scopes: tuple[()] = ()
    modules: tuple[Module, ...] = ()
    agreement_until: Utc | None = None
    languages: Languages = ()

    def touched(self, entry: RosterEntryChanged, at: datetime) -> tuple[Grant, ...]:
        """What is given; and as trainings and the agreement count for every role, all that the person has."""
        return (*super().touched(entry, at), *running(entry.grants, at))

    def faults(self, kept: StoredEntry, policy: Policy, at: datetime) -> Iterable[FieldError]:
        """The faults of the role, an agreement that is over, and what is no language."""
        yield from super().faults(kept, policy, at)
        yield from _over("agreement_until", self.agreement_until, at)
        yield from _no_languages(self.languages)

    def step(self, at: datetime, by: str) -> EntryStep:
        """Give the role, and note the rest."""
        noted = [with_training(TrainingHeld(module=module, completed_at=at)) for module in self.modules]
        agreed = [with_agreement(self.agreement_until)] if self.agreement_until else []
        read = [with_languages(tags_of(self.languages))] if self.languages else []
        return both(super().step(at, by), *noted, *agreed, *read)


class TakeRole(RosterChange):
    """POST /v1/roster/{person}/revoke. With `body`, the person keeps the role elsewhere."""

    name = "revoke"

    role: PersonRole
    body: RosterCode | None = None

    def touched(self, entry: RosterEntryChanged, at: datetime) -> tuple[Grant, ...]:
        """Only what is taken."""
        return running(self._taken(entry), at)

    def faults(self, kept: StoredEntry, policy: Policy, at: datetime) -> Iterable[FieldError]:
        """A role that the person does not have, or not there; nor any other role there, where they do not have it."""
        held = [g for g in kept.entry.grants if g.role == self.role]
        if not held:
            yield FieldError("/role", "not_held", "This person does not have this role.")
        if self.body and not any(self.body in g.bodies for g in held or kept.entry.grants):
            yield FieldError("/body", "not_held", "This person does not have this role in this handling body.")

    def slips(self, kept: StoredEntry, policy: Policy, at: datetime) -> Sequence[FieldError]:
        """Its faults."""
        return tuple(self.faults(kept, policy, at))

    def step(self, at: datetime, by: str) -> EntryStep:
        """Take it."""
        return without_role(self.role, self.body)

    def _taken(self, entry: RosterEntryChanged) -> list[GrantHeld]:
        held = [g for g in entry.grants if g.role == self.role]
        if self.body is None:
            return held
        return [g.model_copy(update={"bodies": (self.body,)}) for g in held if self.body in g.bodies]


class NoteTraining(RosterChange):
    """POST /v1/roster/{person}/training. Without `completed_at`, the person completed it now."""

    name = "training"

    module: Module
    completed_at: Utc | None = None
    expires_at: Utc | None = None

    def faults(self, kept: StoredEntry, policy: Policy, at: datetime) -> Iterable[FieldError]:
        """A completion that is yet to come, or an end that is over."""
        if self.completed_at and self.completed_at > at:
            yield FieldError("/completed_at", "future_date", "This is in the future.")
        yield from _over("expires_at", self.expires_at, at)

    def step(self, at: datetime, by: str) -> EntryStep:
        """Note it."""
        held = TrainingHeld(module=self.module, completed_at=self.completed_at or at, expires_at=self.expires_at)
        return with_training(held)


class NoteAgreement(RosterChange):
    """POST /v1/roster/{person}/agreement: until when it holds, or that it is `ended`."""

    name = "agreement"

    until: Utc | None = None
    ended: bool = False

    def faults(self, kept: StoredEntry, policy: Policy, at: datetime) -> Iterable[FieldError]:
        """An end that is over, or missing: a date that was forgotten takes nobody's agreement away."""
        if self.ended:
            return
        if self.until is None:
            yield FieldError("/until", "missing", "Say until when it holds, or that it is ended.")
        yield from _over("until", self.until, at)

    def step(self, at: datetime, by: str) -> EntryStep:
        """Note it."""
        return with_agreement(None if self.ended else self.until)


class NoteLanguages(RosterChange):
    """POST /v1/roster/{person}/languages: all languages that the person reads, in place of those before."""

    name = "languages"
    action = "roster.languages"

    languages: Languages = ()

    def faults(self, kept: StoredEntry, policy: Policy, at: datetime) -> Iterable[FieldError]:
        """What is no language."""
        yield from _no_languages(self.languages)

    def step(self, at: datetime, by: str) -> EntryStep:
        """Note them."""
        return with_languages(tags_of(self.languages))


class NoteLeave(RosterChange):
    """POST /v1/roster/{person}/leave: it replaces any other leave.

    Without `begins_at` it begins now; without `ends_at` it lasts until it is `ended`.
    """

    name = "leave"
    action = "roster.leave"

    begins_at: Utc | None = None
    ends_at: Utc | None = None
    ended: bool = False

    def faults(self, kept: StoredEntry, policy: Policy, at: datetime) -> Iterable[FieldError]:
        """An end that is over, or lies before the beginning."""
        if self.ended:
            return
        yield from _over("ends_at", self.ends_at, at)
        if self.begins_at and self.ends_at and self.ends_at <= self.begins_at:
            yield FieldError("/ends_at", "range_reversed", "The end lies before the beginning.")

    def step(self, at: datetime, by: str) -> EntryStep:
        """Note it."""
        return with_leaves([] if self.ended else [LeaveTaken(begins_at=self.begins_at or at, ends_at=self.ends_at)])


class SignOut(RosterChange):
    """POST /v1/roster/{person}/sign_out ends every session and token that began before now, in every service."""

    name = "sign_out"

    def step(self, at: datetime, by: str) -> EntryStep:
        """Do it."""
        return signed_out(at)


class GiveNames(RosterChange):
    """POST /v1/roster/{person}/names: user names, and addresses, by which the coordinator knows the person.

    Reports with these names are hidden from the person from now on.
    """

    name = "names"

    names: Annotated[GivenNames, Field(min_length=1)]

    def step(self, at: datetime, by: str) -> EntryStep:
        """Nothing by itself: the keys of the names come from intake."""
        return lambda kept: kept


class TakeName(RosterChange):
    """POST /v1/roster/{person}/name_away: a name does not belong to the person. A second coordinator has to say so,
    too.
    """

    name = "name_away"

    name_id: RosterCode

    def faults(self, kept: StoredEntry, policy: Policy, at: datetime) -> Iterable[FieldError]:
        """A name that the person does not have."""
        if find_name(kept.names, self.name_id) is None:
            yield FieldError("/name_id", "not_held", "This person does not have this name.")

    def step(self, at: datetime, by: str) -> EntryStep:
        """Note that it is unwanted; take it, if another coordinator has noted that."""
        return with_name_unwanted(self.name_id, by, at)


CHANGES: Mapping[str, type[RosterChange]] = {
    change.name: change
    for change in (
        Enrol,
        GiveRole,
        TakeRole,
        GiveNames,
        TakeName,
        NoteTraining,
        NoteAgreement,
        NoteLanguages,
        NoteLeave,
        SignOut,
    )
}


def tags_of(languages: Iterable[str]) -> tuple[str, ...]:
    """The tags (BCP 47, in small letters) that these texts mean, each once; what means none is left out."""
    return tuple(dict.fromkeys(tag.lower() for one in languages if (tag := read_language(one))))


def running(held: Sequence[GrantHeld], at: datetime) -> tuple[Grant, ...]:
    """The roles that have not ended."""
    return tuple(g for g in grants_of(held) if g.expires_at is None or g.expires_at > at)


def ends_of(entry: RosterEntryChanged, at: datetime) -> list[datetime]:
    """When something of an entry ends by itself after `at`: roles, trainings, the agreement; the next first."""
    ends = [*(g.expires_at for g in entry.grants), *(t.expires_at for t in entry.trainings), entry.confidential_until]
    return sorted(end for end in ends if end is not None and end > at)


def _unknown(field: str, names: Sequence[str], known: Mapping[str, object], code: str) -> Iterable[FieldError]:
    for number, name in enumerate(names):
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)
            yield FieldError(f"/{field}/{number}", code, f"The policy has no such entry; it has: {', '.join(near)}.")


def _no_languages(languages: Sequence[str]) -> Iterable[FieldError]:
    for number, one in enumerate(languages):
        if read_language(one) is None:
            yield FieldError(f"/languages/{number}", "no_language", "Write a tag such as en, ar or pt-br.")


def _over(field: str, end: datetime | None, at: datetime) -> Iterable[FieldError]:
    if end is not None and end <= at:
        yield FieldError(f"/{field}", "past_date", "This is over already.")
