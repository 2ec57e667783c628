"""What the author of a policy may not have meant, though the policy works. Each gives findings and raises nothing.

A policy with such findings is in force all the same: only its author knows whether the order of two rules is meant.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import combinations, groupby, product

from shared.policy.conditions import ALWAYS, ReportFacts, RowCondition
from shared.policy.model import Policy
from shared.policy.source import Finding, Source

MOST_TRIED = 2_000_000
"""A condition is tried on a report so often, at most, to find rules that overlap. The packaged policy needs 50,000."""
MOST_SAID = 8
"""The communities that one note names."""
_LINE = re.compile(r" \(line \d+\)")


def notes_on(sources: Mapping[str, Source], policy: Policy) -> tuple[Finding, ...]:
    """Everything that a policy may not mean: overlapping rules, idle rows, categories and clocks that nobody has."""
    routing = sources["routing.toml"]
    found = [
        *overlapping_rules(routing, policy),
        *idle_rows(routing, policy),
        *categories_without_handler(sources["taxonomy.toml"], sources["communities.toml"], policy),
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
    found, whole = _overlaps(policy)
    for index, rule in enumerate(policy.rules):
        # The last rule is for what no other one fits.
        overlaps = found.get(index) if rule.when else None
        if not overlaps:
            continue
        # An emergency before all others is meant; the nearest rule above is the one that an author overlooks.
        nearest = max(overlaps)
        facts, community = overlaps[nearest], policy.communities[overlaps[nearest].community]
        names = [f"“{policy.rules[one].id}” (line {source.line_of('rule', one)})" for one in sorted(overlaps)]
        text = (
            f"overlaps with {', '.join(names)}, which come first: such as {_said(facts)}, which goes to "
            f"{policy.rules[nearest].body_for(community)} and not to {rule.body_for(community)}"
        )
        yield Finding(source.file, source.line_of("rule", index), f"rule {rule.id}", text)
    if not whole:
        yield Finding(
            source.file, 1, "", "overlapping rules were looked for in part: there are too many kinds of reports"
        )


def _overlaps(policy: Policy) -> tuple[Mapping[int, Mapping[int, ReportFacts]], bool]:
    """By rule the earlier rules that take a report of it another way, each with such a report; and whether these are
    all.
    """
    found: dict[int, dict[int, ReportFacts]] = defaultdict(dict)
    tried = 0
    for place, reports in groupby(_reports(policy), key=lambda facts: facts.community):
        community = policy.communities[place]
        ways = [(rule.lane, rule.body_for(community), rule.act_within) for rule in policy.rules]
        there = [
            (index, condition)
            for index, rule in enumerate(policy.rules)
            if ways[index][1] is not None
            for condition in rule.when or (ALWAYS,)
            if condition.holds_in(community)
        ]
        for facts in reports:
            tried += len(there)
            if tried > MOST_TRIED:
                return found, False
            first, *later = dict.fromkeys(index for index, condition in there if condition.fits_report(facts))
            for index in later:
                if ways[index] != ways[first]:
                    found[index].setdefault(first, facts)
    return found, True


def _reports(policy: Policy) -> Iterator[ReportFacts]:
    """A report of each kind that the rules tell apart: without a flag, with one, or with two.

    Two rules need no more than two flags, and a further one could only be one of a rule before them.
    """
    conditions = [condition for rule in policy.rules for condition in rule.when]
    places = _places(policy)
    categories = _first_of_each(policy.categories, lambda name: _named_in(name, [one.categories for one in conditions]))
    settings = _first_of_each(policy.settings, lambda name: _named_in(name, [one.settings for one in conditions]))
    named = [one.flags for one in conditions if one.flags is not None]
    flags = _first_of_each(
        [flag for flag in policy.flags if any(flag in one for one in named)], lambda name: _named_in(name, named)
    )
    sets = [frozenset(some) for size in range(3) for some in combinations(flags, size)]
    for place, some, category, setting in product(places, sets, categories, settings):
        yield ReportFacts(place[0], category, some, setting)


def _places(policy: Policy) -> list[list[str]]:
    """The communities, those together in which the rules do the same."""
    targets = {target for rule in policy.rules for target in rule.to}

    def signature(name: str) -> tuple[Hashable, ...]:
        community = policy.communities[name]
        bodies = [rule.body_for(community) for rule in policy.rules]
        # Of a body of the community itself, only where else it stands makes a difference.
        own = [body if body is None or body in targets else bodies.index(body) for body in bodies]
        holds = [condition.holds_in(community) for rule in policy.rules for condition in rule.when]
        return (*own, *holds)

    return _alike(policy.communities, signature)


def _alike(names: Iterable[str], signature: Callable[[str], Hashable]) -> list[list[str]]:
    found: dict[Hashable, list[str]] = {}
    for name in names:
        found.setdefault(signature(name), []).append(name)
    return list(found.values())


def _first_of_each(names: Iterable[str], signature: Callable[[str], Hashable]) -> list[str]:
    return [alike[0] for alike in _alike(names, signature)]


def _named_in(name: str, parts: Iterable[frozenset[str] | None]) -> tuple[bool, ...]:
    return tuple(part is None or name in part for part in parts)


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


def categories_without_handler(source: Source, communities: Source, policy: Policy) -> Iterator[Finding]:
    """Categories that only the last rule takes, with the communities and settings where that is so.

    A flag lets only more rules fit, so a report without flags is left to the last rule wherever any report is. Where
    the last rule takes most categories, the community is named, and not each of them.
    """
    last = policy.rules[-1].id
    left: dict[tuple[str, str], list[str]] = {}
    for alike in _places(policy):
        for setting in policy.settings:
            bare = (ReportFacts(alike[0], category, frozenset(), setting) for category in policy.categories)
            taken = [facts.category for facts in bare if policy.triage(facts).rule == last]
            left |= {(place, setting): taken for place in alike}
    most = {place: 2 * len(taken) > len(policy.categories) for place, taken in left.items()}
    for index, category in enumerate(policy.categories):
        places = [place for place, taken in left.items() if category in taken]
        if len(places) == len(left):
            where = ""
        elif places := [place for place in places if not most[place]]:
            where = f" in {_said_of_places(places, policy)}"
        else:
            continue
        text = f"no rule but the last one, “{last}”, is for it{where}: nobody was named to handle it"
        yield Finding(source.file, source.line_of("category", index), f"category {category}", text)
    for index, community in enumerate(policy.communities):
        if settings := [setting for setting in policy.settings if most[community, setting]]:
            text = f"no rule but the last one, “{last}”, is for most categories here ({', '.join(sorted(settings))})"
            line = communities.line_of("community", index)
            yield Finding(communities.file, line, f"community {community}", text)


def _said_of_places(places: Iterable[tuple[str, str]], policy: Policy) -> str:
    """The communities, with the settings where these are not all."""
    settings: dict[str, list[str]] = defaultdict(list)
    for community, setting in places:
        settings[community].append(setting)
    said = [
        community if len(some) == len(policy.settings) else f"{community} ({', '.join(sorted(some))})"
        for community, some in settings.items()
    ]
    more = f" and {len(said) - MOST_SAID} more" if len(said) > MOST_SAID else ""
    return ", ".join(said[:MOST_SAID]) + more


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
