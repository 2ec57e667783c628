"""CloudEvents 1.0 over Kafka: binary, structured and batched content mode (CloudEvents Kafka protocol binding)."""

import base64
from collections.abc import Mapping
from typing import Any

from services.intake.sources.arrival import Arrival, Context, Parsed, Raw
from services.intake.sources.parsing import (
    MAJOR,
    SUBMITTED,
    load_body,
    load_json,
    make_arrival,
    read_each,
    read_receipt_time,
    read_submission,
    read_time,
)
from shared.problems import Malformed

REQUIRED = ("specversion", "id", "source", "type")
# It stands where a header was not UTF-8. Two broken ids that differ must not become one.
_REPLACED = "\N{REPLACEMENT CHARACTER}"


def read_binary(raw: Raw, context: Context) -> Parsed:
    """Attributes in `ce_*` headers, the submission as the body. Raises Malformed."""
    attributes = {name[3:]: text for name, text in raw.headers.items() if name.startswith("ce_")}
    return Parsed((_read(attributes, load_body(raw), context, ""),))


def read_structured(raw: Raw, context: Context) -> Parsed:
    """Attributes and `data` in one JSON object. Raises Malformed."""
    return Parsed((_read_object(load_body(raw), context, ""),))


def read_batched(raw: Raw, context: Context) -> Parsed:
    """A JSON array of structured events; good ones are kept even when others are not. Raises Malformed when none is."""
    body = load_body(raw)
    if not isinstance(body, list):
        raise Malformed("invalid_data", "/: list_type")
    return read_each(body, lambda item, at: _read_object(item, context, at))


def _read_object(body: Any, context: Context, at: str) -> Arrival:
    if not isinstance(body, dict):
        raise Malformed("invalid_data", f"{at or '/'}: object_type")
    if "data_base64" in body:
        try:
            data = load_json(base64.b64decode(str(body["data_base64"]), validate=True))
        except ValueError:
            raise Malformed("invalid_data", f"{at}/data_base64: not base64") from None
    else:
        data = body.get("data")
    return _read(body, data, context, f"{at}/data")


def _read(attributes: Mapping[str, Any], data: Any, context: Context, at: str) -> Arrival:
    found = {name: attributes.get(name) for name in REQUIRED}
    for name, value in found.items():
        if not isinstance(value, str) or not value:
            raise Malformed("missing_attribute", f"{name} is missing or empty")
        if len(value) > 1000 or _REPLACED in value:
            raise Malformed("invalid_attribute", f"{name} is too long or not UTF-8")
    if found["specversion"] != "1.0":
        raise Malformed("unknown_specversion", "only CloudEvents 1.0 is read")
    stem, _, major = str(found["type"]).rpartition(".v")
    if stem != SUBMITTED:
        raise Malformed("unknown_type", f"only {SUBMITTED}.v{MAJOR} is read here")
    if major != str(MAJOR):
        raise Malformed("unknown_schema_version", f"only {SUBMITTED}.v{MAJOR} is read here")
    if attributes.get("time") is not None:
        read_time(attributes["time"], "time", context)
    submission = read_submission(data, context, at)
    received_at = read_receipt_time(None, context)
    return make_arrival(str(found["source"]), str(found["id"]), submission, context, at=at, received_at=received_at)
