"""A copy with other fields is what dataclasses.replace makes."""

from dataclasses import dataclass, replace

import pytest

from shared.copies import copier


@dataclass(frozen=True, slots=True)
class Pair:
    left: int
    right: str = ""


def test_a_copy_has_the_new_fields_and_the_others_as_they_were() -> None:
    copy, before = copier(Pair), Pair(1, "a")
    assert copy(before, right="b") == replace(before, right="b")
    assert copy(before) == before == Pair(1, "a")
    with pytest.raises(KeyError):
        copy(before, middle=2)
