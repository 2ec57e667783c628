"""What differs between two values, written into the document of the one, is the document of the other."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.documents import Codec


@dataclass(frozen=True, slots=True)
class Step:
    at: int


@dataclass(frozen=True, slots=True)
class Way:
    id: str
    state: str
    steps: tuple[Step, ...] = ()
    names: tuple[str, ...] = ()


CODEC = Codec(Way)
FIRST, SECOND, THIRD = Step(1), Step(2), Step(3)
BEFORE = Way("w1", "begun", (FIRST, SECOND))


@pytest.mark.parametrize(
    ("fields", "whole", "more"),
    [
        ({}, {}, {}),
        ({"state": "over"}, {"state": "over"}, {}),
        ({"steps": (FIRST, SECOND, THIRD)}, {}, {"steps": [{"at": 3}]}),
        ({"steps": (FIRST, THIRD, SECOND)}, {"steps": ({"at": 1}, {"at": 3}, {"at": 2})}, {}),
        ({"steps": (FIRST,)}, {"steps": ({"at": 1},)}, {}),
        ({"steps": ()}, {"steps": ()}, {}),
        ({"names": ("ann",), "state": "over"}, {"state": "over"}, {"names": ["ann"]}),
    ],
    ids=["nothing", "a-field", "one-more", "another-order", "one-less", "none-left", "the-first"],
)
def test_only_what_differs_is_written(fields: dict[str, Any], whole: dict[str, Any], more: dict[str, Any]) -> None:
    after = replace(BEFORE, **fields)
    assert CODEC.changes(after, BEFORE) == (whole, more)
    document = CODEC.to_document(BEFORE)
    added = {name: (*document[name], *items) for name, items in more.items()}
    assert {**document, **whole, **added} == CODEC.to_document(after)
