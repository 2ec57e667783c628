"""The import rules hold. Violations of each, all planted at once, are named in one report."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("services", "shared", "infra")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
NAMES = {contract["id"]: contract["name"] for contract in CONTRACTS}

PLANTED = [
    ("independent-services", "services.triage.actions", "services.intake.paths"),
    ("shared-below", "shared.outbox", "services.audit.tlog.tree"),
    ("shared-below", "shared.outbox", "infra.healthcheck"),
    ("shared-below", "services.audit.app", "infra.healthcheck"),
    ("no-circles", "shared.ids", "shared.outbox"),
    ("layers-of-intake", "services.intake.actions", "services.intake.routes"),
    ("layers-of-intake", "services.intake.store", "services.intake.mailbox.actions"),
    ("layers-of-triage", "services.triage.desk.queue", "services.triage.desk.pages"),
    ("layers-of-triage", "services.triage.case.case", "services.triage.stored"),
    ("layers-of-notification", "services.notification.sender", "services.notification.routes"),
    ("layers-of-notification", "services.notification.delivery", "services.notification.notices.notice"),
    ("layers-of-audit", "services.audit.store", "services.audit.writer"),
    ("layers-of-audit", "services.audit.tlog.tree", "services.audit.record.log"),
    ("pure", "services.triage.case.case", "httpx"),
    ("pure", "services.triage.case.case", "fastapi"),
    ("pure", "services.triage.case.commands.table", "time"),
    ("pure", "services.audit.tlog.tree", "shared.times"),
    ("pure", "services.audit.tlog.tree", "socket"),
    ("pure", "services.intake.report.submission", "shared.mongo"),
    ("pure", "services.notification.routing.table", "shared.http"),
    ("pure", "shared.problems", "asyncio"),
    ("one-door-to-motor", "shared.outbox", "motor"),
    ("one-door-to-motor", "services.audit.store", "pymongo"),
    ("one-door-to-httpx", "shared.clients.vault", "httpx"),
    ("one-door-to-httpx", "infra.commands.erase", "httpx"),
]
"""The id of a contract, a module, and what that module must not import by it."""


def lint(tree: Path) -> str:
    """The report on a tree."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tree,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tree), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        check=False,
    )
    return done.stdout


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report on a copy of the tree in which every violation is planted."""
    tree = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__", "assets"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    for _, module, imported in PLANTED:
        path = tree / f"{module.replace('.', '/')}.py"
        path.write_text(f"import {imported}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    return lint(tree)


def findings(report: str, contract: str) -> str:
    """What the report says of one contract under its heading; empty for a contract that is kept."""
    name = re.escape(NAMES[contract])
    found = re.search(rf"^{name}\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", report, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def test_the_rules_hold() -> None:
    verdicts = dict(re.findall(r"^(\S.*?) (KEPT|BROKEN)", lint(ROOT), re.MULTILINE))
    assert verdicts == dict.fromkeys(NAMES.values(), "KEPT")


def test_a_violation_of_every_rule_is_planted() -> None:
    assert {contract for contract, _, _ in PLANTED} == set(NAMES)


@pytest.mark.parametrize(("contract", "module", "imported"), PLANTED)
def test_a_planted_violation_is_found(report: str, contract: str, module: str, imported: str) -> None:
    said = findings(report, contract)
    if contract == "no-circles":
        # Of a circle the report names the package that holds it, and one of its imports.
        assert f"No cycles are allowed in {module.partition('.')[0]}." in said
    else:
        assert re.search(rf"^-\s+{re.escape(module)} -> {re.escape(imported)} \(", said, re.MULTILINE)


def test_every_module_of_a_service_stands_in_a_layer() -> None:
    layered = [contract for contract in CONTRACTS if contract["id"].startswith("layers-of-")]
    for contract in layered:
        (service,) = contract["containers"]
        named = {f"{service}.{name.strip()}" for layer in contract["layers"] for name in layer.split(":")}
        for module in modules_below(f"{service}.**"):
            parents = module.split(".")
            stands = any(".".join(parents[:length]) in named for length in range(3, len(parents) + 1))
            assert stands or module.endswith("__init__"), module


def modules_below(pattern: str) -> Iterator[str]:
    """The modules that a pattern of the rules stands for: it names a module, or (with `.**`) all of a room."""
    path = pattern.removesuffix(".**").replace(".", "/")
    found = ROOT.glob(f"{path}/**/*.py") if pattern.endswith(".**") else [ROOT / f"{path}.py"]
    return (".".join(module.relative_to(ROOT).with_suffix("").parts) for module in found)


def test_every_module_that_calls_itself_pure_is_held_to_it() -> None:
    (patterns,) = [contract["source_modules"] for contract in CONTRACTS if contract["id"] == "pure"]
    held = {module for pattern in patterns for module in modules_below(pattern)}
    for path in [*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/**/*.py")]:
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        assert not re.search(r"\bPure[.:]|[;,] pure\b", said) or module in held, module


STORES = re.compile(
    r"services/.*/(store|replicas)|shared/(aggregates|projections|access/roster_store|sign_in/store|mongo)"
)
DRIVER_ERRORS = {"BulkWriteError", "DuplicateKeyError", "OperationFailure", "PyMongoError", "WriteConcernError"}


def test_only_stores_name_errors_of_the_database_driver() -> None:
    for path in [*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/**/*.py")]:
        module = path.relative_to(ROOT).with_suffix("").as_posix()
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        named = {alias.name for node in imports if node.module == "shared.mongo" for alias in node.names}
        assert STORES.fullmatch(module) or not named & DRIVER_ERRORS, module
