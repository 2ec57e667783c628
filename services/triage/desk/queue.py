"""The queue: the cases that a principal may see, filtered, the most urgent first, a page at a time, and counted."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import Field

from services.triage.case.case import Case
from services.triage.case.facets import (
    ANSWERED,
    OPEN_STATES,
    UNASSIGNED,
    WAITING,
    WITH_FACETS,
    assigned_to,
    followed_by,
    in_category,
    in_community,
)
from services.triage.case.forms import resource_of
from services.triage.case.outline import outline_of
from services.triage.sight import Sight
from services.triage.stored import CaseQuery, CaseStore, Glimpse
from shared.access.authorization import is_permitted, is_shut_out, reaches
from shared.access.principal import Principal, Resource
from shared.events import CaseState
from shared.policy import Policy
from shared.times import Utc, now
from shared.web.paging import MOST_LOOKED_AT, Cursors

Tab = Literal["mine", "followed", "unassigned", "waiting", "answered", "overdue", "all"]
TABS: tuple[Tab, ...] = get_args(Tab)
_TAB_FACETS: Mapping[Tab, Callable[[Principal], str]] = {
    "mine": lambda reader: assigned_to(reader.ref),
    "followed": lambda reader: followed_by(reader.ref),
    "unassigned": lambda _: UNASSIGNED,
    "waiting": lambda _: WAITING,
    "answered": lambda _: ANSWERED,
}
AT_ONCE = 8
"""So many people are looked at side by side, however many there are."""
COUNTED = 100
"""So many cases are counted, and of more it is only said that there are more: each click reads so many for each tab."""
MOST_COUNTED = 1_000
"""The same where a person asks for more: who may see a case is judged case by case, and takes ten times as long."""


class QueuePlace(NamedTuple):
    """The place of a case in the queue."""

    rank: Annotated[float, Field(ge=0, lt=100)]
    due: Utc
    case_id: str


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which part of the queue: what stands in all fields that are not empty.

    `assignee`: a reference. The page begins after the place of `cursor`, and has at most `limit` cases.
    """

    tab: Tab = "all"
    bodies: tuple[str, ...] = ()
    states: tuple[CaseState, ...] = ()
    community: str = ""
    category: str = ""
    lane: str = ""
    assignee: str = ""
    cursor: str | None = None
    limit: int = 50

    @property
    def is_of_closed(self) -> bool:
        """Whether it asks for all closed cases: the other tabs, and people, have only those that are answered."""
        return self.states == (CaseState.CLOSED,) and self.tab == "all" and not self.assignee

    @property
    def meant(self) -> tuple[CaseState, ...]:
        """The states of the cases that it asks for; none for all of them.

        Where it asks for open cases, what a person has and what is answered is there also where it is closed.
        """
        narrows = self.tab != "all" or self.assignee or self.community or self.category
        states = self.states or (OPEN_STATES if narrows else ())
        has_closed = self.tab in ("mine", "followed", "answered") or self.assignee
        return (*states, CaseState.CLOSED) if has_closed and set(states) >= set(OPEN_STATES) else states

    def means(self, state: CaseState) -> bool:
        """Whether it asks for cases in this state."""
        return not self.meant or state in self.meant

    def query(self, reader: Principal, bodies: tuple[str, ...], at: datetime) -> CaseQuery:
        """What a store is asked for; `bodies`: those of these that the reader may see cases of."""
        if self.is_of_closed:
            return CaseQuery(
                bodies,
                self.states,
                viewer=reader.ref,
                lane=self.lane or None,
                community=self.community or None,
                category=self.category or None,
            )
        if self.tab == "unassigned" and self.assignee:
            # To the body that is asked nobody has the case, and to the one that has it a person: no case is both.
            bodies = ()
        tab = _TAB_FACETS.get(self.tab)
        facets = [assigned_to(self.assignee)] if self.assignee else []
        facets += [tab(reader)] if tab else []
        facets += [in_community(self.community)] if self.community else []
        facets += [in_category(self.category)] if self.category else []
        # With all of these states, one index leads to the facets in order. The queue leaves out what is not meant.
        is_open = set(self.meant) >= set(OPEN_STATES)
        return CaseQuery(
            bodies,
            WITH_FACETS if facets and is_open else self.meant,
            viewer=reader.ref,
            facets=tuple(facets),
            lane=self.lane or None,
            due_before=at if self.tab == "overdue" else None,
        )


class Count(NamedTuple):
    """How many cases there are; `more`: at least so many."""

    number: int
    more: bool = False


