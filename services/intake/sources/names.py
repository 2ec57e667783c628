"""What the writer of a record calls the submissions in it, also of a record that is refused. Pure."""

from collections.abc import Sequence
from typing import Any

from services.intake.sources.arrival import Raw, SubmissionName
from services.intake.sources.cloudevents import attributes_in
from services.intake.sources.event_platform import id_of, text_of
from services.intake.sources.parsing import LARGEST, MOST_SUBMISSIONS, is_usable, load_mended
from shared.problems import Malformed

Names = Sequence[SubmissionName | None]


def names_in_headers(raw: Raw, writer: str) -> Names:
    """The name of a CloudEvent in binary mode."""
    return (_name_of_cloudevent(attributes_in(raw), writer),)


def names_in_body(raw: Raw, writer: str) -> Names:
    """The names of the events in a body, one or an array: CloudEvents, and Event Platform events."""
    if len(raw.body) > LARGEST:
        return (None,)
    try:
        body, _ = load_mended(raw.body)
    except Malformed:
        return (None,)
    if not isinstance(body, list):
        return (_name_in(body, raw.body, writer),)
    return [_name_of_item(item, writer) for item in body[:MOST_SUBMISSIONS]]


def _name_of_item(event: object, writer: str) -> SubmissionName | None:
    try:
        return _name_in(event, text_of(event), writer)
    except Malformed:
        return None


def _name_in(event: object, text: bytes, writer: str) -> SubmissionName | None:
    if not isinstance(event, dict):
        return None
    if "$schema" not in event:
        return _name_of_cloudevent(event, writer)
    given = event.get("meta")
    meta = given if isinstance(given, dict) else {}
    return _name(meta.get("stream"), id_of(meta, text), writer)


def _name_of_cloudevent(attributes: dict[str, Any], writer: str) -> SubmissionName | None:
    return _name(attributes.get("source"), attributes.get("id"), writer)


def _name(source: object, name: object, writer: str) -> SubmissionName | None:
    """The name, if it is one that can be told again. Without a source it is that of the only writer."""
    source = writer if source is None or source == "" else source
    if not isinstance(source, str) or not isinstance(name, str) or not name:
        return None
    return SubmissionName(source, name) if is_usable(source) and is_usable(name) else None
