"""Checks of what Hearth sees in several cases together. They give findings and raise nothing."""

from collections.abc import Iterator, Mapping

from shared.policy.checks import twice
from shared.policy.pattern_rows import PatternsFile
from shared.policy.rows import CommunitiesFile, DeadlinesFile, RoutingFile, TaxonomyFile
from shared.policy.source import Finding, Source


def check_patterns(
    sources: Mapping[str, Source],
    file: PatternsFile,
    communities: CommunitiesFile,
    routing: RoutingFile,
    deadlines: DeadlinesFile,
    taxonomy: TaxonomyFile,
) -> list[Finding]:
    """Ids are given once; bodies, deadlines and flags exist; and numbers can be reached."""
    source = sources["patterns.toml"]
    findings = list(twice(source, "mass", [row.id for row in file.mass]))
    bodies = {row.id for row in (*routing.body, *communities.body)}
    if (asked := file.similar.elsewhere_ask) not in bodies:
        line = source.line_of("similar", 0, "elsewhere_ask")
        findings.append(Finding(source.file, line, "similar", f"no [[body]] defines the handling body “{asked}”"))
    for index, row in enumerate(file.mass):
        if row.keeps * row.sources >= row.reports:
            line = source.line_of("mass", index, "reports")
            text = "`reports` has to be more than `sources` times `keeps`, or no report would ever rank behind"
            findings.append(Finding(source.file, line, f"mass {row.id}", text))
    findings += _check_systemic(source, file, deadlines, taxonomy)
    return findings


def _check_systemic(
    source: Source, file: PatternsFile, deadlines: DeadlinesFile, taxonomy: TaxonomyFile
) -> Iterator[Finding]:
    yield from twice(source, "systemic", [row.id for row in file.systemic])
    known = {row.id for row in deadlines.deadline}
    for index, row in enumerate(file.systemic):
        where = f"systemic {row.id}"
        for name in row.deadlines:
            if name not in known:
                line = source.line_of("systemic", index, "deadlines")
                yield Finding(source.file, line, where, f"no [[deadline]] has the id “{name}”")
        if row.cases > row.breaches:
            line = source.line_of("systemic", index, "cases")
            yield Finding(source.file, line, where, "`cases` cannot be more than `breaches`: each has one at least")
        if row.flag not in taxonomy.flags:
            line = source.line_of("systemic", index, "flag")
            yield Finding(source.file, line, where, f"flags has no “{row.flag}”")
