"""What is pinned is pinned by its content and names no host; what must be there is there."""

import json
import os
import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = {
    "requirements.lock": PROJECT["dependencies"],
    "requirements-dev.lock": [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]],
}
PINNED = [*LOCKS, "infra/node.lock", "infra/local/mongod.lock"]
PLACES = (
    "services", "shared", "infra", "tests", "docker-compose.yml", "pyproject.toml", "Makefile", "README.md",
    "CHANGELOG.md", "LICENSE", "SECURITY.md", "CONTRIBUTING.md", "docs", "benchmarks", ".ci/run", ".env.example",
    ".gitignore", ".editorconfig",
)  # fmt: skip


def pins_in(name: str) -> list[tuple[str, Version, int]]:
    """(package, version, number of hashes) of each pin of a lock."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    pins = [re.fullmatch(r"([\w.-]+)(?:\[[\w,-]+\])?==(\S+)(?:\s*;[^-]*)?((?:\s+--hash=sha256:[0-9a-f]{64})*)\s*", line)
            for line in lines]  # fmt: skip
    assert all(pins), [line for line, pin in zip(lines, pins, strict=True) if not pin]
    return [(canonicalize_name(p[1]), Version(p[2]), p[3].count("--hash")) for p in pins if p]


@pytest.mark.parametrize("name", PINNED)
def test_every_package_is_pinned_once_and_by_its_hashes(name: str) -> None:
    pins = pins_in(name)
    assert pins
    assert [package for package, _, hashes in pins if not hashes] == []
    assert [package for package, count in Counter(p for p, _, _ in pins).items() if count > 1] == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_a_version_of_everything_that_is_asked_for(name: str) -> None:
    locked = {package: version for package, version, _ in pins_in(name)}
    for wanted in map(Requirement, LOCKS[name]):
        version = locked.get(canonicalize_name(wanted.name))
        assert version is not None, wanted
        assert wanted.specifier.contains(version, prereleases=True), (wanted, version)


def test_both_locks_agree() -> None:
    run, dev = ({package: version for package, version, _ in pins_in(name)} for name in LOCKS)
    assert {package: version for package, version in run.items() if dev.get(package) != version} == {}


def test_browser_assets_are_pinned_by_their_content() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


@pytest.mark.parametrize("name", [*PINNED, "package-lock.json", "package.json", ".npmrc", "infra/Dockerfile"])
def test_no_pin_says_where_it_is_to_be_fetched_from(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.findall(r"index-url|find-links|registry\s*=|\"(?:https?|git)[:+][^\"]*\.tgz", text) == []


def test_everything_has_its_place_and_nothing_can_be_uploaded_by_accident() -> None:
    assert [place for place in PLACES if not (ROOT / place).exists()] == []
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
    assert "Private :: Do Not Upload" in PROJECT["classifiers"]
    assert PROJECT["scripts"] == {"hearth": "infra.cli:main"}
    assert PROJECT["requires-python"] == ">=3.11"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_no_command_has_each_of_its_processes_compile_the_code_again() -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory", "--eval", "show: ; @$(PYTHON) -c 'import sys; print(sys.dont_write_bytecode)'",
         "show"],
        cwd=ROOT, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout == "False\n"
