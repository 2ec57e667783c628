"""Wikimedia Event Platform events (`fragment/common/2.0.0`) that carry a submission under `report`."""

import hashlib
import re
from typing import Any

import orjson

from services.intake.sources.arrival import Arrival, Context, Parsed, Raw
from services.intake.sources.parsing import (
    MAJOR,
    load_body,
    make_arrival,
    read_each,
    read_receipt_time,
    read_submission,
    read_time,
)
from shared.problems import Malformed

STEM = "/hearth/report/submitted/"
_VERSION = re.compile(r"(\d+)\.\d+\.\d+")


def read_event_platform(raw: Raw, context: Context) -> Parsed:
    """One event, or an array of them as EventGate takes it: good ones are kept even when others are not.

    `dt` is when the report was made, `meta.dt` when it was received; (`meta.stream`, `meta.id`) names it.
    Raises Malformed.
    """
    body = load_body(raw)
    if isinstance(body, list) and body:
        return read_each(body, lambda event, at: _read(event, context, at, orjson.dumps(event)))
    return Parsed((_read(body, context, "", raw.body),))


def _read(event: Any, context: Context, at: str, text: bytes) -> Arrival:
    """The report of one event, which stands at the JSON pointer `at` and was written as `text`."""
    if not isinstance(event, dict) or "$schema" not in event:
        raise Malformed("unknown_format", "neither a CloudEvent nor an Event Platform event")
    schema = event["$schema"]
    # A stream may name its schema by a full URI; only the path counts.
    if not isinstance(schema, str) or STEM not in schema:
        raise Malformed("unknown_type", f"only schemas under {STEM} are read here")
    version = _VERSION.fullmatch(schema.rpartition(STEM)[2].removesuffix(".json"))
    if version is None or version[1] != str(MAJOR):
        raise Malformed("unknown_schema_version", f"only major version {MAJOR} of {STEM} is read here")
    meta = event.get("meta")
    if not isinstance(meta, dict) or not isinstance(meta.get("stream"), str) or not meta["stream"]:
        raise Malformed("missing_attribute", f"{at}/meta/stream is missing")
    if "dt" not in event:
        raise Malformed("missing_attribute", f"{at}/dt is missing")
    made_at = read_time(event["dt"], f"{at}/dt", context)
    stated = read_time(meta["dt"], f"{at}/meta/dt", context) if meta.get("dt") is not None else made_at
    received_at = read_receipt_time(stated, context)
    submission = read_submission(event.get("report"), context, f"{at}/report")
    name = _id_of(meta, text)
    return make_arrival(meta["stream"], name, submission, context, at=f"{at}/report", received_at=received_at)


def _id_of(meta: dict[str, Any], text: bytes) -> str:
    given = meta.get("id")
    if isinstance(given, str) and given:
        return given
    # Without an id, the same bytes are the same report.
    return "sha256:" + hashlib.sha256(text).hexdigest()
