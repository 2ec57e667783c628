"""Where running text may name a person: spans of it, in the folded form that names have.

A name is looked for as whole words. Scripts that put no blanks between words, and Korean with its particles, are
searched character by character. Each name gives the number of how it begins, its length, and the number of all of it.
Only spans with such numbers are looked at more closely, so the work grows with the text and no faster.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from zlib import crc32

from shared.names.folding import clear, fold_all
from shared.names.readings import readings_of
from shared.names.scripts import DENSE, SYMBOLS

NUMBERS = 1 << 15
"""How many ways to begin are told apart, and how many names."""
LONGEST = 255
"""Characters of the longest name that is looked for."""
_MOST_LIGATURES = 50
_LIGATURES = re.compile(r"[\ufdfa\ufdfb]")
"""Characters that stand for whole sentences. So many of them are read as such, in one text."""
_SHORT = 2
"""A name of so few letters is found only where a mark such as `@` or `:` stands before it: it is a word, too."""

_BREAK = (
    r"\x00-/:-@\[-`{-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\u055d\u0589\u05be\u060c\u061b\u061f\u066a-\u066d\u06d4\u0964\u0965"
    r"\u2000-\u206f\u2e00-\u2e7f\u3000-\u303f\u30fb"
)
_PART = re.compile(rf"[{DENSE}]+|[{SYMBOLS}]|[^{DENSE}{SYMBOLS}{_BREAK}]+|(?<!\S)[$+#&]")
# The sign first: a pattern that begins with what is rare is quick.
_ASCII_SIGN = re.compile(rb"[$+#&](?<!\S.)")
_ASCII_WORDS = bytes(code if chr(code).isalnum() and code < 128 else 32 for code in range(256))
"""All but letters and digits become blanks: to cut at blanks takes a tenth of the time of a pattern."""
_IS_DENSE = re.compile(rf"[{DENSE}]")
_BETWEEN_DENSE = re.compile(rf"(?<=[{DENSE}])[ ・](?=[{DENSE}])")
_PREFIXED = re.compile(r"[وفبلك](?=[\u0620-\u06ff]{2})|[ובלהמשכ](?=[\u05d0-\u05ea]{2})")
"""Letters that Arabic and Hebrew write together with the word behind them."""
_MARKS = frozenset(":@/|[{#\"'=")
_TAIL = re.compile(r"(?<![$+#!*])[$+#!*]++(?=\s|$)")
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
    return number_of(next(iter(_begins(found[0])))[1]) if found else None


def number_of(text: str) -> int:
    """The number of a text. Few texts share one."""
    return _number(text.encode())


def spans_in(text: str, starts: AbstractSet[int], lengths_of: Callable[[int], AbstractSet[int]]) -> Iterator[str]:
    """The folded spans of a text that may be names, however long the text is, each time that they stand there.

    `starts`: the numbers that names begin with; `lengths_of`: the lengths of those that begin with one of them.
    """
    shown = text if text.isascii() else clear(_shortened(text))
    for variant in dict.fromkeys(" ".join(reading.split()) for reading in _readings(shown)):
        folded = fold_all(variant)
        known = {h.decode(): lengths_of(number) for h in _heads(folded) if (number := crc32(h) % NUMBERS) in starts}
        if known:
            yield from _spans(variant, folded, known)


def _readings(text: str) -> Iterator[str]:
    yield from readings_of(text)
    if not text.isascii() and (joined := _BETWEEN_DENSE.sub("", text)) != text:
        yield joined


def _shortened(text: str) -> str:
    ligatures = islice(_LIGATURES.finditer(text), _MOST_LIGATURES, _MOST_LIGATURES + 1)
    end = next((found.start() for found in ligatures), len(text))
    return text[:end] + _LIGATURES.sub(" ", text[end:])


def _heads(text: str) -> AbstractSet[bytes]:
    """How names in a folded text may begin."""
    if text.isascii():
        octets = text.encode()
        return frozenset((*octets.translate(_ASCII_WORDS).split(), *_ASCII_SIGN.findall(octets)))
    return {head.encode() for part in set(_PART.findall(text)) for _, head in _begins(part)}


def _spans(shown: str, text: str, known: Mapping[str, AbstractSet[int]]) -> Iterator[str]:
    ends, is_lower = _ends(text), shown.islower()
    for found in _PART.finditer(text):
        for place, head in _begins(found[0]):
            for length in known.get(head, ()):
                first = found.start() + place
                last = first + length
                if last < len(ends) and ends[last] and _may_be_name(text, shown, first, last, is_lower=is_lower):
                    yield text[first:last]


def _ends(text: str) -> bytearray:
    """For each place in a text, whether a name may end before it."""
    ends = bytearray(len(text) + 1)
    for found in _PART.finditer(text):
        start, end = found.span()
        if _IS_DENSE.match(text, start):
            ends[start + 1 : end] = b"\1" * (end - start - 1)
        ends[end] = 1
    for found in _TAIL.finditer(text):
        ends[found.end()] = 1
    return ends


def _begins(part: str) -> Iterable[tuple[int, str]]:
    """Where in a part a name may begin, each with how it begins."""
    if part.isascii():
        return ((0, part),)
    if _IS_DENSE.match(part):
        return ((first, part[first : first + 2]) for first in range(len(part)))
    return ((0, part), (1, part[1:])) if _PREFIXED.match(part) else ((0, part),)


def _may_be_name(text: str, shown: str, first: int, last: int, *, is_lower: bool) -> bool:
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
    return is_lower or shown[first].isupper()


def _number(text: bytes) -> int:
    return crc32(text) % NUMBERS
