"""Who asks: roles, grants, trainings, and the principal that has them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, get_args

from shared.events import Actor

Module = Literal["A", "B", "C1", "C2"]
"""Training: A orientation, B identifying and reporting, C1 complex cases, C2 appeals (Enforcement Guidelines 2.2)."""
MODULES: tuple[Module, ...] = get_args(Module)
SCOPES = ("meta", "proof", "export")
"""The parts of the record that an auditor can be shown: who did what and when, the proofs, and all entries in bulk."""


class Role(StrEnum):
    """The roles of people and programs; `anyone` needs no sign-in at all."""

    ANYONE = "anyone"
    INTEGRATOR = "integrator"
    RESPONDER = "responder"
    COORDINATOR = "coordinator"
    ENFORCER = "enforcer"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    SERVICE = "service"


PEOPLE = (Role.RESPONDER, Role.COORDINATOR, Role.ENFORCER, Role.AUDITOR, Role.OPERATOR)
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
    """A time in which a person may do nothing here (UTC-aware). Without an end it lasts until it is taken back."""

    begins_at: datetime
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `ref` is a pseudonymous reference. `pseudonyms` stand for the person's own names in reports.

    `named`: the sign-in provider has told the person's user name. `ticket` shows intake that the person signed in.
    `authenticated_at`: when the person last signed in. `confidential_until`: how long the person's confidentiality
    agreement holds. `languages`: tags of those that the person reads. `since`: when the person came onto the roster, if
    that is known. `behalf`: the person for which a service acts. `purposes`: for what the service calls.
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
    named: bool = False
    ticket: str | None = field(default=None, repr=False, compare=False)
    languages: tuple[str, ...] = ()
    since: datetime | None = None

    def actor(self, role: Role) -> Actor:
        """The actor that events name for what was done in `role`. A service that acts for a person names the person."""
        return self.behalf or Actor(self.ref, role.value)

    def running(self, now: datetime) -> Iterable[Grant]:
        """The grants that have not ended at `now` (UTC-aware)."""
        return (grant for grant in self.grants if not has_ended(grant.expires_at, now))


@dataclass(frozen=True, slots=True)
class Reach:
    """What one grant reaches: handling bodies, and in each of them these communities (None: all communities)."""

    bodies: tuple[str, ...]
    communities: frozenset[str] | None


NOBODY = Principal("anyone", (Grant(Role.ANYONE),))
"""A caller that does not say who it is."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What an action is about. A condition on a field that is not given is not met.

    `bodies`: the handling bodies of the community. `parties`: pseudonyms of the people reported, of witnesses and of
    the reporter. `recused`: references of people. `training`: the modules that a handler needs. `owner`: who has it or
    made it. `grants`: the roles that the action gives, takes or touches (an empty tuple: none). `relieved`: another
    person could take the change back. `everywhere`: it holds in every community. `joint`: the same in each handling
    body that has joined the work on it.
    """

    body: str | None = None
    community: str | None = None
    bodies: frozenset[str] = frozenset()
    parties: frozenset[str] = frozenset()
    recused: frozenset[str] = frozenset()
    training: tuple[str, ...] = ()
    owner: str | None = None
    source: str | None = None
    grants: tuple[Grant, ...] | None = None
    relieved: bool = False
    everywhere: bool = False
    joint: tuple["Resource", ...] = ()


def speaks_for(grant: Grant, community: str | None, bodies: frozenset[str]) -> bool:
    """Whether a grant reaches this community, which these handling bodies serve.

    A grant that names handling bodies and no communities reaches only the communities of these bodies.
    """
    in_bounds = not grant.communities or community in grant.communities
    return in_bounds and (not grant.bodies or not bodies.isdisjoint(grant.bodies))


def serves(person: Principal, body: str, now: datetime) -> bool:
    """Whether the person has a role of people in this handling body at `now` (UTC-aware)."""
    return any(grant.role in PEOPLE and body in grant.bodies for grant in person.running(now))


def serves_beside(person: Principal, body: str, now: datetime) -> bool:
    """Whether the person serves this handling body, and another one as well, at `now` (UTC-aware)."""
    served = {name for grant in person.running(now) if grant.role in PEOPLE for name in grant.bodies}
    return body in served and len(served) > 1


def has_ended(at: datetime | None, now: datetime) -> bool:
    """Whether what lasts until `at` (None: for good) is over."""
    return at is not None and at <= now
