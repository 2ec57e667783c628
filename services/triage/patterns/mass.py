"""Many reports from few sources: which report is one of them, and which ranks behind. Pure.

A report is judged by those before it. So each source has its first reports in their place, and a report that comes
after a flood of others keeps its own, too.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from services.triage.case.values import Flood
from services.triage.patterns.marks import Marks
from shared.policy import MassRule

NO_LANES: Mapping[str, str | None] = MappingProxyType({})


def floods(
    own: Marks, others: Iterable[Marks], rules: Sequence[MassRule], lanes: Mapping[str, str | None] = NO_LANES
) -> tuple[Flood, ...]:
    """By which rules the report is one of many from few sources. Of the others, only those before it count.

    `lanes`: those of the others by id; a report of which it is not known uses up no place.
    """
    others = list(others)
    found: list[Flood] = []
    for rule in rules:
        before = before_by(rule, own, others)
        sources = {marks.source for marks in (own, *before)}
        if len(before) + 1 >= rule.reports and len(sources) <= rule.sources:
            # Reports that tell nothing of their source count as one source, or a flood without names would be none. But
            # one of them may be genuine, and nobody can tell which, so none of them ranks behind. Neither does one of a
            # reporter: anybody can type the name and the address of another person.
            used = Counter(lanes.get(marks.id) for marks in before if own.program and marks.program == own.program)
            behind_in = frozenset(lane for lane in rule.lanes if used[lane] >= rule.keeps)
            found.append(Flood(rule.id, behind_in, len(before) + 1, len(sources)))
    return tuple(found)


def before_by(rule: MassRule, own: Marks, others: Iterable[Marks]) -> list[Marks]:
    """Those of the others that came before the report, as late as the rule says and about the same, each once."""
    earlier = [one for one in {one.id: one for one in others}.values() if one.place < own.place]
    return [m for m in earlier if own.reported_at - m.reported_at <= rule.within and own.shares(rule.about, m)]
