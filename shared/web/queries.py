"""Values in the query of an address. They are text, and only what is spelled as a value is one."""

import re
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def _read_whole(value: object) -> int:
    if type(value) is int:
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    raise PydanticCustomError("int_parsing", "Write a whole number.")


Whole = Annotated[int, BeforeValidator(_read_whole)]
"""A whole number in digits: neither `1.0` nor `+1`, no blank around it, and no digit of another script."""
