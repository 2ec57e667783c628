"""The messages of inboxes, as AsyncAPI describes them: a report in each format that intake reads from Kafka."""

import json
from collections.abc import Mapping
from typing import Any

from shared.events.freeze import inlined, published

FOLDER = "report.submitted"
"""Where the schemas of what strangers write stand below the address of schemas. Intake makes them."""
JSON_SCHEMA = "application/schema+json;version=draft-2020-12"


def inbox_messages() -> dict[str, dict[str, Any]]:
    """The messages by name. Their examples are the examples of the schemas."""
    schemas = [_load(f"1{form}.json") for form in ("", ".cloudevent", ".event-platform")]
    bounds, _, _ = ({name: schema.pop(name) for name in ("x-most-bytes", "x-most-submissions")} for schema in schemas)
    report, event, platform_event = schemas
    reports, events, platform_events = (schema.pop("examples") for schema in (report, event, platform_event))
    several = {"type": "array", "minItems": 1, "maxItems": bounds["x-most-submissions"]}
    headers = _binary_headers(event["properties"])
    first = {name: text for name, text in events[0].items() if name not in ("data", "datacontenttype")}
    binary = {f"ce_{name}": text for name, text in first.items()} | {"content-type": "application/json"}
    formats = {
        "cloudevents-binary": (
            "A CloudEvent in binary mode: attributes in headers, and the report as the value.",
            "application/json",
            report,
            [{"headers": binary, "payload": one} for one in reports],
        ),
        "cloudevents-structured": (
            "A CloudEvent in structured mode: attributes and report in one JSON object.",
            "application/cloudevents+json",
            event,
            [{"headers": _typed("application/cloudevents+json"), "payload": one} for one in events],
        ),
        "cloudevents-batched": (
            "Several CloudEvents in one JSON array. A good one is kept even when another is not.",
            "application/cloudevents-batch+json",
            {**several, "items": event},
            [{"headers": _typed("application/cloudevents-batch+json"), "payload": _apart(events)}],
        ),
        "event-platform": (
            "One event of the Wikimedia Event Platform, or an array of them, as EventGate takes it.",
            "application/json",
            {"anyOf": [platform_event, {**several, "items": platform_event}]},
            [{"headers": _typed("application/json"), "payload": one} for one in platform_events],
        ),
    }
    return {
        f"{FOLDER}.{name}": {
            "name": f"{FOLDER}.{name}",
            "title": title,
            "description": f"The value has {bounds['x-most-bytes']} bytes at most, and the record 100 headers.",
            "contentType": content_type,
            "headers": headers if name == "cloudevents-binary" else _content_type(content_type),
            "payload": {"schemaFormat": JSON_SCHEMA, "schema": schema},
            "examples": [{"name": f"example-{number}", **one} for number, one in enumerate(examples, 1)],
            **bounds,
        }
        for name, (title, content_type, schema, examples) in formats.items()
    }


def _load(name: str) -> dict[str, Any]:
    return inlined(json.loads(published()[f"{FOLDER}/{name}"]))


def _binary_headers(attributes: Mapping[str, Any]) -> dict[str, Any]:
    named = {f"ce_{n}": attributes[n] for n in ("specversion", "id", "source", "type", "time")}
    trace = {"traceparent": {"type": "string", "description": "W3C trace context that Hearth continues."}}
    return {
        "type": "object",
        "required": [name for name in named if name != "ce_time"],
        "properties": {**named, "content-type": {"const": "application/json"}, **trace},
    }


def _content_type(content_type: str) -> dict[str, Any]:
    # A record of the Event Platform needs no header at all.
    needed = [] if content_type == "application/json" else ["content-type"]
    return {"type": "object", "required": needed, "properties": {"content-type": {"const": content_type}}}


def _typed(content_type: str) -> dict[str, str]:
    return {"content-type": content_type}


def _apart(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events with ids of their own: the same id in one batch would be the same report."""
    return [{**event, "id": f"{event['id']}-{number}"} for number, event in enumerate(events, 1)]