class Load(NamedTuple):
    """How many cases a person has that are open, or answered after their end, and how many of these are overdue."""

    open: Count = Count(0)
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """How many cases are behind each tab, and how many of the tab that is looked at fit each choice of each filter."""

    tabs: Mapping[Tab, Count]
    choices: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    more: bool = False
    """There are more cases behind this tab than were counted."""
    seen: Mapping[Tab, Sequence[Glimpse]] = field(default_factory=dict)
    """The cases that were counted behind each tab."""

    def of(self, wanted: QueueFilter) -> Count | None:
        """How many of the counted cases fit a filter; None where it asks for what was not counted."""
        if wanted.assignee or not set(wanted.states) <= set(OPEN_STATES):
            return None
        number, more = len(_fitting(self.seen[wanted.tab], wanted)), self.tabs[wanted.tab].more
        # Of those that were not counted, any number may fit.
        return Count(number, more) if number or not more else None


class Queue:
    """The queue, as each principal may see it."""

    def __init__(
        self, cases: CaseStore, sight: Sight, policy: Policy, key: bytes, clock: Callable[[], datetime] = now
    ) -> None:
        """`key`: 32 bytes that seal cursors."""
        self._cases = cases
        self._sight = sight
        self._policy = policy
        self._cursors = Cursors(QueuePlace, key)
        self._clock = clock

    def bodies(self, principal: Principal) -> tuple[str, ...]:
        """The handling bodies that the principal may see cases of, in the order in which they were given."""
        found = reaches(principal, "case.list", self._clock())
        return tuple(dict.fromkeys(body for reach in found for body in reach.bodies))

    async def page(self, principal: Principal, wanted: QueueFilter) -> tuple[Sequence[Case], str | None]:
        """The cases, and the cursor of the next page, if there is one; shared.web.paging says when a page is short.

        Raises Problem 422 for a foreign cursor.
        """
        query = self._query(principal, wanted)

        async def read(after: QueuePlace | None, most: int) -> list[Case]:
            return await self._cases.queue(replace(query, after=after, limit=most)) if query.bodies else []

        async def see(found: Sequence[Case]) -> list[Case]:
            return [case for case in await self.seen(principal, found) if wanted.means(case.state)]

        def place(case: Case) -> QueuePlace:
            return QueuePlace(*case.place_for(principal.ref))

        return await self._cursors.page(wanted.cursor, wanted.limit, read, see, place)

    async def moved(self, reader: Principal, seen: Mapping[str, int]) -> set[str]:
        """Those of the cases, by id, that another person has changed last, after these versions of them."""
        latest = await self._cases.versions(seen.keys()) if seen else {}
        return {i for i, version in latest.items() if version.seq > seen[i] and version.actor != reader.ref}

    async def seen(self, principal: Principal, found: Sequence[Case]) -> list[Case]:
        """Those of the cases that the principal may see, as far as the principal may see them."""
        known, at = await self._sight.shut_out_of_each(found, principal.ref), self._clock()
        seen = (self._seen(principal, case, known[case.id], at) for case in found if case.id in known)
        return [case for case in seen if case]

    async def counts(self, principal: Principal, wanted: QueueFilter, most: int | None = None) -> Counts:
        """How many cases the principal may see behind each tab, and for each choice of each filter.

        `most`: so many cases of each tab are counted; None: COUNTED.
        """
        parts = [QueueFilter(tab, states=OPEN_STATES) for tab in TABS]
        if wanted.is_of_closed:
            # Of all that ever were, only those that fit are counted.
            parts.append(replace(wanted, cursor=None))
        elif wanted.assignee:
            parts.append(QueueFilter(wanted.tab, states=OPEN_STATES, assignee=wanted.assignee))
        looks = await self.glimpses(principal, parts, most)
        tabs = {tab: Count(len(seen), more) for tab, (seen, more) in zip(TABS, looks, strict=False)}
        behind = {tab: seen for tab, (seen, _) in zip(TABS, looks, strict=False)}
        here, more = looks[-1] if len(looks) > len(TABS) else looks[TABS.index(wanted.tab)]
        return Counts(tabs, {name: _count_by(name, here, wanted) for name in CHOICES}, more, behind)

    async def loads(self, reader: Principal, people: Collection[str]) -> dict[str, Load]:
        """How many cases each of these people (references) has to do with, as far as the reader may see them."""
        at, having = self._clock(), tuple(map(assigned_to, people))
        query = replace(self._query(reader, QueueFilter(states=WITH_FACETS)), among=having, limit=MOST_LOOKED_AT)
        found = (await self._cases.glimpses([query]))[0] if having and query.bodies else []
        if len(found) < MOST_LOOKED_AT:
            theirs: dict[str | None, list[Glimpse]] = {}
            for one in await self._seen_of(reader, found):
                theirs.setdefault(one.assignee, []).append(one)
            looks = [_counted(theirs.get(person, []), COUNTED) for person in people]
        else:
            # They have so many together that each is looked at alone.
            filters = [QueueFilter(states=OPEN_STATES, assignee=person) for person in people]
            looks = []
            for first in range(0, len(filters), AT_ONCE):
                looks += await self.glimpses(reader, filters[first : first + AT_ONCE])
        return {
            person: Load(Count(len(seen), more), sum(one.due < at for one in seen))
            for person, (seen, more) in zip(people, looks, strict=True)
        }

    async def glimpses(
        self, principal: Principal, parts: Sequence[QueueFilter], most: int | None = None
    ) -> list[tuple[Sequence[Glimpse], bool]]:
        """Of each part at most `most` (COUNTED) cases that the principal may see there, and whether there are more."""
        most = most or COUNTED
        queries = [self._query(principal, part) for part in parts]
        seen: list[list[Glimpse]] = [[] for _ in parts]
        open_ones = [number for number, query in enumerate(queries) if query.bodies]
        limit = most + 1
        # Where cases are hidden it reads on: else a number below `most` with more would tell how many are hidden.
        while open_ones and limit <= max(MOST_LOOKED_AT, 5 * most):
            looks = await self._cases.glimpses([replace(queries[number], limit=limit) for number in open_ones])
            # Most cases are behind several tabs.
            all_found = {one.id: one for found in looks for one in found}
            visible = {one.id: one for one in await self._seen_of(principal, list(all_found.values()))}
            for number, found in zip(open_ones, looks, strict=True):
                seen[number] = [
                    visible[one.id] for one in found if one.id in visible and parts[number].means(one.state)
                ]
            open_ones = [
                number
                for number, found in zip(open_ones, looks, strict=True)
                if len(found) == limit and len(seen[number]) <= most
            ]
            limit *= 2
        return [_counted(some, most) for some in seen]

    async def _seen_of(self, principal: Principal, found: Sequence[Glimpse]) -> list[Glimpse]:
        known, at = await self._sight.shut_out_of_each(found, principal.ref), self._clock()
        reach: dict[tuple[str | None, str], bool] = {}

        def may(body: str | None, community: str) -> bool:
            if (body, community) not in reach:
                about = Resource(body=body, community=community)
                reach[body, community] = body is not None and is_permitted(principal, "case.list", about, at)
            return reach[body, community]

        def is_theirs(one: Glimpse) -> bool:
            return any(may(body, one.community) for body in (one.body, *one.joined))

        def sees(one: Glimpse) -> bool:
            if one.id not in known:
                return False
            shut_out = known[one.id].union(one.parties, one.recused)
            in_reach = is_theirs(one) or may(one.referred_to, one.community)
            return in_reach and not is_shut_out(principal, Resource(parties=shut_out, recused=shut_out))

        # The body that is only asked learns of no other body that works on the case.
        return [one if is_theirs(one) else one._replace(joined=()) for one in found if sees(one)]

    def _query(self, principal: Principal, wanted: QueueFilter) -> CaseQuery:
        bodies = tuple(body for body in self.bodies(principal) if not wanted.bodies or body in wanted.bodies)
        return wanted.query(principal, bodies, self._clock())

    def _seen(self, principal: Principal, case: Case, shut_out: frozenset[str], at: datetime) -> Case | None:
        """What the principal sees of a case in the queue: all, or its outline where their body is only asked."""
        for asked in (False, True):
            resource = resource_of(case, self._policy, shut_out, asked=asked)
            if is_permitted(principal, "case.list", resource, at):
                return outline_of(case) if asked else case
        return None


