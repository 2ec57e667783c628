"""Known weaknesses of the locked packages: `python -m infra.advisories`. It asks a source on the network.

Exit status 1: there is a weakness. Exit status 0: none is known, or no source answers; then one line says so.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGES_LOCK = Path(__file__).parents[1] / "requirements-dev.lock"
"""It also holds the packages of requirements.lock."""
SOURCES: Sequence[Sequence[str]] = (("-s", "pypi"), ("-s", "osv"))
UNREACHED = re.compile(r"ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|ServiceError|Could not connect")
"""How pip-audit ends when a source does not answer."""


@dataclass(frozen=True)
class Findings:
    """What a source said: one line a weakness, and the packages it does not know."""

    asked: int
    weaknesses: list[str]
    unknown: list[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask the sources in turn, and print what the first that answers says."""
    parser = argparse.ArgumentParser(prog="python -m infra.advisories", description=__doc__)
    parser.add_argument("--osv-url", help="an OSV-compatible query address to ask instead of the public sources")
    parser.add_argument("--lock", type=Path, default=PACKAGES_LOCK, help="the requirements file, pinned with hashes")
    given = parser.parse_args(arguments)
    sources = [("-s", "osv", "--osv-url", given.osv_url)] if given.osv_url else SOURCES
    found = next((answer for source in sources if (answer := ask(source, given.lock))), None)
    if found is None:
        print("Advisories: no source can be reached from here, so nothing was looked up.")
        return 0
    for weakness in found.weaknesses:
        print(weakness)
    print(f"Advisories: {len(found.weaknesses) or 'nothing'} known about {found.asked} packages.")
    if found.unknown:
        print(f"Advisories: not known to the source: {', '.join(found.unknown)}.")
    return 1 if found.weaknesses else 0


def ask(source: Sequence[str], lock: Path) -> Findings | None:
    """What the source says of every package in the lock. None when it does not answer, or knows no package at all."""
    command = [sys.executable, "-m", "pip_audit", *source, "-r", str(lock), "--disable-pip", "--require-hashes"]
    done = subprocess.run(
        [*command, "-f", "json", "--progress-spinner", "off"], capture_output=True, text=True, check=False
    )
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except ValueError:
        if not UNREACHED.search(done.stderr):
            raise SystemExit(f"pip-audit failed: {done.stderr.strip() or done.returncode}") from None
        return None
    # A mirror that only serves packages answers 404 for each. That does not mean that nothing is wrong.
    unknown = [d["name"] for d in dependencies if "skip_reason" in d]
    known = [d for d in dependencies if "skip_reason" not in d]
    weaknesses = [
        f"{d['name']} {d['version']}: {v['id']}, mended in {', '.join(v['fix_versions']) or 'no version yet'}"
        for d in known
        for v in d["vulns"]
    ]
    return Findings(len(known), weaknesses, unknown) if known else None


if __name__ == "__main__":
    sys.exit(main())
