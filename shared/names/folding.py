"""One form for all spellings of a name that differ only in how they are typed."""

import re
import unicodedata
from itertools import groupby
from typing import Literal

from shared.names.scripts import SYMBOLS

_INVISIBLE = frozenset(
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x0640, *range(0x180B, 0x1810), 0x3164, 0xFFA0))
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
"""Characters without a shape of their own that Unicode does not call format characters, and the Arabic stretcher."""
_SAME = str.maketrans(
    # Word processors put the curved and the long ones in place of what was typed.
    dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc\u02b9\u02bb\u02bd\ua78c\u2032\u00b4`\u05f3", "'")
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u05be", "-")
    # Keyboards of languages in the Arabic script write one letter as several characters.
    | dict.fromkeys("\u064a\u0649\u06d0\u06d2", "\u06cc")
    | dict.fromkeys("\u0643\u06aa", "\u06a9")
    | dict.fromkeys("\u0629\u06be\u06c1\u06c3\u06d5", "\u0647")
    | {"\u0671": "\u0627", "\u2800": " ", "_": " ", "\u3002": "."}
    # People leave a stroke out as they leave out an accent, but it is no mark of its own in Unicode.
    | dict(zip("øłđðɖħŧŋƶǥɨʉ", "oldddhtnzgiu", strict=True))
    | {"æ": "ae", "œ": "oe", "þ": "th"}
)
_BARE = dict.fromkeys((*range(0x0300, 0x0370), *range(0x0591, 0x05C8), *range(0x064B, 0x0660), 0x0670))
"""Accents, and the vowel points of Hebrew and Arabic, which people leave out when they type a name."""
_MARKS = re.compile(rf"(?:[^\w\s\x00-\x7f\u2000-\u206f{SYMBOLS}]|[\uff9e\uff9f]){{31,}}")
"""Runs of characters that may all combine with the letter before them."""
_OUTER = frozenset("`´<>|=~^¨")
"""Symbols that stand around a name, as punctuation does."""


def clear(text: str) -> str:
    """The text in compatibility form (NFKC), without invisible characters, and with one kind of blank and line break.

    Direction marks and joiners are invisible. Decimal digits of all scripts become those of ASCII.
    """
    lines = (" ".join(line.split()) for line in (text if text.isascii() else _visible(text)).splitlines())
    return "\n".join(line for line in lines if line)


def fold(text: str) -> str:
    """A text's letters without their case and their accents, and without punctuation around them.

    Two spellings of one name have one folded form. A text of punctuation only stays as it is.
    """
    folded = fold_all(text)
    return trim(folded) or folded


def fold_all(text: str) -> str:
    """The same with the punctuation at the ends."""
    if text.isascii():
        folded = text.replace("_", " ").replace("`", "'").casefold()
    else:
        folded = _visible(text)
        for _ in range(2):
            # Capitals first, because the Turkish dotless i and some ligatures have a case only there.
            folded = normalise("NFKC", folded.upper().casefold())
        bare = normalise("NFD", folded).translate(_BARE)
        folded = normalise("NFC", bare or folded).translate(_SAME)
    return " ".join(folded.split())


def normalise(form: Literal["NFC", "NFD", "NFKC"], text: str) -> str:
    """The text in this form of Unicode. Python itself takes quadratic time for a letter with thousands of marks."""
    return unicodedata.normalize(form, _MARKS.sub(_ordered, text))


def trim(text: str) -> str:
    """The text without blanks and punctuation of any script at its two ends."""
    first, last = 0, len(text)
    while first < last and _is_outer(text[first]):
        first += 1
    while last > first and _is_outer(text[last - 1]):
        last -= 1
    return text[first:last]


def _is_outer(character: str) -> bool:
    return not character.isalnum() and (
        character.isspace() or character in _OUTER or unicodedata.category(character)[0] == "P"
    )


class _Shown(dict[int, str]):
    """What becomes of each character, looked up once: an invisible one goes, and a digit becomes one of ASCII."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character in _INVISIBLE:
            shown = ""
        elif character.isdecimal():
            shown = str(unicodedata.decimal(character))
        elif character > "\x7f" and not character.isspace() and unicodedata.category(character) in ("Cf", "Cc"):
            shown = ""
        else:
            shown = character
        self[code] = shown
        return shown


_SHOWN = _Shown()


def _visible(text: str) -> str:
    return normalise("NFKC", text).translate(_SHOWN)


def _ordered(marks: re.Match[str]) -> str:
    """The same characters in canonical order (UAX 15)."""
    letters = (letter for mark in marks[0] for letter in unicodedata.normalize("NFKD", mark))
    groups = groupby(letters, lambda letter: unicodedata.combining(letter) > 0)
    return "".join(
        "".join(sorted(group, key=unicodedata.combining) if combines else group) for combines, group in groups
    )
