"""An entry of the roster and the steps that change it, pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.triage.roster.names import (
    Names,
    Source,
    alarm_of,
    has_user_name,
    keys_that_hold,
    with_given,
    with_told,
    without_name,
)
from shared.events import GrantHeld, LeaveTaken, RosterEntryChanged, RosterTokenChanged, TrainingHeld
from shared.own_names import NameKeys
from shared.problems import Problem


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token: what is shown once, and the state that is kept of it."""

    token: str
    state: RosterTokenChanged


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as it is stored, and its version: 0 for a person who is not on the roster."""

    entry: RosterEntryChanged
    version: int
    names: Names = ()

    def changed(self, change: str, **fields: object) -> "StoredEntry":
        """The entry after a change of this kind."""
        return replace(self, entry=self.entry.model_copy(update={**fields, "change": change}))

    def renamed(self, change: str, names: Names) -> "StoredEntry":
        """The entry with these names; what follows from them for access control stands in the entry."""
        if names == self.names:
            return self
        is_named = has_user_name(names) or (self.entry.named and any(n.source is Source.EARLIER for n in names))
        fields = {"pseudonyms": keys_that_hold(names), "named": is_named}
        return replace(self.changed(change, **fields), names=names)


EntryStep = Callable[[StoredEntry], StoredEntry]
"""One change of an entry. Pure."""


class EntryConflict(Problem):
    """The entry is no longer what the sender saw."""

    def __init__(self, kept: StoredEntry) -> None:
        super().__init__(412, "entry-changed", "The entry has changed since you looked at it.")
        self.kept = kept

    def document(self, request_id: str) -> dict[str, object]:
        """The problem, with the version to use next."""
        return {**super().document(request_id), "version": self.kept.version}


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A change as it was sent: `version` is what the sender saw, `cause` names the request, `digest` is of its content.

    The same request is carried out once; another one with the same cause is refused.
    """

    version: int
    cause: str
    digest: str


def with_grant(grant: GrantHeld) -> EntryStep:
    """Give a role; one with the same role and reach takes the place of the earlier."""

    def step(kept: StoredEntry) -> StoredEntry:
        others = tuple(g for g in kept.entry.grants if _reach(g) != _reach(grant))
        return kept.changed("granted", grants=(*others, grant))

    return step


def without_role(role: str, body: str | None = None) -> EntryStep:
    """Take a role away, or only what it has in one handling body."""

    def step(kept: StoredEntry) -> StoredEntry:
        left = [g for held in kept.entry.grants for g in _without(held, role, body)]
        return kept.changed("revoked", grants=tuple(left))

    return step


def with_training(training: TrainingHeld) -> EntryStep:
    """Note a training module; it takes the place of an earlier one of the same module."""

    def step(kept: StoredEntry) -> StoredEntry:
        others = tuple(t for t in kept.entry.trainings if t.module != training.module)
        return kept.changed("trained", trainings=(*others, training))

    return step


def with_agreement(until: datetime | None) -> EntryStep:
    """Note until when a confidentiality agreement holds (UTC-aware); None ends it."""
    return lambda kept: kept.changed("agreement", confidential_until=until)


def with_languages(languages: Sequence[str]) -> EntryStep:
    """Note all languages that a person reads, as tags; none takes them away."""
    return lambda kept: kept.changed("languages", languages=tuple(languages))


def with_leaves(leaves: Sequence[LeaveTaken]) -> EntryStep:
    """Note all leaves of a person; none ends them."""
    return lambda kept: kept.changed("leave", leaves=tuple(leaves))


def with_names_told(told: Sequence[NameKeys], at: datetime, *, signed_in: bool) -> EntryStep:
    """Note names that the provider told; see names.with_told."""

    def step(kept: StoredEntry) -> StoredEntry:
        names = with_told(kept.names, told, at, signed_in=signed_in)
        return kept.renamed(alarm_of(kept.names, names) or "names", names)

    return step


def with_names_given(given: Sequence[tuple[str, ...]], at: datetime) -> EntryStep:
    """Note names that a coordinator gave; see names.with_given."""
    return lambda kept: kept.renamed("names_given", with_given(kept.names, given, at))


def with_name_unwanted(name_id: str, by: str, at: datetime) -> EntryStep:
    """Note that a coordinator wants a name taken away; see names.without_name."""

    def step(kept: StoredEntry) -> StoredEntry:
        names = without_name(kept.names, name_id, by, at)
        return kept.renamed("name_taken" if len(names) < len(kept.names) else "name_unwanted", names)

    return step


def both(*steps: EntryStep) -> EntryStep:
    """One step after the other, as one change that is called as the first."""

    def step(kept: StoredEntry) -> StoredEntry:
        first = after = steps[0](kept)
        for further in steps[1:]:
            after = further(after)
        return after.changed(first.entry.change)

    return step


def signed_out(at: datetime) -> EntryStep:
    """End every session and every token of a person that began before `at` (UTC-aware), in every service."""
    return lambda kept: kept.changed("signed_out", signed_out_at=at)


def _reach(grant: GrantHeld) -> tuple[str, ...]:
    return (grant.role, *sorted(grant.bodies), "", *sorted(grant.communities), "", *sorted(grant.sources))


def _without(held: GrantHeld, role: str, body: str | None) -> list[GrantHeld]:
    if held.role != role:
        return [held]
    if body is None or body not in held.bodies:
        return [] if body is None else [held]
    rest = tuple(b for b in held.bodies if b != body)
    return [held.model_copy(update={"bodies": rest})] if rest else []
