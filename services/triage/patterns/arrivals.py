"""Judges new reports before their cases are opened: which of them are part of a flood. A few lookups for each batch."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import timedelta

from services.triage.case.values import Flood
from services.triage.patterns.marks import Marks, MarkStore
from services.triage.patterns.mass import floods
from shared.policy import About, Policy

MOST = 2_000
"""So many reports are looked at for each kind of mark, the newest first: of a larger flood these tell enough."""


class Arrivals:
    """What new reports have in common with those before them."""

    def __init__(self, marks: MarkStore, policy: Policy) -> None:
        self._marks = marks
        self._policy = policy

    async def floods(self, case_ids: Collection[str]) -> Mapping[str, tuple[Flood, ...]]:
        """By which rules of the policy the reports of these new cases are part of a flood. Raises Unavailable."""
        alike = await self.alike(case_ids, MOST)
        rules = self._policy.patterns.mass
        return {own.id: found for own, others in alike if (found := floods(own, others, rules))}

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
