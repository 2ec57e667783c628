"""The form at /report: from its fields to a submission, and from what is wrong back to the fields. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

import orjson
from pydantic import ValidationError

from services.intake.report.submission import (
    MOST_PEOPLE,
    MOST_PLACES,
    NAME_LIMIT,
    NARRATIVE_LIMIT,
    PASSAGE_LIMIT,
    Submission,
    find_faults,
    find_further_faults,
)
from services.intake.sources.api import SCOPE
from services.intake.sources.arrival import Arrival, Context, Parsed, Raw
from services.intake.sources.form_times import read_times
from shared.input.texts import is_too_long, lines_of, trim
from shared.input.urlencoded import MOST_FIELDS, parse_fields
from shared.policy import Policy
from shared.problems import FieldError, faults_of

FIELDS = (
    "community", "narrative", "category", "flags", "harmed", "setting", "places", "date", "time", "until", "zone",
    "reported", "room", "appearance", "circumstances", "witnesses", "exposure", "noted_by", "anything_else", "privacy",
    "name", "email",
)  # fmt: skip
"""The fields in the order of the page."""
# The field that asks for each part of a submission.
FIELD_OF: Mapping[str, str] = MappingProxyType(
    {
        "/community": "community",
        "/narrative": "narrative",
        "/category": "category",
        "/flags": "flags",
        "/setting": "setting",
        "/occurred/at": "date",
        "/occurred/from": "date",
        "/occurred/to": "until",
        "/places": "places",
        "/harmed": "harmed",
        "/reported": "reported",
        "/witnesses": "witnesses",
        "/exposure": "exposure",
        "/anything_else": "anything_else",
        "/privacy": "privacy",
        "/reporter/name": "name",
        "/reporter/email": "email",
        "/reporter": "privacy",
    }
)
# The key of the message to show, by the code of what is wrong.
MESSAGE_OF: Mapping[str, str] = MappingProxyType(
    {
        "blank": "field-required",
        "missing": "field-required",
        "string_too_short": "field-required",
        "string_too_long": "report-too-long",
        "whole_too_long": "report-too-long",
        "too_long": "report-too-many",
        "too_many_names": "report-too-many",
        "control_characters": "report-one-line",
        "literal_error": "field-unknown-choice",
        "unknown_community": "field-choose",
        "unknown_category": "field-unknown-choice",
        "unknown_flag": "field-unknown-choice",
        "unknown_setting": "field-unknown-choice",
        "not_a_date": "field-not-a-date",
        "not_a_time": "report-not-a-time",
        "future_date": "field-future-date",
        "date_too_old": "field-not-a-date",
        "range_reversed": "report-range-reversed",
        "anonymous_with_contact": "report-anonymous-with-contact",
    }
)
IN_PERSON = ("appearance", "circumstances", "witnesses", "noted_by")
"""Fields for reports of what happened in person; they become labelled lines of `anything_else`, where they have no
place of their own.
"""
LIMIT_OF: Mapping[str, int] = MappingProxyType(
    {
        "narrative": NARRATIVE_LIMIT,
        "harmed": PASSAGE_LIMIT,
        "room": NAME_LIMIT,
        "appearance": 1_000,
        "circumstances": 3_000,
        "witnesses": 2_000,
        "noted_by": NAME_LIMIT,
        "anything_else": PASSAGE_LIMIT,
        "name": NAME_LIMIT,
    }
)
"""Characters of each field. A submission that joins some of them has room for all."""
MOST_LINES: Mapping[str, int] = MappingProxyType({"places": MOST_PLACES - 1, "reported": MOST_PEOPLE})
"""Lines of each field. The room is one more place."""
_NONCE = re.compile(r"([0-9a-f]{8,12})-[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it was sent: the values by field, the ticked flags, and the nonce that names this copy of the form."""

    values: Mapping[str, str]
    flags: tuple[str, ...]
    nonce: str | None

    def value(self, name: str) -> str:
        """The value of a field, cleaned, without blanks around it."""
        return trim(self.values.get(name, ""))

    def lines(self, name: str) -> list[str]:
        """The lines of a field; of too many, one more than there can be. No text has more lines than characters."""
        most = MOST_LINES[name] if name in MOST_LINES else LIMIT_OF[name]
        return lines_of(self.value(name), most + 1)


@dataclass(frozen=True, slots=True)
class FormError:
    """What is wrong with one field of the page: its id and a message key."""

    field: str
    message: str


class FormUnusable(Exception):
    """A form that is no submission: as it was sent, and what is wrong with it."""

    def __init__(self, filled: Filled, errors: Sequence[FormError]) -> None:
        super().__init__(", ".join(error.message for error in errors))
        self.filled = filled
        self.errors = errors


def read_filled_form(raw: Raw, context: Context) -> Parsed:
    """The submission that a filled form means. Raises FormUnusable when it means none.

    The body is the form as a browser sends it. `content-language` is the reader's; `hearth-community` stands among the
    headers when the address names the community.
    """
    filled = fill_from(raw.body)
    submission, errors = read_report(
        filled,
        community=raw.headers.get("hearth-community"),
        language=raw.headers["content-language"],
        policy=context.policy,
        now=context.now,
        label=lambda name: context.say(f"report-{name.replace('_', '-')}"),
    )
    if submission is None:
        raise FormUnusable(filled, errors)
    key = f"form-{filled.nonce}" if filled.nonce else None
    return Parsed((Arrival("form", submission, SCOPE, key, trace=context.trace),))


def fill_from(body: bytes) -> Filled:
    """The form in a body that shared.web.csrf has let pass: URL-encoded UTF-8."""
    return fill(parse_fields(body, MOST_FIELDS))


