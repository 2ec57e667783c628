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


class EntryShown(TypedDict):
    """An entry of the record; of one that is withheld from the reader, its leaf hash alone."""

    log: str
    index: int
    entry: NotRequired[dict[str, Any]]
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
