"""HMAC-SHA-256 (RFC 2104) under keys that a process keeps: each is worked in once, which saves a quarter."""

import hmac
from functools import lru_cache


def mac_under(key: bytes, message: bytes) -> bytes:
    """What hmac.digest gives. The process remembers the key, so it must be one that lasts as long."""
    mac = _begun(key).copy()
    mac.update(message)
    return mac.digest()


@lru_cache(maxsize=32)
def _begun(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod="sha256")
