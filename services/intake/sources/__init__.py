"""Reading `reports.inbox`, the one topic that strangers write: one parser per format, in the order of this table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from services.intake.report.submission import Arrival
from services.intake.sources.cloudevents import parse_batched, parse_binary, parse_structured
from services.intake.sources.event_platform import parse_event_platform
from services.intake.sources.parsing import Context, Parsed, load_json
from shared.kafka.records import Record
from shared.policy import Policy
from shared.problems import Malformed

LARGEST = 64 * 1024
"""Bytes of one record: the size that every CloudEvents intermediary must forward."""


@dataclass(frozen=True, slots=True)
class Source:
    """A format: which records are in it (by header names and values, in lower case), and how they are read."""

    claims: Callable[[Mapping[str, str]], bool]
    parse: Callable[[Context], Parsed]


def _is(media_type: str) -> Callable[[Mapping[str, str]], bool]:
    return lambda headers: headers.get("content-type", "").partition(";")[0].strip().lower() == media_type


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "cloudevents-batched": Source(_is("application/cloudevents-batch+json"), parse_batched),
        "cloudevents-structured": Source(_is("application/cloudevents+json"), parse_structured),
        "cloudevents-binary": Source(lambda headers: "ce_specversion" in headers or "ce_type" in headers, parse_binary),
        # Event Platform events carry everything in their body, so they come last.
        "event-platform": Source(lambda headers: True, parse_event_platform),
    }
)


def read_inbox(record: Record, policy: Policy, now: datetime, trace: str | None) -> Parsed:
    """The submissions in a record, and what is wrong with the others in it.

    `now` is UTC-aware. Raises Malformed, with pointers and codes but no content, when nothing of it can be used.
    """
    value = record.value or b""
    if len(value) > LARGEST:
        raise Malformed("too_large", f"{len(value)} bytes, {LARGEST} are the most")
    if not value:
        raise Malformed("empty", "a record without a value")
    headers = {name.lower(): text for name, text in record.header_texts().items()}
    source = next(source for source in SOURCES.values() if source.claims(headers))
    return source.parse(Context(headers, load_json(value), value, policy, now, trace))


__all__ = ["LARGEST", "SOURCES", "Arrival", "Parsed", "Source", "read_inbox"]
