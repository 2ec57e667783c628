"""Texts that people type or paste: cleaned of what copying brings along, and measured as people count. Pure.

Joiners (U+200C, U+200D) stay, because many scripts need them, and so do pairs of direction marks.
"""

import re
import unicodedata
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any
from urllib.parse import unquote

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

Fault = tuple[str, str]
"""What is wrong with a text: a code, and a sentence in English."""

LARGEST_CHARACTER = 12
"""So many code points at most make a character, on average: the longest pictures have ten, an escaped letter twelve."""

_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
"""Line breaks. Word processors write the vertical tab, and pages of PDF end with a form feed."""
_NOTHING = re.compile(
    # Control characters, the soft hyphen, and what has no width.
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    # Marks that turn the letters of a text around. Nobody types them.
    "\u202d\u202e]"
    # Tags, but for those of flags.
    "|(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0001\U000e0020-\U000e007f]+"
)
_DIRECTION_MARKS = "\u202a\u202b\u202c\u2066\u2067\u2068\u2069"
_PAIRED = re.compile(f"[{_DIRECTION_MARKS}]")
MOST_MARKS = 10_000
"""So many direction marks are held against each other. A text with more of them is no writing: it loses them all."""
_CLOSING = {"\u202c": "\u202a\u202b", "\u2069": "\u2066\u2067\u2068"}
AROUND = "".join(filter(str.isspace, map(chr, range(0x3001)))) + f"\u200e\u200f\u061c{_DIRECTION_MARKS}"
"""Blanks and direction marks that copying brings along at both ends."""
_HALVES = re.compile("[\ud800-\udfff]")
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters without a shape."""
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_JOINER = "\u200d"


def clean(text: str) -> str:
    """The text without invisible marks that copying brings along, and with one kind of line break.

    Half a surrogate becomes U+FFFD. Of direction marks, those without a partner go.
    """
    if text.replace("\n", " ").isprintable():
        return text
    if _HALVES.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = _NOTHING.sub("", _BREAKS.sub("\n", text))
    marks = sum(map(text.count, _DIRECTION_MARKS))
    if marks > MOST_MARKS:
        return _PAIRED.sub("", text)
    return "\n".join(map(_paired, text.split("\n"))) if marks else text


def trim(text: str) -> str:
    """The same without blanks and direction marks around it."""
    if text.isprintable() and text == text.strip():
        return text
    return clean(clean(text).strip(AROUND))


def trim_line(text: str) -> str:
    """The same for a text of one line: it has blanks for tabs. A line break inside of it stays."""
    return trim(text).replace("\t", " ")


def lines_of(text: str, most: int | None = None) -> list[str]:
    """Each line of a text as `trim_line` gives it, without those that are blank; at `most` so many, if given."""
    lines = (trim_line(line) for line in clean(text).split("\n") if line)
    return list(islice((line for line in lines if not is_blank(line)), most))


def is_blank(text: str) -> bool:
    """Whether there is nothing to see in a text."""
    if text[:1].isalnum() and text[0] not in _FILLERS:
        return False
    return all(char.isspace() or char in _FILLERS or unicodedata.category(char) in ("Cc", "Cf") for char in text)


def is_too_long(text: str, limit: int) -> bool:
    """Whether a text has more characters than `limit`, as people count: of links, they count what the escapes mean."""
    if len(text) <= limit:
        return False
    if len(text) > limit * LARGEST_CHARACTER:
        return True
    return count_characters(unquote(text) if _ESCAPE.search(text) else text) > limit


def count_characters(text: str) -> int:
    """How many characters a person counts, nearly: by the main rules of Unicode Standard Annex 29.

    A letter with its marks is one, and so is a joined picture. Of a heap of marks, each further one counts.
    """
    count = marks = 0
    for char in text:
        marks = marks + 1 if _extends(char) else 0
        count += not 0 < marks < LARGEST_CHARACTER
    joined = sum(1 for before, char in pairwise(text) if before == _JOINER and not _extends(char))
    flags, run = 0, 0
    for char in text:
        run = run + 1 if "\U0001f1e6" <= char <= "\U0001f1ff" else 0
        flags += run > 0 and run % 2 == 0
    return count - joined - flags


@dataclass(frozen=True, slots=True)
class TypedText:
    """What pydantic takes for a text of people: `Annotated[str, TypedText(300)]`. It is cleaned before it is measured.

    `limit`: characters as people count. `optional`: it may be blank. `one_line`: it has no line breaks. `longest`: so
    many code points are read by what the text is for.
    """

    limit: int
    optional: bool = False
    one_line: bool = True
    longest: int | None = None

    def read(self, typed: str) -> str:
        """The text as it is kept. Raises PydanticCustomError."""
        # Cleaning takes time, and megabytes of marks are no writing.
        if len(typed) > self.limit * LARGEST_CHARACTER + MOST_MARKS:
            raise PydanticCustomError("string_too_long", "At most {limit} characters.", {"limit": self.limit})
        text = trim_line(typed) if self.one_line else clean(typed)
        if not self.optional and is_blank(text):
            if typed:
                raise PydanticCustomError("blank", "Write at least one word.")
            raise PydanticCustomError("string_too_short", "Write at least one character.")
        if self.one_line and "\n" in text:
            raise PydanticCustomError("control_characters", "Line breaks do not belong here.")
        if is_too_long(text, self.limit) or (self.longest and len(text) > self.longest):
            raise PydanticCustomError("string_too_long", "At most {limit} characters.", {"limit": self.limit})
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        least = {} if self.optional else {"minLength": 1}
        return {**handler(schema), **least, "maxLength": self.limit}


Trimmed = BeforeValidator(lambda value: trim_line(value) if isinstance(value, str) else value)
"""For what pydantic takes for a code or an id: blanks and marks of copying around it are no part of it."""


def _paired(line: str) -> str:
    """A line without direction marks that have no partner in it."""
    opened: list[int] = []
    stray: set[int] = set()
    for found in _PAIRED.finditer(line):
        if partners := _CLOSING.get(found[0]):
            if opened and line[opened[-1]] in partners:
                opened.pop()
            else:
                stray.add(found.start())
        else:
            opened.append(found.start())
    stray.update(opened)
    return "".join(char for place, char in enumerate(line) if place not in stray) if stray else line


def _extends(char: str) -> bool:
    return (
        unicodedata.category(char) in ("Mn", "Me", "Mc", "Cf")
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        # Vowels and ends of Korean syllables that are written letter by letter.
        or "\u1160" <= char <= "\u11ff"
    )
