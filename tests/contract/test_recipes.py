"""docs/recipes.md is true: every file, command, target and name in it exists."""

import re
from pathlib import Path

import pytest

from infra import cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"`([^`]+)`", PAGE)
CODE = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("services", "shared", "infra", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)
)
CHANGES = (
    "source", "category", "route", "deadline", "notice", "audience", "channel", "state", "command", "fact", "version",
    "topic", "setting", "message", "language", "metric", "action", "role", "provider", "responsibility",
)  # fmt: skip


def test_every_change_that_has_one_place_has_its_recipe() -> None:
    headings = "\n".join(re.findall(r"^## .*$", PAGE, re.MULTILINE))
    assert [change for change in CHANGES if change not in headings] == []
    for recipe in PAGE.split("\n## ")[2:]:
        assert "\nCheck: " in recipe, recipe.partition("\n")[0]


def test_every_file_that_it_names_exists_or_is_the_one_to_be_written() -> None:
    named = {word for text in QUOTED for word in re.findall(r"[\w./-]+", text) if re.match(r"[\w-]+/[\w./-]+$", word)}
    assert len(named) > 40
    assert {name for name in named if not (ROOT / name).exists()} == {"shared/i18n/sw.json"}


def test_every_target_of_make_that_it_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {target for text in QUOTED for target in re.findall(r"\bmake ([a-z-]+)", text)}
    assert "check-messages" in targets
    assert {target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


@pytest.mark.parametrize("command", sorted({c for t in QUOTED for c in re.findall(r"hearth ([a-z-]+ [a-z]+)", t)}))
def test_every_command_that_it_names_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*command.split(), "--help"]) == 0
    assert capsys.readouterr().out


def test_every_table_and_class_that_it_names_exists() -> None:
    names = {text for text in QUOTED if re.fullmatch(r"[A-Z][A-Za-z_]+|_command", text)}
    settings = {text for text in names if text.startswith("HEARTH_")}
    assert len(names - settings) > 10
    assert {name for name in names - settings if not re.search(rf"\b{name}\b", CODE)} == set()


def test_every_name_stands_in_the_file_that_the_recipe_names_beside_it() -> None:
    pairs = re.findall(
        r"((?:`[A-Za-z_]+`(?:, | and )?)+)(?: (?:of|in))? \(?`((?:services|shared|infra|tests)/[\w/.]+\.\w+)`", PAGE
    )
    assert len(pairs) > 15
    for names, path in pairs:
        text = (ROOT / path).read_text(encoding="utf-8")
        for name in re.findall(r"\w+", names):
            assert re.search(rf"\b{name}\b", text), (name, path)
