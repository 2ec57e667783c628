"""Addresses as people type them, and the methods that each address takes. Pure."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from urllib.parse import parse_qsl, urlencode

from shared.input.texts import trim, trim_line

_ENDS = frozenset("/ .,;:!?)>]}\"'*|`\\")
"""What stands behind an address in a sentence or in wikitext, and slashes; of ASCII."""
_ENDING = frozenset(("Po", "Pe", "Pf", "Pi", "Ps", "Zs"))
"""Categories of what stands there in other scripts: full stops, closing brackets and quotes, blanks."""


def tidy_path(path: str) -> str:
    """A path as a service knows it: in small letters, without what stands behind it and without marks of copying.

    No path of ours differs from another one in capitals alone.
    """
    if path and path[-1] not in _ENDS and path.isascii() and path == path.lower():
        return path
    path = trim(path)
    end = len(path)
    while end and _is_end(path[end - 1]):
        end -= 1
    return path[:end].lower() or "/"


def _is_end(sign: str) -> bool:
    return sign in _ENDS if sign.isascii() else unicodedata.category(sign) in _ENDING


def tidy_query(query: bytes) -> bytes:
    """The query string, with values that have no blanks around them and no marks of copying."""
    if b"%" not in query and b"+" not in query:
        return query
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    tidy = [(name, trim_line(value)) for name, value in pairs]
    return query if tidy == pairs else urlencode(tidy).encode()


class Methods:
    """The methods of each path. An address that can be read takes HEAD too, and each takes OPTIONS."""

    def __init__(self, routes: Iterable[tuple[re.Pattern[str], Collection[str]]]) -> None:
        self._routes = tuple(routes)

    def allowed(self, path: str) -> str:
        """The methods of a path, as the Allow header has them (RFC 9110, 10.2.1). Empty: there is no such path."""
        found = {method for pattern, methods in self._routes if pattern.match(path) for method in methods}
        if "GET" in found:
            found.add("HEAD")
        return ", ".join(sorted(found | {"OPTIONS"})) if found else ""
