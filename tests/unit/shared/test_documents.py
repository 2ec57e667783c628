"""What differs between two values, written into the document of the one, is the document of the other."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.documents import Codec


@dataclass(frozen=True, slots=True)
class Step:
    at: int
    how: str | None = None


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
        ({"steps": (FIRST, SECOND, THIRD)}, {}, {"steps": [{"at": 3, "how": None}]}),
        ({"steps": (FIRST, THIRD, SECOND)}, {"steps": tuple({"at": at, "how": None} for at in (1, 3, 2))}, {}),
        ({"steps": (FIRST,)}, {"steps": ({"at": 1, "how": None},)}, {}),
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


def test_a_sparse_document_lacks_what_has_its_default_at_any_depth() -> None:
    codec = Codec(Way, sparse=True)
    assert codec.to_document(Way("w1", "begun")) == {"state": "begun"}
    assert codec.to_document(Way("w1", "begun", (FIRST, Step(2, "loud")))) == {
        "state": "begun",
        "steps": ({"at": 1}, {"at": 2, "how": "loud"}),
    }
    assert codec.from_document({"_id": "w1", "state": "begun", "steps": [{"at": 1}]}) == Way("w1", "begun", (FIRST,))


def test_a_field_that_gets_its_default_again_is_written_in_a_sparse_document_too() -> None:
    after = replace(BEFORE, steps=(), names=("ann",))
    assert Codec(Way, sparse=True).changes(after, BEFORE) == ({"steps": ()}, {"names": ["ann"]})
