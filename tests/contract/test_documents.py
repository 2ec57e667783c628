"""The documents are true: every link leads somewhere, and every page is found from the index of docs/."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("infra/decisions/*.md")])
MESSAGES = sorted(path for top in ("services", "shared") for path in (ROOT / top).rglob("i18n/en.json"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
HIDDEN_ACTOR = re.compile(r"\b(?:whoever|whomever|whom|whose|somebody)\b", re.IGNORECASE)


def anchors_of(page: Path) -> set[str]:
    """The anchors that a Markdown page gets from its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def names(paths: list[Path]) -> list[str]:
    """The paths below the root, which name the cases of a test."""
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_link_leads_to_a_file_and_its_heading(page: Path) -> None:
    lost = []
    for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" not in link and not (target.exists() and (not anchor or anchor in anchors_of(target))):
            lost.append(link)
    assert lost == []


def test_the_index_leads_to_every_page_of_docs() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    docs = ROOT / "docs"
    found = [*docs.glob("*.*"), *docs.glob("integrate/*")]
    pages = {str(path.relative_to(docs)) for path in found} - {"README.md"}
    assert pages - set(LINK.findall(index)) == set()


def test_every_decision_is_listed() -> None:
    index = (ROOT / "infra/decisions/README.md").read_text(encoding="utf-8")
    pages = {path.name for path in (ROOT / "infra/decisions").glob("2*.md")}
    assert pages - set(LINK.findall(index)) == set()


def test_every_recipe_is_reached_from_the_table_above_them() -> None:
    page = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    _, table, *recipes = page.split("\n## ")
    headings = [recipe.partition("\n")[0] for recipe in recipes]
    assert len(headings) > 10
    anchors = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    assert [link.removeprefix("#") for link in LINK.findall(table) if link.startswith("#")] == anchors


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_no_sentence_hides_its_actor_behind_whoever_or_somebody(page: Path) -> None:
    assert HIDDEN_ACTOR.findall(CODE.sub("", page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("file", MESSAGES, ids=names(MESSAGES))
def test_no_message_hides_its_actor_behind_whoever_or_somebody(file: Path) -> None:
    assert HIDDEN_ACTOR.findall(file.read_text(encoding="utf-8")) == []
