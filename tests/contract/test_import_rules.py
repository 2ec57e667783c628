"""The import rules hold, and each is proved by a planted violation that it finds."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

INDEPENDENT = "Services never import each other"
LAYERS = "Shared imports neither services nor infra, and services no infra"
PURE = "Pure modules import no framework, driver, network or clock"
MOTOR = "Only shared.mongo imports Motor and PyMongo"
RULES = {INDEPENDENT, LAYERS, PURE, MOTOR}
PLANTED = [
    ("services/triage/actions.py", "from services.intake import receipt", INDEPENDENT),
    ("shared/outbox.py", "import services.audit.tlog.tree", LAYERS),
    ("shared/outbox.py", "import infra.healthcheck", LAYERS),
    ("services/audit/app.py", "import infra.healthcheck", LAYERS),
    ("services/triage/case/case.py", "import httpx", PURE),
    ("services/triage/case/case.py", "import fastapi", PURE),
    ("services/triage/case/case.py", "import time", PURE),
    ("services/audit/tlog/tree.py", "from shared import times", PURE),
    ("services/audit/tlog/tree.py", "import socket", PURE),
    ("services/intake/report/submission.py", "import shared.mongo", PURE),
    ("shared/outbox.py", "import motor.motor_asyncio", MOTOR),
    ("services/audit/store.py", "import pymongo", MOTOR),
]


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
    assert lint(tree) == dict.fromkeys(RULES, "KEPT")


@pytest.mark.parametrize(("module", "line", "rule"), PLANTED, ids=[f"{m}: {line}" for m, line, _ in PLANTED])
def test_a_planted_violation_is_found(tree: Path, module: str, line: str, rule: str) -> None:
    path = tree / module
    path.write_text(f"{line}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    assert lint(tree)[rule] == "BROKEN"


def test_every_module_that_calls_itself_pure_is_held_to_it() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (held,) = [c["source_modules"] for c in contracts["contracts"] if c["name"] == PURE]
    for path in [*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/*.py")]:
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        assert not re.search(r"\bPure[.:]|[;,] pure\b", said) or module in held, module
