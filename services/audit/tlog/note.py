"""C2SP signed notes, checkpoints and cosignatures, byte for byte as published.

Sources: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature. Pure: keys, texts and times come in,
texts go out.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = 0x01
COSIGNATURE_V1 = 0x04
MAX_SIGNATURES = 100  # the specification asks for at least 16; Go's implementation reads 100
MAX_NOTE_BYTES = 1_000_000
_DASH = "— "


class NoteError(ValueError):
    """A note, key or checkpoint that cannot be accepted; the message says why."""


class MalformedNoteError(NoteError):
    """Not the bytes of a signed note, key or checkpoint."""


class BadSignatureError(NoteError):
    """A signature by a known key does not verify: the text was changed, or the signature was forged."""


class UnknownSignerError(NoteError):
    """No known key signed this note, so its text must be ignored."""


def check_key_name(name: str) -> str:
    """The name, if it may name a key: not empty, no Unicode space, no plus sign, no control character."""
    if not name or "+" in name or any(char.isspace() or not char.isprintable() for char in name):
        raise MalformedNoteError(f"{name!r} cannot name a key")
    return name


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key that verifies notes. `algorithm` is ED25519 (log) or COSIGNATURE_V1 (witness)."""

    name: str
    public_key: bytes
    algorithm: int = ED25519

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.public_key) != 32:
            raise MalformedNoteError("an Ed25519 public key is 32 bytes")
        if self.algorithm not in (ED25519, COSIGNATURE_V1):
            raise MalformedNoteError(f"signature type {self.algorithm:#04x} is not supported")

    @property
    def key_id(self) -> bytes:
        """The first four bytes of `SHA-256(name ‖ 0A ‖ type ‖ public key)`."""
        return sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public_key).digest()[:4]

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read `name+hex(key id)+base64(type ‖ public key)`; MalformedNoteError if anything disagrees."""
        name, key_id, material = _split_key(vkey)
        key = cls(name, material[1:], material[0])
        if key.key_id.hex() != key_id:
            raise MalformedNoteError(f"the key id of {name!r} does not belong to its key")
        return key

    def __str__(self) -> str:
        """The key as text: `name+hex(key id)+base64(type ‖ public key)`."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes([self.algorithm]) + self.public_key)}"

    def verify(self, text: str, signature: bytes) -> bool:
        """Whether `signature` (without the key id) is this key's over the note `text`."""
        message = text.encode()
        if self.algorithm == COSIGNATURE_V1:
            if len(signature) != 72:
                return False
            message = _cosigned(text, int.from_bytes(signature[:8], "big"))
            signature = signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A private Ed25519 key (32-byte seed) with the name it signs under. Never shown by repr."""

    name: str
    seed: bytes
    algorithm: int = ED25519

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.seed) != 32:
            raise MalformedNoteError("an Ed25519 seed is 32 bytes")

    def __repr__(self) -> str:
        return f"SigningKey({self.name!r})"

    @property
    def verifier(self) -> VerifierKey:
        """The public key to hand out."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return VerifierKey(self.name, public, self.algorithm)

    @classmethod
    def parse(cls, skey: str) -> Self:
        """Read `PRIVATE+KEY+name+hex(key id)+base64(type ‖ seed)`, the form that Go's note package writes."""
        prefix = "PRIVATE+KEY+"
        if not skey.startswith(prefix):
            raise MalformedNoteError("not a signing key")
        name, key_id, material = _split_key(skey[len(prefix) :])
        key = cls(name, material[1:], material[0])
        if key.verifier.key_id.hex() != key_id:
            raise MalformedNoteError(f"the key id of {name!r} does not belong to its key")
        return key

    def export(self) -> str:
        """The secret as `PRIVATE+KEY+…`; the caller keeps it out of logs."""
        material = encode_base64(bytes([self.algorithm]) + self.seed)
        return f"PRIVATE+KEY+{self.name}+{self.verifier.key_id.hex()}+{material}"


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A signing key that is ready to sign many notes: it expands the key and computes the key id only once."""

    name: str
    key_id: bytes
    private_key: Ed25519PrivateKey
    algorithm: int = ED25519

    @classmethod
    def of(cls, key: SigningKey) -> Self:
        """The signer of a key."""
        return cls(key.name, key.verifier.key_id, Ed25519PrivateKey.from_private_bytes(key.seed), key.algorithm)

    def line(self, text: str) -> str:
        """The signature line (with its newline) over the note text."""
        if self.algorithm != ED25519:
            raise NoteError("a witness key signs with a time: use cosign")
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.private_key.sign(text.encode()))}\n"

    def cosign(self, text: str, timestamp: int) -> str:
        """The cosignature line over a checkpoint's text at `timestamp` (POSIX seconds, UTC)."""
        if self.algorithm != COSIGNATURE_V1:
            raise NoteError("a log key signs without a time: use line")
        signature = timestamp.to_bytes(8, "big") + self.private_key.sign(_cosigned(text, timestamp))
        return f"{_DASH}{self.name} {encode_base64(self.key_id + signature)}\n"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: key name, 4-byte key id, and the signature bytes after the id."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def cosigned_at(self) -> int:
        """The POSIX time that a cosignature states; meaningful only if a COSIGNATURE_V1 key verified it."""
        return int.from_bytes(self.signature[:8], "big")


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A note that at least one known key signed: its text and the keys that signed; `unknown` has all other lines."""

    text: str
    verified: tuple[Signature, ...]
    unknown: tuple[Signature, ...]


def sign_note(text: str, signers: Iterable[NoteSigner]) -> str:
    """The signed note: text, blank line, one signature line each. MalformedNoteError if the text cannot be a note's."""
    _check_text(text)
    lines = [signer.line(text) for signer in signers]
    if not lines:
        raise NoteError("a note needs a signature")
    return f"{text}\n{''.join(lines)}"


