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


@dataclass(frozen=True, slots=True)
class Longer(Pair):
    third: int = 0


def test_a_copy_has_the_fields_that_its_class_has_from_another_one() -> None:
    assert copier(Longer)(Longer(1, "a", 2), left=3, third=4) == Longer(3, "a", 4)


@dataclass(frozen=True, slots=True)
class Checked(Pair):
    def __post_init__(self) -> None:
        raise ValueError


@dataclass(frozen=True, slots=True)
class Single:
    one: int


@dataclass(frozen=True)
class Loose:
    left: int
    right: int


@pytest.mark.parametrize("kind", [Checked, Single, Loose])
def test_what_would_be_copied_wrongly_is_refused_at_once(kind: type) -> None:
    with pytest.raises(TypeError, match="slots for all of them, and no __post_init__"):
        copier(kind)
