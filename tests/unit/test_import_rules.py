"""The import rules hold, and each is proved by a planted violation that it finds."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PLANTED = {
    "services/triage/case.py": "import httpx\nfrom services.intake import receipt\n",
    "shared/ids.py": "import services.audit.tree\n",
    "shared/outbox.py": "import motor.motor_asyncio\n",
}
BROKEN = {
    "Services never import each other",
    "Shared imports neither services nor infra, and services no infra",
    "Pure modules import no framework, driver, network or clock",
    "Only shared.mongo imports Motor and PyMongo",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for package in ("services", "shared", "infra"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "assets"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(tree: Path) -> dict[str, str]:
    """The verdict on each contract, by its name."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tree,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tree), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        check=False,
    )
    return dict(re.findall(r"^(\S.*?) (KEPT|BROKEN)", done.stdout, re.MULTILINE))


def test_the_rules_hold(tree: Path) -> None:
    verdicts = lint(tree)
    assert set(verdicts) == BROKEN
    assert set(verdicts.values()) == {"KEPT"}


def test_a_planted_violation_of_each_rule_is_found(tree: Path) -> None:
    for name, line in PLANTED.items():
        path = tree / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(line + text, encoding="utf-8")
    assert {name for name, verdict in lint(tree).items() if verdict == "BROKEN"} == BROKEN
