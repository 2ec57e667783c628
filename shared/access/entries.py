"""What the facts on the topic `roster` say of people and tokens, as principals and grants."""

from collections.abc import Sequence

from shared.access.principal import Grant, Leave, Principal, Role, Training
from shared.events import GrantHeld, RosterEntryChanged, RosterNames, RosterTokenChanged

ROSTER_FACTS = (RosterEntryChanged, RosterTokenChanged, RosterNames)
ROSTER_TOPICS = tuple(dict.fromkeys(fact.topic for fact in ROSTER_FACTS))
"""What a copy of the roster is made of."""
RosterState = RosterEntryChanged | RosterTokenChanged
"""The roster keeps an entry as the fact that last changed it."""


def principal_in(entry: RosterEntryChanged) -> Principal:
    """The person of an entry, not signed in."""
    return Principal(
        entry.person,
        grants_of(entry.grants),
        tuple(Training(t.module, t.completed_at, t.expires_at) for t in entry.trainings),
        entry.confidential_until,
        tuple(Leave(leave.begins_at, leave.ends_at) for leave in entry.leaves),
        frozenset(entry.pseudonyms),
        named=entry.named,
        languages=entry.languages,
        since=entry.since,
    )


def grants_of(held: Sequence[GrantHeld]) -> tuple[Grant, ...]:
    """The grants of an entry or token. A role that this version does not know gives nothing."""
    known = {role.value for role in Role}
    return tuple(
        Grant(Role(g.role), g.bodies, g.communities, g.sources, g.scopes, g.expires_at)
        for g in held
        if g.role in known and g.role != Role.ANYONE
    )
