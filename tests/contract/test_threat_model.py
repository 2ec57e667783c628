"""docs/threat-model.md: every attacker has a section, every claim names its tests, and every test named exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "threat-model.md").read_text(encoding="utf-8")
ATTACKERS = ("The accused", "A responder", "An auditor", "An operator", "An integrator", "A stranger", "The network")
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def sections(page: str) -> dict[str, str]:
    """The text below each heading of the second level."""
    parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def claims(section: str) -> list[tuple[str, ...]]:
    """The rows of a section's table: the attempt, what stands against it, and by which tests that is shown."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[2:]]


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of the tests that a file defines, by its syntax: nothing of it is run."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(function.name for function in functions if function.name.startswith("test_"))


@pytest.mark.parametrize("attacker", ATTACKERS)
def test_every_attacker_has_claims_and_is_told_what_is_not_protected(attacker: str) -> None:
    section = sections(PAGE)[attacker]
    assert len(claims(section)) >= 3
    assert len(section.partition("**Not protected.**")[2].strip()) > 100


@pytest.mark.parametrize("attacker", ATTACKERS)
def test_every_claim_names_a_test(attacker: str) -> None:
    rows = claims(sections(PAGE)[attacker])
    assert [row for row in rows if len(row) != 3 or not all(row) or not NAMED.search(row[2])] == []


def test_no_section_stands_there_without_an_attacker() -> None:
    assert tuple(sections(PAGE)) == ("What is protected", *ATTACKERS)


def test_every_test_that_the_page_names_exists() -> None:
    named = NAMED.findall(PAGE)
    assert len(named) > 50
    missing = [f"{path}::{name}" for path, name in named if not (TESTS / path).exists() or name not in names_in(path)]
    assert missing == []


def test_whatever_looks_like_a_test_is_read_as_one() -> None:
    assert PAGE.count("::") == len(NAMED.findall(PAGE))
