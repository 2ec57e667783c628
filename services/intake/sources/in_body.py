"""Events that stand whole in the value of a record, alone or in an array, in either format of Kafka. Pure."""

from collections.abc import Callable
from typing import Any

from services.intake.sources.arrival import Arrival, Context, Parsed, Raw
from services.intake.sources.cloudevents import BATCHED, STRUCTURED, media_type_in, read_object
from services.intake.sources.event_platform import read_event, text_of
from services.intake.sources.parsing import Reading, load_body, read_each
from shared.problems import Malformed


def read_in_body(raw: Raw, context: Context) -> Parsed:
    """One event, or an array of them: good ones are kept even when others are not. Raises Malformed.

    Each event shows of which format it is. What the header `content-type` says in contradiction is remarked.
    """
    reading = Reading(context)
    body = load_body(raw, reading)
    stated = media_type_in(raw.headers)
    if isinstance(body, list) and (body or stated == BATCHED):
        if stated == STRUCTURED:
            reading.remark("", "content_type")
        return read_each(body, reading, lambda event, each: _read(event, text_of, each, stated))
    if stated == BATCHED:
        reading.remark("", "content_type")
    arrival = _read(body, lambda _: raw.body, reading, stated)
    return Parsed(() if arrival is None else (arrival,))


def _read(event: Any, text: Callable[[object], bytes], reading: Reading, stated: str) -> Arrival | None:
    """The report of one event; None for a canary."""
    is_stated = stated in (STRUCTURED, BATCHED)
    shows = event if isinstance(event, dict) else {}
    is_platform = "$schema" in shows
    is_cloudevent = not is_platform and "specversion" in shows and "type" in shows
    if (is_platform and is_stated) or (is_cloudevent and not is_stated):
        reading.remark("", "content_type")
    if is_platform:
        return read_event(event, text(event), reading)
    if is_stated or is_cloudevent:
        return read_object(event, reading)
    raise Malformed("unknown_format", "neither a CloudEvent nor an Event Platform event")