CHOICES: Mapping[str, Callable[[Glimpse], Sequence[str]]] = {
    "states": lambda one: (one.state.value,),
    "bodies": lambda one: tuple(body for body in (one.body, *one.joined, one.referred_to) if body),
    "community": lambda one: (one.community,),
    "category": lambda one: (one.category,),
    "lane": lambda one: (one.lane or "",),
}
"""By the field of a QueueFilter: what of a case it chooses by."""


def _counted(seen: Sequence[Glimpse], most: int) -> tuple[Sequence[Glimpse], bool]:
    """At most `most` of them, and whether there are more."""
    return seen[:most], len(seen) > most


def _count_by(name: str, seen: Sequence[Glimpse], wanted: QueueFilter) -> dict[str, int]:
    """How many of the cases fit each choice of one filter, as the other filters stand."""
    return dict(Counter(choice for one in _fitting(seen, wanted, but=name) for choice in CHOICES[name](one)))


def _fitting(seen: Sequence[Glimpse], wanted: QueueFilter, but: str = "") -> list[Glimpse]:
    """Those of the cases that fit all filters, `but` for one."""
    filters = [
        (CHOICES[one.name], (value,) if isinstance(value, str) else value)
        for one in fields(QueueFilter)
        if one.name in CHOICES and one.name != but and (value := getattr(wanted, one.name))
    ]
    return [one for one in seen if all(not set(choice(one)).isdisjoint(values) for choice, values in filters)]
