"""Who comes: roles, grants, trainings, and the principal that has them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, get_args

from shared.events import Actor

Module = Literal["A", "B", "C1", "C2"]
"""Training: A orientation, B identifying and reporting, C1 complex cases, C2 appeals (Enforcement Guidelines 2.2)."""
MODULES: tuple[Module, ...] = get_args(Module)
SCOPES = ("meta", "proof", "export")
"""What an auditor may be let see of the record: who did what and when, the proofs of it, and all of it in bulk."""


class Role(StrEnum):
    """The roles of people and programs; `anyone` needs no sign-in at all."""

    ANYONE = "anyone"
    INTEGRATOR = "integrator"
    RESPONDER = "responder"
    COORDINATOR = "coordinator"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    SERVICE = "service"


PEOPLE = (Role.RESPONDER, Role.COORDINATOR, Role.AUDITOR, Role.OPERATOR)
"""The roles that a person can be given."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One role, what it reaches, and until when (UTC-aware; None: no end of its own).

    `bodies`: handling bodies; `communities`: all of them when empty; `sources`: of an integrator; `scopes`: of an
    auditor.
    """

    role: Role
    bodies: tuple[str, ...] = ()
    communities: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Training:
    """A training module (A, B, C1, C2) and until when it counts (UTC-aware; None: for good)."""

    module: str
    completed_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """A time in which somebody may do nothing here (UTC-aware; without an end, until it is taken back)."""

    begins_at: datetime
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `ref` is a pseudonymous reference; `pseudonyms` are those of their own names, as reports carry them.

    `authenticated_at`: when they last proved who they are; `confidential_until`: how long their confidentiality
    agreement holds; `behalf`: for whom a service acts; `purposes`: for what it calls.
    """

    ref: str
    grants: tuple[Grant, ...] = ()
    trainings: tuple[Training, ...] = ()
    confidential_until: datetime | None = None
    leaves: tuple[Leave, ...] = ()
    pseudonyms: frozenset[str] = frozenset()
    authenticated_at: datetime | None = None
    purposes: tuple[str, ...] = ()
    behalf: Actor | None = None

    def actor(self, role: Role) -> Actor:
        """Who stands in events for what was done in `role`: for a service that acts for somebody, that somebody."""
        return self.behalf or Actor(self.ref, role.value)

    def running(self, now: datetime) -> Iterable[Grant]:
        """The grants that have not ended at this moment."""
        return (grant for grant in self.grants if not has_ended(grant.expires_at, now))


@dataclass(frozen=True, slots=True)
class Reach:
    """What one grant reaches: handling bodies, and in each of them these communities (None: all)."""

    bodies: tuple[str, ...]
    communities: frozenset[str] | None


NOBODY = Principal("anyone", (Grant(Role.ANYONE),))
"""Who asks without saying who they are."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What an action is about, as far as it has such a side; a condition on what is not said is not met.

    `parties`: pseudonyms of the people reported, of witnesses and of the reporter; `recused`: references of people;
    `training`: the modules that handling it needs; `owner`: the person whom it belongs to; `grants`: the roles that are
    given, taken or touched (none at all: an empty tuple); `relieved`: somebody else could take it back.
    """

    body: str | None = None
    community: str | None = None
    parties: frozenset[str] = frozenset()
    recused: frozenset[str] = frozenset()
    training: tuple[str, ...] = ()
    owner: str | None = None
    source: str | None = None
    grants: tuple[Grant, ...] | None = None
    relieved: bool = False


def has_ended(at: datetime | None, now: datetime) -> bool:
    """Whether what lasts until `at` (None: for good) is over."""
    return at is not None and at <= now
