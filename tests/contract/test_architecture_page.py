"""Documents name files that exist, and docs/architecture.md names every folder of code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATH = re.compile(r"(?<![\w/])(?:services|shared|infra|tests|benchmarks)(?:/[\w.]+)*")
ROOTS = ("services", "shared", "infra")
PAGES = sorted(
    str(page.relative_to(ROOT)) for glob in ("*.md", "docs/*.md", "infra/decisions/*.md") for page in ROOT.glob(glob)
)
TO_BE_WRITTEN = {"shared/i18n/sw.json"}
"""Files that a recipe tells its reader to write."""


def code_of(page: str) -> str:
    """The code spans and blocks of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return "\n".join(re.findall(r"```.*?```|`[^`]+`", text, re.DOTALL))


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_the_page_names_exists(page: str) -> None:
    named = {path.rstrip(".") for path in PATH.findall(code_of(page)) if "/" in path}
    assert {path for path in named - TO_BE_WRITTEN if not (ROOT / path).exists()} == set()


def test_the_map_names_every_folder_of_code() -> None:
    _, _, page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").partition("## The map")
    named = set(PATH.findall(page.partition("\n## ")[0]))
    packages = {path.parent for root in ROOTS for path in (ROOT / root).rglob("__init__.py")} - {ROOT / "services"}
    folders = {str(path.relative_to(ROOT)) for path in packages}
    assert len(folders) > 30
    assert folders - named == set()


def test_the_names_of_the_page_stand_in_the_files_beside_them() -> None:
    rows = re.findall(
        r"^\| [^|]*\| `([A-Z]\w+(?:\.\w+)?)`(?: and `(\w+)`)? in `([\w/.]+)`",
        (ROOT / "docs/architecture.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len(rows) > 3
    for *names, path in rows:
        text = (ROOT / path).read_text(encoding="utf-8")
        for name in names:
            assert all(re.search(rf"\b{part}\b", text) for part in name.split(".")), (path, name)
