"""What audit answers to programs, for its OpenAPI document. Hashes and signatures are in base64."""

from typing import Any, NotRequired

from typing_extensions import TypedDict


class VerifierKeyShown(TypedDict):
    """A key that verifies checkpoints (c2sp.org/signed-note)."""

    name: str
    vkey: str


class VerifierKeys(TypedDict):
    """The keys that verify the record."""

    items: list[VerifierKeyShown]
    next: str | None


class LogShown(TypedDict):
    """A log: its origin, where it stands below `/v1/record`, and its size and root."""

    log: str
    path: str
    size: int
    root: str
    at: str | None
    topic: str
    partition: int | None


class LogList(TypedDict):
    """Every log."""

    items: list[LogShown]
    next: str | None


class PlaceShown(TypedDict):
    """The place of a record in Kafka; `timestamp` is in milliseconds since 1970."""

    offset: int
    partition: int
    timestamp: int
    topic: str


class ActorShown(TypedDict):
    """Who caused an event, in which role."""

    ref: str
    role: str


class AttributesShown(TypedDict):
    """The attributes of an event (CloudEvents 1.0)."""

    datacontenttype: str | None
    dataschema: str | None
    id: str
    source: str
    specversion: str
    subject: str
    time: str
    type: str


class EventKept(TypedDict):
    """An event in full. Its `data` is as the schema at `ce.dataschema` says."""

    actor: ActorShown
    case_seq: int
    cause: str
    ce: AttributesShown
    data: dict[str, Any]
    kafka: PlaceShown
    key: str | None
    policy_version: str | None
    trace_id: str | None


class HashKept(TypedDict):
    """Why the record keeps the hash of something alone. `first_offset`: it stands for all offsets from there on."""

    reason: str
    sha256: str
    size: NotRequired[int]
    first_offset: NotRequired[int]


class UnparsedKept(TypedDict):
    """What nobody could read, or strangers wrote, or stands on a restricted topic."""

    kafka: PlaceShown
    unparsed: HashKept


class EventNamed(TypedDict):
    """The id of an event."""

    id: str


class EntryNamed(TypedDict):
    """An entry of a log, by the log's origin."""

    index: int
    log: str


class RepeatKept(TypedDict):
    """An event that was in the record already, and where."""

    ce: EventNamed
    duplicate_of: EntryNamed
    kafka: PlaceShown


class SealKept(TypedDict):
    """An entry of the seal log: a signed checkpoint of a log."""

    at: str
    checkpoint: str
    log: str


LeafShown = EventKept | UnparsedKept | RepeatKept | SealKept
"""What an entry of a log holds."""


class EntryShown(TypedDict):
    """An entry of the record; of one that is withheld from the reader, its leaf hash alone."""

    log: str
    index: int
    entry: NotRequired[LeafShown]
    proof: NotRequired[str]
    leaf_hash: NotRequired[str]
    withheld: NotRequired[bool]


class EntryList(TypedDict):
    """A page of entries, and the cursor of the next page."""

    items: list[EntryShown]
    next: str | None


class InclusionProof(TypedDict):
    """The proof that an entry is in a log (RFC 6962), with the checkpoint that it leads to."""

    log: str
    index: int
    size: int
    leaf_hash: str
    path: list[str]
    checkpoint: str
    entry: str


ConsistencyProof = TypedDict("ConsistencyProof", {"log": str, "from": int, "to": int, "proof": list[str]})
"""The proof that a log only grew between two sizes (RFC 6962)."""
