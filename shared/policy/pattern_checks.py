"""Checks of what Hearth sees in several cases together. They give findings and raise nothing."""

from collections.abc import Mapping

from shared.policy.checks import twice
from shared.policy.pattern_rows import PatternsFile
from shared.policy.rows import CommunitiesFile, RoutingFile
from shared.policy.source import Finding, Source


def check_patterns(
    sources: Mapping[str, Source], file: PatternsFile, communities: CommunitiesFile, routing: RoutingFile
) -> list[Finding]:
    """Ids are given once, bodies exist, and a flood is larger than what its sources keep."""
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
    return findings
