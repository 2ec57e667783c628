"""A number in an address is a number in digits, at every route of every service."""

from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.web.queries import Whole
from tests.support.every_app import SERVICES, build

WHOLE = TypeAdapter(Whole)
NO_NUMBERS = ("1.0", "+1", " 1", "1 ", "1_0", "1e1", "0x1", "٣", "１", "true", "", "1,0", "--1", "1\n", "9" * 19)


def numbers(service: str) -> Iterator[tuple[str, type | None]]:
    """Each number in the query of a route: its name, and what reads it."""
    for route in build(service).routes:
        if isinstance(route, APIRoute):
            for field in route.dependant.query_params:
                if "int" in str(field.field_info.annotation):
                    yield f"{route.path}?{field.alias}", field


@pytest.mark.parametrize("service", SERVICES)
def test_no_address_takes_what_only_looks_like_a_number(service: str) -> None:
    for name, field in numbers(service):
        for text in NO_NUMBERS:
            _, errors = field.validate(text, {}, loc=("query", name))
            assert [error["type"] for error in errors] == ["int_parsing"], (name, text)
        assert field.validate("7", {}, loc=("query", name)) == (7, []), name


@given(st.text(max_size=6) | st.from_regex(r"-?[0-9]{1,18}", fullmatch=True))
def test_a_number_is_its_digits(text: str) -> None:
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit():
        assert WHOLE.validate_python(text) == int(text)
    else:
        with pytest.raises(ValidationError):
            WHOLE.validate_python(text)


@pytest.mark.parametrize("value", [True, 1.0, "1.0", None, [1]])
def test_no_other_value_is_a_number(value: object) -> None:
    with pytest.raises(ValidationError):
        WHOLE.validate_python(value)
