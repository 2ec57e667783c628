"""A copy with other fields is what dataclasses.replace makes, and what is made faster is the same."""

from dataclasses import FrozenInstanceError, dataclass, field, replace
from inspect import signature
from typing import Any

import pytest

from shared.copies import copier, maker, quick


@dataclass(frozen=True, slots=True)
class Pair:
    left: int
    right: str = ""


def test_a_copy_has_the_new_fields_and_the_others_as_they_were() -> None:
    copy, before = copier(Pair), Pair(1, "a")
    assert copy(before, right="b") == replace(before, right="b")
    assert copy(before) == before == Pair(1, "a")
    with pytest.raises(AttributeError):
        copy(before, middle=2)
    with pytest.raises(FrozenInstanceError):
        copy(before).left = 2  # type: ignore[misc]  # that is the fault


@dataclass(frozen=True, slots=True)
class Longer(Pair):
    third: int = 0


def test_a_copy_has_the_fields_that_its_class_has_from_another_one() -> None:
    assert copier(Longer)(Longer(1, "a", 2), left=3, third=4) == Longer(3, "a", 4)


@dataclass(frozen=True, slots=True)
class Checked(Pair):
    def __post_init__(self) -> None:
        raise ValueError


@dataclass(frozen=True)
class Loose:
    left: int
    right: int


@pytest.mark.parametrize("make", [copier, quick, maker])
@pytest.mark.parametrize("kind", [Checked, Loose])
def test_what_would_be_made_wrongly_is_refused_at_once(make: Any, kind: type) -> None:
    with pytest.raises(TypeError, match="slots for all of its fields, and no __post_init__"):
        make(kind)


@quick
@dataclass(frozen=True, slots=True)
class Quick:
    left: int
    right: str = "r"


def test_what_is_made_faster_is_like_any_other() -> None:
    assert (Quick(1).left, Quick(1).right, Quick(left=1, right="x").right) == (1, "r", "x")
    assert replace(Quick(1), right="y") == Quick(1, "y") != Quick(2, "y")
    assert str(signature(Quick)) == str(signature(Pair)).replace("''", "'r'")
    with pytest.raises(TypeError, match="left"):
        Quick()  # type: ignore[call-arg]  # that is the fault
    with pytest.raises(FrozenInstanceError):
        Quick(1).left = 2  # type: ignore[misc]  # that is the fault


def test_a_maker_makes_what_its_class_does() -> None:
    make = maker(Quick)
    assert (make(1), make(left=1, right="x")) == (Quick(1), Quick(1, "x"))
    with pytest.raises(TypeError, match="left"):
        make()  # type: ignore[call-arg]  # that is the fault
    with pytest.raises(FrozenInstanceError):
        make(1).left = 2  # type: ignore[misc]  # that is the fault


@dataclass(frozen=True, slots=True)
class Kin(Quick):
    pass


def test_a_value_stays_of_its_own_class_however_it_is_made() -> None:
    assert {type(one) for one in (Kin(1), copier(Quick)(Kin(1), left=2), copier(Kin)(Kin(1)), maker(Kin)(1))} == {Kin}


@dataclass(frozen=True, slots=True)
class Filled:
    many: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    one: int


@pytest.mark.parametrize("make", [quick, maker])
@pytest.mark.parametrize("kind", [Filled, Named])
def test_only_plain_fields_are_set_faster(make: Any, kind: type) -> None:
    with pytest.raises(TypeError, match="is no plain field"):
        make(kind)
