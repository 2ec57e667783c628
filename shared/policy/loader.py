"""From TOML files to a checked `Policy`: it reads every file, collects every finding, and then builds."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from shared.policy.business_days import Calendar
from shared.policy.checks import (
    check_identity,
    check_last_resort,
    check_outcomes,
    check_periods,
    check_references,
    check_retention,
    check_rules,
)
from shared.policy.clock_checks import check_calendars, check_deadlines, check_met_by
from shared.policy.conditions import RowCondition
from shared.policy.follow_up_checks import check_follow_up
from shared.policy.hearing_checks import check_hearings, hearings_of
from shared.policy.model import (
    EVERYWHERE,
    Category,
    Community,
    DeadlineRule,
    FollowUpRule,
    HandlingBody,
    MeasureFollowUp,
    Outcome,
    Policy,
    Rule,
)
from shared.policy.notes import notes_on
from shared.policy.pattern_checks import check_patterns
from shared.policy.pattern_rows import PatternsFile, patterns_of
from shared.policy.peer_support import PeerSupport, PeerSupportDirectory
from shared.policy.peer_support_checks import check_peer_support
from shared.policy.playbook_checks import check_playbooks
from shared.policy.playbooks import Playbook, Playbooks, Reply
from shared.policy.retention import Hold, LifeCondition, Retention, RetentionRule
from shared.policy.rows import (
    BodyRow,
    CommunitiesFile,
    ConditionRow,
    DeadlinesFile,
    FollowUpFile,
    HolidaysFile,
    IdentityFile,
    LifeConditionRow,
    OutcomeRow,
    PausesFile,
    PeerSupportFile,
    PeerSupportRow,
    PlaybookRow,
    PlaybooksFile,
    PolicyFile,
    ReportConditionRow,
    RetentionFile,
    RoutingFile,
    RuleRow,
    TaxonomyFile,
    parse_duration,
)
from shared.policy.source import Finding, PolicyError, Source, digest, parse_source, read_source, validated

PACKAGED = Path(__file__).parent
BASELINE = "baseline"
"""The folder of baseline versions beside the policy files."""
FILES = (
    "policy.toml",
    "taxonomy.toml",
    "deadlines.toml",
    "communities.toml",
    "routing.toml",
    "retention.toml",
    "identity.toml",
    "holidays.toml",
    "follow_up.toml",
    "pauses.toml",
    "peer_support.toml",
    "patterns.toml",
    "playbooks.toml",
)


def load_policy(directory: Path | None = None, instead: Mapping[str, str] | None = None) -> Policy:
    """Read the packaged policy. A file of the same name in `directory` replaces a packaged file as a whole.

    `instead`: the texts of files, by name, that replace those.

    Raises PolicyError with everything that is wrong: file, line and row of each finding.
    """
    return _packaged() if directory is None and not instead else _load(directory, instead or {})[0]


def notes_of(directory: Path | None = None, instead: Mapping[str, str] | None = None) -> tuple[Finding, ...]:
    """What the author of that policy may not have meant, though it works. Raises PolicyError where it does not."""
    policy, sources = _load(directory, instead or {})
    return notes_on(sources, policy)


@cache
def _packaged() -> Policy:
    # These files stay as they are while a process runs, and checking them takes longer than reading them.
    return _load(None, {})[0]


def _load(directory: Path | None, instead: Mapping[str, str]) -> tuple[Policy, dict[str, Source]]:
    sources = _read(directory, instead)
    findings: list[Finding] = []
    version = validated(PolicyFile, sources["policy.toml"], findings)
    taxonomy = validated(TaxonomyFile, sources["taxonomy.toml"], findings)
    deadlines = validated(DeadlinesFile, sources["deadlines.toml"], findings)
    communities = validated(CommunitiesFile, sources["communities.toml"], findings)
    routing = validated(RoutingFile, sources["routing.toml"], findings)
    retention = validated(RetentionFile, sources["retention.toml"], findings)
    identity = validated(IdentityFile, sources["identity.toml"], findings)
    holidays = validated(HolidaysFile, sources["holidays.toml"], findings)
    follow_up = validated(FollowUpFile, sources["follow_up.toml"], findings)
    if version is None or taxonomy is None or deadlines is None or communities is None or routing is None:
        raise PolicyError(findings)
    pauses = validated(PausesFile, sources["pauses.toml"], findings)
    support = validated(PeerSupportFile, sources["peer_support.toml"], findings)
    patterns = validated(PatternsFile, sources["patterns.toml"], findings)
    if retention is None or identity is None or holidays is None or follow_up is None or pauses is None:
        raise PolicyError(findings)
    playbooks = validated(PlaybooksFile, sources["playbooks.toml"], findings)
    if support is None or playbooks is None or patterns is None:
        raise PolicyError(findings)

    findings += check_references(sources, taxonomy, deadlines, communities, routing)
    findings += check_outcomes(sources["taxonomy.toml"], taxonomy)
    findings += check_hearings(sources["taxonomy.toml"], taxonomy)
    findings += check_last_resort(sources, communities, routing)
    findings += check_deadlines(sources, deadlines, routing)
    findings += check_met_by(sources["deadlines.toml"], deadlines)
    findings += check_calendars(sources, holidays, deadlines, communities, routing)
    findings += check_identity(sources["identity.toml"], identity)
    findings += check_follow_up(sources["follow_up.toml"], follow_up, taxonomy)
    findings += check_peer_support(sources["peer_support.toml"], support, communities)
    findings += check_patterns(sources, patterns, communities, routing, deadlines, taxonomy)
    findings += check_playbooks(sources["playbooks.toml"], playbooks, taxonomy, patterns)
    findings += check_retention(sources["retention.toml"], retention, taxonomy, communities)
    if findings:
        raise PolicyError(findings)

    policy = _build(
        f"{version.version}+{digest({name: sources[name].data for name in FILES})}",
        taxonomy,
        deadlines,
        communities,
        routing,
        retention,
        identity,
        holidays,
        follow_up,
        pauses,
        support,
        patterns,
        playbooks,
    )
    findings += check_rules(sources["routing.toml"], policy)
    findings += check_periods(sources["retention.toml"], policy.retention.rules)
    if findings:
        raise PolicyError(findings)
    return policy, sources


def _read(directory: Path | None, instead: Mapping[str, str]) -> dict[str, Source]:
    foreign = f"not a policy file: use {', '.join(FILES)}"
    findings = [Finding(name, 1, "", foreign) for name in instead if name not in FILES]
    sources: dict[str, Source] = {}
    if directory is not None:
        if not directory.is_dir():
            raise PolicyError([Finding(str(directory), 1, "", "the policy folder is missing")])
        if not any(directory.glob("*.toml")) and not any(directory.glob(f"{BASELINE}/*.toml")):
            findings.append(Finding(str(directory), 1, "", f"no policy file stands here: {', '.join(FILES)}"))
        findings += [
            Finding(path.name, 1, "", foreign) for path in sorted(directory.glob("*.toml")) if path.name not in FILES
        ]
    for name in FILES:
        own = directory / name if directory is not None else None
        try:
            if name in instead:
                sources[name] = parse_source(name, instead[name])
            else:
                sources[name] = read_source(own if own is not None and own.exists() else PACKAGED / name)
        except PolicyError as error:
            findings += error.findings
    if findings:
        raise PolicyError(findings)
    return sources


def text_of(name: str, directory: Path | None) -> str:
    """The text of one of FILES, from `directory` or else as packaged."""
    own = directory / name if directory is not None else None
    return (own if own is not None and own.exists() else PACKAGED / name).read_text(encoding="utf-8-sig")


def _build(
    version: str,
    taxonomy: TaxonomyFile,
    deadlines: DeadlinesFile,
    communities: CommunitiesFile,
    routing: RoutingFile,
    retention: RetentionFile,
    identity: IdentityFile,
    holidays: HolidaysFile,
    follow_up: FollowUpFile,
    pauses: PausesFile,
    support: PeerSupportFile,
    patterns: PatternsFile,
    playbooks: PlaybooksFile,
) -> Policy:
    calendars = {
        row.id: Calendar(ZoneInfo(row.zone), frozenset(row.weekend), frozenset(row.holidays))
        for row in holidays.calendar
    }
    clocks = {
        row.id: DeadlineRule(
            row.id,
            row.starts,
            parse_duration(row.within),
            frozenset(row.lanes or ()),
            row.pausable,
            frozenset(row.met_by),
            parse_duration(row.warn) if row.warn else None,
            parse_duration(row.escalate) if row.escalate else None,
            row.business,
            row.restarts,
        )
        for row in deadlines.deadline
    }
    codes = tuple(row.code for row in taxonomy.category)
    return Policy(
        version=version,
        categories=MappingProxyType({r.code: Category(r.code, r.source, r.accuses) for r in taxonomy.category}),
        flags=tuple(taxonomy.flags),
        settings=tuple(taxonomy.settings),
        scopes=tuple(taxonomy.scopes),
        boundless=frozenset(taxonomy.boundless),
        outcomes=MappingProxyType({row.code: _outcome(row) for row in taxonomy.outcome}),
        hearings=hearings_of(taxonomy),
        communities=MappingProxyType(
            {
                row.id: Community(row.id, row.kind, row.name, row.language, MappingProxyType(dict(row.bodies)))
                for row in communities.community
            }
        ),
        bodies=MappingProxyType({row.id: _body(row, calendars) for row in (*routing.body, *communities.body)}),
        rules=tuple(_rule(row, codes, clocks) for row in routing.rule),
        deadlines=MappingProxyType(clocks),
        retention=_retention(retention, codes),
        identities=MappingProxyType(
            {(row.privacy, state): tuple(row.fields) for row in identity.identity for state in row.states}
        ),
        follow_up=tuple(
            FollowUpRule(
                None if row.outcomes is None else frozenset(row.outcomes),
                None if row.settings is None else frozenset(row.settings),
                tuple(parse_duration(text) for text in row.after),
            )
            for row in follow_up.follow_up
        ),
        measure_follow_up=tuple(
            MeasureFollowUp(
                None if row.outcomes is None else frozenset(row.outcomes),
                parse_duration(row.talk) if row.talk else None,
                parse_duration(row.before) if row.before else None,
                tuple(parse_duration(text) for text in row.after),
            )
            for row in follow_up.measure
        ),
        tries=follow_up.tries,
        again_after=parse_duration(follow_up.again_after),
        answer_within=parse_duration(pauses.answer),
        pauses=MappingProxyType({row.id: parse_duration(row.longest) for row in pauses.pause}),
        peer_support=PeerSupportDirectory(
            frozenset(support.offered), tuple(_supporting(row) for row in support.peer_support)
        ),
        patterns=patterns_of(patterns),
        playbooks=Playbooks(
            frozenset(playbooks.folded.categories),
            frozenset(playbooks.folded.flags),
            tuple(_playbook(row, codes) for row in playbooks.playbook),
        ),
    )


def _playbook(row: PlaybookRow, codes: tuple[str, ...]) -> Playbook:
    mass = None if row.mass is None else frozenset(row.mass)
    replies = tuple(Reply(reply.id, reply.command, reply.title, reply.text) for reply in row.reply)
    return Playbook(row.id, _report_condition(row, codes), mass, tuple(row.check), replies)


def _supporting(row: PeerSupportRow) -> PeerSupport:
    communities = None if row.communities is None else frozenset(row.communities)
    return PeerSupport(row.name, tuple(row.languages), communities, row.region, row.email, row.url)


def _outcome(row: OutcomeRow) -> Outcome:
    longest = parse_duration(row.longest) if row.longest else None
    return Outcome(**{**row.model_dump(exclude={"reporter_first"}), "quorum": row.quorum or 0, "longest": longest})


def _body(row: BodyRow, calendars: Mapping[str, Calendar]) -> HandlingBody:
    return HandlingBody(
        row.id,
        row.name_key,
        row.email,
        tuple(row.training),
        row.stand_in,
        row.language,
        row.last_resort,
        calendars[row.calendar] if row.calendar else EVERYWHERE,
        row.quorum,
    )


def _rule(row: RuleRow, codes: tuple[str, ...], clocks: dict[str, DeadlineRule]) -> Rule:
    return Rule(
        id=row.id,
        lane=row.lane,
        to=tuple(row.to),
        when=tuple(_condition(condition, codes) for condition in row.when or ()),
        act_within=clocks[row.act_by].within if row.act_by else None,
    )


def _condition(row: ConditionRow, codes: tuple[str, ...]) -> RowCondition:
    return replace(
        _report_condition(row, codes),
        kinds=None if row.kinds is None else frozenset(row.kinds),
        communities=None if row.communities is None else frozenset(row.communities),
    )


def _report_condition(row: ReportConditionRow, codes: tuple[str, ...]) -> RowCondition:
    return RowCondition(
        categories=None if row.categories is None else frozenset(_expand(row.categories, codes)),
        flags=None if row.flags is None else frozenset(row.flags),
        settings=None if row.settings is None else frozenset(row.settings),
    )


def _expand(patterns: list[str], codes: tuple[str, ...]) -> list[str]:
    return [
        code
        for pattern in patterns
        for code in codes
        if code == pattern or (pattern.endswith(".*") and code.startswith(pattern[:-1]))
    ]


def _retention(file: RetentionFile, codes: tuple[str, ...]) -> Retention:
    return Retention(
        rules=tuple(RetentionRule(row.id, parse_duration(row.keep), _lives(row.when, codes)) for row in file.retention),
        holds=tuple(Hold(row.id, frozenset(row.reports or ()), _lives(row.when, codes)) for row in file.hold),
        longest_undecided=parse_duration(file.longest_undecided),
    )


def _lives(rows: list[LifeConditionRow] | None, codes: tuple[str, ...]) -> tuple[LifeCondition, ...]:
    return tuple(
        LifeCondition(
            outcomes=None if row.outcomes is None else frozenset(row.outcomes),
            lanes=None if row.lanes is None else frozenset(row.lanes),
            categories=None if row.categories is None else frozenset(_expand(row.categories, codes)),
            kinds=None if row.kinds is None else frozenset(row.kinds),
            communities=None if row.communities is None else frozenset(row.communities),
        )
        for row in rows or ()
    )