def parse_note(note: str | bytes) -> tuple[str, tuple[Signature, ...]]:
    """The text and signature lines of a note, nothing verified yet. Raises MalformedNoteError."""
    if len(note) > MAX_NOTE_BYTES:
        raise MalformedNoteError(f"a note of more than {MAX_NOTE_BYTES} bytes")
    try:
        message = note.decode() if isinstance(note, bytes) else note
    except UnicodeDecodeError as error:
        raise MalformedNoteError("a note is UTF-8") from error
    cut = message.rfind("\n\n")
    if cut < 0:
        raise MalformedNoteError("no blank line before the signatures")
    text, lines = message[: cut + 1], message[cut + 2 :]
    _check_text(text)
    if not lines.endswith("\n"):
        raise MalformedNoteError("no signature, or the last line is not ended")
    signatures = tuple(_parse_line(line) for line in lines[:-1].split("\n"))
    if len(signatures) > MAX_SIGNATURES:
        raise MalformedNoteError(f"more than {MAX_SIGNATURES} signatures")
    return text, signatures


def open_note(note: str | bytes, keys: Iterable[VerifierKey]) -> OpenedNote:
    """The note's text, if a known key signed it.

    Lines of unknown keys (another name or another id) are set aside. Raises MalformedNoteError, BadSignatureError (a
    known key's signature is wrong, whatever other lines say) or UnknownSignerError.
    """
    text, signatures = parse_note(note)
    known = {(key.name, key.key_id): key for key in keys}
    verified: dict[tuple[str, bytes], Signature] = {}
    unknown: list[Signature] = []
    for signature in signatures:
        identity = (signature.name, signature.key_id)
        key = known.get(identity)
        if key is None:
            unknown.append(signature)
        elif not key.verify(text, signature.signature):
            raise BadSignatureError(f"the signature by {signature.name!r} is wrong")
        else:
            verified.setdefault(identity, signature)
    if not verified:
        raise UnknownSignerError("no known key signed this note")
    return OpenedNote(text, tuple(verified.values()), tuple(unknown))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's statement: `origin` has `size` entries under this `root` (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or any(ord(char) < 0x20 for char in self.origin):
            raise MalformedNoteError("a checkpoint's origin is one non-empty line")
        if self.size < 0 or len(self.root) != 32:
            raise MalformedNoteError("a checkpoint has a size and a 32-byte root")

    @property
    def text(self) -> str:
        """The note text: origin, size, base64 root, each with its newline; no extension lines."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a checkpoint's text. Refuses extension lines, because no check covers what they say."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:
            raise MalformedNoteError("a checkpoint is three lines")
        origin, size, root = lines[:3]
        if not (size.isascii() and size.isdigit()) or str(int(size)) != size:
            raise MalformedNoteError(f"{size!r} is not a tree size")
        return cls(origin, int(size), decode_base64(root))


def sign_checkpoint(checkpoint: Checkpoint, signers: Iterable[NoteSigner]) -> str:
    """The checkpoint as a signed note, ready to be served."""
    return sign_note(checkpoint.text, signers)


def open_checkpoint(note: str | bytes, keys: Iterable[VerifierKey], origin: str) -> Checkpoint:
    """The checkpoint in a signed note, if a known key signed it and it speaks of the log `origin`. Raises NoteError."""
    checkpoint = Checkpoint.parse(open_note(note, keys).text)
    if checkpoint.origin != origin:
        raise NoteError(f"a checkpoint of {checkpoint.origin!r}, not of {origin!r}")
    return checkpoint


def add_signature_lines(note: str, lines: Sequence[str]) -> str:
    """The note with further signature lines, as a witness returns them; the signed text stays the same."""
    together = note + "".join(lines)
    text, _ = parse_note(together)
    if text != parse_note(note)[0]:
        raise MalformedNoteError("the added lines are not signature lines")
    return together


def _cosigned(text: str, timestamp: int) -> bytes:
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(ord(char) < 0x20 and char != "\n" for char in text):
        raise MalformedNoteError("a note's text ends with a newline and has no other control character")


def _parse_line(line: str) -> Signature:
    if not line.startswith(_DASH):
        raise MalformedNoteError("a signature line begins with a dash and a space")
    name, space, encoded = line[len(_DASH) :].partition(" ")
    material = decode_base64(encoded) if space else b""
    if len(material) < 5:
        raise MalformedNoteError("a signature is a key id and more")
    return Signature(check_key_name(name), material[:4], material[4:])


def _split_key(encoded: str) -> tuple[str, str, bytes]:
    name, _, rest = encoded.partition("+")
    key_id, plus, material = rest.partition("+")
    decoded = decode_base64(material) if plus else b""
    if len(decoded) != 33:
        raise MalformedNoteError("a key is name+id+base64 of its type and 32 bytes")
    return name, key_id, decoded


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 §4)."""
    return base64.b64encode(data).decode()


def decode_base64(encoded: str) -> bytes:
    """Strict base64: one spelling of every value, so that no byte changes unnoticed. Raises MalformedNoteError."""
    try:
        data = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedNoteError("not base64") from error
    if encode_base64(data) != encoded:
        raise MalformedNoteError("not canonical base64")
    return data
