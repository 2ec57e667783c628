#!/usr/bin/env python3
"""Verify a Hearth audit record without trust in the service that keeps it.

    python verify.py EXPORT_FOLDER --key VKEY
    python verify.py https://hearth.example --token-file TOKEN --key VKEY --since seen.json

One file, Python 3.11 or newer, standard library and `cryptography` only: it shares no code with the system it checks.
It derives every root again from the entries (RFC 6962), compares every hash tile (c2sp.org/tlog-tiles), checks every
checkpoint's signature and origin (c2sp.org/tlog-checkpoint), holds every sealed checkpoint against the logs as they are
now, checks that Kafka offsets increase, and that the numbered events of every case are all there, in order.

A record withholds some entries from each reader: a bundle has a stub with the leaf hash in place of the entry. Roots,
seals and signatures cover such an entry like any other; it is counted, and what it says is not checked.

Exit status: 0 everything holds, 1 something does not (each finding names log, entry, offset, event), 2 it could not be
checked (wrong arguments, unreachable, no key).
"""

import argparse
import base64
import binascii
import hashlib
import http.client
import itertools
import json
import os
import re
import ssl
import sys
import time
import urllib.parse
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple, NoReturn, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256
EMPTY_ROOT = hashlib.sha256(b"").digest()
MAX_BUNDLE_BYTES = WIDTH * (2 + 65_535)
MAX_TEXT_BYTES = 1 << 20
MAX_LIST_BYTES = 1 << 26
MOST_WAIT = 60
"""The longest time, in seconds, for which a service may make the next try wait."""
DETAILED = 20
"""The most findings of one kind in one log that the report names one by one; it only counts the others."""

JsonObject = dict[str, object]


# ---- What is found -----------------------------------------------------------------------------------------------


class UnverifiableError(Exception):
    """The check could not be done (exit status 2): wrong arguments, no answer, no usable key."""


class MissingError(Exception):
    """The record does not have this file."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, where (log origin, entry index, Kafka offset, event id, file), and what was expected."""

    kind: str
    message: str
    log: str | None = None
    index: int | None = None
    offset: int | None = None
    event_id: str | None = None
    file: str | None = None
    expected: str | None = None
    actual: str | None = None


@dataclass(slots=True)
class LogResult:
    """The result of one log: size and root (base64) of its checkpoint, its signers, and whether all of it holds."""

    log: str
    size: int
    root: str
    signed_by: list[str]
    ok: bool = True


