"""Cursors: the place where a list goes on, as a text that callers hand back as it is."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

from shared.problems import FieldError, Problem

T = TypeVar("T")


def write_cursor(place: Sequence[int | str]) -> str:
    """The text for a place."""
    return base64.urlsafe_b64encode(orjson.dumps(list(place))).decode().rstrip("=")


def read_cursor(cursor: str, place_of: Callable[..., T], *kinds: type[Any]) -> T:
    """What `place_of` makes of the parts of a cursor, which are of exactly these kinds.

    Raises Problem 422 for a text that is no cursor of this list, also where `place_of` raises ValueError or
    OverflowError.
    """
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if [type(part) for part in parts] != list(kinds):
            raise ValueError(cursor)
        return place_of(*parts)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        fault = FieldError("/cursor", "invalid_cursor", "Use the cursor of an earlier answer as it is.")
        raise Problem(422, "invalid-fields", "Some fields are not valid.", errors=[fault]) from None
