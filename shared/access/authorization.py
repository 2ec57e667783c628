"""Whether a caller may do something. `allow` decides, by the table."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from shared.access.actions import ACTIONS, Action
from shared.access.conditions import HIDING, Permit, Reason, Refusal, lacking
from shared.access.principal import NOBODY, Grant, Principal, Reach, Resource, Role, has_ended
from shared.access.table import TABLE, Row
from shared.problems import NOTHING_HERE, Problem

FRESH = timedelta(minutes=10)
"""How old a sign-in may be, for what cannot be taken back."""
SKEW = timedelta(minutes=1)
"""How far the clock of another replica, which noted the sign-in, may be ahead."""


def _rows_of(action: Action) -> tuple[Row, ...]:
    rows = [row for row in TABLE if row.action == action.name]
    return _first_for(rows, action.handlers)


def _first_for(rows: Iterable[Row], roles: Sequence[Role]) -> tuple[Row, ...]:
    """The rows of these roles, in the order of the roles; then the others."""
    return tuple(sorted(rows, key=lambda row: roles.index(row.role) if row.role in roles else len(roles)))


_BY_ACTION: Mapping[str, tuple[Row, ...]] = {name: _rows_of(action) for name, action in ACTIONS.items()}
_REASONS = tuple(Reason)
_NOT_PERMITTED = (403, "role-not-permitted", "This role may not do that.")
_NOTHING = Resource()


def allow(actor: Principal, action: str, resource: Resource | None, now: datetime) -> Permit | Refusal:
    """Whether `actor` may do `action` to `resource` at `now` (UTC-aware).

    Without a resource: whether they may do it to any resource at all. A route asks this before it looks anything up.
    Raises KeyError for an action that is not in ACTIONS.
    """
    rows, joint = _BY_ACTION[action], ACTIONS[action].joint
    answer = _allow(actor, action, rows, resource, now)
    for one in resource.joint if resource and joint else ():
        if isinstance(answer, Permit):
            break
        there = _allow(actor, action, _first_for(rows, joint), one, now)
        if isinstance(there, Permit):
            answer = there if there.role in joint else answer
        elif _REASONS.index(there.reason) < _REASONS.index(answer.reason):
            answer = there
    return answer


def _allow(
    actor: Principal, action: str, rows: Iterable[Row], resource: Resource | None, now: datetime
) -> Permit | Refusal:
    asked = ACTIONS[action]
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
    if has_ended(grant.expires_at, now):
        return Reason.ENDED
    if actor.leaves and any(leave.begins_at <= now and not has_ended(leave.ends_at, now) for leave in actor.leaves):
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
    """Whether the actor is a party to the case, or recused from it."""
    return not actor.pseudonyms.isdisjoint(resource.parties) or actor.ref in resource.recused


def is_fresh(actor: Principal, now: datetime) -> bool:
    """Whether the actor signed in less than FRESH ago; `now` is the time of the machine, as sign-ins note it."""
    return actor.authenticated_at is not None and -SKEW <= now - actor.authenticated_at <= FRESH


def fresh_until(actor: Principal, now: datetime) -> datetime | None:
    """Until when the sign-in of the actor is fresh (UTC-aware); None where it is not fresh `now`."""
    return actor.authenticated_at + FRESH if actor.authenticated_at and is_fresh(actor, now) else None


def reaches(actor: Principal, action: str, now: datetime) -> list[Reach]:
    """What the grants reach by which `actor` may do `action`. A store is asked for no more than that."""
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
    Reason.NAMES: (
        403,
        "names-needed",
        (
            "Hearth does not know your user name. Sign in at the desk once. If this stays, your sign-in provider tells "
            "Hearth no user name: ask its operator to send one."
        ),
    ),
    Reason.TRAINING: (403, "training-needed", "This needs training that counts."),
    Reason.SCOPE: (403, "scope-needed", "This role does not have the scope for that part of the record."),
    Reason.PURPOSE: (403, "purpose-not-permitted", "This may not be asked for that purpose."),
    Reason.SOURCE: (403, "source-not-permitted", "This token may not speak for that source."),
    Reason.COMMUNITY: (403, "community-not-permitted", "This token may not report for that community."),
    Reason.ONESELF: (403, "own-entry", "Nobody changes their own entry but for leave; another coordinator does."),
    Reason.MAKER: (403, "own-attestation", "Nobody confirms what they attested themselves."),
    Reason.LAST: (403, "last-coordinator", "Nobody else could end this leave."),
    Reason.REACH: (403, "beyond-own-reach", "This reaches further than your own role."),
}


class Refused(Problem):
    """The answer to a caller who is refused. Where the reason may not be told, it looks as if there were nothing.

    `detail` tells the caller more of what is the caller's own affair, and `lacks` names what the caller lacks: training
    modules, or the scope of a part of the record.
    """

    def __init__(
        self, action: str, refusal: Refusal, detail: str | None = None, *, lacks: tuple[str, ...] = ()
    ) -> None:
        self.lacks = lacks
        self.action = action
        self.reason = refusal.reason
        # Only a case can be hidden. What is not about a case shows nothing of what is there.
        is_hidden = refusal.reason in HIDING and ACTIONS[action].case
        answer = NOTHING_HERE if is_hidden else _STATUS.get(refusal.reason, _NOT_PERMITTED)
        super().__init__(*answer, detail=detail or (f"Missing: {', '.join(lacks)}." if lacks else None))


def is_permitted(actor: Principal, action: str, resource: Resource | None, now: datetime) -> bool:
    """Whether the actor may do it now."""
    return isinstance(allow(actor, action, resource, now), Permit)


def demand(actor: Principal, action: str, resource: Resource | None, now: datetime) -> Permit:
    """The permit. Raises Refused, a Problem with status 401 or 403; or 404, so that the answer reveals nothing."""
    match allow(actor, action, resource, now):
        case Permit() as permit:
            return permit
        case Refusal() as refusal:
            raise Refused(action, refusal, lacks=_lacks(actor, action, resource, refusal.reason, now))


def _lacks(actor: Principal, action: str, resource: Resource | None, reason: Reason, now: datetime) -> tuple[str, ...]:
    match reason:
        case Reason.TRAINING if resource:
            return tuple(sorted(lacking(actor, resource, now)))
        case Reason.SCOPE:
            return (ACTIONS[action].scope or "",)
        case _:
            return ()
