"""Checks of the rows that say which decisions the reporter hears of first, and what they mean. They raise nothing."""

from collections.abc import Iterator
from itertools import product
from typing import get_args

from shared.policy.checks import twice
from shared.policy.hearings import Hearing
from shared.policy.model import Lane
from shared.policy.rows import HearingRow, TaxonomyFile, parse_duration
from shared.policy.source import Finding, Source

_URGENT = frozenset(get_args(Lane)) - {"standard"}


def check_hearings(source: Source, taxonomy: TaxonomyFile) -> list[Finding]:
    """Ids are given once, names exist, each row can match, and what is urgent waits for nobody."""
    findings = list(twice(source, "hearing", [row.id for row in taxonomy.hearing]))
    left = set(product((row.code for row in taxonomy.outcome), _codes(taxonomy), get_args(Lane)))
    for index, row in enumerate(taxonomy.hearing):
        entry, faults = f"hearing {row.id}", list(_unknown(row, taxonomy))
        findings += [
            Finding(source.file, source.line_naming(name, "hearing", index, key), entry, text)
            for key, name, text in faults
        ]
        hearing = hearing_of(row, taxonomy)
        fitting = {case for case in left if hearing.fits(case[0], case[1], hearing.flags or frozenset(), case[2])}
        if not fitting and not faults:
            text = "it can never match: the rows above take all of its cases"
            findings.append(Finding(source.file, source.line_of("hearing", index), entry, text))
        if row.flags is None:
            left -= fitting
        if row.within and row.lanes and _URGENT.issuperset(row.lanes):
            text = "what is urgent waits for no answer: leave out `within`"
            findings.append(Finding(source.file, source.line_of("hearing", index, "within"), entry, text))
    return findings


def hearings_of(taxonomy: TaxonomyFile) -> tuple[Hearing, ...]:
    """The rows in their order; behind them the outcomes that have `reporter_first`, which wait for no answer."""
    first = (Hearing(outcomes=frozenset({row.code})) for row in taxonomy.outcome if row.reporter_first)
    return (*(hearing_of(row, taxonomy) for row in taxonomy.hearing), *first)


def hearing_of(row: HearingRow, taxonomy: TaxonomyFile) -> Hearing:
    """What a row means: `harassment.*` are all categories that begin so."""
    named = row.categories
    categories = None if named is None else frozenset(code for code in _codes(taxonomy) if _is_named(code, named))
    return Hearing(
        outcomes=None if row.outcomes is None else frozenset(row.outcomes),
        categories=categories,
        flags=None if row.flags is None else frozenset(row.flags),
        lanes=None if row.lanes is None else frozenset(row.lanes),
        within=parse_duration(row.within) if row.within else None,
    )


def _codes(taxonomy: TaxonomyFile) -> list[str]:
    return [row.code for row in taxonomy.category]


def _is_named(code: str, patterns: list[str]) -> bool:
    return any(code == one or (one.endswith(".*") and code.startswith(one[:-1])) for one in patterns)


def _unknown(row: HearingRow, taxonomy: TaxonomyFile) -> Iterator[tuple[str, str, str]]:
    codes = _codes(taxonomy)
    known = {
        "outcomes": [outcome.code for outcome in taxonomy.outcome],
        "categories": [one for one in row.categories or () if any(_is_named(code, [one]) for code in codes)],
        "flags": taxonomy.flags,
    }
    for key, names in known.items():
        for name in getattr(row, key) or ():
            if name not in names:
                yield key, name, f"taxonomy.toml has no “{name}” among its {key}"
