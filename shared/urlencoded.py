"""Fields of a form, URL-encoded (WHATWG URL, 5.1), read strictly and in little memory. Pure."""

import re
from urllib.parse import unquote_to_bytes

MOST_FIELDS = 100

# Never cut within an escape. The library makes objects of every escape of a text that it gets at once.
_PIECE = re.compile(rb"(?:%[0-9A-Fa-f]{2}|[\x00-\x7f]){1,4096}")


def parse_fields(body: bytes, most: int) -> dict[str, list[str]]:
    """The values of each field, in their order. Raises ValueError for more than `most` fields, or no ASCII or UTF-8."""
    if body.count(b"&") >= most or not body.isascii():
        raise ValueError
    fields: dict[str, list[str]] = {}
    for part in filter(None, body.split(b"&")):
        name, _, value = part.partition(b"=")
        fields.setdefault(_decode(name), []).append(_decode(value))
    return fields


def _decode(text: bytes) -> str:
    pieces = (unquote_to_bytes(piece[0]) for piece in _PIECE.finditer(text.replace(b"+", b" ")))
    return b"".join(pieces).decode()
