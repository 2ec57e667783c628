"""Who may do what: one pure function, `allow`, over one table. `hearth access doc` prints the table as docs/access.md.

Deny by default: what no row permits is refused. Roles end by themselves, because every check looks at the clock it is
given. Recusal stands before the table: nobody who is a party to a case, or recused from it, may do anything with it in
any role (Universal Code of Conduct, Enforcement Guidelines 3.2.1: no conflicts of interest).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, get_args

from shared.events import Actor
from shared.problems import NOTHING_HERE, Problem

FRESH = timedelta(minutes=10)
"""How long ago somebody may have signed in, to do what cannot be taken back."""


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

Module = Literal["A", "B", "C1", "C2"]
"""Training: A orientation, B identifying and reporting, C1 complex cases, C2 appeals (Enforcement Guidelines 2.2)."""
MODULES: tuple[Module, ...] = get_args(Module)

SCOPES = ("meta", "proof", "export")
"""What an auditor may be let see of the record: who did what and when, the proofs of it, and all of it in bulk."""


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
        return (grant for grant in self.grants if not _has_ended(grant.expires_at, now))


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


class Reason(StrEnum):
    """Why something is refused; the first that applies, from the most to the least telling for who asks.

    What has ended comes last: said beside what still runs, it would tell a case of others from one that is none.
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
    SOURCE = "source"
    PURPOSE = "purpose"
    ONESELF = "oneself"
    LAST = "last"
    REACH = "reach"
    SIGN_IN_AGAIN = "sign_in_again"
    ENDED = "ended"
    ROLE = "role"


HIDING = frozenset({Reason.RECUSED, Reason.BODY, Reason.COMMUNITY})
"""Reasons that may not be told: they would say that there is something to be refused."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Yes, in this role."""

    role: Role


@dataclass(frozen=True, slots=True)
class Refusal:
    """No, and why. The reason is for the record; who asks may be told less."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be asked for. `case`: about one case, so recusal holds; `fresh`: needs a fresh sign-in;
    `scope`: which part of the record it shows."""

    name: str
    says: str
    case: bool = False
    fresh: bool = False
    scope: str | None = None


ACTIONS: Mapping[str, Action] = {
    action.name: action
    for action in (
        Action("service.probe", "see whether a service is well, its metrics, and its contracts"),
        Action("page.asset", "load a style sheet or picture"),
        Action("page.leave", "leave at once, and have the browser forget"),
        Action("session.sign_in", "sign in and out, and see and end one's own sessions"),
        Action("session.read", "list the sessions of somebody else"),
        Action("session.end", "end a session of somebody else"),
        Action("report.submit", "hand in a report"),
        Action("report.submit_for", "hand in a report in the name of a source"),
        Action("report.follow_up", "follow a report by its receipt, and answer questions"),
        Action("report.erase", "erase a report for good", case=True, fresh=True),
        Action("vault.read", "read what was reported, for a stated purpose"),
        Action("vault.correspond", "keep a handler's words to the reporter"),
        Action("vault.pseudonyms", "turn the names of somebody who signs in into pseudonyms"),
        Action("case.list", "see the queue", case=True),
        Action("case.read", "see a case: its state, history and deadlines", case=True),
        Action("case.read_content", "read what was reported", case=True),
        Action("case.assign", "give a case to somebody", case=True),
        Action("case.start", "begin to look into a case", case=True),
        Action("case.ask", "ask the reporter", case=True),
        Action("case.decide", "decide on an outcome", case=True, fresh=True),
        Action("case.close", "close a case", case=True),
        Action("case.recuse", "recuse oneself or somebody else", case=True),
        Action("roster.read", "see who may do what"),
        Action("roster.change", "change who may do what", fresh=True),
        Action("roster.leave", "put somebody, or oneself, on leave", fresh=True),
        Action("delivery.list", "see what was sent and what failed", case=True),
        Action("record.keys", "see the keys that verify the record"),
        Action("record.heads", "see checkpoints, hash tiles and consistency proofs", scope="proof"),
        Action("record.read", "query the record", case=True, scope="meta"),
        Action("record.prove", "get the proof of an entry", case=True, scope="proof"),
        Action("record.entries", "get entries in bulk", case=True, scope="export"),
    )
}


