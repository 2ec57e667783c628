"""What a person still needs before the person can handle cases, and which people a list of the roster shows. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from services.triage.roster.changes import ends_of, running
from shared.access.principal import Role
from shared.events import RosterEntryChanged
from shared.input.languages import read_language, reads
from shared.policy import Policy

SOON = timedelta(days=30)
"""How soon something must end to be marked."""
Need = Literal["role", "agreement", "names", "training"]
NEEDS: tuple[Need, ...] = get_args(Need)
When = Literal["away", "soon"]
WHEN: tuple[When, ...] = get_args(When)


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that a person needs and has not. `body` and `modules`: only where it is training."""

    need: Need
    body: str = ""
    modules: tuple[str, ...] = ()


def lacks_of(entry: RosterEntryChanged, policy: Policy, at: datetime) -> list[Lack]:
    """What the person of an entry lacks at a time (UTC-aware), to handle cases of all of the person's bodies."""
    return list(_lacks(entry, policy, at))


def _lacks(entry: RosterEntryChanged, policy: Policy, at: datetime) -> Iterator[Lack]:
    served = [b for grant in running(entry.grants, at) if grant.role is Role.RESPONDER for b in grant.bodies]
    if not served:
        yield Lack("role")
    if entry.confidential_until is None or entry.confidential_until <= at:
        yield Lack("agreement")
    if not entry.named:
        yield Lack("names")
    counting = {t.module for t in entry.trainings if t.expires_at is None or t.expires_at > at}
    for body in dict.fromkeys(served):
        missing = tuple(module for module in policy.training_of(body) if module not in counting)
        if missing:
            yield Lack("training", body, missing)


def is_away(entry: RosterEntryChanged, at: datetime) -> bool:
    """Whether the person is on leave at a time (UTC-aware)."""
    return any(leave.begins_at <= at and (leave.ends_at is None or leave.ends_at > at) for leave in entry.leaves)


@dataclass(frozen=True, slots=True)
class RosterFilter:
    """Which people a list shows: those in a handling body, who lack something, who are away or lose something soon, or
    who read a language.

    What is empty chooses nobody out.
    """

    body: str = ""
    lacks: Need | Literal[""] = ""
    when: When | Literal[""] = ""
    language: str = ""

    def shows(self, entry: RosterEntryChanged, policy: Policy, at: datetime) -> bool:
        """Whether the list shows this entry at a time (UTC-aware)."""
        roles = running(entry.grants, at)
        if self.body and not any(self.body in grant.bodies for grant in roles):
            return False
        # Who has no role needs nothing.
        if self.lacks and not (roles and any(lack.need == self.lacks for lack in lacks_of(entry, policy, at))):
            return False
        if self.language and not reads(entry.languages, self.language):
            return False
        if self.when == "away":
            return is_away(entry, at)
        return not self.when or any(end - at <= SOON for end in ends_of(entry, at))


def roster_filter(given: Mapping[str, str], bodies: Iterable[str]) -> RosterFilter:
    """The filter that an address says; what does not exist is left out."""
    language = read_language(given.get("language", ""))
    return RosterFilter(
        body=next((body for body in bodies if body == given.get("body")), ""),
        lacks=next((need for need in NEEDS if need == given.get("lacks")), ""),
        when=next((when for when in WHEN if when == given.get("when")), ""),
        language=language.lower() if language else "",
    )
