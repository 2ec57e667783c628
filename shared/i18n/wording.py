"""MediaWiki's message syntax: `$1`, `{{PLURAL:$1|one|many}}`, `{{GENDER:$1|he|she|they}}`.

A message is parsed once, then filled. A value is never parsed, so `{{…}}` or `$2` in a value stays as it is.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.numbers import format_decimal

Value = str | int | float | Decimal

_TOKEN = re.compile(r"\$(\d)|\{\{(PLURAL|GENDER):|\}\}|\|")
_PLURAL_ORDER = ("zero", "one", "two", "few", "many", "other")
_MOST_DIGITS = 18
_GROUPED = 100
_EXPLICIT = re.compile(r"(\d+)=(.*)", re.DOTALL)


class WordingError(ValueError):
    """The message text is not well formed."""


@dataclass(frozen=True, slots=True)
class Slot:
    """`$1`: the place of a value, counted from 1."""

    number: int


@dataclass(frozen=True, slots=True)
class Choice:
    """`{{PLURAL:…}}` or `{{GENDER:…}}`: several forms, of which the value picks one."""

    kind: str
    value: "Wording"
    forms: tuple["Wording", ...]


Wording = tuple["str | Slot | Choice", ...]


@lru_cache(maxsize=16_384)
def parse(text: str) -> Wording:
    """Parse a message. Raises WordingError when braces do not pair up or a choice has no form."""
    return _parse_until(text, 0, ())[0]


def _parse_until(text: str, start: int, stops: tuple[str, ...]) -> tuple[Wording, int]:
    parts: list[str | Slot | Choice] = []
    at = start
    while match := _TOKEN.search(text, at):
        if text[at : match.start()]:
            parts.append(text[at : match.start()])
        token = match[0]
        if match[1]:
            parts.append(Slot(int(match[1])))
            at = match.end()
        elif match[2]:
            choice, at = _parse_choice(match[2], text, match.end())
            parts.append(choice)
        elif token in stops:
            return tuple(parts), match.start()
        elif token == "|":  # noqa: S105  # a separator of the message syntax, not a secret
            parts.append(token)
            at = match.end()
        else:
            raise WordingError(f"“}}}}” without “{{{{PLURAL:” or “{{{{GENDER:” at character {match.start() + 1}")
    if stops:
        raise WordingError("“{{” is never closed")
    if text[at:]:
        parts.append(text[at:])
    return tuple(parts), len(text)


def _parse_choice(kind: str, text: str, start: int) -> tuple[Choice, int]:
    value, at = _parse_until(text, start, ("|", "}}"))
    forms: list[Wording] = []
    while text.startswith("|", at):
        form, at = _parse_until(text, at + 1, ("|", "}}"))
        forms.append(form)
    if not forms:
        raise WordingError(f"{{{{{kind}:}}}} has no forms")
    return Choice(kind, value, tuple(forms)), at + 2


def fill(wording: Wording, values: Sequence[Value], locale: Locale) -> str:
    """The text with its values. A missing value stays as `$n`.

    Numbers get the separators of the language and keep the digits 0 to 9, which everyone can read and copy.
    """
    match wording:
        case (str() as text,):
            return text
    return "".join(_fill_part(part, values, locale) for part in wording)


def _fill_part(part: "str | Slot | Choice", values: Sequence[Value], locale: Locale) -> str:
    match part:
        case str():
            return part
        case Slot(number):
            return _write(values[number - 1], locale) if 0 < number <= len(values) else f"${number}"
        case Choice("PLURAL", value, forms):
            return fill(_plural_form(_plain(value, values), forms, locale), values, locale)
        case Choice(_, value, forms):
            return fill(_gender_form(_plain(value, values), forms), values, locale)


def _write(value: Value, locale: Locale) -> str:
    if isinstance(value, str):
        return value
    # No language groups fewer than three digits, and most numbers of a page have few.
    return str(value) if isinstance(value, int) and 0 <= value < _GROUPED else format_decimal(value, locale=locale)


def _plain(wording: Wording, values: Sequence[Value]) -> str:
    # The value is compared here and not shown, so its number is not written as the language writes it.
    return "".join(
        str(values[part.number - 1]) if isinstance(part, Slot) and 0 < part.number <= len(values) else str(part)
        for part in wording
    )


@lru_cache(maxsize=16_384)
def _plural_form(value: str, forms: tuple[Wording, ...], locale: Locale) -> Wording:
    try:
        number = abs(Decimal(value))
    except InvalidOperation:
        number = Decimal("NaN")
    ordinary = []
    for form in forms:
        explicit = _EXPLICIT.fullmatch(form[0]) if form and isinstance(form[0], str) else None
        if explicit is None:
            ordinary.append(form)
        elif number == int(explicit[1]):
            return (explicit[2], *form[1:])
    if not ordinary:
        return ()
    # A text takes the general form. So does an absurd number, because its digits would take seconds to work out.
    countable = number.is_finite() and abs(number.adjusted()) < _MOST_DIGITS
    category = locale.plural_form(number) if countable else "other"
    return ordinary[min(plural_categories(locale).index(category), len(ordinary) - 1)]


def _gender_form(value: str, forms: tuple[Wording, ...]) -> Wording:
    wanted = {"male": 0, "female": 1}.get(value, 2)
    # MediaWiki: with fewer than three forms, an unknown gender takes the first.
    return forms[wanted] if wanted < len(forms) else forms[0]


def plural_categories(locale: Locale) -> tuple[str, ...]:
    """The plural categories of a language in the order of its forms, by CLDR."""
    return tuple(name for name in _PLURAL_ORDER if name == "other" or name in locale.plural_form.tags)


def slots(wording: Wording) -> frozenset[int]:
    """The numbers of all values that a message uses, at any depth."""
    return frozenset(_slots(wording))


def _slots(wording: Wording) -> Iterator[int]:
    for part in wording:
        if isinstance(part, Slot):
            yield part.number
        elif isinstance(part, Choice):
            yield from _slots(part.value)
            for form in part.forms:
                yield from _slots(form)


def choices(wording: Wording) -> Iterator[Choice]:
    """All choices of a message, at any depth."""
    for part in wording:
        if isinstance(part, Choice):
            yield part
            for form in (part.value, *part.forms):
                yield from choices(form)


@lru_cache(maxsize=256)
def language_name(language: str) -> str:
    """What a language calls itself; its code where CLDR does not know it."""
    locale = locale_of(language)
    return (locale.get_display_name() or language) if locale.language == language.partition("-")[0] else language


@lru_cache(maxsize=1_024)  # a code can come from a request, so not every one is kept
def locale_of(language: str) -> Locale:
    """The CLDR locale of a language code as MediaWiki writes it (`pt-br`, `zh-hans`). English for an unknown code."""
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        shorter = language.rpartition("-")[0]
        return locale_of(shorter) if shorter else Locale("en")
