"""JSON as strangers write it: what programs get wrong around it, and what can mean one thing only, is mended. Pure."""

import codecs
import re
from typing import Any

import orjson

BYTE_ORDER_MARK = "byte_order_mark"
HALF_A_CHARACTER = "half_a_character"

_DEEPEST = 10

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# A whole pair of surrogates, half a pair, or any other escape; in this order, so that each is found as what it is.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def mend_json(text: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The JSON text without byte order mark, with U+FFFD for half a character; and the codes of what was odd.

    What is wrong otherwise stays as it is.
    """
    found = []
    if text.startswith(codecs.BOM_UTF8):
        text = text.removeprefix(codecs.BOM_UTF8)
        found.append(BYTE_ORDER_MARK)
    whole = _mend_bytes(text)
    # To look at each escape takes long, and hardly any text has one of these.
    if _SURROGATE.search(whole):
        whole = _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], whole)
    if whole != text:
        found.append(HALF_A_CHARACTER)
    return whole, tuple(found)


def read_mended(text: bytes) -> tuple[Any, tuple[str, ...]]:
    """What the mended JSON text says, without nulls; and the codes of what was odd. Raises orjson.JSONDecodeError."""
    mended, codes = mend_json(text)
    return drop_nulls(orjson.loads(mended)), codes


def drop_nulls(value: Any, depth: int = _DEEPEST) -> Any:
    """The value without what is null in its objects and lists: null says that a thing is not there.

    A part that holds nothing but nulls goes with them; an item of a list stays, because one was written there.

    What is nested deeper than anything that Hearth reads stays as it is.
    """
    if isinstance(value, dict) and depth:
        return {name: drop_nulls(inner, depth - 1) for name, inner in value.items() if not _is_null(inner, depth)}
    if isinstance(value, list) and depth:
        return [drop_nulls(inner, depth - 1) for inner in value if inner is not None]
    return value


def _is_null(value: Any, depth: int) -> bool:
    if isinstance(value, dict) and value and depth:
        return all(_is_null(inner, depth - 1) for inner in value.values())
    return value is None


def _mend_bytes(text: bytes) -> bytes:
    """Surrogates that were written as UTF-8 (CESU-8): two are one character, and one is half of one."""
    try:
        text.decode()
    except UnicodeDecodeError:
        try:
            pairs = text.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass")
        except UnicodeDecodeError:
            return text
        return pairs.decode("utf-16", "replace").encode()
    return text
