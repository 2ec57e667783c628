"""Finds what a case has in common with others, as far as one person may know."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from services.triage.case.case import Case
from services.triage.case.forms import resource_of
from services.triage.patterns.arrivals import Arrivals
from services.triage.patterns.likeness import REASONS, Likeness, likenesses
from services.triage.patterns.marks import MarkStore
from services.triage.patterns.mass import crowds
from services.triage.sight import Sight
from services.triage.stored import CaseStore
from shared.access.authorization import is_permitted
from shared.access.principal import Principal
from shared.policy import Policy
from shared.times import now

LOOKED_AT = 50
"""So many reports that have one thing in common are looked at, the newest first."""
FLOOD_LOOKED_AT = 100
"""The same, to find whether the reader sees a flood: of a larger one the oldest cases bear no mark in the queue."""
SHOWN = 10
ALWAYS = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Similar:
    """The similar cases that one person may see, each with its reasons. `more`: the person may see others, too.

    `elsewhere`: the same person is reported in so many other communities, of which the person sees no case; None where
    they are too few to tell, or not for this person.
    """

    cases: Sequence[tuple[Case, tuple[str, ...]]] = ()
    more: bool = False
    elsewhere: int | None = None


@dataclass(frozen=True, slots=True)
class GroupedShown:
    """What one person may know of the flood that a case is part of: only of the cases that the person may see.

    `reports`: how many there are up to this one, of FLOOD_LOOKED_AT at most, from so many `sources`. `behind`: the case
    ranks behind the single reports of its lane. `cases`: the others of these reports, the newest first.
    """

    behind: bool
    reports: int
    sources: int
    cases: Sequence[Case]


class Patterns:
    """What triage sees in several cases together."""

    def __init__(
        self,
        marks: MarkStore,
        cases: CaseStore,
        sight: Sight,
        policy: Policy,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._marks = marks
        self._cases = cases
        self._sight = sight
        self._policy = policy
        self._clock = clock

    async def similar(self, reader: Principal, case: Case) -> Similar:
        """The similar cases, the most similar first. A body that is only asked to take the case over learns of none.

        Raises Unavailable.
        """
        if not is_permitted(reader, "case.read", resource_of(case, self._policy), self._clock()):
            return Similar()
        own = (await self._marks.load([case.id])).get(case.id)
        if own is None:
            return Similar()
        found = await asyncio.gather(
            *(self._marks.sharing(about, own.keys(about), *ALWAYS, LOOKED_AT) for about in REASONS)
        )
        alike = likenesses(own, (marks for some in found for marks in some), self._policy.patterns.close)[:LOOKED_AT]
        others = await self._cases.load_whole([one.case_id for one in alike])
        near = [others[one.case_id].case for one in alike if one.case_id in others]
        shut_out, at = await self._sight.shut_out_of_each(near, reader.ref), self._clock()
        ranked: list[tuple[Likeness, Case]] = []
        hidden: list[Case] = []
        for one, other in ((one, others[one.case_id].case) for one in alike if one.case_id in others):
            names = shut_out.get(other.id)
            if names is None:
                continue
            if not is_permitted(reader, "case.read", resource_of(other, self._policy, names), at):
                # Nobody may learn that there is a report that names the person.
                if REASONS["person"] in one.reasons and not names.intersection((reader.ref, *reader.pseudonyms)):
                    hidden.append(other)
            elif told := _told(case, other, one.reasons):
                ranked.append((replace(one, reasons=told), other))
        # The order may tell no more than the reasons do.
        visible = [(other, one.reasons) for one, other in sorted(ranked, key=lambda each: each[0].rank)]
        elsewhere = self._elsewhere(reader, case, [other for other, _ in visible], hidden)
        # Of those that were not looked at, nobody knows whether the person may see one: that is never told.
        return Similar(visible[:SHOWN], len(visible) > SHOWN, elsewhere)

    async def grouped(self, reader: Principal, cases: Sequence[Case]) -> Mapping[str, GroupedShown]:
        """Those of the cases, by id, of which the reader may know that they are part of a flood, and how.

        Only where the cases that the reader may see are a flood by themselves. Raises Unavailable.
        """
        marked = {case.id: case for case in cases if case.grouped}
        alike = await Arrivals(self._marks, self._cases, self._policy).alike(marked, FLOOD_LOOKED_AT)
        found = await self._cases.load_whole({marks.id for _, others in alike for marks in others})
        seen = {one.id: one for one in await self._seen(reader, [stored.case for stored in found.values()])}
        lanes = {case_id: one.lane for case_id, one in seen.items()}
        told: dict[str, GroupedShown] = {}
        for own, others in alike:
            case = marked[own.id]
            # As with similar cases, of two levels of privacy nothing is told of the source.
            near = [marks for marks in others if marks.id in seen and seen[marks.id].privacy == case.privacy]
            found_by = crowds(own, near, self._policy.patterns.mass)
            if case.grouped and found_by:
                behind = case.grouped.behind and any(crowd.flood(lanes).behind_in for crowd in found_by)
                largest = max(found_by, key=lambda crowd: len(crowd.before))
                before = sorted(largest.before, key=lambda one: one.place, reverse=True)
                by = largest.flood(lanes)
                told[case.id] = GroupedShown(behind, by.reports, by.sources, [seen[one.id] for one in before])
        return told

    async def _seen(self, reader: Principal, cases: Sequence[Case]) -> list[Case]:
        shut_out, at = await self._sight.shut_out_of_each(cases, reader.ref), self._clock()
        return [
            case
            for case in cases
            if case.id in shut_out
            and is_permitted(reader, "case.read", resource_of(case, self._policy, shut_out[case.id]), at)
        ]

    def _elsewhere(self, reader: Principal, case: Case, visible: Sequence[Case], hidden: Sequence[Case]) -> int | None:
        """In how many communities, of which the reader sees no case, the person is reported."""
        known = {case.community, *(other.community for other in visible)}
        count = len({other.community for other in hidden} - known)
        may = is_permitted(reader, "case.read_elsewhere", resource_of(case, self._policy), self._clock())
        return count if may and count >= self._policy.patterns.elsewhere_from else None


def _told(case: Case, other: Case, reasons: tuple[str, ...]) -> tuple[str, ...]:
    """The reasons that may be told; nothing where closeness in time would be left alone.

    Of two reporters who chose different levels of privacy, the handlers may know one by name: then they would know the
    other one as well.
    """
    told = tuple(r for r in reasons if r != REASONS["source"] or case.privacy == other.privacy)
    return told if set(told).intersection(REASONS.values()) else ()
