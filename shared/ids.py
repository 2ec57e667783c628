"""Identifiers. An id is derived from the cause, so that the same thing done twice has one id."""

import re
from hashlib import sha1
from os import urandom
from uuid import UUID

_CASES = UUID("6b1f6c1e-2a0c-5c35-9d1b-3c2f3f1b7a10").bytes
_CAUSES = UUID("0d3f5c52-8f0a-5a44-8c5e-7a3f0b9d2e61").bytes
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))

PERSON = re.compile(r"person:[0-9a-f]{16}")
"""The reference of a person. shared.sign_in.identity derives it from an account."""


def new_id() -> str:
    """A random identifier (UUID 4) for something that no earlier fact causes."""
    return _uuid(4, urandom(16).hex())


def case_id_of(report_id: str) -> str:
    """The case that a report opens. It is known before the case exists, so it can key the report's own events."""
    return _uuid5(_CASES, report_id)


def derive(*cause: str) -> str:
    """The identifier that follows from `cause`. The same parts always give the same id."""
    return _uuid5(_CAUSES, "\x1f".join(cause))


def _uuid5(namespace: bytes, name: str) -> str:
    return _uuid(5, sha1(namespace + name.encode(), usedforsecurity=False).hexdigest())


def _uuid(version: int, digits: str) -> str:
    """A UUID (RFC 9562, section 4) of these hexadecimal digits, without the long way through uuid.UUID."""
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-{version}{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