def fill(fields: Mapping[str, Sequence[str]]) -> Filled:
    """The form that was sent with these values of each field."""
    values = {name: given[-1].replace("\r\n", "\n") for name, given in fields.items()}
    nonce = values.get("nonce", "")
    return Filled(values, tuple(fields.get("flags", ())), nonce if _NONCE.fullmatch(nonce) else None)


def make_nonce(now: datetime, random: str) -> str:
    """The name of one copy of the form, made at `now` with `random` (at least 16 URL-safe characters)."""
    return f"{int(now.timestamp()):08x}-{random}"


def read_report(
    filled: Filled, *, community: str | None, language: str, policy: Policy, now: datetime, label: Callable[[str], str]
) -> tuple[Submission | None, Sequence[FormError]]:
    """The submission that a filled form means, or what is wrong with it.

    `community` is given when the address names it; `label` words the in-person fields in the reader's language.
    """
    times = read_times(filled.value, _opened_at(filled, now), now)
    errors = [FormError(field, message) for field, message in times.faults.items()]
    errors += _too_long(filled)
    document = {
        "community": community or filled.value("community"),
        "category": filled.value("category") or "unclassified",
        "flags": filled.flags,
        "setting": filled.value("setting") or "online",
        "language": language,
        "privacy": filled.value("privacy") or "confidential",
        "narrative": filled.value("narrative"),
        "harmed": filled.value("harmed") or None,
        "places": [*filled.lines("places"), *filled.lines("room")],
        "exposure": filled.value("exposure") or None,
        "anything_else": _anything_else(filled, label) or None,
        "reported": _reported(filled),
        "witnesses": _witnesses(filled)[0],
        "occurred": times.occurred,
        "reporter": _reporter(filled),
    }
    try:
        submission = Submission.model_validate_json(orjson.dumps(document))
    except ValidationError as error:
        errors += map(_form_error, faults_of(error))
        errors += map(_form_error, find_further_faults(orjson.loads(orjson.dumps(document)), policy, now))
        return None, _in_page_order(errors, filled)
    errors += map(_form_error, find_faults(submission, policy, now))
    return (None, _in_page_order(errors, filled)) if errors else (submission, ())


def _opened_at(filled: Filled, now: datetime) -> datetime:
    match = _NONCE.fullmatch(filled.nonce or "")
    return min(now, datetime.fromtimestamp(int(match[1], 16) % 2**33, UTC)) if match else now


def _reported(filled: Filled) -> list[dict[str, str | None]]:
    names = filled.lines("reported")
    people: list[dict[str, str | None]] = [{"name": name, "details": None} for name in names]
    # An appearance belongs to one person; with several names it is unknown to which one.
    if len(people) == 1 and filled.value("appearance"):
        people[0]["details"] = filled.value("appearance")
    return people


def _anything_else(filled: Filled, label: Callable[[str], str]) -> str:
    alone = len(filled.lines("reported")) == 1
    given = {name: filled.value(name) for name in IN_PERSON if not (name == "appearance" and alone)}
    # What is too long is refused where it was typed, and not once more where it is joined.
    fits = {name: text for name, text in given.items() if not is_too_long(text, LIMIT_OF[name])}
    if "witnesses" in fits:
        fits["witnesses"] = "\n".join(_witnesses(filled)[1])
    lines = [f"{label(name)}: {text}" for name, text in fits.items() if text]
    return "\n\n".join(part for part in (filled.value("anything_else"), "\n".join(lines)) if part)


def people_in(filled: Filled) -> dict[str, list[str]]:
    """The lines of a form that are read as names of people, by field: these people are kept out of the case."""
    reported = [line for line in filled.lines("reported") if not is_too_long(line, NAME_LIMIT)]
    return {"reported": reported, "witnesses": _witnesses(filled)[0]}


def _witnesses(filled: Filled) -> tuple[list[str], list[str]]:
    """The lines that are names, and the others: a name shuts a witness out of the case, a description does not."""
    lines = filled.lines("witnesses")
    names = [line for line in lines if not is_too_long(line, NAME_LIMIT)][:MOST_PEOPLE]
    return names, [line for line in lines if line not in names]


def _reporter(filled: Filled) -> dict[str, str | None] | None:
    name, email = filled.value("name") or None, filled.value("email") or None
    return {"name": name, "email": email} if name or email else None


def _too_long(filled: Filled) -> list[FormError]:
    """The fields that are too long, by their own limits: in a submission, some fields become parts of others."""
    long = [name for name, limit in LIMIT_OF.items() if is_too_long(filled.value(name), limit)]
    many = [name for name, most in MOST_LINES.items() if len(filled.lines(name)) > most]
    return [FormError(name, "report-too-long") for name in long] + [FormError(name, "report-too-many") for name in many]


def _form_error(fault: FieldError) -> FormError:
    # A pointer into a list (/places/3) belongs to the list's own field.
    matching = [pointer for pointer in FIELD_OF if f"{fault.pointer}/".startswith(f"{pointer}/")]
    field = FIELD_OF[max(matching, key=len)] if matching else "narrative"
    if field == "email":
        return FormError(field, "field-not-an-email")
    return FormError(field, MESSAGE_OF.get(fault.code, "field-unknown-choice"))


def _in_page_order(errors: Sequence[FormError], filled: Filled) -> list[FormError]:
    first: dict[str, FormError] = {}
    for error in errors:
        # Without a last day, the end of a range follows from the first.
        field = "date" if error.field == "until" and not filled.value("until") else error.field
        first.setdefault(field, FormError(field, error.message))
    return sorted(first.values(), key=lambda error: FIELDS.index(error.field))
