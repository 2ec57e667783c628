"""What the formats of Kafka have in common: JSON, and the submission inside it. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from pydantic import ValidationError

from services.intake.report.submission import (
    CLOCK_SKEW,
    OLDEST,
    Submission,
    describe_faults,
    find_faults,
)
from services.intake.sources.arrival import Arrival, Context, Parsed, Raw
from shared.json_bounds import MOST_VALUES, fits
from shared.problems import FieldError, Malformed, faults_of
from shared.times import parse_rfc3339

SUBMITTED = "hearth.report.submitted"
MAJOR = 1


KAFKA = "kafka"
LARGEST = 64 * 1024
"""Bytes of one record: the size that every CloudEvents intermediary must forward."""


MOST_SUBMISSIONS = 20
"""Submissions in one record."""


def load_body(raw: Raw) -> Any:
    """The JSON in a record. Raises Malformed `too_large` or `empty`, and what load_json raises."""
    if len(raw.body) > LARGEST:
        raise Malformed("too_large", f"{len(raw.body)} bytes, {LARGEST} are the most")
    if not raw.body:
        raise Malformed("empty", "a record without a value")
    return load_json(raw.body)


def load_json(value: bytes) -> Any:
    """The JSON in a body. Raises Malformed `broken_utf8`, `too_many_values` or `malformed_json`."""
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise Malformed("broken_utf8", f"byte {error.start} is not UTF-8") from None
    if not fits(value):
        raise Malformed("too_many_values", f"{MOST_VALUES} values and names are the most")
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Malformed("malformed_json", f"at byte {error.pos}") from None


def read_each(items: list[Any], read: Callable[[Any, str], Arrival]) -> Parsed:
    """What `read` makes of each item, by its JSON pointer. Good ones are kept even when others are not.

    Raises Malformed when there are too many, or when none is good.
    """
    if len(items) > MOST_SUBMISSIONS:
        raise Malformed("too_many_submissions", f"{len(items)} in one record, {MOST_SUBMISSIONS} are the most")
    arrivals, faults = [], []
    for place, item in enumerate(items):
        try:
            arrivals.append(read(item, f"/{place}"))
        except Malformed as error:
            faults.append(Malformed(error.code, f"item {place}: {error.detail}"))
    if faults and not arrivals:
        raise faults[0]
    return Parsed(tuple(arrivals), tuple(faults))


def read_submission(data: Any, context: Context, at: str = "") -> Submission:
    """The submission in `data`, which stands at the JSON pointer `at`. Raises Malformed with pointers and codes."""
    try:
        submission = Submission.model_validate_json(orjson.dumps(data))
    except orjson.JSONEncodeError:
        raise Malformed("invalid_data", f"{at or '/'}: nested too deeply") from None
    except ValidationError as error:
        raise Malformed("invalid_data", describe_faults(_below(at, faults_of(error)))) from None
    if faults := find_faults(submission, context.policy, context.now):
        raise Malformed(faults[0].code, describe_faults(_below(at, faults)))
    return submission


def read_time(value: object, pointer: str, context: Context) -> datetime:
    """A time of the envelope, UTC-aware. Raises Malformed for a text that is no time, lies ahead, or is before 1900."""
    try:
        at = parse_rfc3339(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        at = None
    if at is None:
        raise Malformed("invalid_attribute", f"{pointer}: not an RFC 3339 time")
    if at > context.now + CLOCK_SKEW:
        raise Malformed("future_date", f"{pointer}: future_date")
    if at < OLDEST:
        raise Malformed("date_too_old", f"{pointer}: date_too_old")
    return at


def make_arrival(
    source: str, name: str, submission: Submission, context: Context, *, at: str, received_at: datetime | None = None
) -> Arrival:
    """What came over Kafka under this source and name: unique for each writer. `at` is the submission's JSON pointer.

    Raises Malformed if the writer may not report for that source or community.
    """
    key, writer = f"{source}\x1f{name}", context.writer
    if writer is None:
        return Arrival(KAFKA, submission, KAFKA, key, received_at, context.trace)
    if source.partition("/")[0] != writer.name:
        raise Malformed("source_not_permitted", "the source is not that of the writer of this inbox")
    if writer.communities is not None and submission.community not in writer.communities:
        raise Malformed("community_not_permitted", f"{at}/community: not one of this writer")
    return Arrival(KAFKA, submission, f"{KAFKA}\x1f{writer.name}", key, received_at, context.trace, writer.name)


def read_receipt_time(stated: datetime | None, context: Context) -> datetime | None:
    """When a record was received: what it states, if that is no more than CLOCK_SKEW before Kafka took it.

    Else the time at which Kafka took it. A sender could state any time, and deadlines run from there.
    """
    taken_at = context.taken_at
    if stated is None or taken_at is None:
        return taken_at
    return stated if taken_at - CLOCK_SKEW <= stated <= taken_at else taken_at


def _below(at: str, faults: list[FieldError]) -> list[FieldError]:
    return [FieldError(at + fault.pointer, fault.code, fault.detail) for fault in faults]
