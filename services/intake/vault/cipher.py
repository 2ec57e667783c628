"""The vault's cryptography: each section of a report under its own random key, each key wrapped by the master key.

AES-256-GCM throughout (NIST SP 800-38D). Erasing a report means removing its wrapped keys. One master key may wrap
2^32 keys with random nonces, so it must be replaced before some 800 million reports; `key_id` says which one was used.
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
"""Seconds for which a vault seals by what was confirmed; a rotation gives longer before it drops a master key."""


# Where there is one, a clock that goes on while the machine sleeps.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _uptime() -> float:
    return time.clock_gettime(_CLOCK)


class VaultError(Exception):
    """Sealed data that cannot be opened: damaged, moved to another report, or under a master key that is not here."""


@dataclass(frozen=True, slots=True)
class _Masters:
    """The master keys by id, and which of them wraps."""

    current: str
    ciphers: Mapping[str, AESGCM]


class Vault:
    """Seals and opens. Values are bound to their place, `<report id>/<section>`, so they cannot be swapped around.

    Without a master key, or before there is one, everything raises Unavailable.
    """

    def __init__(
        self,
        master_key: bytes | None = None,
        retired: Sequence[bytes] = (),
        *,
        clock: Callable[[], float] = _uptime,
    ) -> None:
        """`master_key` wraps from now on; `retired` ones only open what they wrapped before."""
        self._clock = clock
        self._seals_until = float("inf")
        self._masters: _Masters | None = None
        if master_key is not None:
            self.adopt(master_key, retired)

    def adopt(self, master_key: bytes, others: Sequence[bytes]) -> None:
        """Work with these master keys from now on, and no longer with those from before."""
        ciphers = {key_id_of(key): AESGCM(key) for key in (*others, master_key)}
        # In one step, so that whatever is being sealed names the key that wraps it.
        self._masters = _Masters(key_id_of(master_key), ciphers)

    def confirm(self) -> None:
        """These are still the master keys to work with. Once said, nothing is sealed unless it is said again in time.

        So a process that was asleep while its master key was dropped seals nothing that nobody could open.
        """
        self._seals_until = self._clock() + FRESH

    def withhold(self) -> None:
        """Seal nothing from now on, until it is confirmed again; what was sealed is opened as before."""
        self._seals_until = float("-inf")

    def seal(self, place: str, plain: bytes) -> Sealed:
        """`plain` under a new random key."""
        key = urandom(_KEY)
        nonce = urandom(_NONCE)
        data = nonce + AESGCM(key).encrypt(nonce, plain, place.encode())
        wrapped = self._wrap(place, key)
        return Sealed(wrapped.key_id, wrapped.key, data)

    def open(self, place: str, sealed: Sealed) -> bytes:
        """What was sealed at this place; raises VaultError."""
        data = sealed.data
        try:
            return AESGCM(self._unwrap(place, sealed)).decrypt(data[:_NONCE], data[_NONCE:], place.encode())
        except (InvalidTag, ValueError):
            # Too short for a nonce is as damaged as any other.
            raise VaultError(place) from None

    def seal_report(self, report_id: str, sections: Mapping[Section, bytes]) -> tuple[SealedSections, str]:
        """The sealed sections and digest key of a new report, and its content digest."""
        digest_key = urandom(_KEY)
        sealed = {name: self.seal(f"{report_id}/{name}", plain) for name, plain in sections.items()}
        return SealedSections(self._wrap(f"{report_id}/digest", digest_key), **sealed), digest_of(digest_key, sections)

    def matches(self, report_id: str, sealed: SealedSections, digest: str, sections: Mapping[Section, bytes]) -> bool:
        """Whether these sections are the ones that were sealed, by the content digest."""
        digest_key = self._unwrap(f"{report_id}/digest", sealed.digest)
        return hmac.compare_digest(digest_of(digest_key, sections), digest)

    def rewrap(self, place: str, sealed: WrappedKey) -> WrappedKey | None:
        """The random key of something sealed, wrapped anew by the current master key; None when it is already.

        Raises VaultError for a key that cannot be unwrapped.
        """
        if sealed.key_id == self._held().current:
            return None
        return self._wrap(place, self._unwrap(place, sealed))

    def _held(self) -> _Masters:
        if self._masters is None:
            raise Unavailable("the master key is not here yet")
        return self._masters

    def _wrap(self, place: str, key: bytes) -> WrappedKey:
        masters = self._held()
        if self._clock() > self._seals_until:
            raise Unavailable("it is not known whether the master key is still the one to seal with")
        nonce = urandom(_NONCE)
        wrapped = nonce + masters.ciphers[masters.current].encrypt(nonce, key, place.encode())
        return WrappedKey(masters.current, wrapped)

    def _unwrap(self, place: str, sealed: WrappedKey) -> bytes:
        master = self._held().ciphers.get(sealed.key_id)
        if master is None:
            raise VaultError(f"{place}: no master key {sealed.key_id}")
        try:
            return master.decrypt(sealed.key[:_NONCE], sealed.key[_NONCE:], place.encode())
        except (InvalidTag, ValueError):
            raise VaultError(place) from None


def digest_of(key: bytes, sections: Mapping[Section, bytes]) -> str:
    """HMAC-SHA-256 (hex) over all sections, each preceded by its name and length, in the order of their names."""
    framed = b"".join(
        [b"%s %d\n%s" % (name.encode(), len(sections[name]), sections[name]) for name in sorted(sections)]
    )
    return hmac.digest(key, framed, "sha256").hex()


def key_id_of(key: bytes) -> str:
    """The name by which sealed data says which master key it needs (16 hexadecimal digits)."""
    return hashlib.sha256(b"hearth master key\x1f" + key).hexdigest()[:16]
