"""Values in the query of an address. They are text, and only what is spelled as a value is one."""

import re
from typing import Annotated

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from shared.problems import FieldError, FieldsWrong

_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def _read_whole(value: object) -> int:
    if type(value) is int:
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    raise PydanticCustomError("int_parsing", "Write a whole number.")


Whole = Annotated[int, BeforeValidator(_read_whole)]
"""A whole number in digits: neither `1.0` nor `+1`, no blank around it, and no digit of another script."""


def refuse_unknown_names(request: Request) -> None:
    """A route with filters depends on this: past a filter that it does not know, everything would look like a find.

    Raises Problem 422.
    """
    route: APIRoute = request.scope["route"]
    known = sorted(field.alias for field in route.dependant.query_params)
    if not set(known) >= set(request.query_params):
        detail = f"An unknown filter stands here. There are: {', '.join(known)}."
        errors = [FieldError("", "extra_forbidden", detail)]
        raise FieldsWrong(errors)
