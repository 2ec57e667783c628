"""CloudEvents 1.0 over Kafka: binary, structured and batched content mode (CloudEvents Kafka protocol binding)."""

import base64
import re
from collections.abc import Mapping
from typing import Any

from services.intake.sources.arrival import Arrival, Context, Parsed, Raw
from services.intake.sources.parsing import SUBMITTED, Reading, load_body, load_json, read_version
from shared.input.texts import trim_line
from shared.problems import Malformed

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
_PREFIXES = ("ce_", "ce-")
"""Of attributes in headers: that of Kafka, and that of HTTP, which some gateways leave."""
_SPECVERSION = re.compile(r"v?([0-9]{1,9})(?:\.[0-9.]{1,9})?", re.ASCII)
_TYPE = re.compile(rf"{re.escape(SUBMITTED)}(?:\.v(?P<major>[0-9]{{1,9}})(?P<rest>[0-9.]{{0,9}}))?", re.ASCII)


def media_type_in(headers: Mapping[str, str]) -> str:
    """The media type that the header `content-type` states; empty without one."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_binary(headers: Mapping[str, str]) -> bool:
    """Whether these headers are those of an event in binary mode."""
    if media_type_in(headers) in (STRUCTURED, BATCHED):
        return False
    return any(prefix + name in headers for prefix in _PREFIXES for name in ("specversion", "type"))


def read_binary(raw: Raw, context: Context) -> Parsed:
    """Attributes in `ce_*` headers, the submission as the body. Raises Malformed."""
    reading = Reading(context)
    if any(name.startswith("ce-") for name in raw.headers):
        reading.remark("", "header_prefix")
    return Parsed((_read(attributes_in(raw), load_body(raw, reading), "", reading),))


def attributes_in(raw: Raw) -> dict[str, str]:
    """The attributes in headers. Those with the prefix of Kafka stand before those with that of HTTP."""
    found = {name[3:]: text for name, text in raw.headers.items() if name.startswith("ce-")}
    return found | {name[3:]: text for name, text in raw.headers.items() if name.startswith("ce_")}


def read_object(body: Any, reading: Reading) -> Arrival:
    """The report of one structured event. Raises Malformed."""
    at = reading.at
    if not isinstance(body, dict):
        raise Malformed("invalid_data", f"{at or '/'}: object_type")
    data, wrapped = body.get("data"), body.get("data_base64")
    if wrapped is not None and (wrapped != "" or data is None):
        try:
            unwrapped = load_json(_unwrap(str(wrapped)), reading)
        except ValueError:
            raise Malformed("invalid_data", f"{at}/data_base64: not base64") from None
        try:
            is_other = data is not None and data != unwrapped
        except RecursionError:
            raise Malformed("invalid_data", f"{at}/data: nested too deeply") from None
        if is_other:
            raise Malformed("invalid_data", f"{at}/data: not what data_base64 says")
        data = unwrapped
    return _read(body, data, "/data", reading)


def _unwrap(text: str) -> bytes:
    """The bytes in base64, also in lines, with the letters for addresses, and without the signs at its end (RFC 4648).

    Raises ValueError.
    """
    text = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _read(attributes: Mapping[str, Any], data: Any, pointer: str, reading: Reading) -> Arrival:
    _read_specversion(attributes.get("specversion"), reading)
    _read_type(attributes.get("type"), reading)
    source = reading.source("/source", attributes.get("source"))
    name = reading.name("/id", attributes.get("id"))
    # Nothing depends on it: a report was received when Kafka took it.
    reading.time("/time", attributes.get("time"))
    submission = reading.submission(data, pointer)
    return reading.arrival(source, name, submission, pointer)


def _read_specversion(given: object, reading: Reading) -> None:
    given = trim_line(given) if isinstance(given, str) else given
    stated = _SPECVERSION.fullmatch(given) if isinstance(given, str) else None
    if stated is not None and stated[1] != "1":
        raise Malformed("unknown_specversion", "only CloudEvents 1.0 is read")
    if given is None or given == "":
        reading.remark("/specversion", "missing")
    elif given != "1.0":
        reading.remark("/specversion", "unreadable" if stated is None else "later_minor")


def _read_type(given: object, reading: Reading) -> None:
    given = trim_line(given) if isinstance(given, str) else given
    if given is None or given == "":
        raise Malformed("missing_attribute", "type is missing or empty")
    stated = _TYPE.fullmatch(given) if isinstance(given, str) else None
    if stated is not None:
        read_version(stated["major"], stated["rest"] or "", "/type", f"{SUBMITTED}.v1", reading)
    elif isinstance(given, str) and given.startswith(f"{SUBMITTED}.v"):
        raise Malformed("unknown_schema_version", f"only {SUBMITTED}.v1 is read here")
    else:
        raise Malformed("unknown_type", f"only {SUBMITTED}.v1 is read here")
