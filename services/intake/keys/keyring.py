"""The file of the master key: every version that still opens something, in one file that is whole at any moment.

A line of 32 bytes in base64 is a keyring of one version, as `hearth secrets` makes it. Any other line is a whole
keyring in JSON, with a serial and a checksum. Of all valid lines the one with the highest serial counts; torn and blank
lines are passed over. A mounted secret has no folder to rename in, so a writer writes to the file itself. A writer may
be killed in the middle of any write; a reader then gets the keyring from before the write or after it.
"""

import base64
import binascii
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from services.intake.vault.cipher import key_id_of
from shared.times import parse_rfc3339, rfc3339

KEY_BYTES = 32
FILE = "file"
"""The source of a key that stands in the keyring itself, in base64."""
FORMAT = 1


class KeyringError(ValueError):
    """A text is no keyring, or a keyring does not allow a step. The message is a sentence without any key."""


class KeyringBusy(Exception):
    """Another process is changing this keyring."""


class KeyState(StrEnum):
    """What a version does. Every version opens; only the current one seals."""

    COMING = "coming"
    CURRENT = "current"
    RETIRING = "retiring"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One version. `kept`: the key as its `source` keeps it. `since` (UTC-aware): when its state began, if known."""

    version: int
    id: str
    state: KeyState
    source: str
    kept: str = field(repr=False)
    created: datetime | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Keyring:
    """All versions, oldest first, exactly one of them current; each change is a new keyring with the next serial."""

    serial: int
    keys: tuple[MasterKey, ...]

    def __post_init__(self) -> None:
        states = [key.state for key in self.keys]
        if states.count(KeyState.CURRENT) != 1 or states.count(KeyState.COMING) > 1:
            raise KeyringError("A keyring has one current version and at most one that is coming.")
        if not len({key.version for key in self.keys}) == len({key.id for key in self.keys}) == len(self.keys):
            raise KeyringError("A keyring has no version or key twice.")

    @property
    def current(self) -> MasterKey:
        """The version that seals."""
        return next(key for key in self.keys if key.state is KeyState.CURRENT)

    @property
    def coming(self) -> MasterKey | None:
        """The version that becomes current when every replica has loaded it."""
        return next((key for key in self.keys if key.state is KeyState.COMING), None)

    @property
    def retiring(self) -> tuple[MasterKey, ...]:
        """The versions that sealed before, and that reports may need until all are re-wrapped."""
        return tuple(key for key in self.keys if key.state is KeyState.RETIRING)

    def announce(self, key_id: str, source: str, kept: str, at: datetime) -> "Keyring":
        """The keyring with a new version, which opens but does not seal yet."""
        version = 1 + max(key.version for key in self.keys)
        return self._with((*self.keys, MasterKey(version, key_id, KeyState.COMING, source, kept, at, at)))

    def promote(self, at: datetime) -> "Keyring":
        """The coming version becomes current, the current one retiring. Raises KeyringError if none is coming."""
        if self.coming is None:
            raise KeyringError("No version is coming.")
        return self._move({KeyState.COMING: KeyState.CURRENT, KeyState.CURRENT: KeyState.RETIRING}, at)

    def retire(self, at: datetime) -> "Keyring":
        """The keyring with every retiring version retired."""
        return self._move({KeyState.RETIRING: KeyState.RETIRED}, at)

    def drop(self, versions: set[int]) -> "Keyring":
        """The keyring without these versions; what only they open is lost. Raises KeyringError for one not retired."""
        retired = {key.version for key in self.keys if key.state is KeyState.RETIRED}
        if strange := sorted(versions - retired):
            raise KeyringError(f"Version {strange[0]} is not a retired version.")
        return self._with(tuple(key for key in self.keys if key.version not in versions))

    def join(self, other: "Keyring", at: datetime) -> "Keyring":
        """The keyring with those keys of another one that it lacks; they open, and do not seal."""
        known, last = {key.id for key in self.keys}, max(key.version for key in self.keys)
        lacking = [key for key in other.keys if key.id not in known]
        more = (replace(k, version=last + n, state=KeyState.RETIRED, since=at) for n, k in enumerate(lacking, 1))
        # Its serial is above both, so that replicas take it in the place of either.
        return Keyring(1 + max(self.serial, other.serial), (*self.keys, *more))

    def line(self) -> str:
        """The keyring as a line of its file, without the line's end."""
        document = {"keyring": FORMAT, "serial": self.serial, "keys": [_document(key) for key in self.keys]}
        return json.dumps(document | {"check": _check(document)})

    def _move(self, to: dict[KeyState, KeyState], at: datetime) -> "Keyring":
        moved = (replace(k, state=to[k.state], since=at) if k.state in to else k for k in self.keys)
        return self._with(tuple(moved))

    def _with(self, keys: tuple[MasterKey, ...]) -> "Keyring":
        return Keyring(self.serial + 1, keys)


