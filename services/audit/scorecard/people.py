"""The people who may handle cases of a community, as the roster has them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.audit.scorecard.rows import Step, read_time
from shared.access.principal import Role, has_ended
from shared.policy import Policy


@dataclass(frozen=True, slots=True)
class Member:
    """A person with a role in a handling body of the community, and what counts of them: all times are UTC-aware.

    `needs`: the modules that these bodies ask for. `modules`: what the person has completed, when, and until when.
    """

    person: str
    needs: frozenset[str]
    modules: tuple[tuple[str, datetime, datetime | None], ...]
    confidential_until: datetime | None

    def has_agreement(self, at: datetime) -> bool:
        """Whether the confidentiality agreement holds at this time."""
        return self.confidential_until is not None and self.confidential_until > at

    def is_trained(self, at: datetime) -> bool:
        """Whether the trainings that the person needs count at this time."""
        return self.needs <= {name for name, done, ends in self.modules if done <= at and not has_ended(ends, at)}


def members_of(
    community: str, people: Mapping[str, Sequence[Step]], policy: Policy, at: datetime
) -> tuple[Member, ...]:
    """The people with a role that reaches a handling body of the community at this time (UTC-aware), by reference.

    `people`: the settled steps of each person; the last one has the whole entry.
    """
    known = policy.communities.get(community)
    bodies = frozenset(known.bodies.values()) if known else frozenset()
    found: list[Member] = []
    for person, steps in sorted(people.items()):
        said = steps[-1].said if steps else {}
        served = {body for grant in said.get("grants", ()) for body in _reached(grant, community, bodies, at)}
        if served:
            modules = tuple(
                (t["module"], read_time(t["completed_at"]), _read(t.get("expires_at")))
                for t in said.get("trainings", ())
            )
            needs = frozenset(module for body in served for module in policy.bodies[body].training)
            found.append(Member(person, needs, modules, _read(said.get("confidential_until"))))
    return tuple(found)


def _reached(grant: Mapping[str, Any], community: str, bodies: frozenset[str], at: datetime) -> set[str]:
    communities = grant.get("communities") or (community,)
    if grant["role"] != Role.RESPONDER or community not in communities or has_ended(_read(grant.get("expires_at")), at):
        return set()
    return set(bodies).intersection(grant.get("bodies", ()))


def _read(text: str | None) -> datetime | None:
    return None if text is None else read_time(text)
