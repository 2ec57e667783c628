"""Wikimedia Event Platform events (`fragment/common/2.0.0`) that carry a submission under `report`."""

import hashlib
import re
from typing import Any, TypeGuard

import orjson

from services.intake.sources.arrival import Arrival
from services.intake.sources.parsing import Reading, is_usable, read_version
from shared.problems import Malformed

STEM = "/hearth/report/submitted/"
CANARY = "canary"
"""The domain of events that show only that a stream is alive."""
_VERSION = re.compile(r"(?P<major>[0-9]{1,9})(?P<rest>(?:\.[0-9]{1,9}){0,2})(?:\.json|\.yaml)?#?", re.ASCII)


def read_event(event: dict[str, Any], text: bytes, reading: Reading) -> Arrival | None:
    """The report of one event, which was written as `text`; None for a canary. Raises Malformed.

    `dt` is when the report was made, `meta.dt` when it was received; (`meta.stream`, `meta.id`) names it.
    """
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


def _read_schema(schema: object, reading: Reading) -> None:
    # A stream may name its schema by a full URI; only the path counts.
    if not isinstance(schema, str) or STEM not in schema:
        raise Malformed("unknown_type", f"only schemas under {STEM} are read here")
    version = _VERSION.fullmatch(schema.rpartition(STEM)[2])
    if version is None:
        raise Malformed("unknown_schema_version", f"only major version 1 of {STEM} is read here")
    read_version(version["major"], version["rest"], "/$schema", STEM, reading)
