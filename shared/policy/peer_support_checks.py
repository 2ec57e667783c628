"""Checks of who is there to talk with. They give findings and raise nothing."""

from shared.policy.checks import twice
from shared.policy.rows import CommunitiesFile, PeerSupportFile
from shared.policy.source import Finding, Source


def check_peer_support(source: Source, file: PeerSupportFile, communities: CommunitiesFile) -> list[Finding]:
    """Ids are given once, communities exist, each row can be reached, and one is there for every community."""
    known = {row.id for row in communities.community}
    findings = list(twice(source, "peer_support", [row.id for row in file.peer_support]))
    for index, row in enumerate(file.peer_support):
        entry, line = f"peer_support {row.id}", source.line_of("peer_support", index, "communities")
        unknown = (name for name in row.communities or () if name not in known)
        findings += [Finding(source.file, line, entry, f"communities.toml has no “{name}”") for name in unknown]
        if row.email is None and row.url is None:
            text = "nobody can reach it: give `email`, `url`, or both"
            findings.append(Finding(source.file, source.line_of("peer_support", index), entry, text))
    if file.offered and not any(row.communities is None for row in file.peer_support):
        line = source.line_of("peer_support", max(len(file.peer_support) - 1, 0)) if file.peer_support else 1
        findings.append(Finding(source.file, line, "peer_support", "no row is there for every community"))
    return findings
