"""Many reports from few sources: which report is one of them, and which ranks behind. Pure.

A report is judged by those before it. So each source has its first reports in their place, and a report that comes
after a flood of others keeps its own, too.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.triage.case.values import Flood
from services.triage.patterns.marks import Marks
from shared.policy import MassRule


@dataclass(frozen=True, slots=True)
class Crowd:
    """The reports before one, of which a rule says that they are many from few sources with it."""

    own: Marks
    rule: MassRule
    before: Sequence[Marks]

    @property
    def of_source(self) -> Sequence[Marks]:
        """Those from the same source, by which the report may rank behind.

        Reports that tell nothing of their source count as one source, or a flood without names would be none. But one
        of them may be genuine, and nobody can tell which, so none of them ranks behind.
        """
        source = self.own.source if self.rule.lanes else None
        return [marks for marks in self.before if marks.source == source] if source else ()

    def flood(self, lanes: Mapping[str, str | None]) -> Flood:
        """What is told of it. `lanes`: those of the others by id; one of which it is not known uses up no place.

        Anybody can type the address of another person, so only reports of one lane use up the places there.
        """
        used = Counter(lanes.get(marks.id) for marks in self.of_source)
        behind_in = frozenset(lane for lane in self.rule.lanes if used[lane] >= self.rule.keeps)
        return Flood(self.rule.id, behind_in, len(self.before) + 1, len(_sources(self.own, self.before)))


def crowds(own: Marks, others: Iterable[Marks], rules: Sequence[MassRule]) -> list[Crowd]:
    """By which rules the report is one of many from few sources. Of the others, only those before it count, once."""
    earlier = [one for one in {one.id: one for one in others}.values() if one.place < own.place]
    found: list[Crowd] = []
    for rule in rules:
        before = [m for m in earlier if own.reported_at - m.reported_at <= rule.within and own.shares(rule.about, m)]
        if len(before) + 1 >= rule.reports and len(_sources(own, before)) <= rule.sources:
            found.append(Crowd(own, rule, before))
    return found


def _sources(own: Marks, before: Sequence[Marks]) -> set[str | None]:
    return {own.source, *(marks.source for marks in before)}
