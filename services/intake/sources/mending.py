"""A submission that is not quite as it should be: what means one thing only is read, and what was odd is remarked.

It runs only for what the submission itself refuses, so that it costs nothing where nothing is odd. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from services.intake.report.submission import Occurred, Reported, Reporter, Submission
from services.intake.sources.arrival import Remark
from shared.input.json_texts import drop_nulls, read_mended
from shared.input.languages import read_language
from shared.problems import pointer

Mended = tuple[Submission, tuple[Remark, ...], Mapping[str, Any]]
"""A submission, what was odd about it, and by JSON pointer the fields that Hearth does not know."""

_PARTS: Mapping[object, type[BaseModel]] = MappingProxyType(
    {"occurred": Occurred, "reported": Reported, "reporter": Reporter}
)
MOST_UNKNOWN = 16 * 1024
"""Bytes of JSON, of all fields together that Hearth does not know and keeps."""
_DEEPEST = 20
_ALIKE = 0.85
# A field that says who is concerned, or how much of them is known, would change the report.
_TELLING = re.compile("anonym|privacy|confidential|reporter|reported|accused|witness|victim|harmed|e_?mail|identit")


def mend_body(body: bytes) -> Mended:
    """The submission in the body of a request. Raises ValidationError.

    Its sender hears the answer and can mend it, so a field that nobody knows stays refused.
    """
    try:
        data, codes = read_mended(body)
        submission, remarks, unknown = _mend(data, "", is_heard=True)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return Submission.model_validate_json(body), (), {}
    return submission, (*(Remark("", code) for code in codes), *remarks), unknown


def mend_data(data: Any, at: str) -> Mended:
    """The submission in an event, at the JSON pointer `at`. Raises ValidationError, and orjson.JSONEncodeError.

    Nobody hears a refusal of an event. So what a later version knows is kept apart, unless it looks like a slip.
    """
    return _mend(drop_nulls(data), at, is_heard=False)


def _mend(data: Any, at: str, *, is_heard: bool) -> Mended:
    remarks: list[Remark] = []
    if isinstance(data, dict) and "language" in data and (odd := _mend_language(data)):
        remarks.append(Remark(f"{at}/language", odd))
    try:
        return Submission.model_validate_json(orjson.dumps(data)), tuple(remarks), {}
    except ValidationError as error:
        unknown = [fault["loc"] for fault in error.errors(include_url=False) if fault["type"] == "extra_forbidden"]
        if is_heard or not unknown:
            raise
    kept: dict[str, Any] = {}
    room = MOST_UNKNOWN
    for place in unknown:
        if not _looks_known(data, place):
            value = _parent(data, place).pop(str(place[-1]))
            size = len(orjson.dumps({pointer(place): value}))
            fits = size <= room and _is_shallow(value)
            if fits:
                kept[pointer(place)] = value
                room -= size
            remarks.append(Remark(at + pointer(place[:-1]), "unknown_field" if fits else "unknown_field_lost"))
    return Submission.model_validate_json(orjson.dumps(data)), tuple(dict.fromkeys(remarks)), kept


def _mend_language(data: dict[str, Any]) -> str | None:
    """Bring the language into the form of BCP 47. What was odd about it, if anything was.

    Only the choice of the text of a mail hangs on it, so none costs the report.
    """
    given = data["language"]
    tag = read_language(given) if isinstance(given, str) else None
    if tag is None:
        del data["language"]
        return "language_unknown"
    data["language"] = tag
    return None if tag == given else "language_rewritten"


def _looks_known(data: Any, place: tuple[int | str, ...]) -> bool:
    """Whether a name that nobody knows says who is concerned, or is a slip for a field that is not given.

    Then it counts.
    """
    model = _PARTS.get(place[0], Submission) if len(place) > 1 else Submission
    fields = {field.alias or name for name, field in model.model_fields.items()}
    name = str(place[-1]).lower().replace("-", "_").strip("_ ")
    siblings = _parent(data, place)
    if any(_TELLING.search(within.lower()) for within in (name, *names_within(siblings[str(place[-1])]))):
        return True
    return bool(get_close_matches(name, [field for field in fields if field not in siblings], 1, _ALIKE))


def names_within(value: Any) -> Iterator[str]:
    """The names of all fields in the objects of a value."""
    if isinstance(value, dict):
        yield from value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from names_within(inner)


def _is_shallow(value: Any, depth: int = _DEEPEST) -> bool:
    """Whether a value can be told again within other objects."""
    if isinstance(value, dict):
        value = list(value.values())
    return not isinstance(value, list) or (depth > 0 and all(_is_shallow(inner, depth - 1) for inner in value))


def _parent(data: Any, place: tuple[int | str, ...]) -> dict[str, Any]:
    for step in place[:-1]:
        data = data[step]
    found: dict[str, Any] = data
    return found
