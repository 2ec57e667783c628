"""Leaves: what the record keeps of one Kafka record, as canonical JSON with one spelling for every fact. Pure.

Three shapes: an event in full; the hash alone of what cannot be read, was written by strangers (it may hold personal
data) or stands on a restricted topic; and, for an event that is in the record already, a pointer to where.
infra/decisions/2026-11-23-record-storage.md has the fields.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import orjson

from services.audit.tlog.tiles import MAX_LEAF_BYTES
from shared.events.envelope import REQUIRED
from shared.times import parse_rfc3339, rfc3339

FOREIGN = "foreign"
"""The reason for records of topics that strangers write: audit never looks into such a record."""
RESTRICTED = "restricted"
"""The reason for records of restricted topics: they tell who is named in reports."""

NAMING: Mapping[str, tuple[str, ...]] = {
    "hearth.report.received": ("subjects", "witnesses", "reporter", "reporter_aliases"),
    "hearth.case.opened": ("parties",),
}
"""The fields that name the people in a case, by the type of the event in any version. They may not see the case.

Where the event says `parties_apart`, they name nobody: shared.parties knows who is in the case.
"""

CASE_TOPICS = frozenset({"reports", "cases", "erasures", "notifications", "access"})
"""The topics that Hearth writes and keys by case; shared.kafka.topics says the same."""

_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_WIRE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a record in Kafka. `topic` has no prefix; `timestamp` is in milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int

    @property
    def log(self) -> str:
        """The log that keeps this partition, such as `cases/0`."""
        return f"{self.topic}/{self.partition}"

    def as_json(self) -> dict[str, object]:
        """The place as a leaf states it."""
        return {
            "offset": self.offset,
            "partition": self.partition,
            "timestamp": max(0, self.timestamp),
            "topic": self.topic,
        }


@dataclass(frozen=True, slots=True)
class Leaf:
    """The bytes that go into the tree, and the fields to find them by (`event`, `case`, `type`, `actor`, `trace`, …).

    `names`: pseudonyms of the people in the case, from an event that says who they are; None from any other.
    """

    place: Place
    entry: bytes
    about: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] | None = None

    @property
    def event_id(self) -> str | None:
        """The event's id; None if the leaf is a hash or a pointer."""
        return self.about.get("event")


@dataclass(frozen=True, slots=True)
class Seal:
    """A sealed checkpoint: its time (RFC 3339), the origin of its log, its size and its root (base64)."""

    at: str
    origin: str
    size: int
    root: str


def canonical(value: object) -> bytes:
    """Canonical JSON: keys sorted, no white space, UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def read_record(place: Place, key: bytes | None, headers: Headers, value: bytes | None) -> Leaf:
    """The leaf of a record of Hearth's own topics. Never raises: an invalid record leaves its hash."""
    try:
        texts = {name: data.decode() for name, data in headers if data is not None}
        if not REQUIRED.keys() <= texts.keys():
            return keep_hash(place, value, "missing_attribute")
        if not _NUMBER.fullmatch(texts["ce_caseseq"]):
            return keep_hash(place, value, "invalid_attribute")
        case = key.decode() if key is not None else None
    except UnicodeDecodeError:
        return keep_hash(place, value, "invalid_encoding")
    try:
        data = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return keep_hash(place, value, "invalid_json")
    if not isinstance(data, dict):
        return keep_hash(place, value, "invalid_data")
    trace = texts.get("traceparent", "").split("-")
    trace_id = trace[1] if len(trace) == 4 and len(trace[1]) == 32 else None
    content = {
        "actor": {"ref": texts["ce_actorref"], "role": texts["ce_actorrole"]},
        "case_seq": int(texts["ce_caseseq"]),
        "cause": texts["ce_cause"],
        "ce": {
            "datacontenttype": texts.get("content-type"),
            "dataschema": texts.get("ce_dataschema"),
            "id": texts["ce_id"],
            "source": texts["ce_source"],
            "specversion": texts["ce_specversion"],
            "subject": texts["ce_subject"],
            "time": texts["ce_time"],
            "type": texts["ce_type"],
        },
        "data": data,
        "kafka": place.as_json(),
        "key": case,
        "policy_version": texts.get("ce_policyversion"),
        "trace_id": trace_id,
    }
    try:
        entry = canonical(content)
    except orjson.JSONEncodeError:
        return keep_hash(place, value, "too_deep")
    if len(entry) > MAX_LEAF_BYTES:
        return keep_hash(place, value, "too_large")
    about = {"event": texts["ce_id"], "type": texts["ce_type"], "actor": texts["ce_actorref"]}
    about["at"] = _spell_time(texts["ce_time"]) or _time_of(place)
    if case:
        about["case"] = case
        if place.topic not in CASE_TOPICS or texts["ce_cause"] == case:
            # The key is that of a roster entry or a log; or that of an access to no case, which is its own cause.
            about["caseless"] = "yes"
    if trace_id:
        about["trace"] = trace_id
    if isinstance(community := data.get("community"), str):
        about["community"] = community
    return Leaf(place, entry, about, _names_in(texts["ce_type"], data))


