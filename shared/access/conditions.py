"""The conditions that a row of the table can demand, and the reasons of refusals."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.access.actions import Action
from shared.access.principal import Grant, Principal, Resource, Role, has_ended, speaks_for
from shared.access.purposes import is_for

Test = Callable[[Principal, Grant, Action, Resource, datetime], bool]


class Reason(StrEnum):
    """Why a caller is refused. Of several reasons the first in this order is told: it helps the caller most.

    ENDED comes late: told beside a grant that still runs, it would show that a case of other people exists.
    """

    RECUSED = "recused"
    SIGN_IN = "sign_in"
    LEAVE = "leave"
    CONFIDENTIALITY = "confidentiality"
    NAMES = "names"
    TRAINING = "training"
    SCOPE = "scope"
    BODY = "body"
    COMMUNITY = "community"
    PLACE = "place"
    SOURCE = "source"
    PURPOSE = "purpose"
    ONESELF = "oneself"
    MAKER = "maker"
    LAST = "last"
    REACH = "reach"
    SIGN_IN_AGAIN = "sign_in_again"
    ENDED = "ended"
    ROLE = "role"


HIDING = frozenset({Reason.RECUSED, Reason.BODY, Reason.COMMUNITY, Reason.PLACE})
"""Reasons that may not be told: they would show that there is something."""


@dataclass(frozen=True, slots=True)
class Permit:
    """The caller may do it, in this role."""

    role: Role


@dataclass(frozen=True, slots=True)
class Refusal:
    """The caller may not do it. The reason is for the record; the caller may be told less."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Condition:
    """A test that a row demands. `of_resource`: the test needs the resource."""

    reason: Reason
    says: str
    holds: Test
    of_resource: bool = False


CONFIDENTIAL = Condition(
    Reason.CONFIDENTIALITY,
    "confidentiality agreement holds",
    lambda who, _grant, _action, _resource, now: (
        who.confidential_until is not None and not has_ended(who.confidential_until, now)
    ),
)


NAMED = Condition(
    Reason.NAMES,
    "own user name known",
    # Without it nobody could tell whether a report names the caller. The token of a program says no names.
    lambda who, _grant, _action, _resource, _now: who.named and bool(who.pseudonyms),
)


TRAINED = Condition(
    Reason.TRAINING,
    "trained for it",
    lambda who, _grant, _action, resource, now: not lacking(who, resource, now),
    of_resource=True,
)


OWN_BODY = Condition(
    Reason.BODY,
    "own handling body",
    lambda _who, grant, _action, resource, _now: resource.body in grant.bodies,
    of_resource=True,
)


OWN_COMMUNITY = Condition(
    Reason.COMMUNITY,
    "own community",
    lambda _who, grant, _action, resource, _now: not grant.communities or resource.community in grant.communities,
    of_resource=True,
)


OWN_SOURCE = Condition(
    Reason.SOURCE,
    "own source",
    lambda _who, grant, _action, resource, _now: resource.source in grant.sources,
    of_resource=True,
)


SPOKEN_FOR = Condition(
    Reason.REACH,
    "a community that one's own role reaches, by its name or by one of its handling bodies",
    lambda _who, grant, _action, resource, _now: (
        resource.community is not None and speaks_for(grant, resource.community, resource.bodies)
    ),
    of_resource=True,
)


HOLDS_THERE = Condition(
    Reason.PLACE,
    "it holds in a community that one's own role reaches, by its name or by one of its handling bodies",
    lambda _who, grant, _action, resource, _now: (
        resource.everywhere
        or (resource.community is not None and speaks_for(grant, resource.community, resource.bodies))
    ),
    of_resource=True,
)


NOT_MAKER = Condition(
    Reason.MAKER,
    "made by another person",
    lambda who, _grant, _action, resource, _now: resource.owner is not None and resource.owner != who.ref,
    of_resource=True,
)


NOT_ONESELF = Condition(
    Reason.ONESELF,
    "not one's own entry",
    lambda who, _grant, _action, resource, _now: resource.owner is not None and resource.owner != who.ref,
    of_resource=True,
)


NOT_THE_LAST = Condition(
    Reason.LAST,
    "the entry of another person, or one's own while another coordinator could change it back",
    lambda who, _grant, _action, resource, _now: (
        resource.owner is not None and (resource.owner != who.ref or resource.relieved)
    ),
    of_resource=True,
)


OWN_REACH = Condition(
    Reason.REACH,
    "no role of the entry reaches further than one's own of this kind",
    lambda who, grant, _action, resource, now: _is_within(who, grant.role, resource, now),
    of_resource=True,
)


OWN_REACH_OR_ONESELF = Condition(
    Reason.REACH,
    "one's own entry, or no role of the entry reaches further than one's own of this kind",
    lambda who, grant, _action, resource, now: resource.owner == who.ref or _is_within(who, grant.role, resource, now),
    of_resource=True,
)


PURPOSE = Condition(
    Reason.PURPOSE,
    "for a purpose of this action, and in the name of a person where the purpose asks for one",
    lambda who, _grant, action, _resource, _now: any(
        is_for(purpose, action.name, has_person=who.behalf is not None) for purpose in who.purposes
    ),
)


SCOPED = Condition(
    Reason.SCOPE,
    "scope granted",
    lambda _who, grant, action, _resource, _now: action.scope in grant.scopes,
)


def _is_within(who: Principal, role: Role, resource: Resource, now: datetime) -> bool:
    """Whether each role in question reaches no further than a role of this kind that `who` has now."""
    own = [g for g in who.grants if g.role is role and not has_ended(g.expires_at, now)]
    if resource.grants is None:
        return False
    if not resource.grants:
        # No role says to which handling body the person belongs, so the person belongs to the whole roster.
        return any(not g.bodies and not g.communities for g in own)
    return all(any(_covers(g, other) for g in own) for other in resource.grants)


def _covers(grant: Grant, other: Grant) -> bool:
    # A grant without handling bodies covers the whole roster. A role that names no body may reach any body.
    return _holds(grant.bodies, other.bodies) and _holds(grant.communities, other.communities)


def _holds(bounds: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return not bounds or (bool(names) and set(names) <= set(bounds))


def lacking(who: Principal, resource: Resource, now: datetime) -> set[str]:
    """The training modules that the handling body of a resource asks for, and that do not count for `who`."""
    counting = (t for t in who.trainings if t.completed_at <= now and not has_ended(t.expires_at, now))
    return set(resource.training) - {t.module for t in counting}
