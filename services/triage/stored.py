"""Cases as a store holds them, and what triage needs of such a store."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from services.triage.case.case import Case
from services.triage.case.facets import OPEN, OPEN_STATES, in_category, in_community, in_state, once_closed
from services.triage.case.standing import Whereabouts
from shared import metrics
from shared.access.roster import Staff
from shared.events import CasePassedOn, CaseState, CaseTriaged, Event
from shared.policy import Policy


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A case as it is stored. `applied`: causes that were carried out; `requests`: digests of commands by cause.

    `base`: what the store builds a write on.
    """

    case: Case
    applied: frozenset[str]
    requests: Mapping[str, str]
    base: Any


@dataclass(frozen=True, slots=True)
class CaseChange:
    """A case after a change, and the events that made it so. `stored` None: a new case.

    `forget`: the digests of earlier commands go, because a person with the key could try words against them.
    """

    case: Case
    stored: StoredCase | None
    events: Sequence[Event]
    causes: Sequence[str]
    requests: Mapping[str, str] = field(default_factory=dict)
    forget: bool = False

    @property
    def bodies(self) -> set[str]:
        """The bodies that have the case, or are asked to, before the change or after it."""
        cases = [self.case, *([self.stored.case] if self.stored else [])]
        return {body for case in cases for body in (*case.bodies, *([case.asked.to_body] if case.asked else []))}


@dataclass(frozen=True, slots=True)
class CaseQuery:
    """Which cases of a queue: of these bodies, in these states (empty: all), after this place, at most `limit`.

    `viewer`: the person (a reference) who sees the queue; what the person has snoozed comes last.
    `facets`: those of services.triage.case.facets that a case must have, the rarest first; `among`: facets of which it
    must have one, if there are any; `lane`: in this lane; `due_before`: with a deadline that is due before this time
    (UTC-aware). With facets, few closed cases are found; all of those are narrowed by `community` and `category`.

    Those that these bodies have joined, or are asked to take over or to join, are among them.

    Who may see a case is no part of it, so that no look at the store goes past any number of hidden ones.
    """

    bodies: tuple[str, ...]
    states: tuple[CaseState, ...] = ()
    after: tuple[float, datetime, str] | None = None
    limit: int = 50
    viewer: str | None = None
    facets: tuple[str, ...] = ()
    among: tuple[str, ...] = ()
    lane: str | None = None
    due_before: datetime | None = None
    community: str | None = None
    category: str | None = None

    @property
    def any_of(self) -> list[list[str]]:
        """For one of each of these, a case stands in a queue (services.triage.case.facets) of one of these bodies."""
        facets = [*([facet] for facet in self.facets), *([list(self.among)] if self.among else [])]
        if facets:
            return facets
        states = frozenset(self.states or CaseState)
        if states == {CaseState.CLOSED} and (self.community or self.category):
            places = [in_community(self.community)] if self.community else []
            places += [in_category(self.category)] if self.category else []
            return [[once_closed(place)] for place in places]
        return [[OPEN]] if states == frozenset(OPEN_STATES) else [[in_state(state) for state in sorted(states)]]


class Glimpse(NamedTuple):
    """What it takes to count a case: what it is counted by, and who may not see it. See Case for the fields.

    `referred_to`: the body that is asked to take it over or to join it; `joined`: those that have joined it.
    """

    id: str
    state: CaseState
    lane: str | None
    body: str | None
    community: str
    category: str
    assignee: str | None
    due: datetime
    referred_to: str | None
    joined: tuple[str, ...]
    parties: tuple[str, ...]
    parties_apart: bool
    recused: tuple[str, ...]
    absorbed: tuple[str, ...]
    merged_into: str | None


class Version(NamedTuple):
    """The version of a case, and who made it so, in which role."""

    seq: int
    actor: str
    role: str


MOST_NOTED = 1_000
"""The most cases among which a store looks for the newest notes of a person."""


class Due(NamedTuple):
    """A case of which a timer is due, and since when (UTC-aware). They come in this order."""

    at: datetime
    id: str


class Staffing(Protocol):
    """What triage needs of the roster, to know who is there for a case (shared.access.roster.Roster)."""

    async def staff(self) -> Staff: ...


