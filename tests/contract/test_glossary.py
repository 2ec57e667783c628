"""docs/glossary.md: every term is used by the module that it names, in a docstring or in a public name."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([a-z -]+) \| (.+) \| `([\w/.]+)` \|$", PAGE, re.MULTILINE)


def words_of(path: Path) -> str:
    """What a module says in public: its docstrings and names, as words in lower case. Of data all of it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return text
    said: list[str] = []
    for scope in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Module | ast.ClassDef)):
        said.append(ast.get_docstring(scope) or "")
        for node in scope.body:
            match node:
                case ast.ClassDef(name=name) if not name.startswith("_"):
                    said.append(name)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if not name.startswith("_"):
                    said += [name, ast.get_docstring(node) or ""]
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                    said.append(name)
    return " ".join(re.sub(r"([a-z])([A-Z])", r"\1 \2", part).replace("_", " ").lower() for part in said)


def test_every_row_is_read() -> None:
    tied = PAGE.partition("## Kept for what comes next")[0]
    assert len(ROWS) == len(re.findall(r"^\| (?!term |---)", tied, re.MULTILINE)) > 40
    terms = [term for term, *_ in ROWS]
    assert len(set(terms)) == len(terms)


@pytest.mark.parametrize(("term", "meaning", "module"), ROWS, ids=[term.replace(" ", "-") for term, *_ in ROWS])
def test_a_term_is_used_by_the_module_that_holds_it(term: str, meaning: str, module: str) -> None:
    path = ROOT / module
    assert path.is_file()
    words = words_of(path)
    shorter = re.findall(r"the code says `(\w+)`", meaning)
    plural = re.escape(term.removesuffix("y"))
    assert re.search(rf"\b{plural}(?:y|ies|s|es)?\b", words) or any(word in words for word in shorter), term
