"""The register of measures in force, as each principal may see it. It shows no more of a case than its measures."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.triage.case.case import Case
from services.triage.case.in_force import ANYWHERE, InForcePlace, of_body, of_community, of_scope, place_of
from services.triage.case.values import Measure
from services.triage.measures.store import InForceQuery, InForceStore
from services.triage.sight import Sight
from shared.access.authorization import allow, demand, reaches
from shared.access.conditions import Permit
from shared.access.principal import Principal, Reach, Resource
from shared.clients.vault import Contents
from shared.events import Actor
from shared.names import account_of, count_people, known_by_account
from shared.policy import Policy
from shared.problems import NotFound
from shared.times import now
from shared.web.paging import Cursors

MOST_KEYS = 100
"""The keys that one look asks for; a person who reaches more communities looks through all measures."""

CASES_AT_ONCE = 200
MOST_EXPORTED = 2_000
"""An export in one answer ends with the portion that brings so many measures; its cursor leads to the others."""
Portion = tuple[list[tuple["Entry", "About"]], str | None]
"""Measures with the people they are about, and the cursor of what is left; None at the end."""


class Vault(Protocol):
    """What the register needs of intake's vault (shared.clients.vault.VaultClient)."""

    async def read(
        self, report_ids: Sequence[str], *, sections: Sequence[str], purpose: str, behalf: Actor | None = None
    ) -> dict[str, Contents]: ...


@dataclass(frozen=True, slots=True)
class RegisterFilter:
    """Which measures: of these communities and kinds (empty: all), after the place of `cursor`, of `limit` cases."""

    communities: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """A measure in the register, and the case that it belongs to, of which the register shows the place alone."""

    measure: Measure
    case: Case
    everywhere: bool

    @property
    def community(self) -> str:
        """The community in which the measure holds, where it does not hold everywhere."""
        return self.measure.extent.project or self.case.community


@dataclass(frozen=True, slots=True)
class About:
    """The people a measure is about. `names` is empty where nobody has one; `erased`: nothing is left of the report.

    `ask_handlers`: the case is about several people, and only its handlers know for which of them the measure holds.
    `pages`: the pages that it holds on, in words of handlers.
    """

    names: tuple[str, ...] = ()
    erased: bool = False
    ask_handlers: bool = False
    pages: str | None = None