class CaseStore(Protocol):
    """Where cases are kept: services.triage.store.MongoCases, or memory in tests. Raises Unavailable while away."""

    async def load(self, ids: Iterable[str], /) -> dict[str, StoredCase]:
        """The stored cases by id, without those that do not exist.

        Raises DamagedCase (services.triage.aside) for one that cannot be read.
        """
        ...

    async def load_whole(self, ids: Iterable[str], /) -> dict[str, StoredCase]:
        """The stored cases by id, without those that do not exist or cannot be read."""
        ...

    async def find_by_code_name(self, code_name: str) -> StoredCase | None:
        """The case of this name. Raises DamagedCase for one that cannot be read."""
        ...

    async def taken(self, code_names: Iterable[str]) -> set[str]:
        """Those of the names that a case has."""
        ...

    async def remembering(self, case_ids: Iterable[str]) -> set[str]:
        """Those of the cases that keep a digest of a command, or do not know that their report is erased."""
        ...

    async def ended(self, ids: Iterable[str], /) -> set[str]:
        """Those of the cases that have ended: they are closed, or part of another one."""
        ...

    async def lanes(self, ids: Iterable[str], /) -> dict[str, str | None]:
        """The lanes of the cases by id, without those that do not exist."""
        ...

    async def save(self, changes: Sequence[CaseChange], /) -> set[str]:
        """Write what is still based on the newest version; returns the ids of the others.

        Those were written by another process meanwhile, or are new and have a code name that another case has.
        """
        ...

    async def save_together(self, changes: Sequence[CaseChange], /) -> bool:
        """Write all of these changes, or none where one of the cases is not the one that its change builds on.

        Returns whether they are written.
        """
        ...

    async def queue(self, query: CaseQuery) -> list[Case]:
        """Emergencies first, then by the next deadline, then by id."""
        ...

    async def called_like(self, names: Sequence[str], bodies: Collection[str], limit: int) -> list[Case]:
        """At most `limit` cases of these bodies, or referred to them, of which the code name begins with one of these.

        They are sorted by code name.
        """
        ...

    async def noted_by(self, person: str, limit: int) -> list[str]:
        """The ids of at most `limit` cases on which the person (a reference) wrote notes, the newest note first.

        Of very many cases it is any `MOST_NOTED` that are looked at.
        """
        ...

    async def glimpses(self, queries: Sequence[CaseQuery]) -> list[list[Glimpse]]:
        """The cases of each queue, in any order, as far as it takes to count them. There is at least one queue."""
        ...

    async def versions(self, ids: Collection[str], /) -> dict[str, Version]:
        """The versions of these cases, and who made them so, by id."""
        ...

    async def moves(self, bodies: Collection[str], /) -> dict[str, int]:
        """How often something has changed among the cases of each of these bodies, as far as it ever has.

        A change is counted soon after it is written. Of many together it may be that fewer are counted, but never none.
        """
        ...

    async def waking(self, at: datetime, limit: int, after: Due | None = None) -> list[Due]:
        """At most `limit` cases with a timer that is due by `at` (UTC-aware), the earliest first, behind `after`."""
        ...

    async def open_after(self, case_id: str, limit: int) -> list[Case]:
        """At most `limit` cases that have not ended, by id, from behind `case_id`."""
        ...

    def where(self, those: Whereabouts) -> AsyncIterator[Case]:
        """The open cases there, in any order; one that is changed meanwhile may be missing, or come twice."""
        ...

    async def unattended(self) -> int:
        """How many cases are unattended and have not ended."""
        ...

    async def outside(self, bodies: Collection[str], /) -> dict[str, int]:
        """How many cases that have not ended lie with each body that is none of these."""
        ...


def count_passed_on(change: CaseChange, policy: Policy) -> None:
    """Count how often a change, which is stored now, has taken a case past its own handling body."""
    for event in change.events:
        match event.fact:
            case CaseTriaged(body=body) | CasePassedOn(body=body) if body != change.case.own_body:
                kind = "last_resort" if body == policy.last_resort else "stand_in"
                metrics.CASES_PASSED_ON.labels(kind).inc()
            case _:
                pass
