"""What was typed into a form that was refused until its person signs in: sealed, and given back to this person alone.

First the sealed draft stands in the sign-in page, and no browser but the one that sent the form can use it. After the
sign-in it waits under the new session, and the person gets it back at the address to which the form was sent.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from os import urandom

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

DRAFT_LIFE = timedelta(minutes=10)
"""How long a draft waits after the sign-in. Until then the page can be loaded again."""
LONGEST_DRAFT = 200_000
"""Characters of a sealed draft; every form within its limits has less."""
_NONCE = 12


@dataclass(frozen=True, slots=True)
class Draft:
    """The fields of a form that was sent to `path`. `owner` is the mark of its person (shared.web.csrf)."""

    path: str
    owner: str
    fields: Mapping[str, Sequence[str]]


class Drafts:
    """Seals drafts (AES-256-GCM) under a key of ours and a secret that only the browser has."""

    def __init__(self, key: bytes) -> None:
        """`key` is the same in every replica."""
        self._key = hmac.digest(key, b"hearth drafts", "sha256")

    def seal(self, draft: Draft, secret: str) -> str:
        """The sealed draft, as URL-safe text. Empty for one that is too long to be carried."""
        nonce = urandom(_NONCE)
        sealed = nonce + self._cipher(secret).encrypt(nonce, orjson.dumps(asdict(draft)), None)
        text = urlsafe_b64encode(sealed).decode()
        return text if len(text) <= LONGEST_DRAFT else ""

    def open(self, sealed: str, secret: str) -> Draft | None:
        """The draft; None for a text that this key and secret did not seal."""
        try:
            data = urlsafe_b64decode(sealed.encode())
            return Draft(**orjson.loads(self._cipher(secret).decrypt(data[:_NONCE], data[_NONCE:], None)))
        except (InvalidTag, ValueError):
            return None

    def _cipher(self, secret: str) -> AESGCM:
        return AESGCM(hmac.digest(self._key, secret.encode(), "sha256"))
