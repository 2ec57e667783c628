"""Wikimedia Event Platform events (`fragment/common/2.0.0`) that carry a submission under `report`."""

import hashlib
import re
from typing import Any, TypeGuard

import orjson

from services.intake.sources.arrival import Arrival, Context, Parsed, Raw
from services.intake.sources.cloudevents import read_object
from services.intake.sources.parsing import Reading, is_usable, load_body, read_each, read_version
from shared.problems import Malformed

STEM = "/hearth/report/submitted/"
CANARY = "canary"
"""The domain of events that show only that a stream is alive."""
_VERSION = re.compile(r"(?P<major>[0-9]{1,9})(?P<rest>(?:\.[0-9]{1,9}){0,2})(?:\.json|\.yaml)?#?", re.ASCII)


def read_event_platform(raw: Raw, context: Context) -> Parsed:
    """One event, or an array of them as EventGate takes it: good ones are kept even when others are not.

    `dt` is when the report was made, `meta.dt` when it was received; (`meta.stream`, `meta.id`) names it. CloudEvents
    in structured mode are read as such: nothing but a header is missing. Raises Malformed.
    """
    reading = Reading(context)
    body = load_body(raw, reading)
    several = isinstance(body, list) and bool(body)
    if all(isinstance(each, dict) and _is_cloudevent(each) for each in (body if several else [body])):
        reading.remark("", "content_type")
        return read_each(body, reading, read_object) if several else Parsed((read_object(body, reading),))
    if several:
        return read_each(body, reading, lambda event, each: _read(event, text_of(event), each))
    arrival = _read(body, raw.body, reading)
    return Parsed(() if arrival is None else (arrival,))


def _read(event: Any, text: bytes, reading: Reading) -> Arrival | None:
    """The report of one event, which was written as `text`; None for a canary."""
    if not isinstance(event, dict) or "$schema" not in event:
        raise Malformed("unknown_format", "neither a CloudEvent nor an Event Platform event")
    given = event.get("meta")
    meta: dict[str, Any] = given if isinstance(given, dict) else {}
    if meta.get("domain") == CANARY:
        return None
    _read_schema(event["$schema"], reading)
    made_at = reading.time("/dt", event.get("dt"))
    taken_at = reading.time("/meta/dt", meta.get("dt"))
    # Only what stands in for a time that is missing may count.
    stated = made_at if meta.get("dt") is None else taken_at
    submission = reading.submission(event.get("report"), "/report")
    stream = reading.source("/meta/stream", meta.get("stream"))
    given = meta.get("id")
    if not _is_id(given):
        reading.remark("/meta/id", "missing" if given is None or given == "" else "unreadable")
    return reading.arrival(stream, id_of(meta, text), submission, "/report", stated)


def text_of(event: object) -> bytes:
    """One event of an array, as it counts for an id. Raises Malformed for one that is nested too deeply."""
    try:
        return orjson.dumps(event)
    except orjson.JSONEncodeError:
        raise Malformed("invalid_data", "nested too deeply") from None


def id_of(meta: dict[str, Any], text: bytes) -> str:
    """The id of an event, which was written as `text`."""
    given = meta.get("id")
    # Without an id, the same bytes are the same report.
    return given if _is_id(given) else "sha256:" + hashlib.sha256(text).hexdigest()


def _is_id(given: object) -> TypeGuard[str]:
    return isinstance(given, str) and given != "" and is_usable(given)


def _is_cloudevent(event: dict[str, Any]) -> bool:
    return "$schema" not in event and "specversion" in event and "type" in event


def _read_schema(schema: object, reading: Reading) -> None:
    # A stream may name its schema by a full URI; only the path counts.
    if not isinstance(schema, str) or STEM not in schema:
        raise Malformed("unknown_type", f"only schemas under {STEM} are read here")
    version = _VERSION.fullmatch(schema.rpartition(STEM)[2])
    if version is None:
        raise Malformed("unknown_schema_version", f"only major version 1 of {STEM} is read here")
    read_version(version["major"], version["rest"], "/$schema", STEM, reading)
