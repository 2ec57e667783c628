"""Wikimedia Event Platform events (`fragment/common/2.0.0`) that carry a submission under `report`."""

import hashlib
import re
from typing import Any

from services.intake.sources.arrival import Context, Parsed, Raw
from services.intake.sources.parsing import (
    MAJOR,
    load_body,
    make_arrival,
    read_receipt_time,
    read_submission,
    read_time,
)
from shared.problems import Malformed

STEM = "/hearth/report/submitted/"
_VERSION = re.compile(r"(\d+)\.\d+\.\d+")


def read_event_platform(raw: Raw, context: Context) -> Parsed:
    """`dt` is when the report was made, `meta.dt` when it was received; (`meta.stream`, `meta.id`) names it.

    Raises Malformed.
    """
    body = load_body(raw)
    if not isinstance(body, dict) or "$schema" not in body:
        raise Malformed("unknown_format", "neither a CloudEvent nor an Event Platform event")
    schema = body["$schema"]
    # A stream may name its schema by a full URI; only the path counts.
    if not isinstance(schema, str) or STEM not in schema:
        raise Malformed("unknown_type", f"only schemas under {STEM} are read here")
    version = _VERSION.fullmatch(schema.rpartition(STEM)[2].removesuffix(".json"))
    if version is None or version[1] != str(MAJOR):
        raise Malformed("unknown_schema_version", f"only major version {MAJOR} of {STEM} is read here")
    meta = body.get("meta")
    if not isinstance(meta, dict) or not isinstance(meta.get("stream"), str) or not meta["stream"]:
        raise Malformed("missing_attribute", "/meta/stream is missing")
    if "dt" not in body:
        raise Malformed("missing_attribute", "/dt is missing")
    made_at = read_time(body["dt"], "/dt", context)
    stated = read_time(meta["dt"], "/meta/dt", context) if meta.get("dt") is not None else made_at
    received_at = read_receipt_time(stated, context)
    submission = read_submission(body.get("report"), context, "/report")
    name = _id_of(meta, raw)
    return Parsed((make_arrival(meta["stream"], name, submission, context, at="/report", received_at=received_at),))


def _id_of(meta: dict[str, Any], raw: Raw) -> str:
    given = meta.get("id")
    if isinstance(given, str) and given:
        return given
    # Without an id, the same bytes are the same report.
    return "sha256:" + hashlib.sha256(raw.body).hexdigest()
