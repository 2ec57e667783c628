"""An entry of the roster and the steps that change it, pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.events import GrantHeld, LeaveTaken, RosterEntryChanged, RosterTokenChanged, TrainingHeld
from shared.problems import Problem

EntryStep = Callable[[RosterEntryChanged], RosterEntryChanged]
"""One change of an entry. Pure."""


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

    def step(entry: RosterEntryChanged) -> RosterEntryChanged:
        others = tuple(g for g in entry.grants if _reach(g) != _reach(grant))
        return entry.model_copy(update={"grants": (*others, grant), "change": "granted"})

    return step


def without_role(role: str, body: str | None = None) -> EntryStep:
    """Take a role away, or only what it has in one handling body."""

    def step(entry: RosterEntryChanged) -> RosterEntryChanged:
        kept = [g for held in entry.grants for g in _without(held, role, body)]
        return entry.model_copy(update={"grants": tuple(kept), "change": "revoked"})

    return step


def with_training(training: TrainingHeld) -> EntryStep:
    """Note a training module; it takes the place of an earlier one of the same module."""

    def step(entry: RosterEntryChanged) -> RosterEntryChanged:
        others = tuple(t for t in entry.trainings if t.module != training.module)
        return entry.model_copy(update={"trainings": (*others, training), "change": "trained"})

    return step


def with_agreement(until: datetime | None) -> EntryStep:
    """Note until when a confidentiality agreement holds (UTC-aware); None ends it."""
    return lambda entry: entry.model_copy(update={"confidential_until": until, "change": "agreement"})


def with_leaves(leaves: Sequence[LeaveTaken]) -> EntryStep:
    """Note all leaves of a person; none ends them."""
    return lambda entry: entry.model_copy(update={"leaves": tuple(leaves), "change": "leave"})


def signed_out(at: datetime) -> EntryStep:
    """End every session and every token of a person that began before `at` (UTC-aware), in every service."""
    return lambda entry: entry.model_copy(update={"signed_out_at": at, "change": "signed_out"})


def _reach(grant: GrantHeld) -> tuple[str, ...]:
    return (grant.role, *sorted(grant.bodies), "", *sorted(grant.communities), "", *sorted(grant.sources))


def _without(held: GrantHeld, role: str, body: str | None) -> list[GrantHeld]:
    if held.role != role:
        return [held]
    if body is None or body not in held.bodies:
        return [] if body is None else [held]
    rest = tuple(b for b in held.bodies if b != body)
    return [held.model_copy(update={"bodies": rest})] if rest else []
