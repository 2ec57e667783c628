"""Words that stand for somebody's: they can be looked for in any bytes, in whatever way those bytes spell them.

A canary is `MARKER`, the name of what it stands for, and `END`. Only spellings of the marker are looked for, so that
hundreds of megabytes are searched in moments; the name is read where one was found. Letters and digits stay what they
are in JSON, HTML, percent encoding and quoted-printable, so one spelling serves them all.
"""

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

MARKER = "quokkalantern"
END = "0"
# Base64 may leave the first two letters in a group with what stands before them.
_NAME = re.compile(f"{MARKER[2:]}([a-z]+){END}")
_LONGEST_NAME = 200
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/_-]{4})*(?:[A-Za-z0-9+/_-]{2}==|[A-Za-z0-9+/_-]{3}=)?")
_SOFT_BREAK = re.compile(rb"=?\r?\n")


def canary(name: str) -> str:
    """The word for this name, which is letters a to z only."""
    return f"{MARKER}{name}{END}"


@dataclass(frozen=True, order=True)
class Hit:
    """A canary that was found: where, how it was spelled, and its name (empty if that was cut off)."""

    place: str
    spelling: str
    name: str


def search(places: Iterable[tuple[str, bytes]]) -> set[Hit]:
    """Every canary in these places, each of which is a name and bytes."""
    return {hit for place, found in places for hit in _search_one(place, found)}


def _search_one(place: str, text: bytes) -> Iterator[Hit]:
    # Mails and armoured texts break long lines anywhere, each in its own way.
    forms = {"plain": [text, _SOFT_BREAK.sub(b"", text)], "utf-16": [text]}
    whole_lines = [text, text.translate(None, b"\r\n")]
    for spelling, needle, read in _SPELLINGS:
        for form in forms.get(spelling, whole_lines):
            at = form.find(needle)
            while at >= 0:
                named = _NAME.search(read(form[at : at + _LONGEST_NAME]))
                yield Hit(place, spelling, named[1] if named else "")
                at = form.find(needle, at + 1)


def _read_plain(found: bytes) -> str:
    return _SOFT_BREAK.sub(b"", found).decode("latin-1").lower()


def _read_wide(found: bytes) -> str:
    return _read_plain(found[::2])


def _read_hex(found: bytes) -> str:
    run = re.match(rb"(?:[0-9a-fA-F]{2})*", found)
    return _read_plain(bytes.fromhex(run[0].decode())) if run else ""


def _read_base64(found: bytes) -> str:
    run = _BASE64.match(found.translate(None, b"\r\n"))
    return _read_plain(base64.b64decode(run[0].replace(b"-", b"+").replace(b"_", b"/"))) if run else ""


def _in_base64(before: int) -> bytes:
    """The marker in base64, where `before` bytes of its first group of three belong to what stands before it."""
    whole = base64.b64encode(b"\0" * before + MARKER.encode())
    return whole[4 if before else 0 : (before + len(MARKER)) // 3 * 4]


_Spelling = tuple[str, bytes, Callable[[bytes], str]]
_SPELLINGS: tuple[_Spelling, ...] = (
    *(("plain", word.encode(), _read_plain) for word in (MARKER, MARKER.capitalize(), MARKER.upper())),
    ("utf-16", MARKER.encode("utf-16-le"), _read_wide),
    *(("hex", word.encode(), _read_hex) for word in (MARKER.encode().hex(), MARKER.encode().hex().upper())),
    *(("base64", _in_base64(before), _read_base64) for before in range(3)),
)
