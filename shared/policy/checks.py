"""Checks across rows and files. Each gives findings and raises nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from types import MappingProxyType
from typing import get_args

from shared.input.mail_addresses import wire_form
from shared.policy.conditions import ReportFacts
from shared.policy.model import GLOBAL_COMMUNITY, UNCLASSIFIED, Community, CommunityKind, Policy, Rule
from shared.policy.retention import LifeCondition, ReportLife, RetentionRule
from shared.policy.rows import (
    BodyRow,
    CommunitiesFile,
    ConditionRow,
    DeadlinesFile,
    IdentityFile,
    LifeConditionRow,
    RetentionFile,
    RoutingFile,
    RuleRow,
    TaxonomyFile,
)
from shared.policy.source import Finding, Source


def check_references(
    sources: Mapping[str, Source],
    taxonomy: TaxonomyFile,
    deadlines: DeadlinesFile,
    communities: CommunitiesFile,
    routing: RoutingFile,
) -> list[Finding]:
    """Each id is given once, and every name that is used is defined."""
    words, places, routes = sources["taxonomy.toml"], sources["communities.toml"], sources["routing.toml"]
    findings = [
        *twice(words, "category", [row.code for row in taxonomy.category]),
        *twice(words, "outcome", [row.code for row in taxonomy.outcome]),
        *twice(sources["deadlines.toml"], "deadline", [row.id for row in deadlines.deadline]),
        *twice(places, "community", [row.id for row in communities.community]),
        *twice(routes, "rule", [row.id for row in routing.rule]),
        *twice(routes, "body", [row.id for row in routing.body]),
        *twice(places, "body", [row.id for row in communities.body], taken={row.id for row in routing.body}),
    ]
    for key, names in (("flags", taxonomy.flags), ("settings", taxonomy.settings), ("scopes", taxonomy.scopes)):
        findings += [
            Finding(words.file, words.line_of(key=key), "", f"“{name}” stands more than once in {key}")
            for name in sorted({name for name in names if names.count(name) > 1})
        ]

    findings += [
        Finding(words.file, words.line_of(key="boundless"), "", f"“{name}” is none of the scopes")
        for name in taxonomy.boundless
        if name not in taxonomy.scopes
    ]

    bodies = {row.id for row in (*routing.body, *communities.body)}
    for index, community in enumerate(communities.community):
        for part, body in community.bodies.items():
            if body not in bodies:
                line = places.line_of("community", index, "bodies")
                text = f"“{part}” names the handling body “{body}”, which no [[body]] defines"
                findings.append(Finding(places.file, line, f"community {community.id}", text))

    codes = {row.code for row in taxonomy.category}
    required = (
        (places, GLOBAL_COMMUNITY, "community", {row.id for row in communities.community}),
        (words, UNCLASSIFIED, "category", codes),
    )
    findings += [
        Finding(source.file, 1, "", f"the {table} “{name}” is missing")
        for source, name, table, known in required
        if name not in known
    ]
    known = {
        "categories": names_of_categories(codes),
        "flags": set(taxonomy.flags),
        "settings": set(taxonomy.settings),
        "communities": {row.id for row in communities.community},
    }
    findings += _unknown_stand_ins(routes, routing.body, bodies)
    findings += _unknown_stand_ins(places, communities.body, bodies)
    parts = {part for row in communities.community for part in row.bodies}
    for index, rule in enumerate(routing.rule):
        findings += _unknown_names(routes, index, rule, known)
        findings += [
            Finding(routes.file, routes.line_naming(target, "rule", index, "to"), f"rule {rule.id}", text)
            for target, text in _unknown_targets(rule.to, bodies, parts)
        ]
    return findings


def names_of_categories(codes: set[str]) -> set[str]:
    """What a row may name: each category, and `harassment.*` for all that begin so."""
    return codes | {f"{code.partition('.')[0]}.*" for code in codes if "." in code}


def twice(source: Source, table: str, ids: list[str], taken: Iterable[str] = ()) -> Iterator[Finding]:
    """Each row of a table with an id that an earlier row or `taken` has."""
    seen = set(taken)
    for index, name in enumerate(ids):
        if name in seen:
            yield Finding(source.file, source.line_of(table, index), f"{table} {name}", "this id is already taken")
        seen.add(name)


def _unknown_names(source: Source, index: int, rule: RuleRow, known: Mapping[str, set[str]]) -> Iterator[Finding]:
    for condition in rule.when or ():
        for key, names in known.items():
            for name in _names(condition, key):
                if name not in names:
                    line = source.line_naming(name, "rule", index, "when")
                    yield Finding(source.file, line, f"rule {rule.id}", f"{key} has no “{name}”")


def _names(condition: ConditionRow, key: str) -> list[str]:
    match key:
        case "categories":
            return condition.categories or []
        case "flags":
            return condition.flags or []
        case "settings":
            return condition.settings or []
        case _:
            return condition.communities or []


def _unknown_stand_ins(source: Source, rows: Sequence[BodyRow], bodies: set[str]) -> Iterator[Finding]:
    for index, row in enumerate(rows):
        if row.stand_in is not None and (row.stand_in not in bodies or row.stand_in == row.id):
            line = source.line_of("body", index, "stand_in")
            yield Finding(source.file, line, f"body {row.id}", f"“{row.stand_in}” is no other handling body")


def _unknown_targets(targets: list[str], bodies: set[str], parts: set[str]) -> Iterator[tuple[str, str]]:
    for target in targets:
        if target.startswith("local."):
            if target.removeprefix("local.") not in parts:
                yield target, f"no community names a local part for “{target}”"
        elif target not in bodies:
            yield target, f"no [[body]] defines the handling body “{target}”"


def check_outcomes(source: Source, taxonomy: TaxonomyFile) -> list[Finding]:
    """No sanction is decided by one person alone, votes have a quorum, and a body of one person can end a case."""
    findings: list[Finding] = []
    for index, row in enumerate(taxonomy.outcome):

        def found(key: str, text: str, index: int = index, code: str = row.code) -> None:
            findings.append(Finding(source.file, source.line_of("outcome", index, key), f"outcome {code}", text))

        if row.sanction and row.needs == "alone":
            found("needs", "a sanction needs a second person: “four_eyes” or “two_thirds”")
        if (row.needs == "two_thirds") != (row.quorum is not None):
            found("quorum", "“quorum” is for what needs “two_thirds”, and nothing else")
        if row.longest and not row.timed:
            found("longest", "“longest” is for what ends on a date (`timed = true`)")
        if row.sanction and row.timed and not row.longest:
            found("longest", "a sanction that ends on a date needs “longest”, or it could last as long as a ban")
        if row.emergency and not row.scoped:
            found("emergency", "only a measure that goes on (`scoped = true`) can be taken in an emergency")
    if all(row.needs != "alone" for row in taxonomy.outcome):
        text = 'one outcome must need nobody else (`needs = "alone"`), or a body of one person could end no case'
        findings.append(Finding(source.file, source.line_of("outcome"), "", text))
    return findings


def check_last_resort(
    sources: Mapping[str, Source], communities: CommunitiesFile, routing: RoutingFile
) -> list[Finding]:
    """One body is the last resort, and stands apart: nothing else leads to it, and its address is its own."""
    routes, places = sources["routing.toml"], sources["communities.toml"]
    rows = [(routes, index, row) for index, row in enumerate(routing.body)]
    rows += [(places, index, row) for index, row in enumerate(communities.body)]
    last = [found for found in rows if found[2].last_resort]
    if not last:
        text = "one [[body]] must have `last_resort = true`: it gets the cases that no other body can look after"
        return [Finding(routes.file, routes.line_of("body"), "", text)]
    findings = [
        Finding(source.file, source.line_of("body", index, "last_resort"), f"body {row.id}", "there is one already")
        for source, index, row in last[1:]
    ]
    source, index, row = last[0]

    def found(where: Source, line: int, entry: str, text: str) -> None:
        findings.append(Finding(where.file, line, entry, f"{text}: the last resort stands apart from all others"))

    if row.stand_in:
        found(source, source.line_of("body", index, "stand_in"), f"body {row.id}", "it cannot have a stand-in")
    for other, number, body in rows:
        if body.id != row.id and wire_form(body.email).lower() == wire_form(row.email).lower():
            line = other.line_of("body", number, "email")
            found(other, line, f"body {body.id}", f"this is the address of “{row.id}”")
        if body.stand_in == row.id:
            found(other, other.line_of("body", number, "stand_in"), f"body {body.id}", f"“{row.id}” is no stand-in")
    for number, rule in enumerate(routing.rule):
        if row.id in rule.to:
            line = routes.line_naming(row.id, "rule", number, "to")
            found(routes, line, f"rule {rule.id}", f"“{row.id}” is no target")
    for number, community in enumerate(communities.community):
        if row.id in community.bodies.values():
            line = places.line_of("community", number, "bodies")
            found(places, line, f"community {community.id}", f"“{row.id}” is no local part")
    return findings


def check_rules(source: Source, policy: Policy) -> list[Finding]:
    """Every rule can match and finds a body where it matches. The last rule always matches."""
    findings: list[Finding] = []
    # A rule may be for a kind of place that a deployment does not have. So one imagined place of each kind is added.
    imagined = [Community(f"any {kind}", kind, kind, "en", MappingProxyType({})) for kind in get_args(CommunityKind)]
    for index, rule in enumerate(policy.rules):
        line, entry = source.line_of("rule", index), f"rule {rule.id}"
        before = policy.rules[:index]
        reached = {
            community.id
            for community in (*policy.communities.values(), *imagined)
            if _is_reachable(rule, before, community, policy)
        }
        if not reached:
            findings.append(Finding(source.file, line, entry, f"can never match: {_shadow(rule, before)}"))
        findings += [
            Finding(source.file, source.line_of("rule", index, "to"), entry, f"finds no handling body for “{name}”")
            for name, community in policy.communities.items()
            if name in reached and rule.body_for(community) is None
        ]
    if not policy.rules or policy.rules[-1].when:
        index = max(len(policy.rules) - 1, 0)
        text = "the last rule must have no `when`, so that every report finds a handling body"
        entry = f"rule {policy.rules[-1].id}" if policy.rules else ""
        findings.append(Finding(source.file, source.line_of("rule", index), entry, text))
    return findings


def _is_reachable(rule: Rule, before: tuple[Rule, ...], community: Community, policy: Policy) -> bool:
    return any(
        not any(earlier.matches(facts, community) for earlier in before)
        for facts in _least_facts(rule, community, policy)
    )


def _least_facts(rule: Rule, community: Community, policy: Policy) -> Iterator[ReportFacts]:
    """The facts that the rule needs, and no further flags, because further flags make more of the earlier rules
    match.
    """
    named = frozenset[str]().union(*(condition.flags or () for condition in rule.when))
    for category in policy.categories:
        for setting in policy.settings:
            bare = ReportFacts(community.id, category, frozenset(), setting)
            if rule.matches(bare, community):
                yield bare
                continue
            for flag in sorted(named):
                facts = replace(bare, flags=frozenset({flag}))
                if rule.matches(facts, community):
                    yield facts


def _shadow(rule: Rule, before: tuple[Rule, ...]) -> str:
    if not before:
        return "its conditions exclude each other"
    catch_all = next((earlier.id for earlier in before if not earlier.when), None)
    if catch_all is not None:
        return f"the rule “{catch_all}” above it takes everything"
    return "the rules above it take everything that it would"


def check_identity(source: Source, identity: IdentityFile) -> list[Finding]:
    """One row says what is told at a state."""
    findings: list[Finding] = []
    seen: set[tuple[str, str]] = set()
    for index, row in enumerate(identity.identity):
        for state in row.states:
            if (row.privacy, state) in seen:
                line = source.line_naming(state, "identity", index, "states")
                findings.append(Finding(source.file, line, f"identity {row.privacy}", f"“{state}” stands here twice"))
            seen.add((row.privacy, state))
    return findings


def check_retention(
    source: Source, retention: RetentionFile, taxonomy: TaxonomyFile, communities: CommunitiesFile
) -> list[Finding]:
    """Each id is given once, every name that is used is defined, the last row fits everything, and a hold names
    something.
    """
    codes = {row.code for row in taxonomy.category}
    known = {
        "outcomes": {row.code for row in taxonomy.outcome},
        "categories": names_of_categories(codes),
        "communities": {row.id for row in communities.community},
    }
    findings = [
        *twice(source, "retention", [row.id for row in retention.retention]),
        *twice(source, "hold", [row.id for row in retention.hold]),
    ]
    whens = [("retention", index, row.id, row.when) for index, row in enumerate(retention.retention)]
    whens += [("hold", index, row.id, row.when) for index, row in enumerate(retention.hold)]
    for table, index, row_id, when in whens:
        for key, name in _unknown_in(when or (), known):
            line = source.line_naming(name, table, index, "when")
            findings.append(Finding(source.file, line, f"{table} {row_id}", f"{key} has no “{name}”"))
    last = retention.retention[-1]
    if last.when is not None:
        line = source.line_of("retention", len(retention.retention) - 1)
        text = "the last row must have no `when`, so that every report has a period"
        findings.append(Finding(source.file, line, f"retention {last.id}", text))
    findings += [
        Finding(source.file, source.line_of("hold", index), f"hold {row.id}", "needs `reports` or `when`")
        for index, row in enumerate(retention.hold)
        if row.reports is None and row.when is None
    ]
    return findings


def _unknown_in(when: Iterable[LifeConditionRow], known: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    for condition in when:
        for key, names in known.items():
            for name in getattr(condition, key) or ():
                if name not in names:
                    yield key, name


def check_periods(source: Source, rules: tuple[RetentionRule, ...]) -> list[Finding]:
    """Every row of retention decides for some report."""
    reached = {next((rule.id for rule in rules if rule.fits(life)), None) for life in _lives(rules)}
    return [
        Finding(source.file, source.line_of("retention", index), f"retention {rule.id}", "can never match")
        for index, rule in enumerate(rules)
        if rule.id not in reached
    ]


def _lives(rules: tuple[RetentionRule, ...]) -> Iterator[ReportLife]:
    """A report for every combination of what the rows name, and of something that no row names."""
    conditions = [condition for rule in rules for condition in rule.when]

    def named(part: str) -> list[str]:
        return ["", *sorted(frozenset[str]().union(*(getattr(c, part) or () for c in conditions)))]

    # Categories that the same conditions name are alike, and one of them is enough.
    alike: dict[tuple[bool, ...], str] = {}
    for category in named("categories"):
        alike.setdefault(tuple(_names_category(c, category) for c in conditions), category)
    at = datetime(2000, 1, 1, tzinfo=UTC)
    parts = (named("communities"), named("kinds"), alike.values(), named("lanes"), named("outcomes"))
    for community, kind, category, lane, outcome in product(*parts):
        yield ReportLife("", community, kind, category, lane, outcome, at, at, closed=True)


def _names_category(condition: LifeCondition, category: str) -> bool:
    return condition.categories is not None and category in condition.categories
