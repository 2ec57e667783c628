"""The vault's cryptography: each section of a report has a random key of its own, wrapped by the master key.

AES-256-GCM throughout (NIST SP 800-38D). Erasing a report means removing its wrapped keys. One master key may wrap
2^32 keys with random nonces, so it must be replaced before some 800 million reports. `key_id` says which one wrapped.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.intake.report.sealed import Sealed, SealedSections, WrappedKey
from services.intake.report.submission import Section
from shared.problems import Unavailable

_NONCE = 12
_KEY = 32
FRESH = 40.0
"""Seconds for which a vault seals after a confirmation. A rotation waits longer before it drops a master key."""


# A clock that goes on while the machine sleeps, where the system has one.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _uptime() -> float:
    return time.clock_gettime(_CLOCK)


class VaultError(Exception):
    """Sealed data cannot be opened: it is damaged, moved to another report, or under a master key that is not here."""


@dataclass(frozen=True, slots=True)
class _Masters:
    """The master keys by id, and which of them wraps."""

    current: str
    ciphers: Mapping[str, AESGCM]


class Vault:
    """Seals and opens. A value is bound to its place, `<report id>/<section>`, so values cannot be swapped around.

    Without a master key, every method raises Unavailable.
    """

    def __init__(
        self,
        master_key: bytes | None = None,
        retired: Sequence[bytes] = (),
        *,
        clock: Callable[[], float] = _uptime,
    ) -> None:
        """`master_key` wraps from now on; the `retired` master keys only open what they wrapped before."""
        self._clock = clock
        self._seals_until = float("inf")
        self._masters: _Masters | None = None
        if master_key is not None:
            self.adopt(master_key, retired)

    def adopt(self, master_key: bytes, others: Sequence[bytes]) -> None:
        """Work with these master keys from now on, and with no others. `master_key` wraps."""
        ciphers = {key_id_of(key): AESGCM(key) for key in (*others, master_key)}
        # One assignment, so that a seal under way names the key that wraps it.
        self._masters = _Masters(key_id_of(master_key), ciphers)

    def confirm(self) -> None:
        """Say that these are still the master keys. After the first call, the vault seals for FRESH seconds a call.

        So a process that slept while its master key was dropped seals nothing that no key could open.
        """
        self._seals_until = self._clock() + FRESH

    def withhold(self) -> None:
        """Seal nothing from now on until the next confirmation. What is sealed can still be opened."""
        self._seals_until = float("-inf")

    def seal(self, place: str, plain: bytes) -> Sealed:
        """`plain` under a new random key."""
        key = urandom(_KEY)
        nonce = urandom(_NONCE)
        data = nonce + AESGCM(key).encrypt(nonce, plain, place.encode())
        return Sealed(*self._wrap(place, key), data)

    def open(self, place: str, sealed: Sealed) -> bytes:
        """What was sealed at this place. Raises VaultError."""
        data = sealed.data
        try:
            return AESGCM(self._unwrap(place, sealed)).decrypt(data[:_NONCE], data[_NONCE:], place.encode())
        except (InvalidTag, ValueError):
            # Data too short for a nonce is damaged, too.
            raise VaultError(place) from None

    def seal_report(self, report_id: str, sections: Mapping[Section, bytes]) -> tuple[SealedSections, str, bytes]:
        """The sealed sections and digest key of a new report, its content digest, and the key of its party tokens.

        That key follows from the digest key, and is destroyed with it.
        """
        digest_key = urandom(_KEY)
        sealed = {name: self.seal(f"{report_id}/{name}", plain) for name, plain in sections.items()}
        wrapped = WrappedKey(*self._wrap(f"{report_id}/digest", digest_key))
        return SealedSections(wrapped, **sealed), digest_of(digest_key, sections), _party_key_of(digest_key)

    def party_key(self, report_id: str, sealed: SealedSections) -> bytes:
        """The key of the party tokens of a stored report."""
        return _party_key_of(self._unwrap(f"{report_id}/digest", sealed.digest))

    def matches(self, report_id: str, sealed: SealedSections, digest: str, sections: Mapping[Section, bytes]) -> bool:
        """Whether these sections are the ones that were sealed, by the content digest."""
        digest_key = self._unwrap(f"{report_id}/digest", sealed.digest)
        return hmac.compare_digest(digest_of(digest_key, sections), digest)

    def rewrap(self, place: str, sealed: WrappedKey) -> WrappedKey | None:
        """The random key of sealed data, wrapped anew by the current master key; None when that wraps it already.

        Raises VaultError for a key that cannot be unwrapped.
        """
        if sealed.key_id == self._held().current:
            return None
        return WrappedKey(*self._wrap(place, self._unwrap(place, sealed)))

    def _held(self) -> _Masters:
        if self._masters is None:
            raise Unavailable("the master key is not here yet")
        return self._masters

    def _wrap(self, place: str, key: bytes) -> tuple[str, bytes]:
        masters = self._held()
        if self._clock() > self._seals_until:
            raise Unavailable("it is not known whether the master key is still the one to seal with")
        nonce = urandom(_NONCE)
        wrapped = nonce + masters.ciphers[masters.current].encrypt(nonce, key, place.encode())
        return masters.current, wrapped

    def _unwrap(self, place: str, sealed: WrappedKey) -> bytes:
        master = self._held().ciphers.get(sealed.key_id)
        if master is None:
            raise VaultError(f"{place}: no master key {sealed.key_id}")
        try:
            return master.decrypt(sealed.key[:_NONCE], sealed.key[_NONCE:], place.encode())
        except (InvalidTag, ValueError, TypeError):
            # A key that is not binary is damaged, too.
            raise VaultError(place) from None


def digest_of(key: bytes, sections: Mapping[Section, bytes]) -> str:
    """HMAC-SHA-256 (hex) over the sections, each preceded by its name and length, in the order of their names.

    A report stays the same whatever its sender wrote in fields that Hearth does not know.
    """
    known = [name for name in sorted(sections) if name != "unknown"]
    framed = b"".join([b"%s %d\n%s" % (name.encode(), len(sections[name]), sections[name]) for name in known])
    return hmac.digest(key, framed, "sha256").hex()


def _party_key_of(digest_key: bytes) -> bytes:
    return hmac.digest(digest_key, b"hearth party tokens", "sha256")


def key_id_of(key: bytes) -> str:
    """The id (16 hexadecimal digits) by which sealed data names its master key."""
    return hashlib.sha256(b"hearth master key\x1f" + key).hexdigest()[:16]
