"""Tokens of programs: a prefix by which leak scanners find them, 160 random bits, and a checksum.

`hearth_pat_…` stands for a person, `hearth_int_…` for an integrator. Only the SHA-256 of a token is stored. With so
many random bits no slow hash is needed.
"""

import hashlib
import re
import secrets
import zlib
from typing import Literal

Kind = Literal["pat", "int"]
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # pragma: allowlist secret
"""Crockford's base32, in small letters."""
_SECRET = 32
_CHECK = 7
TOKEN = re.compile(rf"hearth_(pat|int)_([{ALPHABET}]{{{_SECRET}}})([{ALPHABET}]{{{_CHECK}}})")


def make_token(kind: Kind) -> str:
    """A new token. It is shown once and never stored."""
    body = f"hearth_{kind}_{''.join(secrets.choice(ALPHABET) for _ in range(_SECRET))}"
    return body + _checksum(body)


def kind_of(token: str) -> Kind | None:
    """Whether the token is of a person or an integrator. None for a text that cannot be a token of ours."""
    match = TOKEN.fullmatch(token)
    if match is None or _checksum(token[:-_CHECK]) != match[3]:
        return None
    return "pat" if match[1] == "pat" else "int"


def hash_token(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    return "".join(ALPHABET[number >> shift & 31] for shift in range(5 * (_CHECK - 1), -1, -5))
