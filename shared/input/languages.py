"""The language that people and programs mean, however they write it. Pure."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from shared.input.texts import trim_line

# `en_US.UTF-8`, `sr_RS@latin`, `zh_TW_#Hant`, `de_`.
_LOCALE = re.compile(r"([A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*)(?:[-_.#][^@\s]*)?(?:@([A-Za-z0-9]{0,20}))?")
_WEIGHT = re.compile(r"q=(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII)
_SCRIPT = re.compile(r"[A-Za-z]{4}")
_SCRIPTS: Mapping[str, str] = MappingProxyType({"latin": "Latn", "cyrillic": "Cyrl", "devanagari": "Deva"})
_LONGEST_LIST, _LONGEST_LOCALE = 1000, 100
_LONGEST_TAG = 35


def read_language(text: str) -> str | None:
    """The tag of BCP 47 that a text means: a tag, a locale of POSIX or Java, or the language that a browser wants most;
    None if it means none.
    """
    wanted = [_weighed(trim_line(one)) for one in text[:_LONGEST_LIST].split(",")]
    # sorted() is stable: equal weights keep their order.
    ranked = sorted((one for one in wanted if one[0] > 0), key=lambda one: -one[0])
    return next((tag for _, name in ranked if (tag := _tag_of(name)) is not None), None)


def reads(languages: Iterable[str], wanted: str) -> bool:
    """Whether one of these languages (tags) is the wanted one; who reads `fr` reads `fr-ca`."""
    return _stem(wanted) in {_stem(one) for one in languages}


def _stem(language: str) -> str:
    return language.lower().partition("-")[0]


def _weighed(item: str) -> tuple[float, str]:
    """One item of a list such as `de-AT,de;q=0.9` (RFC 9110, 12.5.4): how much it is wanted, and the language."""
    name, _, weight = "".join(item.split(" ") if ";" in item else [item]).partition(";")
    return float(weight[2:]) if _WEIGHT.fullmatch(weight) else 1.0, name


def _tag_of(name: str) -> str | None:
    name = name[:_LONGEST_LOCALE]
    if name in ("C", "POSIX") or name.startswith("C."):
        return "en"
    found = _LOCALE.fullmatch(name)
    if found is None:
        return None
    parts = found[1].replace("_", "-").split("-")
    script = _SCRIPTS.get(found[2] or "")
    if script and not (len(parts) > 1 and _SCRIPT.fullmatch(parts[1])):
        parts.insert(1, script)
    while len("-".join(parts)) > _LONGEST_TAG:
        parts.pop()
    return "-".join(parts)
