"""Pages of a list, and their cursors: the place where a list goes on, as a text that callers hand back as it is.

A list that passes over what its reader may not see is read by `look_through`: one page looks at so many documents, and
at no more.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from hmac import digest
from typing import Generic, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from pydantic import TypeAdapter

from shared.problems import FieldError, FieldsWrong

S = TypeVar("S")
T = TypeVar("T")
PlaceT = TypeVar("PlaceT")

MOST_LOOKED_AT = 2_000
"""The most documents that are looked at for one page."""
MOST_AT_ONCE = 1_000
_BLOCK = 64
"""Sealed places are as long as a multiple of this, so that the length of a cursor tells nothing of the place."""


async def look_through(
    read: Callable[[PlaceT | None, int], Awaitable[Sequence[T]]],
    see: Callable[[Sequence[T]], Awaitable[Sequence[S]]],
    place_of: Callable[[T], PlaceT],
    after: PlaceT | None,
    wanted: int,
    most: int = MOST_LOOKED_AT,
) -> tuple[list[S], PlaceT | None]:
    """At least `wanted` of what `see` leaves of a list from behind `after` on, and the last place that was looked at.

    It looks at `most` documents and no more, so there may be fewer. The place is None if the list has ended.
    `read(after, limit)` gives documents in the order of the list.
    """
    shown: list[S] = []
    # A few more than are wanted, so that a few that are passed over cost no second look.
    looked, size = 0, wanted + 8 + wanted // 8
    while True:
        size = min(size, MOST_AT_ONCE, most - looked)
        found = await read(after, size)
        shown += await see(found)
        looked += len(found)
        if len(found) < size:
            return shown, None
        after = place_of(found[-1])
        if len(shown) >= wanted or looked >= most:
            return shown, after
        size *= 2


class Cursors(Generic[PlaceT]):
    """The cursors of one list. A place in it is a value of one type: a text, a named tuple or a frozen dataclass.

    Times in it are of the type shared.times.Utc.
    """

    def __init__(self, place: type[PlaceT], key: bytes | None = None) -> None:
        """A `key` (32 bytes) seals the cursors, because a place may be that of a document that is passed over."""
        self._adapter: TypeAdapter[PlaceT] = TypeAdapter(place)
        self._seal = AESSIV(digest(key, f"cursors {place.__name__}".encode(), sha256)) if key else None

    def write(self, place: PlaceT) -> str:
        """The cursor that names a place."""
        text = self._adapter.dump_json(place)
        if self._seal:
            text = self._seal.encrypt(text.ljust(-(-len(text) // _BLOCK) * _BLOCK), None)
        return base64.urlsafe_b64encode(text).decode().rstrip("=")

    def read(self, cursor: str | None) -> PlaceT | None:
        """The place that a cursor names; None without a cursor. Raises Problem 422 for what `write` did not make."""
        if not cursor:
            return None
        try:
            text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            return self._adapter.validate_json(self._seal.decrypt(text, None) if self._seal else text, strict=True)
        except (ValueError, OverflowError, binascii.Error, InvalidTag):
            fault = FieldError("/cursor", "invalid_cursor", "Use the cursor of an earlier answer as it is.")
            raise FieldsWrong([fault]) from None

    async def page(
        self,
        cursor: str | None,
        limit: int,
        read: Callable[[PlaceT | None, int], Awaitable[Sequence[T]]],
        see: Callable[[Sequence[T]], Awaitable[Sequence[T]]],
        place_of: Callable[[T], PlaceT],
    ) -> tuple[Sequence[T], str | None]:
        """The next `limit` of what `see` leaves of a list, and the cursor of the page after it; None at the end.

        See `look_through`: the page may be short, and even empty, and have a page after it. Raises Problem 422.
        """
        shown, last = await look_through(read, see, place_of, self.read(cursor), limit + 1)
        return self.cut(shown, limit, place_of, last)

    def cut(
        self, found: Sequence[T], limit: int, place_of: Callable[[T], PlaceT], last: PlaceT | None = None
    ) -> tuple[Sequence[T], str | None]:
        """The first `limit` of what was found, and the cursor behind the last of them.

        If no more was found: the cursor behind `last`; None without.
        """
        if len(found) > limit:
            last = place_of(found[limit - 1])
        return found[:limit], None if last is None else self.write(last)
