"""HMAC-SHA-256 (RFC 2104) under keys that a process keeps: each is worked in once, which saves two fifths."""

from functools import lru_cache
from hashlib import sha256
from typing import Any

_BLOCK = 64
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


def mac_under(key: bytes, message: bytes) -> bytes:
    """What hmac.digest gives. The process remembers the key, so it must be one that lasts as long."""
    inner, outer = _begun(key)
    within, around = inner.copy(), outer.copy()
    within.update(message)
    around.update(within.digest())
    digest: bytes = around.digest()
    return digest


@lru_cache(maxsize=32)
def _begun(key: bytes) -> tuple[Any, Any]:
    block = (key if len(key) <= _BLOCK else sha256(key).digest()).ljust(_BLOCK, b"\0")
    return sha256(block.translate(_INNER)), sha256(block.translate(_OUTER))
