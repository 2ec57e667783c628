"""What strangers write to us, as JSON Schemas with examples: a report, and the two envelopes it comes in over Kafka.

`hearth schemas freeze` writes them below shared/events/schemas, where the contracts read them. Hearth goes on taking
what it took within a major version, so these files grow in place. Pure.
"""

from collections.abc import Mapping
from typing import Any

from services.intake.report.submission import Submission
from services.intake.sources.event_platform import STEM
from services.intake.sources.parsing import LARGEST, MAJOR, MOST_SUBMISSIONS, SUBMITTED

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPE = f"{SUBMITTED}.v{MAJOR}"
NAME = SUBMITTED.removeprefix("hearth.")

MEANINGS: Mapping[str, str] = {
    "community": "The community where it happened: an id that GET /v1/policy lists.",
    "category": "What kind of harm it is: a code that GET /v1/policy lists.",
    "flags": "What makes it pressing: codes that GET /v1/policy lists.",
    "setting": "Whether it happened online or in person: a code that GET /v1/policy lists.",
    "language": "The language of the reporter, BCP 47. Mail to the reporter is in it, where Hearth speaks it.",
    "privacy": "How the reporter wants to be treated. An anonymous report has no `reporter`.",
    "occurred": "When it happened: either `at`, or both `from` and `to`; RFC 3339 with an offset.",
    "narrative": "What happened, in the reporter's words.",
    "exposure": "Whether what is told here would show who reported: yes, no, or unsure.",
    "harmed": "Who was harmed, and how.",
    "places": "Where it happened: addresses of pages and edits, or rooms.",
    "anything_else": "What else the handlers should know.",
    "reported": "The people that the report is about.",
    "witnesses": "The names of people who saw it. Hearth keeps them out of the case.",
    "reporter": "How to reach the reporter.",
}
"""What each field of a report means to a sender."""

SMALLEST: Mapping[str, Any] = {"community": "enwiki", "narrative": "Every edit that I make is undone with an insult."}
WHOLE: Mapping[str, Any] = {
    "community": "enwiki",
    "category": "harassment.insults",
    "flags": ["ongoing"],
    "setting": "online",
    "language": "en",
    "privacy": "confidential",
    "occurred": {"from": "2026-11-02T00:00:00Z", "to": "2026-11-05T18:30:00+01:00"},
    "narrative": "Every edit that I make is undone with an insult.",
    "harmed": "Me, and a newcomer who has left since.",
    "places": ["https://en.wikipedia.org/wiki/Special:Diff/1190000000"],
    "anything_else": "It began after a deletion discussion.",
    "reported": [{"name": "Example user", "details": None}],
    "witnesses": ["Another example user"],
    "reporter": {"name": "A third example user", "email": "reporter@example.org"},
}
EXAMPLES: Mapping[str, Mapping[str, Any]] = {"smallest": SMALLEST, "whole": WHOLE}
"""Reports that a sender can copy. The tests send each, in every format."""

EVENT: Mapping[str, Any] = {
    "specversion": "1.0",
    "id": "7d1c1a5e-3f0e-4f6e-9d0a-5a3f9a1b2c3d",
    "source": "example-tool",
    "type": TYPE,
    "time": "2026-11-06T09:30:00Z",
    "datacontenttype": "application/json",
}
PLATFORM_EVENT: Mapping[str, Any] = {
    "$schema": f"{STEM}{MAJOR}.0.0",
    "meta": {
        "stream": "example-tool",
        "id": "7d1c1a5e-3f0e-4f6e-9d0a-5a3f9a1b2c3d",
        "dt": "2026-11-06T09:30:01Z",
        "domain": "en.wikipedia.org",
    },
    "dt": "2026-11-06T09:30:00Z",
}
SOURCE = "Who reports: the name of the integrator, alone or with a slash and more after it."
_TIME = {"type": "string", "format": "date-time"}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 1000}


def submission_schema() -> dict[str, Any]:
    """A report: the body of POST /v1/reports, and the data of an event."""
    schema = Submission.model_json_schema()
    for name, meaning in MEANINGS.items():
        schema["properties"][name] = {**schema["properties"][name], "description": meaning}
    schema |= {"title": "Report", "description": "A report as a program hands it in."}
    return {**schema, "examples": [dict(example) for example in EXAMPLES.values()]}


def cloudevent_schema() -> dict[str, Any]:
    """A CloudEvent in structured mode that carries a report."""
    report, definitions = _apart(submission_schema())
    return {
        "title": "Report as a CloudEvent",
        "description": f"CloudEvents 1.0. The JSON of one record has {LARGEST} bytes at most.",
        "type": "object",
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {**_TEXT, "description": "Names the report within its source, however often it comes."},
            "source": {**_TEXT, "description": SOURCE},
            "type": {"const": TYPE},
            "time": {**_TIME, "description": "When the event was made."},
            "datacontenttype": {"type": "string"},
            "data": report,
        },
        "$defs": definitions,
        "examples": [{**EVENT, "data": dict(example)} for example in EXAMPLES.values()],
    }


def event_platform_schema() -> dict[str, Any]:
    """An event of the Wikimedia Event Platform that carries a report."""
    report, definitions = _apart(submission_schema())
    meta = {
        "type": "object",
        "required": ["stream"],
        "properties": {
            "stream": {
                **_TEXT,
                "description": SOURCE,
            },
            "id": {**_TEXT, "description": "Names the report within its stream, however often it comes."},
            "dt": {**_TIME, "description": "When the event was received, on the way here."},
            "domain": {
                "type": "string",
                "description": "Where it was made. `canary` marks what is no report.",
            },
        },
    }
    return {
        "title": "Report as an Event Platform event",
        "description": f"Built on fragment/common 2.0.0. The JSON of one record has {LARGEST} bytes at most.",
        "type": "object",
        "required": ["$schema", "meta", "dt", "report"],
        "properties": {
            "$schema": {"type": "string", "description": f"{STEM}{MAJOR}.0.0, or an address that ends so."},
            "meta": meta,
            "dt": {**_TIME, "description": "When the report was made."},
            "report": report,
        },
        "$defs": definitions,
        "examples": [{**PLATFORM_EVENT, "report": dict(example)} for example in EXAMPLES.values()],
    }


def documents() -> dict[str, dict[str, Any]]:
    """Each schema by its path below the address of schemas."""
    made = {
        f"{MAJOR}.json": submission_schema(),
        f"{MAJOR}.cloudevent.json": cloudevent_schema(),
        f"{MAJOR}.event-platform.json": event_platform_schema(),
    }
    limits = {"x-most-bytes": LARGEST, "x-most-submissions": MOST_SUBMISSIONS}
    return {
        f"{NAME}/{name}": {"$schema": DIALECT, "$id": f"/schemas/{NAME}/{name}", **schema, **limits}
        for name, schema in made.items()
    }


def _apart(schema: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A schema without its definitions and examples, and the definitions, for the root of a larger one."""
    definitions = schema.pop("$defs", {})
    schema.pop("examples")
    return schema, definitions
