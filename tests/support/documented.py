"""What stands in the fences of a page: programs to copy, by the name of their file, and commands of the shell."""

import re
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[2] / "docs"
_FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)


class Fence(NamedTuple):
    """The words behind the opening fence, and the lines in it."""

    said: str
    text: str


def fences(page: Path) -> list[Fence]:
    """Every fence of a page, in order."""
    return [Fence(*found) for found in _FENCE.findall(page.read_text(encoding="utf-8"))]


def programs(page: Path) -> dict[str, str]:
    """The programs of a page, by the name that stands behind the language."""
    return {said.split()[1]: text for said, text in fences(page) if len(said.split()) == 2 and "." in said}


def commands(page: Path) -> list[str]:
    """What the reader of a page runs, one after the other; not what its operator runs."""
    return [text for said, text in fences(page) if said == "sh"]
