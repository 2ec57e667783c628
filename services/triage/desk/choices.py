"""By which communities a reader can narrow the queue: those that the policy sends to the reader's bodies. Pure.

So the choices tell nothing of the cases that there are.
"""

from collections.abc import Collection, Iterable

from shared.access.principal import Reach
from shared.policy import Policy


def communities_for(policy: Policy, reaches: Iterable[Reach]) -> list[str]:
    """The communities of which the reader's bodies may have cases, as far as each grant reaches, by name."""
    local = {body for community in policy.communities.values() for body in community.bodies.values()}
    found = {
        community.id
        for reach in reaches
        for community in policy.communities.values()
        if reach.communities is None or community.id in reach.communities
        if _may_have(reach.bodies, set(community.bodies.values()), local)
    }
    return sorted(found, key=lambda code: policy.communities[code].name)


def _may_have(bodies: Collection[str], theirs: Collection[str], local: Collection[str]) -> bool:
    """Whether one of the bodies is of the community, or of none and so of all."""
    return any(body in theirs or body not in local for body in bodies)