def key_in(kept: str) -> bytes:
    """The key that a keyring keeps in base64; raises KeyringError."""
    try:
        key = base64.b64decode(kept, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyringError(f"A key is not {KEY_BYTES} bytes in base64.")
    return key


def keep(key: bytes) -> str:
    """The key in base64."""
    return base64.b64encode(key).decode()


def parse_keyring(text: str) -> Keyring:
    """The keyring in a file's text; raises KeyringError when no line of it is one."""
    found: dict[int, Keyring] = {}
    reason = f"It holds neither {KEY_BYTES} bytes in base64 nor a keyring."
    for line in filter(None, map(str.strip, text.split("\n"))):
        try:
            ring = _read_line(line)
        except KeyringError as error:
            reason = str(error) if line.startswith("{") and line.endswith("}") else reason
            continue
        if found.setdefault(ring.serial, ring) != ring:
            raise KeyringError(f"It holds two keyrings with the serial {ring.serial}.")
    if not found:
        raise KeyringError(reason)
    return found[max(found)]


def write_keyring(path: Path, ring: Keyring) -> None:
    """Replace the content of a keyring file, in place; on return it is on the disk. Raises OSError."""
    line = ring.line().encode() + b"\n"
    with path.open("r+b") as file:

        def put(at: int, data: bytes) -> None:
            file.seek(at)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

        start = len(before := file.read())
        put(start, line if before.endswith(b"\n") else b"\n" + line)
        # The old lines go only now that the new one is safe. They become blanks, so that no reader gets half a line.
        put(0, b"\n" * start)
        if start >= len(line):
            put(0, line)
            file.truncate(len(line))
            os.fsync(file.fileno())


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep every other writer on this machine away; raises KeyringBusy, or OSError."""
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KeyringBusy from None
        # Closing the file, also by a crash, releases the lock.
        yield


def _read_line(line: str) -> Keyring:
    if not line.startswith("{"):
        key = key_in(line)
        return Keyring(0, (MasterKey(1, key_id_of(key), KeyState.CURRENT, FILE, line),))
    try:
        document = json.loads(line)
        check = document.pop("check")
        if document["keyring"] != FORMAT:
            raise KeyringError("It is a keyring of another version of Hearth.")
        if check != _check(document):
            raise KeyringError("Its checksum is wrong.")
        return Keyring(int(document["serial"]), tuple(_read_key(key) for key in document["keys"]))
    except KeyringError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeyringError("It is not a keyring.") from None


def _read_key(document: dict[str, Any]) -> MasterKey:
    created, since = (None if document[n] is None else parse_rfc3339(document[n]) for n in ("created", "since"))
    key = MasterKey(
        version=int(document["version"]),
        id=str(document["id"]),
        state=KeyState(document["state"]),
        source=str(document["source"]),
        kept=str(document["key"]),
        created=created,
        since=since,
    )
    if key.source == FILE and key_id_of(key_in(key.kept)) != key.id:
        raise KeyringError(f"The key of version {key.version} is not the one that its id names.")
    return key


def _document(key: MasterKey) -> dict[str, Any]:
    return {
        "version": key.version, "id": key.id, "state": key.state.value, "source": key.source,
        "created": rfc3339(key.created) if key.created else None, "since": rfc3339(key.since) if key.since else None,
        "key": key.kept,
    }  # fmt: skip


def _check(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]
