"""Messages in MediaWiki's shape, because translators know it: a folder of `<language>.json`.

English (`en.json`) is authoritative. `qqq.json` documents every message. `@metadata` names authors.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from babel.dates import format_date, format_timedelta

from shared.i18n.wording import Value, WordingError, choices, fill, locale_of, parse, plural_categories, slots
from shared.input.languages import read_language

ENGLISH = "en"
DOCUMENTATION = "qqq"
SHARED_MESSAGES = Path(__file__).parent

_METADATA = "@metadata"
_RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"})
_RANGE = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?")


class MissingMessage(KeyError):
    """No language has this message."""


class Messages:
    """All messages of one service, in every language that has a file. It does not change once loaded."""

    def __init__(self, texts: Mapping[str, Mapping[str, str]], *, strict: bool = False) -> None:
        """`texts` maps language → key → text. If `strict`, a missing message raises MissingMessage, else it reads
        `⧼key⧽`.
        """
        self._texts = MappingProxyType({language: MappingProxyType(dict(keys)) for language, keys in texts.items()})
        self._strict = strict
        self._languages = tuple(sorted(self._texts, key=lambda language: (language != ENGLISH, language)))

    @classmethod
    def load(cls, directories: Iterable[Path], *, strict: bool = False) -> "Messages":
        """Read `<language>.json` of each folder. Where two folders have the same key, the later folder counts.

        Raises ValueError with the name of a file that is not a JSON object of well-formed texts.
        """
        texts: dict[str, dict[str, str]] = {}
        for directory in directories:
            for path in sorted(directory.glob("*.json")):
                if path.stem != DOCUMENTATION:
                    texts.setdefault(path.stem, {}).update(_parsed(path))
        return cls(texts, strict=strict)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have messages, English first."""
        return self._languages

    def has(self, key: str) -> bool:
        """Whether English has this message."""
        return key in self._texts.get(ENGLISH, {})

    def text(self, language: str, key: str, *values: Value) -> str:
        """The message in the language, or in the nearest language that has it (`pt-br` → `pt` → `en`), with its values.

        It is plain text: callers escape it. Raises MissingMessage only when strict.
        """
        for candidate in (*_shorter(language), ENGLISH):
            text = self._texts[candidate].get(key) if candidate in self._texts else None
            if text is not None:
                return fill(parse(text), values, locale_of(candidate))
        if self._strict:
            raise MissingMessage(key)
        return f"⧼{key}⧽"

    def code(self, language: str, prefix: str, code: str) -> str:
        """The name of a policy code or a state: `code("en", "flag", "off_wiki")` is the message `flag-off-wiki`."""
        return self.text(language, message_key(prefix, code))


def message_key(prefix: str, code: str) -> str:
    """`("category", "harassment.sexual_harassment")` → `category-harassment-sexual-harassment`."""
    return f"{prefix}-{code.replace('.', '-').replace('_', '-')}"


def negotiate(accept_language: str | None, available: Iterable[str]) -> str:
    """The best available language for an Accept-Language header (RFC 9110, lookup of RFC 4647), else English.

    What cannot be read is passed over, so a broken header is no error.
    """
    known = {language.lower(): language for language in available}
    matches = (_RANGE.fullmatch(item) for item in (accept_language or "")[:1000].replace("_", "-").split(","))
    ranges = [(float(match[2] or 1), match[1].lower()) for match in matches if match]
    # sorted() is stable: equal weights keep the reader's order.
    for weight, wanted in sorted(ranges, key=lambda item: -item[0]):
        if weight == 0 or wanted == "*":
            continue
        if found := _best(wanted, known):
            return found
    return ENGLISH


def find_language(written: str, available: Iterable[str]) -> str | None:
    """The best available language for what people write as one: a tag in any case, a locale, or a list."""
    tag = read_language(written)
    return _best(tag.lower(), {language.lower(): language for language in available}) if tag else None


def _best(wanted: str, known: Mapping[str, str]) -> str | None:
    for candidate in _shorter(wanted):
        if candidate in known:
            return known[candidate]
    relative = min((name for name in known if name.startswith(f"{wanted.partition('-')[0]}-")), default=None)
    return None if relative is None else known[relative]


def direction(language: str) -> str:
    """`rtl` for languages written from right to left, else `ltr`."""
    return "rtl" if language.partition("-")[0].lower() in _RIGHT_TO_LEFT else "ltr"


