"""Pages of a list, and their cursors: the place where a list goes on, as a text that callers hand back as it is."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from pydantic import TypeAdapter

from shared.problems import FieldError, Problem

T = TypeVar("T")
PlaceT = TypeVar("PlaceT")


class Cursors(Generic[PlaceT]):
    """The cursors of one list. A place in it is a value of one type: a text, a named tuple or a frozen dataclass.

    Times in it are of the type shared.times.Utc.
    """

    def __init__(self, place: type[PlaceT]) -> None:
        self._adapter: TypeAdapter[PlaceT] = TypeAdapter(place)

    def write(self, place: PlaceT) -> str:
        """The cursor that names a place."""
        return base64.urlsafe_b64encode(self._adapter.dump_json(place)).decode().rstrip("=")

    def read(self, cursor: str | None) -> PlaceT | None:
        """The place that a cursor names; None without a cursor. Raises Problem 422 for what `write` did not make."""
        if not cursor:
            return None
        try:
            text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            return self._adapter.validate_json(text, strict=True)
        except (ValueError, OverflowError, binascii.Error):
            fault = FieldError("/cursor", "invalid_cursor", "Use the cursor of an earlier answer as it is.")
            raise Problem(422, "invalid-fields", "Some fields are not valid.", errors=[fault]) from None

    def cut(self, found: Sequence[T], limit: int, place_of: Callable[[T], PlaceT]) -> tuple[Sequence[T], str | None]:
        """The first `limit` of what was found, and the cursor behind the last of them; None if there is no more."""
        more = len(found) > limit
        return found[:limit], self.write(place_of(found[limit - 1])) if more else None
