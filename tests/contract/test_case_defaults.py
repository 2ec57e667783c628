"""The defaults of a stored case never change: a document lacks each field that has its default, and gets it back."""

from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from services.triage.case.case import Case

FROZEN = Path(__file__).with_name("case_defaults.txt")
CHANGED = """A stored case that lacks the field would be read as another case.
Leave the field and its default as they are, and give the new meaning to a new field."""
NEW = f"Add these lines to {FROZEN.name}, in order. From then on they stay."


def types_in(kind: Any, found: set[type]) -> set[type]:
    """The dataclasses of which a value of this type is made."""
    if is_dataclass(kind) and isinstance(kind, type) and kind not in found:
        found.add(kind)
        for hint in get_type_hints(kind).values():
            types_in(hint, found)
    for part in get_args(kind):
        types_in(part, found)
    return found


def defaults_of(kind: type[Any]) -> Iterator[str]:
    """A line for each field that has a default."""
    for one in fields(kind):
        if one.default_factory is not MISSING:
            yield f"{kind.__name__}.{one.name} = {one.default_factory()!r}"
        elif one.default is not MISSING:
            yield f"{kind.__name__}.{one.name} = {one.default!r}"


def test_no_default_of_a_stored_case_has_changed() -> None:
    lines = {line for kind in types_in(Case, set()) for line in defaults_of(kind)}
    frozen = FROZEN.read_text(encoding="utf-8").splitlines()
    assert frozen == sorted(set(frozen))
    assert sorted(set(frozen) - lines) == [], CHANGED
    assert sorted(lines - set(frozen)) == [], NEW