Test = Callable[[Principal, Grant, Action, Resource, datetime], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """A test that a row demands. `of_resource`: it can only be answered once the resource is known."""

    reason: Reason
    says: str
    holds: Test
    of_resource: bool = False


CONFIDENTIAL = Condition(
    Reason.CONFIDENTIALITY,
    "confidentiality agreement holds",
    lambda who, _grant, _action, _resource, now: (
        who.confidential_until is not None and not _has_ended(who.confidential_until, now)
    ),
)
NAMED = Condition(
    Reason.NAMES,
    "own names known",
    # Or it could not be told whether a report names them: a program's token says nothing of its owner's names.
    lambda who, _grant, _action, _resource, _now: bool(who.pseudonyms),
)
TRAINED = Condition(
    Reason.TRAINING,
    "trained for it",
    lambda who, _grant, _action, resource, now: set(resource.training) <= _trained(who, now),
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
NOT_ONESELF = Condition(
    Reason.ONESELF,
    "not one's own entry",
    lambda who, _grant, _action, resource, _now: resource.owner is not None and resource.owner != who.ref,
    of_resource=True,
)
NOT_THE_LAST = Condition(
    Reason.LAST,
    "somebody else's entry, or one's own while another could change it back",
    lambda who, _grant, _action, resource, _now: (
        resource.owner is not None and (resource.owner != who.ref or resource.relieved)
    ),
    of_resource=True,
)
OWN_REACH = Condition(
    Reason.REACH,
    "no role beyond what one's own of this kind reaches",
    lambda who, grant, _action, resource, now: _is_within(who, grant.role, resource, now),
    of_resource=True,
)
OWN_REACH_OR_ONESELF = Condition(
    Reason.REACH,
    "one's own entry, or no role beyond what one's own of this kind reaches",
    lambda who, grant, _action, resource, now: resource.owner == who.ref or _is_within(who, grant.role, resource, now),
    of_resource=True,
)
PURPOSES: Mapping[str, frozenset[str]] = {
    "vault.read": frozenset({"review", "notify"}),
    "vault.correspond": frozenset({"correspond"}),
    "vault.pseudonyms": frozenset({"sign_in"}),
}
"""For what other services may call the vault; shared.service_tokens says which service may call for which of them."""
PURPOSE = Condition(
    Reason.PURPOSE,
    "for a purpose of it",
    lambda who, _grant, action, _resource, _now: not PURPOSES[action.name].isdisjoint(who.purposes),
)
SCOPED = Condition(
    Reason.SCOPE,
    "scope granted",
    lambda _who, grant, action, _resource, _now: action.scope in grant.scopes,
)


@dataclass(frozen=True, slots=True)
class Row:
    """`role` may do `action` where every condition holds."""

    role: Role
    action: str
    conditions: tuple[Condition, ...] = ()


def _rows(role: Role, actions: str, *conditions: Condition) -> Iterable[Row]:
    return (Row(role, action, conditions) for action in actions.split())


HANDLING = (CONFIDENTIAL, NAMED, OWN_BODY, OWN_COMMUNITY)
"""What everybody needs who has to do with a case."""

TABLE: tuple[Row, ...] = (
    *_rows(Role.ANYONE, "service.probe page.asset page.leave session.sign_in"),
    *_rows(Role.ANYONE, "report.submit report.follow_up record.keys"),
    *_rows(Role.INTEGRATOR, "report.submit_for", OWN_SOURCE, OWN_COMMUNITY),
    *_rows(Role.SERVICE, "vault.read vault.correspond vault.pseudonyms", PURPOSE),
    *_rows(Role.RESPONDER, "case.list", *HANDLING),
    *_rows(
        Role.RESPONDER,
        "case.read case.read_content case.assign case.start case.ask case.decide case.close case.recuse",
        *HANDLING,
        TRAINED,
    ),
    *_rows(Role.COORDINATOR, "case.list case.read case.assign case.recuse report.erase", *HANDLING),
    *_rows(Role.COORDINATOR, "roster.read"),
    *_rows(Role.COORDINATOR, "roster.change session.read session.end", NOT_ONESELF, OWN_REACH),
    *_rows(Role.COORDINATOR, "roster.leave", NOT_THE_LAST, OWN_REACH_OR_ONESELF),
    *_rows(Role.OPERATOR, "delivery.list report.erase", NAMED),
    *_rows(Role.AUDITOR, "record.heads", SCOPED),
    *_rows(Role.AUDITOR, "record.read record.prove record.entries", SCOPED, NAMED),
)  # fmt: skip
"""Who may do what. A new row is a new right: say so in CHANGELOG.md, and run `hearth access doc`."""

_BY_ACTION: Mapping[str, tuple[Row, ...]] = {
    name: tuple(row for row in TABLE if row.action == name) for name in ACTIONS
}
_REASONS = tuple(Reason)


def allow(actor: Principal, action: str, resource: Resource | None, now: datetime) -> Permit | Refusal:
    """Whether `actor` may do `action` to `resource` at `now` (UTC-aware).

    Without a resource the answer is whether they may do it to any at all: what a route asks before it has looked
    anything up. Raises KeyError for an action that is not in ACTIONS.
    """
    asked = ACTIONS[action]
    rows = _BY_ACTION[action]
    if asked.case and resource is not None and is_shut_out(actor, resource):
        return Refusal(Reason.RECUSED)
    found: Reason | None = None
    for row in rows:
        if row.role is Role.ANYONE:
            return Permit(row.role)
        for grant in actor.grants:
            if grant.role is not row.role:
                continue
            reason = _refused(actor, grant, row, asked, resource, now)
            if reason is None:
                return Permit(row.role)
            if reason is not found:
                found = reason if found is None else min(found, reason, key=_REASONS.index)
    return Refusal(found or (Reason.SIGN_IN if actor.grants == NOBODY.grants else Reason.ROLE))


def _refused(
    actor: Principal, grant: Grant, row: Row, action: Action, resource: Resource | None, now: datetime
) -> Reason | None:
    if _has_ended(grant.expires_at, now):
        return Reason.ENDED
    if actor.leaves and any(leave.begins_at <= now and not _has_ended(leave.ends_at, now) for leave in actor.leaves):
        return Reason.LEAVE
    for condition in row.conditions:
        if condition.of_resource:
            if resource is None:
                continue
            if not condition.holds(actor, grant, action, resource, now):
                return condition.reason
        elif not condition.holds(actor, grant, action, _NOTHING, now):
            return condition.reason
    if action.fresh and not is_fresh(actor, now):
        return Reason.SIGN_IN_AGAIN
    return None


def is_shut_out(actor: Principal, resource: Resource) -> bool:
    """Whether somebody is a party to a case, or recused from it."""
    return not actor.pseudonyms.isdisjoint(resource.parties) or actor.ref in resource.recused


def is_fresh(actor: Principal, now: datetime) -> bool:
    """Whether they proved who they are within FRESH."""
    return actor.authenticated_at is not None and now - actor.authenticated_at <= FRESH


def _is_within(who: Principal, role: Role, resource: Resource, now: datetime) -> bool:
    """Whether each role that it is about reaches no further than some role of this kind that somebody has now."""
    own = [g for g in who.grants if g.role is role and not _has_ended(g.expires_at, now)]
    return resource.grants is not None and all(any(_covers(g, other) for g in own) for other in resource.grants)


def _covers(grant: Grant, other: Grant) -> bool:
    # Whom nothing binds to handling bodies answers for all of the roster; what reaches no body by name may reach any.
    return _holds(grant.bodies, other.bodies) and _holds(grant.communities, other.communities)


def _holds(bounds: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return not bounds or (bool(names) and set(names) <= set(bounds))


def reaches(actor: Principal, action: str, now: datetime) -> list[Reach]:
    """What each grant reaches by which `actor` may do `action` at all: to ask a store for no more than that."""
    asked = ACTIONS[action]
    found = (
        Reach(grant.bodies, frozenset(grant.communities) or None)
        for row in _BY_ACTION[action]
        for grant in actor.grants
        if grant.role is row.role and _refused(actor, grant, row, asked, None, now) is None
    )
    return list(dict.fromkeys(found))


_STATUS: Mapping[Reason, tuple[int, str, str]] = {
    Reason.SIGN_IN: (401, "sign-in-needed", "Sign in, or send a token."),
    Reason.SIGN_IN_AGAIN: (401, "sign-in-again", "This needs a sign-in of the last ten minutes."),
    Reason.ENDED: (403, "access-ended", "Your access has ended."),
    Reason.LEAVE: (403, "on-leave", "You are on leave."),
    Reason.CONFIDENTIALITY: (403, "confidentiality-needed", "This needs a confidentiality agreement that holds."),
    Reason.NAMES: (403, "names-needed", "Sign in at the desk once, so that it is known which names are yours."),
    Reason.TRAINING: (403, "training-needed", "This needs training that counts."),
    Reason.PURPOSE: (403, "purpose-not-permitted", "This may not be asked for that purpose."),
    Reason.SOURCE: (403, "source-not-permitted", "This token may not speak for that source."),
    Reason.ONESELF: (403, "own-entry", "Nobody changes their own entry but for leave; another coordinator does."),
    Reason.LAST: (403, "last-coordinator", "Nobody else could end this leave."),
    Reason.REACH: (403, "beyond-own-reach", "This reaches further than your own role."),
}
_NOT_PERMITTED = (403, "role-not-permitted", "This role may not do that.")


class Refused(Problem):
    """A refusal as it is answered: what may not be told is answered as if there were nothing."""

    def __init__(self, action: str, refusal: Refusal) -> None:
        self.action = action
        self.reason = refusal.reason
        super().__init__(*(NOTHING_HERE if refusal.reason in HIDING else _STATUS.get(refusal.reason, _NOT_PERMITTED)))


def demand(actor: Principal, action: str, resource: Resource | None, now: datetime) -> Permit:
    """The permit. Raises Refused, a Problem with status 401, 403 or (so that nothing is revealed) 404."""
    match allow(actor, action, resource, now):
        case Permit() as permit:
            return permit
        case Refusal() as refusal:
            raise Refused(action, refusal)


def _has_ended(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now


def _trained(who: Principal, now: datetime) -> set[str]:
    return {t.module for t in who.trainings if t.completed_at <= now and not _has_ended(t.expires_at, now)}


_NOTHING = Resource()