class MeasureRegister:
    """The measures that stand."""

    def __init__(
        self,
        cases: InForceStore,
        sight: Sight,
        vault: Vault,
        policy: Policy,
        key: bytes,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`key`: 32 bytes that seal cursors."""
        self._cases = cases
        self._sight = sight
        self._vault = vault
        self._cursors = Cursors(InForcePlace, key)
        self.clock = clock
        self.policy = policy

    async def page(
        self, who: Principal, wanted: RegisterFilter, action: str = "measure.list"
    ) -> tuple[list[Entry], str | None]:
        """The measures in force for which `who` may do this, those of one case together, the first to end first.

        Also the cursor of the next page, if there is one; shared.web.paging says when a page is short. Raises Problem
        422 for a foreign cursor.
        """
        keys = self._keys(reaches(who, action, self.clock()))

        async def read(after: InForcePlace | None, most: int) -> list[Case]:
            return await self._cases.in_force(InForceQuery(keys, after, most))

        seen: dict[str, list[Entry]] = {}

        async def see(found: Sequence[Case]) -> list[Case]:
            shut_out = await self._sight.shut_out_of_each(found, who.ref)
            for case in found:
                if case.id in shut_out and (own := self._entries(who, case, shut_out[case.id], action, wanted)):
                    seen[case.id] = own
            return [case for case in found if case.id in seen]

        def place(case: Case) -> InForcePlace:
            found = place_of(case)
            assert found is not None  # noqa: S101  # the store gives no other cases
            return found

        cases, after = await self._cursors.page(wanted.cursor, wanted.limit, read, see, place)
        return [entry for case in cases for entry in seen[case.id]], after

    async def find(self, who: Principal, measure_id: str, action: str = "measure.list") -> Entry:
        """One measure that `who` may do this to. Raises Problem 404 where it does not stand, or is hidden."""
        case = await self._cases.find_by_measure(measure_id)
        measure = case.measure(measure_id) if case else None
        if case is None or measure is None or not measure.stands:
            raise NotFound
        shut_out = await self._sight.shut_out_of(case, who.ref)
        demand(who, action, self._resource(case, measure, shut_out), self.clock())
        return Entry(measure, case, measure.scope in self.policy.boundless)

    async def about(
        self, who: Principal, entries: Sequence[Entry], action: str = "measure.read"
    ) -> Mapping[str, About]:
        """The people these measures are about, by their ids; the vault notes who read it before it answers.

        Raises Problem 403 and 404 for what `who` may not read, and Unavailable.
        """
        if not entries:
            return {}
        at = self.clock()
        permits = [demand(who, action, self._resource(e.case, e.measure, frozenset()), at) for e in entries]
        reports = list(dict.fromkeys(entry.case.report_id for entry in entries))
        found = await self._vault.read(
            reports, sections=("names",), purpose="enforce", behalf=who.actor(permits[0].role)
        )
        return {
            entry.measure.id: _about(entry, found.get(entry.case.report_id), self.policy.kind_of(entry.case.community))
            for entry in entries
        }

    async def export(self, who: Principal, communities: tuple[str, ...] = (), cursor: str | None = None) -> Portion:
        """The measures in force with the people they are about, as many as go into one answer.

        Raises Problem 422 for a foreign cursor, and Unavailable.
        """
        found: list[tuple[Entry, About]] = []
        async for portion, after in self.portions(who, communities, cursor):
            found += portion
            if len(found) >= MOST_EXPORTED:
                return found, after
        return found, None

    async def portions(
        self,
        who: Principal,
        communities: tuple[str, ...] = (),
        cursor: str | None = None,
        again: Callable[[], Awaitable[Principal]] | None = None,
    ) -> AsyncIterator[Portion]:
        """All measures in force with the people they are about, so many at once that memory holds them.

        `again`: who asks with the rights of this moment, for each portion but the first. Raises Problem 422 for a
        foreign cursor, 401 and 403 where the right has ended, and Unavailable, also after some of them.
        """
        after = cursor
        while True:
            wanted = RegisterFilter(communities, (), after, CASES_AT_ONCE)
            entries, after = await self.page(who, wanted, "measure.export")
            known = await self.about(who, entries, "measure.export")
            yield [(entry, known[entry.measure.id]) for entry in entries], after
            if after is None:
                return
            if again:
                who = await again()
                demand(who, "measure.export", None, self.clock())

    def communities(self, who: Principal) -> tuple[str, ...]:
        """The communities of which `who` may list the measures, by their ids."""
        reached = reaches(who, "measure.list", self.clock())
        return tuple(name for name in self.policy.communities if any(self._reaches(reach, name) for reach in reached))

    def _entries(
        self, who: Principal, case: Case, shut_out: frozenset[str], action: str, wanted: RegisterFilter
    ) -> list[Entry]:
        at = self.clock()
        standing = sorted(
            (measure for measure in case.measures if measure.stands),
            key=lambda measure: (measure.until is None, measure.until or at, measure.id),
        )
        entries = [Entry(measure, case, measure.scope in self.policy.boundless) for measure in standing]
        return [
            entry
            for entry in entries
            if (not wanted.kinds or entry.measure.kind in wanted.kinds)
            and (not wanted.communities or entry.everywhere or entry.community in wanted.communities)
            and isinstance(allow(who, action, self._resource(case, entry.measure, shut_out), at), Permit)
        ]

    def _resource(self, case: Case, measure: Measure, shut_out: frozenset[str]) -> Resource:
        place = measure.extent.project or case.community
        community = self.policy.communities.get(place)
        return Resource(
            body=case.body,
            community=place,
            bodies=frozenset(community.bodies.values()) if community else frozenset(),
            parties=shut_out.union(case.parties),
            recused=shut_out.union(case.recused),
            everywhere=measure.scope in self.policy.boundless,
        )

    def _keys(self, reached: Sequence[Reach]) -> tuple[str, ...]:
        """The keys that lead to all measures that these reaches may show; each measure is judged afterwards."""
        keys = {of_scope(scope) for scope in self.policy.boundless}
        for reach in reached:
            if not reach.bodies and reach.communities is None:
                return (ANYWHERE,)
            keys |= {of_body(body) for body in reach.bodies}
            keys |= {of_community(name) for name in self.policy.communities if self._reaches(reach, name)}
        return tuple(sorted(keys)) if len(keys) <= MOST_KEYS else (ANYWHERE,)

    def _reaches(self, reach: Reach, name: str) -> bool:
        bodies = self.policy.communities[name].bodies.values()
        return (reach.communities is None or name in reach.communities) and (
            not reach.bodies or not set(reach.bodies).isdisjoint(bodies)
        )


def _about(entry: Entry, contents: Contents | None, kind: str | None) -> About:
    """The names of those that the measure is for, and its pages, as far as the vault hands them out.

    `kind`: that of the community of the case.
    """
    extent = entry.measure.extent
    if contents is None or contents.erased:
        return About(erased=contents is not None)
    told = contents.sections.get("names", {})
    pages = next((one["text"] for one in told.get("pages", ()) if one["id"] == extent.pages_id), None)
    people = told.get("people", ())
    # One person may be named in several spellings.
    case = entry.case
    by_account = known_by_account(case.setting, kind, (*case.flags, *case.earlier_flags))
    named = {one["party"]: one["name"] for one in people} if by_account else {}
    # Older measures do not say for which person they hold, where the report names only one; imported ones never do.
    is_one = count_people(case.respondents, named) == 1
    is_clear = entry.measure.imported or (is_one and not case.absorbed)
    meant = extent.respondents or (case.subjects if is_clear else ())
    if not meant:
        return About(ask_handlers=True, pages=pages)
    names: dict[str, str] = {}
    for one in people:
        if one["party"] in meant:
            key = account_of(one["name"]) if by_account else f"{one['party']} {one['name']}"
            names.setdefault(key, one["name"])
    return About(tuple(names.values()), pages=pages)
