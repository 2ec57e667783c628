"""The document of GET /v1/policy. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, get_args

from typing_extensions import TypedDict

from services.intake.report.submission import CLOCK_SKEW, MOST_NAMES, OLDEST, WHOLE_LIMIT, Submission
from services.intake.sources.contract import NAME, submission_schema
from services.intake.sources.parsing import LARGEST, MAJOR, MOST_SUBMISSIONS, RECORD_CHARACTERS
from shared.addresses import SCHEMAS
from shared.events.freeze import inlined
from shared.i18n.messages import message_key
from shared.input.json_bounds import MOST_VALUES
from shared.policy import Policy

FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "anonymous_with_contact": "An anonymous report carries no name or address: leave `reporter` out.",
        "blank": "The text has no word.",
        "control_characters": "Line breaks and control characters do not belong here.",
        "date_too_old": "The time is before 1900.",
        "datetime_parsing": "The text is no time of RFC 3339.",
        "datetime_type": "A time is a text of RFC 3339.",
        "exact_or_range": "Give either `at`, or both `from` and `to`.",
        "extra_forbidden": "An unknown field stands here. The pointer leads to what it stands in.",
        "future_date": "The time lies ahead, by more than the limit `clock_skew_seconds`.",
        "literal_error": "The value is none of those that the schema lists.",
        "mail_address": "The text is no address to which Hearth can write.",
        "missing": "The field must be there.",
        "model_type": "An object belongs here.",
        "range_reversed": "The end is before the beginning.",
        "string_pattern_mismatch": "The text has not the form that the schema says.",
        "string_too_long": "The text has more characters than its limit.",
        "string_too_short": "The text is empty.",
        "string_type": "A text belongs here.",
        "timezone_aware": "The time needs an offset, such as `Z`.",
        "too_long": "The list has more items than its limit.",
        "too_many_names": f"The lines of names have more than {MOST_NAMES} names in all.",
        "tuple_type": "A list belongs here.",
        "unknown_category": "The policy has no such category.",
        "unknown_community": "The policy has no such community.",
        "unknown_flag": "The policy has no such flag.",
        "unknown_setting": "The policy has no such setting.",
        "whole_too_long": "All texts together have more code points than the limit `report_characters`.",
    }
)
"""What is wrong with a field, by its code."""

Say = Callable[[str], str]
"""A message in the reader's language, by its key."""


class Named(TypedDict):
    """A code, and its name in the reader's language."""

    code: str
    name: str


class CommunityNamed(TypedDict):
    """A community. `kind_name` is in the reader's language, and `name` in the community's own."""

    id: str
    name: str
    kind: str
    kind_name: str
    language: str


class CategoryNamed(Named):
    """A category. `accuses` is false where a report accuses nobody, because a person needs help."""

    group: str
    group_name: str
    accuses: bool


class PrivacyNamed(Named):
    """A level of privacy, and what it means."""

    meaning: str


class FieldLimit(TypedDict):
    """The most characters of a text, or items of a list. `*` in a pointer stands for any place in a list."""

    pointer: str
    most: int
    unit: str


class Limits(TypedDict):
    """What a report may hold, and what one record on Kafka may.

    `report_characters`: code points of all texts together. `record_characters`: so many always fit a record, however
    they are escaped.
    """

    fields: list[FieldLimit]
    report_characters: int
    record_characters: int
    json_values: int
    record_bytes: int
    record_submissions: int
    clock_skew_seconds: int
    oldest: str


class FaultNamed(TypedDict):
    """The code of what can be wrong with a field."""

    code: str
    meaning: str


class Terms(TypedDict):
    """What a report can say here. `language` is that of the names; `languages` are those that Hearth speaks."""

    version: str
    language: str
    languages: list[str]
    communities: list[CommunityNamed]
    categories: list[CategoryNamed]
    flags: list[Named]
    settings: list[Named]
    privacy: list[PrivacyNamed]
    limits: Limits
    error_codes: list[FaultNamed]
    schema: str


def promise_key(policy: Policy, level: str) -> str:
    """The message that says who is told the name of a reporter who chooses this privacy, as the policy has it."""
    is_untold = level != "anonymous" and "name" not in policy.ever_told(level)
    return message_key("report-privacy-help", "untold" if is_untold else level)


def write_terms(policy: Policy, language: str, languages: Sequence[str], say: Say) -> Terms:
    """What a report can say under this policy, with names in one of the `languages`."""

    def name(kind: str, code: str) -> str:
        return say(message_key(kind, code))

    levels = get_args(Submission.model_fields["privacy"].annotation)
    return {
        "version": policy.version,
        "language": language,
        "languages": list(languages),
        "communities": [
            {"id": c.id, "name": c.name, "kind": c.kind, "kind_name": name("kind", c.kind), "language": c.language}
            for c in policy.communities.values()
        ],
        "categories": [
            {
                "code": c.code,
                "name": name("category", c.code),
                "group": c.group,
                "group_name": name("category-group", c.group),
                "accuses": c.accuses,
            }
            for c in policy.categories.values()
        ],
        "flags": [{"code": flag, "name": name("flag", flag)} for flag in policy.flags],
        "settings": [{"code": setting, "name": name("setting", setting)} for setting in policy.settings],
        "privacy": [
            {"code": level, "name": name("privacy", level), "meaning": say(promise_key(policy, level))}
            for level in levels
        ],
        "limits": {
            "fields": list(_limits(inlined(submission_schema()), "")),
            "report_characters": WHOLE_LIMIT,
            "record_characters": RECORD_CHARACTERS,
            "json_values": MOST_VALUES,
            "record_bytes": LARGEST,
            "record_submissions": MOST_SUBMISSIONS,
            "clock_skew_seconds": int(CLOCK_SKEW.total_seconds()),
            "oldest": f"{OLDEST:%Y-%m-%dT%H:%M:%SZ}",
        },
        "error_codes": [{"code": code, "meaning": meaning} for code, meaning in FAULTS.items()],
        "schema": f"{SCHEMAS}{NAME}/{MAJOR}.json",
    }


def _limits(schema: Mapping[str, Any], at: str) -> Iterator[FieldLimit]:
    for part in (schema, *schema.get("anyOf", ())):
        if "maxLength" in part:
            yield {"pointer": at, "most": part["maxLength"], "unit": "characters"}
        if "maxItems" in part:
            yield {"pointer": at, "most": part["maxItems"], "unit": "items"}
        if "items" in part:
            yield from _limits(part["items"], f"{at}/*")
        for field, inner in part.get("properties", {}).items():
            yield from _limits(inner, f"{at}/{field}")
