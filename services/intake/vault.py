"""The vault's cryptography: each section of a report under its own random key, each key wrapped by the master key.

AES-256-GCM throughout (NIST SP 800-38D). Erasing a report means removing its wrapped keys. One master key may wrap
2^32 keys with random nonces, so it must be replaced before some 800 million reports; `key_id` says which one was used.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.intake.report import Section
from shared.mongo import Document

_NONCE = 12
_KEY = 32


class VaultError(Exception):
    """Sealed data that cannot be opened: damaged, moved to another report, or under a master key that is not here."""


class Vault:
    """Seals and opens. Values are bound to their place, `<report id>/<section>`, so they cannot be swapped around."""

    def __init__(self, master_key: bytes, retired: Sequence[bytes] = ()) -> None:
        """`master_key` wraps from now on; `retired` ones only open what they wrapped before."""
        self._key_id = _id_of(master_key)
        self._masters = {_id_of(key): AESGCM(key) for key in (*retired, master_key)}
        self._master = self._masters[self._key_id]

    def seal(self, place: str, plain: bytes) -> Document:
        """`plain` under a new random key; what it gives is stored as it is."""
        key = urandom(_KEY)
        nonce = urandom(_NONCE)
        sealed = AESGCM(key).encrypt(nonce, plain, place.encode())
        return {"key_id": self._key_id, "key": self._wrap(place, key), "data": nonce + sealed}

    def open(self, place: str, sealed: Mapping[str, object]) -> bytes:
        """What was sealed at this place; raises VaultError."""
        data = _bytes(sealed, "data")
        try:
            return AESGCM(self._unwrap(place, sealed)).decrypt(data[:_NONCE], data[_NONCE:], place.encode())
        except InvalidTag:
            raise VaultError(place) from None

    def seal_report(self, report_id: str, sections: Mapping[Section, bytes]) -> tuple[Document, str]:
        """The sealed sections and digest key of a new report, and its content digest."""
        digest_key = urandom(_KEY)
        sealed: Document = {name: self.seal(f"{report_id}/{name}", plain) for name, plain in sections.items()}
        sealed["digest"] = {"key_id": self._key_id, "key": self._wrap(f"{report_id}/digest", digest_key)}
        return sealed, digest_of(digest_key, sections)

    def matches(
        self, report_id: str, vault: Mapping[str, Document], digest: str, sections: Mapping[Section, bytes]
    ) -> bool:
        """Whether these sections are the ones that were sealed, by the content digest."""
        digest_key = self._unwrap(f"{report_id}/digest", vault["digest"])
        return hmac.compare_digest(digest_of(digest_key, sections), digest)

    def _wrap(self, place: str, key: bytes) -> bytes:
        nonce = urandom(_NONCE)
        return nonce + self._master.encrypt(nonce, key, place.encode())

    def _unwrap(self, place: str, sealed: Mapping[str, object]) -> bytes:
        master = self._masters.get(str(sealed["key_id"]))
        if master is None:
            raise VaultError(f"{place}: no master key {sealed['key_id']}")
        wrapped = _bytes(sealed, "key")
        try:
            return master.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], place.encode())
        except InvalidTag:
            raise VaultError(place) from None


def digest_of(key: bytes, sections: Mapping[Section, bytes]) -> str:
    """HMAC-SHA-256 (hex) over all sections, each preceded by its name and length, in the order of their names."""
    framed = b"".join(
        [b"%s %d\n%s" % (name.encode(), len(sections[name]), sections[name]) for name in sorted(sections)]
    )
    return hmac.digest(key, framed, "sha256").hex()


def _id_of(key: bytes) -> str:
    return hashlib.sha256(b"hearth master key\x1f" + key).hexdigest()[:16]


def _bytes(sealed: Mapping[str, object], name: str) -> bytes:
    value = sealed[name]
    if not isinstance(value, bytes):
        raise VaultError(f"{name} is not binary")
    return value
