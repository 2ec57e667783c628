"""Judges new reports before their cases are opened: which of them are part of a flood. A few lookups for each batch."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from services.triage.case.commands.sorting import way_of
from services.triage.case.values import Flood
from services.triage.patterns.marks import Marks, MarkStore
from services.triage.patterns.mass import Crowd, crowds
from services.triage.stored import CaseStore
from shared.events import ReportReceived
from shared.policy import About, Policy

MOST = 2_000
"""So many reports are looked at for each kind of mark, the newest first: of a larger flood these tell enough."""


class Arrivals:
    """What new reports have in common with those before them."""

    def __init__(self, marks: MarkStore, cases: CaseStore, policy: Policy) -> None:
        self._marks = marks
        self._cases = cases
        self._policy = policy

    async def floods(self, reports: Mapping[str, ReportReceived]) -> Mapping[str, tuple[Flood, ...]]:
        """By which rules of the policy these new reports, by the ids of their cases, are part of a flood.

        Raises Unavailable.
        """
        rules = self._policy.patterns.mass
        alike = {own.id: crowds(own, others, rules) for own, others in await self.alike(reports, MOST)}
        lanes = await self._lanes((crowd for found in alike.values() for crowd in found), reports)
        return {case_id: tuple(crowd.flood(lanes) for crowd in found) for case_id, found in alike.items() if found}

    async def _lanes(self, found: Iterable[Crowd], reports: Mapping[str, ReportReceived]) -> Mapping[str, str | None]:
        """The lanes of the others that come from the same source."""
        wanted = {marks.id for crowd in found for marks in crowd.of_source}
        if not wanted:
            return {}
        # A report of the same batch has no case yet.
        new = {case_id: way_of(reports[case_id], self._policy).lane for case_id in wanted.intersection(reports)}
        return {**new, **await self._cases.lanes(wanted)}

    async def alike(self, case_ids: Collection[str], most: int) -> list[tuple[Marks, list[Marks]]]:
        """Each of these reports that has others by which it may be part of a flood, and these; `most` of each kind."""
        rules = self._policy.patterns.mass
        own = await self._marks.load(case_ids) if rules and case_ids else {}
        if not own:
            return []
        longest: dict[About, timedelta] = {}
        for rule in rules:
            longest[rule.about] = max(rule.within, longest.get(rule.about, rule.within))
        first, last = (pick(one.reported_at for one in own.values()) for pick in (min, max))
        alike: dict[tuple[About, str], list[Marks]] = defaultdict(list)
        for about, within in longest.items():
            keys = {key for marks in own.values() for key in marks.keys(about)}
            for marks in await self._marks.sharing(about, keys, first - within, last, most):
                for key in keys.intersection(marks.keys(about)):
                    alike[about, key].append(marks)
        return [
            (marks, others)
            for marks in own.values()
            if (others := [m for about in longest for key in marks.keys(about) for m in alike.get((about, key), ())])
        ]