def write_time(language: str, at: datetime) -> str:
    """A UTC-aware time as people of the language write the date, then hours and minutes, in UTC."""
    utc = at.astimezone(UTC)
    return f"{_write_day(language, utc.date())}, {utc:%H:%M} UTC"


def write_distance(language: str, distance: timedelta) -> str:
    """A time before now (negative) or after it, as people of the language say it: “3 days ago”, “in 2 hours”."""
    return format_timedelta(distance, add_direction=True, locale=locale_of(language))


def write_day(language: str, at: datetime) -> str:
    """The day of a UTC-aware time, in UTC, as people of the language write it."""
    return _write_day(language, at.astimezone(UTC).date())


@lru_cache(maxsize=4_096)
def _write_day(language: str, day: date) -> str:
    return format_date(day, "medium", locale=locale_of(language))


@lru_cache(maxsize=1_024)
def _shorter(language: str) -> tuple[str, ...]:
    parts = language.split("-")
    return tuple("-".join(parts[:length]) for length in range(len(parts), 0, -1))


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"“{twice}” stands twice")
    return content


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_bytes(), object_pairs_hook=_unique)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path}: not a JSON object")
    content.pop(_METADATA, None)
    for key, text in content.items():
        if not isinstance(text, str):
            raise ValueError(f"{path}: “{key}” is not a text")
    return content


def _parsed(path: Path) -> dict[str, str]:
    texts = _read(path)
    for key, text in texts.items():
        try:
            parse(text)
        except WordingError as error:
            raise ValueError(f"{path}: “{key}”: {error}") from None
    return texts


def problems(directories: Iterable[Path]) -> list[str]:
    """What is wrong in the message folders, one sentence each: undocumented or unknown keys, and values that differ."""
    found: list[str] = []
    seen: dict[str, Path] = {}
    for directory in directories:
        try:
            files = {path.stem: _read(path) for path in sorted(directory.glob("*.json"))}
        except ValueError as error:
            found.append(str(error))
            continue
        missing = [name for name in (ENGLISH, DOCUMENTATION) if name not in files]
        if missing:
            found += [f"{directory / name}.json is missing" for name in missing]
            continue
        for key in files[ENGLISH]:
            if key in seen:
                found.append(f"{directory}/en.json: “{key}” is also a message of {seen[key]}")
            seen[key] = directory
        found += _documentation_problems(directory, files[ENGLISH], files[DOCUMENTATION])
        for language, texts in files.items():
            if language != DOCUMENTATION:
                found += _translation_problems(directory / f"{language}.json", language, texts, files[ENGLISH])
    return found


def _documentation_problems(directory: Path, english: Mapping[str, str], notes: Mapping[str, str]) -> Iterable[str]:
    for key in english:
        if not notes.get(key, "").strip():
            yield f"{directory}/qqq.json: “{key}” is not documented"
    for key in notes:
        if key not in english:
            yield f"{directory}/qqq.json: en.json has no “{key}”"


def _translation_problems(
    path: Path, language: str, texts: Mapping[str, str], english: Mapping[str, str]
) -> Iterable[str]:
    categories = len(plural_categories(locale_of(language)))
    for key, text in texts.items():
        if key not in english:
            yield f"{path}: en.json has no “{key}”"
            continue
        try:
            wording, original = parse(text), parse(english[key])
        except WordingError as error:
            yield f"{path}: “{key}”: {error}"
            continue
        if slots(wording) != slots(original):
            ours, theirs = (", ".join(f"${n}" for n in sorted(slots(one))) or "none" for one in (wording, original))
            yield f"{path}: “{key}” uses {ours}, en.json {theirs}"
        for choice in choices(wording):
            if choice.kind == "PLURAL" and len(choice.forms) - _explicit_forms(choice.forms) > categories:
                yield f"{path}: “{key}” has more plural forms than {language} ({categories})"


def _explicit_forms(forms: Iterable[tuple[object, ...]]) -> int:
    return sum(1 for form in forms if form and isinstance(form[0], str) and re.match(r"\d+=", form[0]))


def main(arguments: list[str]) -> int:
    """`python -m shared.i18n.messages FOLDER…`: print what is wrong in these folders. The status is 1 if anything
    is.
    """
    found = problems([Path(argument) for argument in arguments])
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