@dataclass(slots=True)
class Report:
    """The result of a verification. `ok` only if there is no finding."""

    logs: list[LogResult] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    entries: int = 0
    seals: int = 0
    unparsed: int = 0
    duplicates: int = 0
    withheld: int = 0
    sequences: int = 0
    seconds: float = 0.0
    untold: dict[str, int] = field(default_factory=dict)
    _told: dict[tuple[str | None, str], int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether everything that was checked holds."""
        return not self.findings

    def find(
        self,
        kind: str,
        message: str,
        log: str | None = None,
        index: int | None = None,
        offset: int | None = None,
        event_id: str | None = None,
        *,
        file: str | None = None,
        expected: str | None = None,
        actual: str | None = None,
    ) -> None:
        """Note a finding; the 21st of its kind in its log, and each later one, is only counted."""
        key = (log, kind)
        self._told[key] = self._told.get(key, 0) + 1
        if self._told[key] <= DETAILED:
            self.findings.append(Finding(kind, message, log, index, offset, event_id, file, expected, actual))
        else:
            self.untold[kind] = self.untold.get(kind, 0) + 1

    def blames(self, log: str) -> bool:
        """Whether anything was found in this log."""
        return any(found == log for found, _ in self._told)

    def as_json(self) -> JsonObject:
        """The report for programs."""
        return {
            "ok": self.ok,
            "logs": [asdict(log) for log in self.logs],
            "entries": self.entries,
            "seals": self.seals,
            "sequences": self.sequences,
            "unparsed": self.unparsed,
            "duplicates": self.duplicates,
            "withheld": self.withheld,
            "findings": [{k: v for k, v in asdict(one).items() if v is not None} for one in self.findings],
            "findings_not_listed": self.untold,
            "notices": self.notices,
            "seconds": round(self.seconds, 3),
        }


# ---- Hashes (RFC 6962 §2.1) --------------------------------------------------------------------------------------


def hash_leaves(entries: Iterable[bytes]) -> list[bytes]:
    """The leaf hashes `SHA-256(00 ‖ entry)`."""
    digest = hashlib.sha256
    return [digest(b"\x00" + entry).digest() for entry in entries]


def hash_pairs(row: list[bytes]) -> list[bytes]:
    """The hashes one level up: `SHA-256(01 ‖ left ‖ right)` of each pair. A last hash without a partner is left out."""
    digest = hashlib.sha256
    pairs = iter(row)
    return [digest(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]


def find_peaks(row: list[bytes]) -> list[bytes]:
    """The roots of the complete subtrees over a row of hashes, largest first."""
    peaks: list[bytes] = []
    while row:
        if len(row) & 1:
            peaks.append(row[-1])
        row = hash_pairs(row)
    peaks.reverse()
    return peaks


class Tree:
    """A growing tree, kept as the hashes of the unfinished tile at each level: at most 255 a level."""

    def __init__(self) -> None:
        self.rows: list[list[bytes]] = [[]]
        self.done: list[int] = [0]

    def copy(self) -> "Tree":
        """An independent tree with the same leaves."""
        other = Tree()
        other.rows = [list(row) for row in self.rows]
        other.done = list(self.done)
        return other

    def root(self) -> bytes:
        """The root of everything added so far."""
        peaks = [peak for row in reversed(self.rows) for peak in find_peaks(row)]
        if not peaks:
            return EMPTY_ROOT
        root = peaks.pop()
        while peaks:
            root = hashlib.sha256(b"\x01" + peaks.pop() + root).digest()
        return root

    def add_tile(self, hashes: list[bytes]) -> list[tuple[int, int, bytes]]:
        """Add the next up to 256 leaf hashes; returns `(level, index, bytes)` of the tiles above that this filled."""
        self.rows[0] = hashes
        filled: list[tuple[int, int, bytes]] = []
        level = 0
        while len(self.rows[level]) == WIDTH:
            row = self.rows[level]
            if level:
                filled.append((level, self.done[level], b"".join(row)))
            if level + 1 == len(self.rows):
                self.rows.append([])
                self.done.append(0)
            self.rows[level + 1].append(find_peaks(row)[0])
            self.rows[level] = []
            self.done[level] += 1
            level += 1
        return filled

    def partial_tiles(self) -> list[tuple[int, int, bytes]]:
        """The unfinished tiles above the leaves, as `(level, index, bytes)`."""
        rows = list(enumerate(self.rows))[1:]
        return [(level, self.done[level], b"".join(row)) for level, row in rows if row]


# ---- Keys and checkpoints (C2SP) ---------------------------------------------------------------------------------


class InvalidNoteError(ValueError):
    """A key, note or checkpoint that cannot be accepted."""


def decode_base64(text: str) -> bytes:
    """Strict base64: one spelling of every value."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidNoteError("not base64") from None
    if base64.b64encode(data).decode() != text:
        raise InvalidNoteError("not canonical base64")
    return data


class Key(NamedTuple):
    """A verifier key: Ed25519 of a log (type 01) or of a witness (type 04)."""

    name: str
    key_id: bytes
    algorithm: int
    public: bytes
    vkey: str

    @classmethod
    def parse(cls, vkey: str) -> "Key":
        """Read `name+hex(key id)+base64(type ‖ public key)`."""
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        material = decode_base64(encoded)
        computed = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
        if not name or any(char.isspace() for char in name) or computed.hex() != key_id:
            raise InvalidNoteError("the key's name, id and bytes do not belong together")
        if material[:1] not in (b"\x01", b"\x04") or len(material) != 33:
            raise InvalidNoteError("only Ed25519 keys (type 01 or 04) are understood")
        return cls(name, computed, material[0], material[1:], vkey)

    def verifies(self, text: str, signature: bytes) -> bool:
        """Whether this key made the signature over a note's text."""
        message = text.encode()
        if self.algorithm == 4:
            message = f"cosignature/v1\ntime {int.from_bytes(signature[:8], 'big')}\n{text}".encode()
            signature = signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Checkpoint(NamedTuple):
    """What a verified note says of a log, and the names of the known keys that signed the note."""

    origin: str
    size: int
    root: bytes
    signers: list[str]
    note: str


def open_checkpoint(note: bytes, keys: Sequence[Key]) -> Checkpoint:
    """Verify a signed checkpoint by known keys (at least one log key); lines of unknown keys are ignored."""
    try:
        message = note.decode()
    except UnicodeDecodeError:
        raise InvalidNoteError("it is not UTF-8") from None
    text, blank, lines = message.rpartition("\n\n")
    text += "\n"
    if not blank or not lines.endswith("\n") or any(ord(char) < 32 and char != "\n" for char in message):
        raise InvalidNoteError("it is not a signed note")
    signers = _find_signers(text, lines[:-1].split("\n"), keys)
    parts = text.split("\n")
    if len(parts) != 4 or not parts[0] or not re.fullmatch(r"0|[1-9][0-9]{0,18}", parts[1], re.ASCII):
        raise InvalidNoteError("it is not a checkpoint of three lines")
    root = decode_base64(parts[2])
    if len(root) != 32:
        raise InvalidNoteError("its root is not 32 bytes")
    return Checkpoint(parts[0], int(parts[1]), root, signers, message)


def _find_signers(text: str, lines: list[str], keys: Sequence[Key]) -> list[str]:
    known = {(key.name, key.key_id): key for key in keys}
    signers: list[str] = []
    unknown: list[str] = []
    by_log = False
    for line in lines:
        match = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
        signature = decode_base64(match[2]) if match else b""
        if match is None or len(signature) < 5:
            raise InvalidNoteError("a signature line is malformed")
        key = known.get((match[1], signature[:4]))
        if key is None:
            unknown.append(f"{match[1]}+{signature[:4].hex()}")
        elif not key.verifies(text, signature[4:]):
            raise InvalidNoteError(f"the signature by the trusted key {match[1]} is wrong")
        else:
            signers.append(key.name)
            by_log = by_log or key.algorithm == 1
    if not by_log:
        raise InvalidNoteError(f"no trusted key signed it (it is signed by {', '.join(unknown) or 'witnesses only'})")
    return signers


# ---- Where the record is read ------------------------------------------------------------------------------------


class Source(Protocol):
    """A place that serves the files of a record."""

    def read(self, path: str, limit: int) -> bytes:
        """The file's bytes; MissingError if there is none; UnverifiableError if it cannot be reached."""

    def read_list(self, name: str) -> list[JsonObject]:
        """The items of `logs` or `keys`; MissingError; ValueError if it is not such a list."""

    def close(self) -> None:
        """Close files and connections; the source can still be used afterwards."""


def parse_list(data: bytes) -> tuple[list[JsonObject], str | None]:
    """The items and the next cursor of a JSON list; ValueError if it is not one."""
    parsed = json.loads(data)
    items = parsed.get("items") if isinstance(parsed, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ValueError("it has no list of items")
    cursor = parsed.get("next")
    return items, cursor if isinstance(cursor, str) else None


class Folder:
    """An export on disk."""

    def __init__(self, root: Path) -> None:
        nested = root / "v1" / "record"
        self.root = nested if not (root / "logs.json").exists() and nested.is_dir() else root

    def read(self, path: str, limit: int) -> bytes:
        try:
            with (self.root / path).open("rb") as file:
                data = file.read(limit + 1)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise MissingError(path) from None
        except OSError as error:
            raise UnverifiableError(f"{path} cannot be read: {error.strerror}") from error
        if len(data) > limit:
            raise MissingError(f"{path} (larger than any such file can be)")
        return data

    def read_list(self, name: str) -> list[JsonObject]:
        return parse_list(self.read(f"{name}.json", MAX_LIST_BYTES))[0]

    def close(self) -> None:
        """A folder keeps nothing open."""


class Web:
    """A running service, or an export behind a web server. Keeps one connection alive, and follows no redirect."""

    def __init__(self, url: str, token: str | None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UnverifiableError(f"{url} is not an address of a record")
        self._host, self._port, self._secure = parts.hostname, parts.port, parts.scheme == "https"
        self._given = parts.path.rstrip("/")
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "hearth-verify"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection: http.client.HTTPConnection | None = None
        self._wait = 0
        """Seconds that the last answer asks to wait before the next try."""
        self._place: tuple[str, str] | None = None

    def read(self, path: str, limit: int) -> bytes:
        return self._fetch(f"{self._find_place()[0]}/{path}", limit)

    def read_list(self, name: str) -> list[JsonObject]:
        prefix, suffix = self._find_place()
        items: list[JsonObject] = []
        cursor: str | None = None
        while True:
            query = f"?cursor={urllib.parse.quote(cursor, safe='')}" if cursor else ""
            page, cursor = parse_list(self._fetch(f"{prefix}/{name}{suffix}{query}", MAX_LIST_BYTES))
            items += page
            if cursor is None:
                return items

    def read_beside(self, path: str, limit: int) -> bytes:
        """What the same service has beside its record, at a path from its root."""
        return self._fetch(f"{self._given.removesuffix('/v1/record')}/{path}", limit)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _find_place(self) -> tuple[str, str]:
        """The path in front of `logs/…` and the ending of the lists: the service's own, or a folder's served as is."""
        if self._place is None:
            places = [(f"{self._given}/v1/record", ""), (self._given, ".json"), (self._given, "")]
            if self._given.endswith("/v1/record"):
                places.reverse()
            for prefix, suffix in places:
                try:
                    parse_list(self._fetch(f"{prefix}/logs{suffix}", MAX_LIST_BYTES))
                except (MissingError, ValueError):
                    continue
                self._place = (prefix, suffix)
                return self._place
            raise UnverifiableError("there is no list of logs at this address")
        return self._place

    def _fetch(self, path: str, limit: int) -> bytes:
        failure = ""
        for attempt in range(4):
            if attempt:
                time.sleep(max(0.5 * (attempt - 1) ** 2, self._wait))
            try:
                status, data = self._get(path, limit)
            except (OSError, http.client.HTTPException, zlib.error) as error:
                self.close()
                failure = str(error) or type(error).__name__
                continue
            if status == 200 and len(data) <= limit:
                return data
            if status in (401, 403):
                raise UnverifiableError(f"{path}: the service refuses access ({status}); is the token right?")
            if status not in (429, 500, 502, 503, 504):
                raise MissingError(path)
            failure = f"status {status}"
        raise UnverifiableError(f"{path} cannot be read: {failure}")

    def _get(self, path: str, limit: int) -> tuple[int, bytes]:
        if self._connection is None:
            if self._secure:
                context = ssl.create_default_context()
                self._connection = http.client.HTTPSConnection(self._host, self._port, timeout=60, context=context)
            else:
                self._connection = http.client.HTTPConnection(self._host, self._port, timeout=60)
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        self._wait = _read_wait(answer.headers.get("Retry-After", ""))
        data = answer.read(limit + 1)
        if answer.headers.get("Content-Encoding") == "gzip":
            # The format allows a log to compress every answer; the limit holds for the decompressed bytes, too.
            data = zlib.decompressobj(31).decompress(data, limit + 1)
        if len(data) > limit or answer.will_close:
            self.close()
        return answer.status, data


def _read_wait(retry_after: str) -> int:
    return min(int(retry_after), MOST_WAIT) if re.fullmatch(r"[0-9]{1,9}", retry_after, re.ASCII) else 0


def open_source(place: str, token: str | None = None) -> Source:
    """The source at a folder or an http(s) address. Raises UnverifiableError if it is neither."""
    if place.startswith(("http://", "https://")):
        return Web(place, token)
    if not Path(place).is_dir():
        raise UnverifiableError(f"{place} is neither a folder nor an http(s) address")
    return Folder(Path(place))


# ---- What an entry says ------------------------------------------------------------------------------------------


class Leaf(NamedTuple):
    """The fields of an entry that are checked. `case` is source and subject; `duplicate_of` is `(origin, index)`."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    event_id: str | None
    seq: int | None
    case: bytes
    duplicate_of: tuple[str, int] | None
    unparsed: bool


_TEXT = rb'"[^"]*+"'
_MAYBE = rb'(?:"[^"]*+"|null)'
# Canonical JSON has one order of keys. So one expression reads an entry, much faster than a parser: the head up to
# `data`, and at the end `kafka` and the plain texts after it. An entry that does not match is parsed. An entry with a
# backslash outside `data` is parsed as well, because only with a backslash can a quotation mark be escaped.
_HEAD = (
    rb'\{"actor":\{"ref":' + _MAYBE + rb',"role":' + _MAYBE + rb'\},"case_seq":(0|[1-9][0-9]{0,17}),"cause":' + _MAYBE
    + rb',"ce":\{(?:"datacontenttype":' + _MAYBE + rb',)?(?:"dataschema":' + _MAYBE + rb',)?"id":"([^"]*+)",'
    + rb'"source":("[^"]*+","specversion":"1\.0","subject":"[^"]*+"),"time":' + _TEXT + rb',"type":' + _TEXT
    + rb'\},"data":\{'
)  # fmt: skip


def compile_entry(topic: str, partition: int) -> re.Pattern[bytes]:
    """What every numbered event in this partition's log looks like.

    Groups: case_seq, event id, case, offset, timestamp. Data ends at the last place that lets the rest match.
    """
    kafka = rb',"partition":%d,"timestamp":([0-9]{1,18}),"topic":"%b"\}' % (partition, re.escape(topic.encode()))
    tail = rb'\},"kafka":\{"offset":(0|[1-9][0-9]{0,18})' + kafka
    texts = rb',"key":' + _MAYBE + rb',"policy_version":' + _MAYBE + rb',"trace_id":' + _MAYBE + rb"\}\Z"
    return re.compile(_HEAD + rb".*" + tail + texts, re.DOTALL)


def parse_leaf(entry: bytes, strict: bool = False) -> Leaf:
    """Read an entry as JSON. Raises ValueError if it is not an entry of a record (with `strict`: not canonical)."""
    leaf = (_STRICT if strict else _LENIENT).decode(entry.decode())
    if strict and not _has_floats(leaf) and _CANONICAL.encode(leaf).encode() != entry:
        raise ValueError("it is not canonical JSON")
    kafka = _object(leaf, "kafka")
    ce = leaf.get("ce")
    event_id = ce.get("id") if isinstance(ce, dict) else None
    if event_id is not None and not isinstance(event_id, str):
        raise ValueError("ce.id is not a text")
    duplicate: tuple[str, int] | None = None
    seq: int | None = None
    case = b""
    if "duplicate_of" in leaf:
        target = _object(leaf, "duplicate_of")
        duplicate = (_text(target, "log"), _number(target, "index"))
        if event_id is None:
            raise ValueError("a duplicate names no event")
    elif "unparsed" in leaf:
        _text(_object(leaf, "unparsed"), "sha256")
    else:
        attributes = _object(leaf, "ce")
        _text(attributes, "id")
        _object(leaf, "data")
        if leaf.get("case_seq") is not None:
            seq = _number(leaf, "case_seq")
            # In the spelling of canonical JSON, so that both ways of reading give a case the same name.
            source, subject = (
                json.dumps(_text(attributes, name), ensure_ascii=False) for name in ("source", "subject")
            )
            case = f'{source},"specversion":"1.0","subject":{subject}'.encode()
    numbers = (_number(kafka, "partition"), _number(kafka, "offset"), _number(kafka, "timestamp"))
    return Leaf(_text(kafka, "topic"), *numbers, event_id, seq, case, duplicate, "unparsed" in leaf)


def _has_escapes(entry: bytes, match: re.Match[bytes]) -> bool:
    """Whether a backslash stands outside `data`, so that the expression may have misread a text."""
    data = entry.index(b',"data":', match.end(3))
    return entry.find(b"\\", 0, data) >= 0 or entry.find(b"\\", match.start(4)) >= 0


def _read_sorted(pairs: list[tuple[str, object]]) -> JsonObject:
    names = [name for name, _ in pairs]
    if any(one >= other for one, other in itertools.pairwise(names)):
        raise ValueError("its keys are not sorted, or one stands twice")
    return dict(pairs)


def _has_floats(value: object) -> bool:
    """Whether a number has more than one spelling that could be canonical."""
    if isinstance(value, dict):
        return any(map(_has_floats, value.values()))
    return isinstance(value, float) or (isinstance(value, list) and any(map(_has_floats, value)))


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Made once, because json.loads and json.dumps make new ones for every call with options.
_LENIENT = json.JSONDecoder(parse_constant=_refuse)
_STRICT = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_read_sorted)
_CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _object(parent: object, name: str) -> JsonObject:
    value = parent.get(name) if isinstance(parent, dict) else None
    if not isinstance(value, dict):
        raise ValueError(f"it has no object {name!r}")
    return value


def _text(parent: JsonObject, name: str) -> str:
    value = parent.get(name)
    if not isinstance(value, str):
        raise ValueError(f"it has no text {name!r}")
    return value


def _number(parent: JsonObject, name: str) -> int:
    value = parent.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"it has no number {name!r}")
    return value


def identify(entry: bytes) -> tuple[int | None, str | None]:
    """The offset and event id an entry states, as far as it can still be read."""
    try:
        leaf = parse_leaf(entry)
    except (ValueError, RecursionError):
        return None, None
    return leaf.offset, leaf.event_id


# ---- Cases: the numbered events of each are all there --------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Numbered:
    """A case event that does not follow the last one that was read. It waits until the other logs are read."""

    seq: int
    log: str
    index: int
    offset: int
    timestamp: int
    event_id: str | None
    case: bytes


class Cases:
    """Checks that `case_seq` counts 1, 2, 3 … for each source and subject, in order within a log, over all logs.

    It keeps one number a case, under a 64-bit hash with a random key for each run: about 130 bytes a case.
    """

    def __init__(self, report: Report, grace_after_ms: int, is_withheld: Callable[[str, int], bool]) -> None:
        """`is_withheld`: whether an entry (log, index) that was read is withheld by now."""
        self.report = report
        self._is_withheld = is_withheld
        self.last: dict[int, int] = {}
        self.waiting: dict[int, list[Numbered]] = {}
        self.incomplete = False
        self._grace_after_ms = grace_after_ms

    def follow(self, event: Numbered) -> None:
        """Take an event that has not the next number of its case, or waits with other events of its case."""
        case = hash(event.case)
        last = self.last.get(case, 0)
        waiting = self.waiting.setdefault(case, [])
        ahead = next((one for one in waiting if one.log == event.log and one.seq > event.seq), None)
        if ahead is not None:
            self._find("case_seq_order", event, f"after {ahead.seq} at index {ahead.index}", "a number above it")
        if event.seq == last + 1:
            self.last[case] = event.seq
        elif event.seq <= last:
            self._find("case_seq_repeated", event, "that number stands in the record already", str(last + 1))
        else:
            waiting.append(event)
        if not waiting:
            del self.waiting[case]

    def settle(self) -> None:
        """Between two logs: close the gaps that the events of the last log fill."""
        for case in list(self.waiting):
            waiting = sorted(self.waiting[case])
            while waiting and waiting[0].seq == self.last.get(case, 0) + 1:
                self.last[case] = waiting.pop(0).seq
            if waiting:
                self.waiting[case] = waiting
            else:
                del self.waiting[case]

    def finish(self) -> None:
        """After the last log: an event that still waits follows a gap, or is a duplicate."""
        self.report.sequences = len(self.last.keys() | self.waiting.keys())
        self.settle()
        if self.incomplete and self.waiting:
            self.report.notices.append("gaps in case_seq are not judged, as entries of a log could not be read")
            return
        for case, waiting in self.waiting.items():
            last = self.last.get(case, 0)
            for event in sorted(waiting):
                expected = str(last + 1)
                if event.seq <= last:
                    self._find("case_seq_repeated", event, "that number stands in the record already", expected)
                elif event.seq > last + 1:
                    missing = expected if event.seq == last + 2 else f"{expected} to {event.seq - 1}"
                    if self._is_withheld(event.log, event.index):
                        # The case was withheld while the logs were read, so some of its entries were not seen.
                        break
                    if event.timestamp >= self._grace_after_ms:
                        place = f"{event.log} index {event.index} ({_name_case(event.case)})"
                        self.report.notices.append(f"case_seq {missing} may still be on its way: {place}; verify again")
                    else:
                        self._find("case_seq_gap", event, f"{missing} missing before it, in every log", expected)
                last = max(last, event.seq)

    def _find(self, kind: str, event: Numbered, why: str, expected: str) -> None:
        message = f"case_seq {event.seq} of {_name_case(event.case)}: {why}"
        place = (event.log, event.index, event.offset, event.event_id)
        self.report.find(kind, message, *place, expected=expected, actual=str(event.seq))


def _name_case(case: bytes) -> str:
    try:
        named = json.loads(b'{"source":' + case + b"}")
    except ValueError:
        return case.decode(errors="replace")
    return f"{named['source']} {named['subject']}"


# ---- One log -----------------------------------------------------------------------------------------------------


_STUB = re.compile(rb'\{"leaf_hash":"([A-Za-z0-9+/]{43}=)","withheld":true\}')


class Claim(NamedTuple):
    """A signed statement that the log had this root at this size."""

    size: int
    root: bytes
    kind: str
    what: str


class ReadsEntries(Protocol):
    """A check that looks at the entries of a log while they pass."""

    def read(self, base: int, entries: Sequence[bytes]) -> None:
        """Look at entries `base`, `base` + 1, …"""


@dataclass(slots=True)
class Mismatch:
    """An entry that does not have the hash that its tile has for it."""

    index: int
    offset: int | None
    event_id: str | None
    file: str
    tile_hash: bytes
    entry_hash: bytes | None
    belongs_at: int | None


class LogCheck:
    """Reads one log from its first entry to its checkpoint's size, bundle by bundle."""

    def __init__(
        self,
        source: Source,
        path: str,
        checkpoint: Checkpoint,
        claims: Iterable[Claim],
        reader: ReadsEntries | None,
        report: Report,
        advance: Callable[[int], None],
    ) -> None:
        self._source = source
        self._path = path
        self._log = checkpoint.origin
        self._size = checkpoint.size
        self._claims = deque(sorted(claims))
        self._reader = reader
        self._report = report
        self._advance = advance
        self._own: Tree | None = Tree()  # from the entries; None once some could not be read
        self._told: Tree | None = None  # from the hash tiles, where they differ from the entries
        self._differ = False
        self._mismatches: list[Mismatch] = []
        self._proved = 0
        self._blame: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every entry could be read."""
        return self._own is not None

    def run(self) -> None:
        """Check everything; findings go to the report."""
        self._check_claims(0, 0, [], [])
        for number in range((self._size + WIDTH - 1) // WIDTH):
            base = number * WIDTH
            width = min(WIDTH, self._size - base)
            bundle = self._read("entries", number, width)
            entries = self._split(bundle, number, width) if bundle is not None else []
            hashes = hash_leaves(entries)
            tile = self._read("0", number, width, 32)
            stubs: list[int] = []
            if len(hashes) != width or b"".join(hashes) != tile:
                stubs = self._take_stubs(base, entries, hashes, tile)
                if len(hashes) != width or b"".join(hashes) != tile:
                    self._compare(base, width, entries, hashes, tile)
            told = _cut(tile) if self._differ and tile is not None and len(tile) == 32 * width else None
            if self._differ and told is None:
                self._told = None
            self._check_claims(base + width, base, hashes, told or [])
            filled = self._own.add_tile(hashes) if self._own else []
            also = self._told.add_tile(told) if self._told and told else []
            self._check_upper(filled, also)
            if self._reader is not None:
                start = 0
                for stub in stubs:
                    self._reader.read(base + start, entries[start:stub])
                    start = stub + 1
                self._reader.read(base + start, entries[start:] if start else entries)
            self._advance(len(entries))
        last = self._own.partial_tiles() if self._own else []
        self._check_upper(last, self._told.partial_tiles() if self._told else [])
        self._tell_mismatches()

    def _read(self, level: str, number: int, width: int, unit: int = 0) -> bytes | None:
        """The bytes of a tile or bundle; of the full one, if the partial one is gone (c2sp.org/tlog-tiles)."""
        path = tile_path(level, number, width)
        limit = 8192 if unit else MAX_BUNDLE_BYTES
        try:
            return self._source.read(f"{self._path}/{path}", limit)
        except MissingError:
            if width < WIDTH:
                try:
                    full = self._source.read(f"{self._path}/{tile_path(level, number, WIDTH)}", limit)
                    return full[: unit * width] if unit else _shorten(full, width)
                except MissingError:
                    pass
        file = f"{self._path}/{path}"
        what = "the hashes" if unit else "the entries"
        first = number * WIDTH << (8 * int(level) if unit else 0)
        self._find("file_missing", f"{what} from entry {first} on are missing", first, file=file)
        return None

    def _split(self, bundle: bytes, number: int, width: int) -> list[bytes]:
        entries: list[bytes] = []
        add = entries.append
        at, end = 0, len(bundle)
        while at + 1 < end:
            start = at + 2
            at = start + (bundle[at] << 8 | bundle[at + 1])
            add(bundle[start:at])
        file = f"{self._path}/{tile_path('entries', number, width)}"
        base = number * WIDTH
        if at != end:
            if at > end:
                entries.pop()
            message = f"the bundle ends within entry {base + len(entries)}"
            self._find("bundle_damaged", message, base + len(entries), file=file)
        if len(entries) != width:
            kind = "entries_missing" if len(entries) < width else "entries_added"
            message = f"the bundle from entry {base} on has {len(entries)} entries, not {width}"
            self._find(kind, message, base + min(len(entries), width), file=file)
        return entries

    def _take_stubs(self, base: int, entries: list[bytes], hashes: list[bytes], tile: bytes | None) -> list[int]:
        """Put the hash that each stub states in the place of its own; returns where stubs are."""
        stubs: list[int] = []
        for at, entry in enumerate(entries):
            stated = read_stub(entry)
            if stated is not None and (tile is None or tile[32 * at : 32 * at + 32] != hashes[at]):
                hashes[at] = stated
                stubs.append(at)
        if stubs and self._path == "logs/seals":
            message = "a seal is withheld; seals are about nobody, and are never withheld"
            self._find("seal_withheld", message, base + stubs[0])
        self._report.withheld += len(stubs)
        return stubs

    def _compare(self, base: int, width: int, entries: list[bytes], hashes: list[bytes], tile: bytes | None) -> None:
        """Name the entries of a bundle that do not have the hashes of its tile."""
        if not self._differ and self._own is not None:
            self._told = self._own.copy()
        self._differ = True
        if len(hashes) != width:
            self._own = None
        if tile is None:
            return
        file = f"{self._path}/{tile_path('entries', base // WIDTH, width)}"
        if len(tile) != 32 * width:
            tile_file = f"{self._path}/{tile_path('0', base // WIDTH, width)}"
            message = f"the tile from entry {base} on has {len(tile)} bytes, not {32 * width}"
            self._find("tile_damaged", message, base, file=tile_file)
        for at, tile_hash in enumerate(_cut(tile)[:width]):
            own = hashes[at] if at < len(hashes) else b""
            if own == tile_hash:
                continue
            if len(hashes) < width:
                # A missing entry shifts all later entries of the bundle, so the first place is enough.
                self._mismatches.append(Mismatch(base + at, None, None, file, tile_hash, None, None))
                break
            offset, event_id = identify(entries[at])
            found = tile.find(own)
            belongs = base + found // 32 if found >= 0 and found % 32 == 0 else None
            self._mismatches.append(Mismatch(base + at, offset, event_id, file, tile_hash, own, belongs))

    def _check_claims(self, end: int, base: int, hashes: list[bytes], told: list[bytes]) -> None:
        """Compare the signed statements about sizes up to `end` with the roots that the record has now."""
        while self._claims and self._claims[0].size <= end:
            claim = self._claims.popleft()
            from_entries = _root_with(self._own, hashes[: claim.size - base]) if self._own else None
            from_tiles = _root_with(self._told, told[: claim.size - base]) if self._told else None
            if claim.root in (from_entries, from_tiles):
                self._proved = claim.size
                self._blame = "tile" if claim.root == from_entries else "entry"
                continue
            self._blame = None
            derived = from_entries or from_tiles
            if derived is None:
                continue
            where = f"the record differs from what was signed somewhere in entries {self._proved} to {claim.size - 1}"
            message = f"{claim.what} has another root at size {claim.size}" + (f": {where}" if claim.size else "")
            self._find(claim.kind, message, self._proved, expected=encode(claim.root), actual=encode(derived))

    def _check_upper(self, own: list[tuple[int, int, bytes]], told: list[tuple[int, int, bytes]]) -> None:
        others = {(level, number): data for level, number, data in told}
        for level, number, data in own or told:
            served = self._read(str(level), number, len(data) // 32, 32)
            if served is None or served in (data, others.get((level, number))):
                continue
            pairs = zip(_cut(data), _cut(served), strict=False)
            at = next((place for place, (mine, theirs) in enumerate(pairs) if mine != theirs), len(served) // 32)
            first = (number * WIDTH + at) << (8 * level)
            file = f"{self._path}/{tile_path(str(level), number, len(data) // 32)}"
            message = f"hash {at} of this tile is not the root of the entries from {first} on"
            mine, theirs = data[32 * at : 32 * at + 32], served[32 * at : 32 * at + 32]
            self._find("tile_altered", message, first, file=file, expected=encode(mine), actual=encode(theirs))

    def _tell_mismatches(self) -> None:
        for one in self._mismatches:
            file, expected, actual = one.file, encode(one.tile_hash), encode(one.entry_hash or b"") or "no entry"
            if one.entry_hash is None:
                kind, message = "entry_missing", "the log has an entry here that its bundle does not have"
            elif self._blame == "tile":
                kind, message = "tile_altered", "the entry is what was signed; its hash in the tile was changed"
                file, expected, actual = file.replace("/tile/entries/", "/tile/0/"), actual, expected
            elif one.belongs_at is not None:
                kind, message = "entry_moved", f"this entry belongs at index {one.belongs_at}"
            elif self._blame == "entry":
                kind, message = "entry_altered", "the entry was changed: tiles and checkpoint still prove another"
            else:
                kind, message = "entry_altered", "the entry does not have the hash that its tile has for it"
            place = (self._log, one.index, one.offset, one.event_id)
            self._report.find(kind, message, *place, file=file, expected=expected, actual=actual)

    def _find(
        self,
        kind: str,
        message: str,
        index: int,
        *,
        file: str | None = None,
        expected: str | None = None,
        actual: str | None = None,
    ) -> None:
        self._report.find(kind, message, self._log, index, file=file, expected=expected, actual=actual)


def read_stub(entry: bytes) -> bytes | None:
    """The leaf hash that a bundle has in place of a withheld entry; None for an entry."""
    match = _STUB.fullmatch(entry)
    try:
        return decode_base64(match[1].decode()) if match else None
    except InvalidNoteError:
        return None


def tile_path(level: str, number: int, width: int) -> str:
    """The path of a tile or bundle below its log, such as `tile/0/x001/x234/067.p/5`."""
    groups = f"{number % 1000:03d}"
    while number := number // 1000:
        groups = f"x{number % 1000:03d}/{groups}"
    return f"tile/{level}/{groups}" + ("" if width == WIDTH else f".p/{width}")


def encode(data: bytes) -> str:
    """Base64, as hashes stand in checkpoints."""
    return base64.b64encode(data).decode()


def _cut(tile: bytes) -> list[bytes]:
    return [tile[at : at + 32] for at in range(0, len(tile), 32)]


def _shorten(bundle: bytes, width: int) -> bytes:
    """The first `width` entries of a bundle, as bytes."""
    at = 0
    for _ in range(width):
        at += 2 + int.from_bytes(bundle[at : at + 2], "big")
    return bundle[:at]


def _root_with(tree: Tree, hashes: list[bytes]) -> bytes:
    """The root with these hashes as the last tile; the tree stays as it is."""
    kept, tree.rows[0] = tree.rows[0], hashes
    root = tree.root()
    tree.rows[0] = kept
    return root


class EventReader:
    """Reads the entries of a partition's log: offsets, duplicates, numbered case events."""

    def __init__(self, log: "ListedLog", cases: Cases | None, report: Report, strict: bool) -> None:
        self._log = log
        self._cases = cases
        self._report = report
        self._strict = strict
        self._entry = compile_entry(log.topic, log.partition)
        self._offset = -1
        self.duplicates: list[tuple[str, int, int, str]] = []

    def read(self, base: int, entries: Sequence[bytes]) -> None:
        cases = self._cases
        last = cases.last if cases else {}
        waiting = cases.waiting if cases else {}
        match_of, strict, offset_before = self._entry.match, self._strict, self._offset
        for index, entry in enumerate(entries, start=base):
            match = match_of(entry)
            if match is None or strict or (b"\\" in entry and _has_escapes(entry, match)):
                self._offset = offset_before
                self._read_slowly(index, entry)
                offset_before = self._offset
                continue
            offset = int(match[4])
            if offset <= offset_before:
                self._find_order(index, offset, offset_before, match[2].decode(errors="replace"))
            offset_before = offset
            if cases is None:
                continue
            seq, name = int(match[1]), match[3]
            case = hash(name)
            if seq == last.get(case, 0) + 1 and case not in waiting:
                last[case] = seq
            else:
                event_id = match[2].decode(errors="replace")
                cases.follow(Numbered(seq, self._log.origin, index, offset, int(match[5]), event_id, name))
        self._offset = offset_before

    def _read_slowly(self, index: int, entry: bytes) -> None:
        try:
            leaf = parse_leaf(entry, self._strict)
        except (ValueError, RecursionError) as error:
            message = f"the entry cannot be read: {error}"
            self._report.find("entry_unreadable", message, self._log.origin, index)
            return
        if (leaf.topic, leaf.partition) != (self._log.topic, self._log.partition):
            message = f"the entry is of partition {leaf.topic}/{leaf.partition}"
            self._report.find("entry_misplaced", message, self._log.origin, index, leaf.offset, leaf.event_id)
        if leaf.offset <= self._offset:
            self._find_order(index, leaf.offset, self._offset, leaf.event_id)
        self._offset = leaf.offset
        if leaf.unparsed:
            self._report.unparsed += 1
        if leaf.duplicate_of is not None:
            self._report.duplicates += 1
            self.duplicates.append((*leaf.duplicate_of, index, leaf.event_id or ""))
        elif leaf.seq is not None and self._cases is not None:
            origin = self._log.origin
            self._cases.follow(Numbered(leaf.seq, origin, index, leaf.offset, leaf.timestamp, leaf.event_id, leaf.case))

    def _find_order(self, index: int, offset: int, before: int, event_id: str | None) -> None:
        message = f"offset {offset} follows offset {before}; offsets must increase"
        place = (self._log.origin, index, offset, event_id)
        self._report.find("offset_order", message, *place, expected=f"more than {before}", actual=str(offset))


# ---- The seal log ------------------------------------------------------------------------------------------------


class SealReader:
    """Reads the seal log: each entry is a checkpoint, and its log has to agree with it still."""

    def __init__(self, origin: str, keys: Sequence[Key], report: Report) -> None:
        self._origin = origin
        self._keys = keys
        self._report = report
        self.sealed: dict[str, dict[int, tuple[bytes, int]]] = {}
        self._largest: dict[str, int] = {}

    def read(self, base: int, entries: Sequence[bytes]) -> None:
        for index, entry in enumerate(entries, start=base):
            self._report.seals += 1
            try:
                seal = json.loads(entry.decode())
                origin, note = _text(seal, "log"), _text(seal, "checkpoint")
                _text(seal, "at")
                checkpoint = open_checkpoint(note.encode(), self._keys)
                if checkpoint.origin != origin:
                    raise ValueError(f"it seals {origin} with a checkpoint of {checkpoint.origin}")
            except (ValueError, AttributeError, RecursionError) as error:
                self._report.find("seal_invalid", f"seal {index} cannot be accepted: {error}", self._origin, index)
                continue
            sizes_of = self.sealed.setdefault(origin, {})
            largest = self._largest.get(origin, 0)
            if checkpoint.size < largest:
                message = f"seal {index} of {origin} is smaller than one before it: the log was rolled back"
                self._report.find("seal_order", message, self._origin, index, expected=f"at least {largest}")
            root, first = sizes_of.setdefault(checkpoint.size, (checkpoint.root, index))
            if root != checkpoint.root:
                message = f"seals {first} and {index} give two roots to {origin} at size {checkpoint.size}"
                self._report.find(
                    "seal_fork", message, self._origin, index, expected=encode(root), actual=encode(checkpoint.root)
                )
            self._largest[origin] = max(largest, checkpoint.size)


# ---- The whole record --------------------------------------------------------------------------------------------


class ListedLog(NamedTuple):
    """A log as `logs` lists it; the seal log has the topic "seals" and partition -1."""

    origin: str
    topic: str
    partition: int
    path: str
    size: int

    @property
    def is_seals(self) -> bool:
        """Whether this is the seal log."""
        return self.path == "logs/seals"

    @property
    def suffix(self) -> str:
        """The end of its origin."""
        return "/seals" if self.is_seals else f"/{self.topic}/{self.partition}"


class Seen(NamedTuple):
    """A checkpoint from the file of an earlier verification."""

    size: int
    root: bytes
    note: str


def read_listed(items: Iterable[JsonObject], report: Report) -> list[ListedLog]:
    """The logs of a list, the seal log first. An item that is wrong becomes a finding."""
    found: list[ListedLog] = []
    for number, item in enumerate(items):
        try:
            path = _text(item, "path")
            origin, size = _text(item, "log"), _number(item, "size")
            if path == "logs/seals":
                log = ListedLog(origin, "seals", -1, path, size)
            else:
                log = ListedLog(origin, _text(item, "topic"), _number(item, "partition"), path, size)
                if not re.fullmatch(r"[A-Za-z0-9._-]+", log.topic) or log.topic in (".", ".."):
                    raise ValueError("its topic cannot be a topic's name")
                if path != f"logs/{log.topic}/{log.partition}":
                    raise ValueError("its path is not logs/{topic}/{partition}")
            if not log.origin.endswith(log.suffix):
                raise ValueError(f"its origin does not end with {log.suffix}")
            if found and log.origin.removesuffix(log.suffix) != found[0].origin.removesuffix(found[0].suffix):
                raise ValueError("its origin belongs to another deployment than the first log's")
            if any(log.path == other.path for other in found):
                raise ValueError("it is listed twice")
        except ValueError as error:
            report.find("list_damaged", f"item {number} of the list of logs: {error}", file="logs.json")
            continue
        found.append(log)
    return sorted(found, key=lambda log: (not log.is_seals, log.path))


def verify(
    source: Source,
    keys: Sequence[Key],
    *,
    seen: dict[str, Seen] | None = None,
    sequences: bool = True,
    strict: bool = False,
    grace: float = 60.0,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Verify a whole record by these trusted keys.

    `seen` maps log origins to checkpoints verified earlier and is brought up to date with those that hold now.
    `sequences=False` leaves the contents of entries unread (roots, seals and signatures only); `strict` parses every
    entry in full. A missing case event is a notice, not a finding, while its successor is younger than `grace` seconds.
    Raises UnverifiableError if the record cannot be reached or no key is given.
    """
    started = time.monotonic()
    report = Report()
    remembered = {} if seen is None else seen
    if not any(key.algorithm == 1 for key in keys):
        raise UnverifiableError("no verifier key to trust")
    check_published_keys(source, keys, report)
    logs: list[ListedLog] = []
    try:
        logs = read_listed(source.read_list("logs"), report)
    except (MissingError, ValueError) as error:
        report.find("list_damaged", f"the list of logs cannot be read: {error}", file="logs.json")
    total = sum(log.size for log in logs)

    def advance(count: int) -> None:
        report.entries += count
        if progress is not None:
            progress(report.entries, max(total, report.entries))

    paths = {log.origin: log.path for log in logs}
    seals: SealReader | None = None
    readers: dict[str, EventReader] = {}
    checkpoints: dict[str, Checkpoint] = {}

    def is_withheld(origin: str, index: int) -> bool:
        entries = read_bundle(source, paths[origin], index // WIDTH, checkpoints[origin].size)
        return index % WIDTH < len(entries) and read_stub(entries[index % WIDTH]) is not None

    cases = Cases(report, int((time.time() - grace) * 1000), is_withheld) if sequences else None
    # The seal log comes first, so that on a running service no seal can be newer than the checkpoints read after it.
    for log in logs:
        checkpoint = _read_checkpoint(source, log, keys, report)
        if checkpoint is None:
            if cases is not None and not log.is_seals:
                cases.incomplete = True
            continue
        checkpoints[log.origin] = checkpoint
        claims = _gather_claims(log, checkpoint, seals, remembered.get(log.origin), report)
        reader: ReadsEntries | None = None
        if log.is_seals:
            reader = seals = SealReader(log.origin, keys, report)
        elif sequences:
            reader = readers[log.origin] = EventReader(log, cases, report, strict)
        check = LogCheck(source, log.path, checkpoint, claims, reader, report, advance)
        check.run()
        if log.is_seals and seals is not None and not seals.sealed.keys() <= paths.keys():
            # A running service may have begun and sealed a log since the list was read.
            logs += [later for later in _list_again(source) if later.origin not in paths]
            paths |= {later.origin: later.path for later in logs}
        if cases is not None and not log.is_seals:
            cases.incomplete = cases.incomplete or not check.complete
            cases.settle()
    if cases is not None:
        cases.finish()
    _check_duplicates(source, paths, checkpoints, readers, report, is_withheld)
    if report.withheld:
        message = (
            f"{report.withheld:,} entries are withheld from this reader: their hashes hold, what they say is unread"
        )
        report.notices.append(message)
    _check_coverage(logs, checkpoints, seals, remembered, report)
    for origin, checkpoint in checkpoints.items():
        ok = not report.blames(origin)
        report.logs.append(LogResult(origin, checkpoint.size, encode(checkpoint.root), checkpoint.signers, ok))
        if ok:
            remembered[origin] = Seen(checkpoint.size, checkpoint.root, checkpoint.note)
    report.seconds = time.monotonic() - started
    return report


def _list_again(source: Source) -> list[ListedLog]:
    try:
        return read_listed(source.read_list("logs"), Report())
    except (MissingError, ValueError):
        return []


def check_published_keys(source: Source, keys: Sequence[Key], report: Report) -> None:
    """The record's own list of keys must be well-formed and contain the log keys that the user trusts."""
    published: set[str] = set()
    try:
        for number, item in enumerate(source.read_list("keys")):
            key = Key.parse(_text(item, "vkey"))
            published.add(key.vkey)
            if _text(item, "name") != key.name:
                raise ValueError(f"item {number} has another name than its key")
    except MissingError:
        report.notices.append("the record does not list its keys")
        return
    except ValueError as error:
        report.find("keys_damaged", f"the record's list of keys: {error}", file="keys.json")
        return
    for key in keys:
        if key.algorithm == 1 and key.vkey not in published:
            message = "the record does not list a key that you trust"
            listed = ", ".join(sorted(published)) or "none"
            report.find("key_unlisted", message, file="keys.json", expected=key.vkey, actual=listed)


def _read_checkpoint(source: Source, log: ListedLog, keys: Sequence[Key], report: Report) -> Checkpoint | None:
    file = f"{log.path}/checkpoint"
    try:
        checkpoint = open_checkpoint(source.read(file, MAX_TEXT_BYTES), keys)
    except MissingError:
        report.find("file_missing", "the log's checkpoint is missing", log.origin, file=file)
        return None
    except InvalidNoteError as error:
        message = f"the checkpoint cannot be trusted: {error}"
        report.find("checkpoint_invalid", message, log.origin, file=file)
        return None
    if checkpoint.origin != log.origin:
        message = "the checkpoint is of another log"
        report.find("checkpoint_origin", message, log.origin, file=file, actual=checkpoint.origin, expected=log.origin)
        return None
    if checkpoint.size < log.size:
        message = f"the list of logs says {log.size} entries, but the log now ends at {checkpoint.size}"
        report.find("log_truncated", message, log.origin, checkpoint.size, file=file)
    return checkpoint


def _gather_claims(
    log: ListedLog, checkpoint: Checkpoint, seals: SealReader | None, seen: Seen | None, report: Report
) -> list[Claim]:
    """All signed statements about this log. A statement about a larger size is a finding at once."""
    claims = [Claim(checkpoint.size, checkpoint.root, "root_mismatch", "the checkpoint")]
    for size, (root, index) in (seals.sealed.get(log.origin, {}) if seals else {}).items():
        claims.append(Claim(size, root, "seal_contradicts", f"seal {index}"))
    if seen is not None:
        claims.append(Claim(seen.size, seen.root, "log_forked", "the checkpoint you saw earlier"))
    largest = max(claims)
    if largest.size > checkpoint.size:
        message = f"{largest.what} covers {largest.size} entries, but the log now ends at {checkpoint.size}"
        report.find("log_truncated", message, log.origin, checkpoint.size)
    return claims


def _check_duplicates(
    source: Source,
    paths: dict[str, str],
    checkpoints: dict[str, Checkpoint],
    readers: dict[str, EventReader],
    report: Report,
    is_withheld: Callable[[str, int], bool],
) -> None:
    """An entry that says that it is a duplicate has to point to an earlier entry of the same event."""
    for origin, reader in readers.items():
        held: tuple[str, int] | None = None
        entries: list[bytes] = []
        for target, at, index, event_id in sorted(reader.duplicates):
            size = checkpoints[target].size if target in checkpoints else 0
            named: str | None = None
            if at < (min(index, size) if target == origin else size):
                number = at // WIDTH
                if held != (target, number):
                    held, entries = (target, number), read_bundle(source, paths[target], number, size)
                if at % WIDTH < len(entries):
                    try:
                        original = parse_leaf(entries[at % WIDTH])
                        named = None if original.duplicate_of else original.event_id
                    except (ValueError, RecursionError):
                        named = None
            # What repeats a withheld entry is withheld with it; so this one is by now, if all is in order.
            if named != event_id and not is_withheld(origin, index):
                message = f"the entry says it repeats entry {at} of {target}, which is not that event"
                found = named or "no such event"
                report.find(
                    "duplicate_unfounded", message, origin, index, None, event_id, expected=event_id, actual=found
                )


def read_bundle(source: Source, path: str, number: int, size: int) -> list[bytes]:
    """The entries of one bundle of a log of this size; none if the source does not have it."""
    width = min(WIDTH, size - number * WIDTH)
    for attempt in dict.fromkeys((width, WIDTH)):
        try:
            bundle = source.read(f"{path}/{tile_path('entries', number, attempt)}", MAX_BUNDLE_BYTES)
        except MissingError:
            continue
        entries: list[bytes] = []
        at = 0
        while at < len(bundle):
            start = at + 2
            at = start + int.from_bytes(bundle[at:start], "big")
            entries.append(bundle[start:at])
        return entries
    return []


def _check_coverage(
    logs: Sequence[ListedLog],
    checkpoints: dict[str, Checkpoint],
    seals: SealReader | None,
    seen: dict[str, Seen],
    report: Report,
) -> None:
    """No log may vanish, and a record with entries has a seal log."""
    present = {log.origin for log in logs}
    for origin in sorted(seen.keys() - present):
        if seen[origin].size:
            message = f"you saw this log with {seen[origin].size} entries; it is gone"
            report.find("log_missing", message, origin)
    for origin, sizes in sorted((seals.sealed if seals else {}).items()):
        if origin not in present and max(sizes):
            report.find("log_missing", f"it was sealed with {max(sizes)} entries; it is gone", origin)
    filled = [log for log in logs if not log.is_seals and log.origin in checkpoints and checkpoints[log.origin].size]
    if filled and not any(log.is_seals for log in logs):
        report.find("seals_missing", "the record has no seal log", file="logs.json")
    unsealed = [log.origin for log in filled if seals and log.origin not in seals.sealed]
    if unsealed:
        report.notices.append(f"not sealed yet: {', '.join(unsealed)}")


# ---- Command -----------------------------------------------------------------------------------------------------


def read_seen(path: Path) -> dict[str, Seen]:
    """The checkpoints in the file of an earlier verification; none if there is no file yet."""
    try:
        remembered = _object(json.loads(path.read_bytes()), "logs")
        return {
            origin: Seen(_number(one, "size"), decode_base64(_text(one, "root")), _text(one, "checkpoint"))
            for origin, one in ((origin, _object(remembered, origin)) for origin in remembered)
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UnverifiableError(f"{path} does not hold remembered checkpoints: {error}") from error


def write_seen(path: Path, seen: dict[str, Seen]) -> None:
    """Write checkpoints to the file, which is replaced as a whole."""
    logs = {o: {"size": s.size, "root": encode(s.root), "checkpoint": s.note} for o, s in sorted(seen.items())}
    _replace(path, json.dumps({"logs": logs}, ensure_ascii=False, indent=1) + "\n")


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise UnverifiableError(f"{path} cannot be written: {error.strerror}") from error


def choose_keys(source: Source, given: Sequence[str], pin: Path | None) -> tuple[list[Key], list[str]]:
    """The keys to trust, and a sentence that says why: they are given, or pinned earlier, or the record's own."""
    try:
        keys = [Key.parse(vkey) for vkey in given]
        if pin is not None and pin.exists():
            keys += [Key.parse(line) for line in pin.read_text(encoding="utf-8").split() if line]
    except (ValueError, OSError) as error:
        raise UnverifiableError(f"a key cannot be read: {error}") from error
    if keys:
        return keys, []
    try:
        keys = [Key.parse(_text(item, "vkey")) for item in source.read_list("keys")]
    except (MissingError, ValueError) as error:
        raise UnverifiableError(f"no --key is given, and the record's own keys cannot be read: {error}") from error
    said = "No --key was given: the keys of the record itself are trusted, so a forger's own record would pass, too."
    if pin is None:
        return keys, [said + " Get the key by another way, or pin it with --pin FILE."]
    _replace(pin, "".join(f"{key.vkey}\n" for key in keys))
    return keys, [f"{said} They are pinned in {pin} from now on."]


class Bar:
    """A progress bar on the terminal's error stream; silent elsewhere."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._started = self._shown = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._wanted and now - self._shown > 0.1:
            self._shown = now
            share = done / total if total else 1.0
            rate = done / max(now - self._started, 0.001)
            bar = ("█" * int(30 * share)).ljust(30, "░")
            sys.stderr.write(f"\r{bar} {share:4.0%}  {done:,} of {total:,} entries  {rate:,.0f}/s ")
            sys.stderr.flush()

    def clear(self) -> None:
        """Remove the bar."""
        if self._wanted:
            sys.stderr.write("\r\x1b[K")


def plain(text: str) -> str:
    """Text from a record that is safe for a terminal: a control character becomes visible and has no effect."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def describe(report: Report) -> str:
    """The report for people."""
    lines = []
    for log in report.logs:
        state = "ok" if log.ok else "NOT OK"
        lines.append(f"{log.log}  {log.size:,} entries  root {log.root}  signed by {', '.join(log.signed_by)}  {state}")
    lines += [f"Notice: {notice}" for notice in report.notices]
    for one in report.findings:
        places = {"index": one.index, "offset": one.offset, "event": one.event_id, "file": one.file}
        where = [one.log or "record", *(f"{name} {value}" for name, value in places.items() if value is not None)]
        lines.append(f"FOUND {one.kind}: {', '.join(where)}")
        lines.append(f"  {one.message}")
        if one.expected is not None or one.actual is not None:
            lines.append(f"  expected {one.expected or '-'}, found {one.actual or '-'}")
    lines += [f"… and {count:,} more of {kind}" for kind, count in report.untold.items()]
    counted = (
        f"{report.entries:,} entries in {len(report.logs)} logs, {report.seals:,} seals, "
        f"{report.sequences:,} sequences of events" + (f", {report.withheld:,} withheld" if report.withheld else "")
    )
    count = len(report.findings) + sum(report.untold.values())
    verdict = "VERIFIED" if report.ok else f"NOT VERIFIED, {count:,} finding{'s' if count != 1 else ''}"
    lines.append(f"{verdict}: {counted}, {report.seconds:.1f} s")
    return "\n".join(plain(line) for line in lines) + "\n"


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="verify", description="Verify a Hearth audit record. Exit status: 0 holds, 1 findings, 2 not checkable."
    )
    add = parser.add_argument
    add("place", help="folder of an export, or address of a service (https://hearth.example)")
    add("--key", action="append", default=[], metavar="VKEY", help="verifier key to trust (name+id+base64); repeatable")
    add("--pin", type=Path, metavar="FILE", help="trust the keys in FILE; on first use write the record's own into it")
    add(
        "--since",
        type=Path,
        metavar="FILE",
        help="prove that logs only grew since FILE was written; bring it up to date",
    )
    add(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="bearer token of an auditor (or HEARTH_TOKEN in the environment)",
    )
    add("--no-sequences", action="store_true", help="do not read the entries: roots, seals and signatures only")
    add("--strict", action="store_true", help="parse every entry in full and insist on canonical JSON (slower)")
    add("--grace", type=float, default=60.0, metavar="SECONDS", help="how long a case event may be on its way (60)")
    add("--json", action="store_true", help="print the result as JSON")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status (argparse itself exits with 2 on wrong arguments)."""
    return check(build_parser().parse_args(argv))


def check(args: argparse.Namespace) -> int:
    """Verify what the arguments of `build_parser` name, and print the result; returns the exit status."""
    bar = Bar(sys.stderr.isatty())
    try:
        report = _run(args, bar)
    except (UnverifiableError, OSError) as error:
        bar.clear()
        if args.json:
            sys.stdout.write(json.dumps({"ok": None, "error": str(error)}) + "\n")
        sys.stderr.write(f"Not checked: {plain(str(error))}\n")
        return 2
    bar.clear()
    sys.stdout.write(json.dumps(report.as_json()) + "\n" if args.json else describe(report))
    return 0 if report.ok else 1


def read_token(args: argparse.Namespace) -> str | None:
    """The bearer token that the arguments or the environment name. Raises OSError."""
    if args.token_file is not None:
        return str(args.token_file.read_text(encoding="utf-8").strip())
    return os.environ.get("HEARTH_TOKEN")


def _run(args: argparse.Namespace, bar: Bar) -> Report:
    token = read_token(args)
    source = open_source(args.place, token)
    try:
        keys, notices = choose_keys(source, args.key, args.pin)
        seen = read_seen(args.since) if args.since else {}
        report = verify(
            source, keys, seen=seen, sequences=not args.no_sequences, strict=args.strict, grace=args.grace, progress=bar
        )
    finally:
        source.close()
    report.notices[:0] = notices
    if token and re.match(r"http://(?!localhost\b|127\.|\[::1\])", args.place):
        report.notices.append("the token was sent unencrypted; use https")
    if args.since:
        write_seen(args.since, seen)
    return report


if __name__ == "__main__":
    sys.exit(main())