def _names_in(type_: str, data: Mapping[str, object]) -> tuple[str, ...] | None:
    fields = NAMING.get(type_.rpartition(".v")[0])
    if fields is None or data.get("parties_apart") is True:
        return None
    found: list[object] = []
    for name in fields:
        value = data.get(name)
        found += value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(one for one in found if isinstance(one, str)))


def keep_hash(place: Place, value: bytes | None, reason: str, first: int | None = None) -> Leaf:
    """The leaf that keeps only the hash and the size of a record; `reason` is a stable code.

    `first`: the leaf stands for all offsets from this one to that of its place, because Kafka holds a batch there that
    could not be read; the hash is that of its bytes.
    """
    held = value or b""
    kept: dict[str, object] = {"reason": reason, "sha256": sha256(held).hexdigest(), "size": len(held)}
    if first is not None:
        kept["first_offset"] = first
    return Leaf(place, canonical({"kafka": place.as_json(), "unparsed": kept}))


def keep_digest(place: Place, value: bytes | None) -> Leaf:
    """The leaf of a record of a restricted topic: its hash alone. Its size would tell how many names there are."""
    kept = {"reason": RESTRICTED, "sha256": sha256(value or b"").hexdigest()}
    return Leaf(place, canonical({"kafka": place.as_json(), "unparsed": kept}))


def point_to(leaf: Leaf, origin: str, index: int) -> Leaf:
    """The leaf that stands in for an event which is already entry `index` of the log `origin`."""
    pointer = {"ce": {"id": leaf.event_id}, "duplicate_of": {"index": index, "log": origin}}
    # A pointer is not an entry of the case, but is withheld with the case.
    about = {"repeats": leaf.about["case"]} if "case" in leaf.about and "caseless" not in leaf.about else {}
    return Leaf(leaf.place, canonical({**pointer, "kafka": leaf.place.as_json()}), about)


def write_seal(at: str, origin: str, checkpoint: str) -> bytes:
    """The seal log's entry for one signed checkpoint; `at` is RFC 3339."""
    return canonical({"at": at, "checkpoint": checkpoint, "log": origin})


def read_seal(entry: bytes) -> Seal:
    """What an entry of the seal log says."""
    seal = orjson.loads(entry)
    _, size, root = str(seal["checkpoint"]).split("\n")[:3]
    return Seal(str(seal["at"]), str(seal["log"]), int(size), root)


def _spell_time(text: str) -> str | None:
    """The time in the spelling that sorts by time; None if the text is not a time."""
    if _WIRE_TIME.fullmatch(text):
        return text
    try:
        return rfc3339(parse_rfc3339(text))
    except ValueError:
        return None


def _time_of(place: Place) -> str:
    """The time that Kafka has for a record. A time beyond all calendars counts as the latest one."""
    milliseconds = min(max(0, place.timestamp), 253_402_300_799_999)
    return (EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
