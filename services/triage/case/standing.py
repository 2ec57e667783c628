"""On which people it depends where a case lies, and which cases a change of people reaches. Pure.

Every time at which a person may do more or less is known ahead. So what a person may do changes only when the person's
entry changes, or when one of those times has passed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.triage.case.attendance import RENEWED_WITHIN
from services.triage.case.case import ENDED, Case
from shared.access.principal import Principal
from shared.policy import Policy

Standing = Mapping[str, Mapping[str, tuple[Principal, int]]]
"""By handling body and reference: each person, and how many of the times have passed."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Some of the open cases: those that one of `bodies` has or has joined, and all that are unattended.

    `but_at`: by their own handling body, all of its cases but those that lie with one of these other bodies.
    """

    bodies: frozenset[str]
    but_at: Mapping[str, tuple[str, ...]]

    def have(self, case: Case) -> bool:
        """Whether the case is one of them. No case that has ended is."""
        away = self.but_at.get(case.own_body or "")
        is_theirs = not self.bodies.isdisjoint(case.bodies) or (away is not None and case.body not in away)
        return case.state not in ENDED and (case.unattended or is_theirs)


def standing(staff: Mapping[str, Sequence[Principal]], now: datetime) -> Standing:
    """What people of each handling body there are, and what their entries give them at `now` (UTC-aware)."""
    return {
        body: {person.ref: (person, sum(at <= now for at in _times(person))) for person in people}
        for body, people in staff.items()
    }


def _times(person: Principal) -> Iterator[datetime]:
    ends = [person.confidential_until]
    for end in (grant.expires_at for grant in person.grants):
        ends += [end, end + RENEWED_WITHIN] if end else []
    ends += [at for training in person.trainings for at in (training.completed_at, training.expires_at)]
    ends += [at for leave in person.leaves for at in (leave.begins_at, leave.ends_at)]
    return (at for at in ends if at is not None)


def moved(before: Standing, after: Standing) -> frozenset[str]:
    """The handling bodies of which the people, or what they may do, differ."""
    return frozenset(body for body in {*before, *after} if before.get(body, {}) != after.get(body, {}))


def reached(bodies: Collection[str], policy: Policy) -> Whereabouts:
    """The cases that may have to be judged anew where people of these bodies have changed.

    A case lies with the first body that can look after it: with its own, or one of the stand-ins. So the people of
    the bodies behind that one change nothing for it, unless it is unattended.
    """
    but_at: dict[str, tuple[str, ...]] = {}
    for own in {*policy.bodies, *bodies}:
        chain = (own, *policy.stand_ins(own))
        first = next((place for place, body in enumerate(chain) if body in bodies), None)
        if first is not None:
            but_at[own] = chain[:first]
    return Whereabouts(frozenset(bodies), but_at)
