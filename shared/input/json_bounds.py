"""How many values a JSON text may hold. A parser would make of one megabyte more memory than a service has. Pure."""

import re

MOST_VALUES = 5_000
"""Values and names in one text. The largest call of our own services has 3,500."""

_STRUCTURE = (b",", b"[", b"{", b":")
# A string that does not end goes to the end of the text, also behind a last backslash, so each byte is looked at once.
_STRING = re.compile(rb'"(?:[^"\\]|\\(?:.|\Z))*+(?:"|\Z)', re.DOTALL)


def fits(text: bytes) -> bool:
    """Whether a text, whether it is JSON or not, holds no more values than a parser may make of it."""
    if _marks(text) <= MOST_VALUES:
        return True
    # Marks inside of strings do not count. Each string is a value or a name itself.
    rest, strings = _STRING.subn(b"", text, MOST_VALUES + 2)
    return strings <= MOST_VALUES + 1 and _marks(rest) <= MOST_VALUES


def _marks(text: bytes) -> int:
    return sum(map(text.count, _STRUCTURE))
