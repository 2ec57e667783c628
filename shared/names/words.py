"""Where running text may name a person: spans of it, in the folded form that names have.

A name is looked for as whole words. Scripts that put no blanks between words, and Korean with its particles, are
searched character by character. Few spans begin like a name that is looked for: each name gives the number of how it
begins (`start_of`), and only what begins with such a number is looked at more closely.
"""

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from urllib.parse import unquote
from zlib import crc32

from shared.names.folding import clear, fold_all

STARTS = 1 << 15
"""How many ways to begin are told apart."""
LONGEST, LONGEST_DENSE = 255, 85
"""Characters of the longest name that is looked for, and of those without blanks between words."""
_MOST_PARTS = 24
_SHORT = 2
"""A name of so few letters is found only where a mark such as `@` or `:` stands before it: it is a word, too."""

_DENSE = (
    r"\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
_BREAK = (
    r"\x00-/:-@\[-`{-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\u055d\u0589\u05be\u060c\u061b\u061f\u066a-\u066d\u06d4\u0964\u0965"
    r"\u2000-\u206f\u2e00-\u2e7f\u3000-\u303f\u30fb"
)
_PART = re.compile(rf"[{_DENSE}]+|[^{_DENSE}{_BREAK}]+|(?<!\S)[$+#&]")
_ASCII_PART = re.compile(rb"[0-9a-z]+|(?<!\S)[$+#&]")
_IS_DENSE = re.compile(rf"[{_DENSE}]")
_PREFIXED = re.compile(r"[وفبلك](?=[\u0620-\u06ff]{2})|[ובלהמשכ](?=[\u05d0-\u05ea]{2})")
"""Letters that Arabic and Hebrew write together with the word behind them."""
_MARKS = frozenset(":@/|[{#\"'=")
_TAIL = re.compile(r"[$+#!*]+(?=\s|$)")
_COMMON = frozenset(
    re.split(
        r"\s+",
        """
        the and for are but not you all any can had her was one our out day get has him his how man new now old see two
        way who boy did its let put say she too use that with have this will your from they know want been good much
        some time very when come here just like long make many more only over such take than them well were what may
        young king little page user admin editor example talk wiki test nobody someone anonymous
        """.strip(),
    )
)
"""Words of English that are names as well. In small letters they are no names, unless nothing has capitals."""


def start_of(name: str) -> int | None:
    """The number of how a folded name begins. None: there is nothing in it that could be looked for."""
    found = _PART.match(name)
    return _number(_head(name, found.start(), found.end()).encode()) if found else None


def spans_in(text: str, starts: AbstractSet[int]) -> Iterator[str]:
    """The folded spans of a text that may be names, of those that begin with one of these numbers."""
    shown = " ".join((text if text.isascii() else clear(text)).split())
    for variant in dict.fromkeys((shown, " ".join(unquote(shown).split()))) if "%" in shown else (shown,):
        folded = fold_all(variant)
        heads = {head for head in _heads(folded) if _number(head) in starts}
        if heads:
            yield from _spans(variant, folded, {head.decode() for head in heads})


def _heads(text: str) -> AbstractSet[bytes]:
    """How names in a folded text may begin."""
    if text.isascii():
        return frozenset(_ASCII_PART.findall(text.encode()))
    heads: set[str] = set()
    for part in _PART.findall(text):
        if _IS_DENSE.match(part):
            heads.update(part[first : first + 2] for first in range(len(part)))
        else:
            heads.update(part[first:] for first in _firsts(part, 0, len(part)))
    return {head.encode() for head in heads}


def _spans(shown: str, text: str, heads: AbstractSet[str]) -> Iterator[str]:
    parts = [(found.start(), found.end()) for found in _PART.finditer(text)]
    for place, (start, end) in enumerate(parts):
        for first in _firsts(text, start, end):
            if _head(text, first, end) in heads:
                for last in _lasts(text, parts, place, first):
                    if _may_be_name(text, shown, first, last):
                        yield text[first:last]


def _firsts(text: str, start: int, end: int) -> Iterable[int]:
    """Where in a part a name may begin."""
    if _IS_DENSE.match(text, start):
        return range(start, end)
    return (start, start + 1) if _PREFIXED.match(text, start) else (start,)


def _lasts(text: str, parts: list[tuple[int, int]], place: int, first: int) -> Iterator[int]:
    """Where a name that begins at `first` may end."""
    for start, end in parts[place : place + _MOST_PARTS]:
        if start - first > LONGEST:
            return
        if _IS_DENSE.match(text, start):
            yield from range(max(start, first) + 1, min(end, first + LONGEST_DENSE))
        yield end
        if tail := _TAIL.match(text, end):
            yield tail.end()


def _may_be_name(text: str, shown: str, first: int, last: int) -> bool:
    """Whether a span is more than a word like any other."""
    length = last - first
    if length == len(text) or (first and text[first - 1] in _MARKS):
        return True
    if _IS_DENSE.match(text, first):
        return length > 1
    if length <= _SHORT:
        return False
    if text[first:last] not in _COMMON or len(shown) != len(text):
        return True
    return shown[first].isupper() or shown.islower()


def _head(text: str, first: int, end: int) -> str:
    return text[first : min(first + 2, end)] if _IS_DENSE.match(text, first) else text[first:end]


def _number(head: bytes) -> int:
    return crc32(head) % STARTS
