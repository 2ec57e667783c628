"""What the author of a policy may not have meant, though the policy works. Each gives findings and raises nothing.

A policy with such findings is in force all the same: only its author knows whether the order of two rules is meant.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import NamedTuple

from shared.policy.model import Community, Policy, ReportFacts, RowCondition, Rule
from shared.policy.source import Finding, Source

_EVERYTHING = RowCondition()
_LINE = re.compile(r" \(line \d+\)")


class Overlap(NamedTuple):
    """A report that fits two rules; the earlier one takes it."""

    earlier: int
    facts: ReportFacts


def notes_on(sources: Mapping[str, Source], policy: Policy) -> tuple[Finding, ...]:
    """Everything that a policy may not mean: overlapping rules, idle rows, categories and clocks that nobody has."""
    routing = sources["routing.toml"]
    found = [
        *overlapping_rules(routing, policy),
        *idle_rows(routing, policy),
        *categories_without_handler(sources["taxonomy.toml"], policy),
        *clocks_without_owner(sources["deadlines.toml"], policy),
        *lanes_without_clock(routing, policy),
        *clocks_that_never_start(sources["deadlines.toml"], policy),
    ]
    return tuple(sorted(found))


def new_notes(before: Iterable[Finding], after: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those of the later notes that were not there before; lines that only moved do not count."""
    known = {(one.file, one.entry, _LINE.sub("", one.text)) for one in before}
    return tuple(one for one in after if (one.file, one.entry, _LINE.sub("", one.text)) not in known)


def overlapping_rules(source: Source, policy: Policy) -> Iterator[Finding]:
    """Rules of which an earlier rule takes some reports to another body or lane: only their order decides there."""
    for index, rule in enumerate(policy.rules):
        # The last rule is for what no other one fits.
        overlaps = _overlaps(index, policy) if rule.when else []
        if not overlaps:
            continue
        # An emergency before all others is meant; the nearest rule above is the one that an author overlooks.
        nearest = overlaps[-1]
        earlier = policy.rules[nearest.earlier]
        names = [f"“{policy.rules[o.earlier].id}” (line {source.line_of('rule', o.earlier)})" for o in overlaps]
        community = policy.communities[nearest.facts.community]
        text = (
            f"overlaps with {', '.join(names)}, which come first: such as {_said(nearest.facts)}, which goes to "
            f"{earlier.body_for(community)} and not to {rule.body_for(community)}"
        )
        yield Finding(source.file, source.line_of("rule", index), f"rule {rule.id}", text)


def _overlaps(later: int, policy: Policy) -> list[Overlap]:
    rule, found = policy.rules[later], []
    for index, earlier in enumerate(policy.rules[:later]):
        pairs = product(earlier.when or (_EVERYTHING,), rule.when)
        reports = (facts for one, other in pairs for facts in _both(one, other, policy))
        facts = next((f for f in reports if _is_taken(f, earlier, rule, policy)), None)
        if facts is not None:
            found.append(Overlap(index, facts))
    return found


def _is_taken(facts: ReportFacts, earlier: Rule, later: Rule, policy: Policy) -> bool:
    community = policy.communities[facts.community]
    ways = [(rule.lane, rule.body_for(community), rule.act_within) for rule in (earlier, later)]
    return policy.triage(facts).rule == earlier.id and ways[0] != ways[1] and ways[1][1] is not None


def _both(one: RowCondition, other: RowCondition, policy: Policy) -> Iterator[ReportFacts]:
    """A report of each community that fits both conditions, with no flag but those that they need."""
    categories = _shared(one.categories, other.categories, tuple(policy.categories))
    settings = _shared(one.settings, other.settings, policy.settings)
    flags = frozenset(min(named) for named in (one.flags, other.flags) if named)
    for community in policy.communities.values():
        if categories and settings and _is_there(one, community) and _is_there(other, community):
            yield ReportFacts(community.id, categories[0], flags, settings[0])


def _is_there(condition: RowCondition, community: Community) -> bool:
    is_kind = condition.kinds is None or community.kind in condition.kinds
    return is_kind and (condition.communities is None or community.id in condition.communities)


def _shared(one: frozenset[str] | None, other: frozenset[str] | None, known: tuple[str, ...]) -> list[str]:
    return [name for name in known if (one is None or name in one) and (other is None or name in other)]


def _said(facts: ReportFacts) -> str:
    return ", ".join([facts.community, facts.category, facts.setting, *sorted(facts.flags)])


def idle_rows(source: Source, policy: Policy) -> Iterator[Finding]:
    """Tables of a rule's `when` that say no more than another table of the same rule."""
    for index, rule in enumerate(policy.rules):
        for number, row in enumerate(rule.when):
            wider = [other for at, other in enumerate(rule.when) if at != number and _covers(other, row)]
            if any(other != row for other in wider) or row in rule.when[:number]:
                line = source.line_of("rule", index, "when")
                text = f"table {number + 1} of `when` says nothing that another one does not say"
                yield Finding(source.file, line, f"rule {rule.id}", text)


def _covers(wide: RowCondition, narrow: RowCondition) -> bool:
    for part in ("categories", "flags", "settings", "kinds", "communities"):
        outer: frozenset[str] | None = getattr(wide, part)
        inner: frozenset[str] | None = getattr(narrow, part)
        if outer is not None and (inner is None or not inner <= outer):
            return False
    return True


def categories_without_handler(source: Source, policy: Policy) -> Iterator[Finding]:
    """Categories that only the last rule takes, in every community and setting, where no flag is set."""
    last = policy.rules[-1].id
    for index, category in enumerate(policy.categories):
        places = product(policy.communities, policy.settings)
        rules = {policy.triage(ReportFacts(place, category, frozenset(), setting)).rule for place, setting in places}
        if rules == {last}:
            text = f"no rule but the last one, “{last}”, is for it: nobody was named to handle it"
            yield Finding(source.file, source.line_of("category", index), f"category {category}", text)


def clocks_without_owner(source: Source, policy: Policy) -> Iterator[Finding]:
    """Deadlines of lanes into which no rule leads."""
    lanes = {rule.lane for rule in policy.rules}
    for index, (name, rule) in enumerate(policy.deadlines.items()):
        if rule.lanes and not rule.lanes & lanes:
            text = f"no rule leads into its lanes ({', '.join(sorted(rule.lanes))}): nobody has to keep it"
            yield Finding(source.file, source.line_of("deadline", index, "lanes"), f"deadline {name}", text)


def lanes_without_clock(source: Source, policy: Policy) -> Iterator[Finding]:
    """Rules that lead into a lane in which no clock runs from the receipt of a report."""
    timed = [rule for rule in policy.deadlines.values() if rule.starts == "received"]
    for index, rule in enumerate(policy.rules):
        if not any(clock.applies_to(rule.lane) for clock in timed):
            text = f"no deadline runs from the receipt in the lane “{rule.lane}”"
            yield Finding(source.file, source.line_of("rule", index), f"rule {rule.id}", text)


def clocks_that_never_start(source: Source, policy: Policy) -> Iterator[Finding]:
    """Clocks of updates that no fact could keep: triage starts none of them."""
    for index, (name, rule) in enumerate(policy.deadlines.items()):
        if rule.starts == "last_update" and not rule.met_by:
            text = "it never starts, because nothing could keep it: name in `met_by` what the reporter hears"
            yield Finding(source.file, source.line_of("deadline", index), f"deadline {name}", text)
