"""What the formats of Kafka have in common: JSON, the envelope around a submission, and the submission. Pure.

The envelope never costs the report. It must tell that this is a report, and that its sender may report for this
source and community. Everything else that is wrong with it is remarked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
from services.intake.sources.arrival import Arrival, Context, Parsed, Raw, Remark, SubmissionName
from services.intake.sources.mending import mend_data
from shared.input.json_bounds import MOST_VALUES, fits
from shared.input.json_texts import mend_json
from shared.problems import FieldError, Malformed, faults_of
from shared.times import parse_rfc3339

SUBMITTED = "hearth.report.submitted"
MAJOR = 1


KAFKA = "kafka"
LARGEST = 64 * 1024
"""Bytes of one record: the size that every CloudEvents intermediary must forward."""
RECORD_CHARACTERS = 5_000
"""Code points of a report that fit a record however they are escaped, with all that stands around them."""


MOST_SUBMISSIONS = 20
"""Submissions in one record."""
LONGEST_NAME = 1000
"""Characters of a source or an id."""
# It stands where a header was not UTF-8. Two broken ids that differ must not become one.
_REPLACED = "\N{REPLACEMENT CHARACTER}"


@dataclass(slots=True)
class Reading:
    """One event while it is read: where it stands in the record (a JSON pointer, and its place), and what was odd.

    `unknown`: the fields of its submission that Hearth does not know, by JSON pointer within the submission.
    """

    context: Context
    at: str = ""
    remarks: list[Remark] = field(default_factory=list)
    place: int = 0
    unknown: Mapping[str, Any] = field(default_factory=dict)

    def remark(self, pointer: str, code: str) -> None:
        """Note something odd about a part of the event."""
        self.remarks.append(Remark(self.at + pointer, code))

    def name(self, pointer: str, value: object) -> str:
        """A source or an id. Without both, a report that comes again is not known again. Raises Malformed."""
        if not isinstance(value, str) or not value:
            raise Malformed("missing_attribute", f"{self.at}{pointer} is missing or empty")
        if not is_usable(value):
            raise Malformed("invalid_attribute", f"{self.at}{pointer} is too long or not UTF-8")
        return value

    def source(self, pointer: str, value: object) -> str:
        """The source: what the event says, or else the only writer of the inbox. Raises Malformed."""
        writer = self.context.writer
        if writer is not None and (value is None or value == ""):
            self.remark(pointer, "missing")
            return writer.name
        return self.name(pointer, value)

    def time(self, pointer: str, value: object) -> datetime | None:
        """A time of the envelope, UTC-aware; None for one that is absent, or cannot be."""
        if value is None:
            return None
        try:
            at = parse_rfc3339(value) if isinstance(value, str) else None
        except ValueError:
            at = None
        if at is None:
            self.remark(pointer, "unreadable")
        elif at > self.context.now + CLOCK_SKEW:
            # A clock that is ahead tells no time.
            self.remark(pointer, "ahead")
            return None
        elif at < OLDEST:
            self.remark(pointer, "too_old")
            return None
        return at

    def submission(self, data: Any, pointer: str) -> Submission:
        """The submission in `data`. Raises Malformed with pointers and codes."""
        at = self.at + pointer
        try:
            try:
                submission = Submission.model_validate_json(orjson.dumps(data))
            except ValidationError:
                submission, remarks, self.unknown = mend_data(data, at)
                self.remarks += remarks
        except orjson.JSONEncodeError:
            raise Malformed("invalid_data", f"{at or '/'}: nested too deeply") from None
        except ValidationError as error:
            faults = _below(at, faults_of(error))
            raise Malformed("invalid_data", describe_faults(faults), faults) from None
        if faults := _below(at, find_faults(submission, self.context.policy, self.context.now)):
            raise Malformed(faults[0].code, describe_faults(faults), faults)
        return submission

    def arrival(
        self, source: str, name: str, submission: Submission, pointer: str, stated: datetime | None = None
    ) -> Arrival:
        """What came over Kafka under this source and name: unique for each writer. `pointer` is the submission's.

        Raises Malformed if the writer may not report for that source or community.
        """
        context, scope, by = self.context, KAFKA, None
        if writer := context.writer:
            scope, by = scope_of(writer.name), writer.name
            if source.partition("/")[0] != writer.name:
                raise Malformed("source_not_permitted", "the source is not that of the writer of this inbox")
            if writer.communities is not None and submission.community not in writer.communities:
                raise Malformed("community_not_permitted", f"{self.at}{pointer}/community: not one of this writer")
        received_at = _receipt_time(stated, context)
        remarks, named = tuple(self.remarks), SubmissionName(source, name)
        return Arrival(
            KAFKA,
            submission,
            scope,
            key_of(source, name),
            received_at,
            context.trace,
            by,
            remarks,
            named,
            self.place,
            self.unknown,
        )


def is_usable(name: str) -> bool:
    """Whether a source or an id is one that can be told again."""
    return len(name) <= LONGEST_NAME and _REPLACED not in name


def scope_of(writer: str) -> str:
    """The scope of all that an integrator writes into its inbox."""
    return f"{KAFKA}\x1f{writer}"


def key_of(source: str, name: str) -> str:
    """The key of a submission within the scope of its writer."""
    return f"{source}\x1f{name}"


def load_body(raw: Raw, reading: Reading) -> Any:
    """The JSON in a record. Raises Malformed `too_large` or `empty`, and what load_json raises."""
    if len(raw.body) > LARGEST:
        raise Malformed("too_large", f"{len(raw.body)} bytes, {LARGEST} are the most")
    if not raw.body:
        raise Malformed("empty", "a record without a value")
    return load_json(raw.body, reading)


def load_json(value: bytes, reading: Reading) -> Any:
    """The JSON in a body. Raises what load_mended raises."""
    found, codes = load_mended(value)
    for code in codes:
        reading.remark("", code)
    return found


def load_mended(value: bytes) -> tuple[Any, Sequence[str]]:
    """The JSON in a body, and what was odd about it. Raises Malformed `broken_utf8`, `too_many_values` or
    `malformed_json`.
    """
    if not fits(value):
        raise Malformed("too_many_values", f"{MOST_VALUES} values and names are the most")
    try:
        return orjson.loads(value), ()
    except orjson.JSONDecodeError:
        value, codes = mend_json(value)
    try:
        value.decode()
        if not fits(value):
            raise Malformed("too_many_values", f"{MOST_VALUES} values and names are the most")
        return orjson.loads(value), codes
    except UnicodeDecodeError as error:
        raise Malformed("broken_utf8", f"byte {error.start} is not UTF-8") from None
    except orjson.JSONDecodeError as error:
        raise Malformed("malformed_json", f"at byte {error.pos}") from None


def read_each(items: list[Any], reading: Reading, read: Callable[[Any, Reading], Arrival | None]) -> Parsed:
    """What `read` makes of each item; None passes one over. Good ones are kept even when others are not.

    Raises Malformed when there are too many, or when there are faults and none is good.
    """
    if len(items) > MOST_SUBMISSIONS:
        raise Malformed("too_many_submissions", f"{len(items)} in one record, {MOST_SUBMISSIONS} are the most")
    arrivals, faults = [], []
    for place, item in enumerate(items):
        try:
            arrival = read(item, Reading(reading.context, f"/{place}", list(reading.remarks), place))
        except Malformed as error:
            faults.append(Malformed(error.code, f"item {place}: {error.detail}", error.errors, place=place))
            continue
        if arrival is not None:
            arrivals.append(arrival)
    if faults and not arrivals:
        raise Malformed(faults[0].code, faults[0].detail, parts=faults)
    return Parsed(tuple(arrivals), tuple(faults))


def read_version(major: str | None, rest: str, pointer: str, known: str, reading: Reading) -> None:
    """The version that an event states: without one it is the first; a later minor is remarked.

    Raises Malformed for another major version.
    """
    if major is None:
        reading.remark(pointer, "no_version")
    elif major != str(MAJOR):
        raise Malformed("unknown_schema_version", f"only major version {MAJOR} of {known} is read here")
    elif rest.strip(".0"):
        reading.remark(pointer, "later_minor")


def _receipt_time(stated: datetime | None, context: Context) -> datetime | None:
    """When a record was received: what it states, if that is no more than CLOCK_SKEW before Kafka took it.

    Else the time at which Kafka took it. A sender could state any time, and deadlines run from there.
    """
    taken_at = context.taken_at
    if stated is None or taken_at is None:
        return taken_at
    return stated if taken_at - CLOCK_SKEW <= stated <= taken_at else taken_at


def _below(at: str, faults: list[FieldError]) -> list[FieldError]:
    return [FieldError(at + fault.pointer, fault.code, fault.detail) for fault in faults]
