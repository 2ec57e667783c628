"""Checks of when the people of a case are asked how it goes. They give findings and raise nothing."""

from collections.abc import Iterator
from itertools import product

from shared.policy.checks import twice
from shared.policy.rows import FollowUpFile, FollowUpRow, TaxonomyFile, parse_duration
from shared.policy.source import Finding, Source


def check_follow_up(source: Source, file: FollowUpFile, taxonomy: TaxonomyFile) -> list[Finding]:
    """Ids are given once, names exist, steps come one after the other, each row can match, and the last fits all."""
    outcomes, settings = [row.code for row in taxonomy.outcome], taxonomy.settings
    findings = list(twice(source, "follow_up", [row.id for row in file.follow_up]))
    left = set(product(outcomes, settings))
    for index, row in enumerate(file.follow_up):
        found = [
            f"taxonomy.toml has no “{name}” among its {key}"
            for key, names, known in (("outcomes", row.outcomes, outcomes), ("settings", row.settings, settings))
            for name in names or ()
            if name not in known
        ]
        steps = [parse_duration(text) for text in row.after]
        if steps != sorted(set(steps)):
            found.append("`after` has to rise from step to step")
        fitting = {case for case in left if _fits(row, *case)}
        left -= fitting
        if not fitting and not found:
            found.append("it can never match: the rows above take all of its cases")
        line = source.line_of("follow_up", index)
        findings += [Finding(source.file, line, f"follow_up {row.id}", text) for text in found]
    findings += _check_measures(source, file, outcomes)
    if left:
        line = source.line_of("follow_up", len(file.follow_up) - 1)
        findings.append(Finding(source.file, line, "follow_up", "the last row has to fit every case"))
    return findings


def _fits(row: FollowUpRow, outcome: str, setting: str) -> bool:
    return (row.outcomes is None or outcome in row.outcomes) and (row.settings is None or setting in row.settings)


def _check_measures(source: Source, file: FollowUpFile, outcomes: list[str]) -> Iterator[Finding]:
    yield from twice(source, "measure", [row.id for row in file.measure])
    left = set(outcomes)
    for index, row in enumerate(file.measure):
        named = row.outcomes or outcomes
        found = [f"taxonomy.toml has no “{name}” among its outcomes" for name in named if name not in outcomes]
        steps = [parse_duration(text) for text in row.after]
        if steps != sorted(set(steps)):
            found.append("`after` has to rise from step to step")
        if left.isdisjoint(named) and not found:
            found.append("it can never match: the rows above take all of its measures")
        left -= set(named)
        line = source.line_of("measure", index)
        yield from (Finding(source.file, line, f"measure {row.id}", text) for text in found)
