"""What people and programs wrote, and what became of it: the files of `tests/cases`."""

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent / "cases"


def cases(name: str) -> list[Any]:
    """The cases of `NAME.json` as parameters: one object, its values by the id of the case."""
    found = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return [pytest.param(case, id=case_id) for case_id, case in found.items()]


def written(value: Any) -> Any:
    """The text of a case; a pair of a text and a number is the text so many times."""
    return value[0] * value[1] if isinstance(value, list) else value
