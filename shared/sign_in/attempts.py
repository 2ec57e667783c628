"""One attempt to sign in: what is kept of it while the browser is at the provider, and why it may fail."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeGuard

from shared.problems import Unavailable

ATTEMPT_LIFE = timedelta(minutes=10)
"""How long a person may take at the provider."""
SKEW = timedelta(seconds=60)
"""How far the provider's clock and ours may be apart."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """What the callback must find again. `key` and `browser` are SHA-256 of the state and of the browser's cookie.

    `fresh`: the person must sign in now, even if the provider still knows them. `draft`: what the person had typed,
    sealed (shared.sign_in.drafts). Times are UTC-aware.
    """

    key: str
    browser: str
    nonce: str
    verifier: str
    next: str
    fresh: bool
    began_at: datetime
    draft: str = ""

    def is_over(self, at: datetime) -> bool:
        """Whether the person took too long."""
        return at - self.began_at >= ATTEMPT_LIFE


def new_secret() -> str:
    """32 random bytes in base64url without padding: 43 characters, which is also a PKCE verifier (RFC 7636, 4.1)."""
    return secrets.token_urlsafe(32)


def is_secret(text: str | None) -> TypeGuard[str]:
    """Whether the text has the shape of a secret of new_secret."""
    return text is not None and _SECRET.fullmatch(text) is not None


def hash_of(secret: str) -> str:
    """What is stored of a secret that only a browser holds: its SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Shown(StrEnum):
    """What a page says about a refusal. Each has a message `sign-in-refused-…`."""

    ATTEMPT = "attempt"
    """The attempt is unknown, over or already used, or another browser began it."""
    DENIED = "denied"
    """The person, or the provider, said no."""
    ANSWER = "answer"
    """What the provider sent cannot be relied on."""
    NOT_FRESH = "not-fresh"
    """The provider did not ask the person again."""
    BLOCKED = "blocked"
    UNCONFIRMED = "unconfirmed"
    AWAY = "away"
    """The provider does not answer."""
    OURS_AWAY = "ours-away"
    """A system of ours that a sign-in needs does not answer."""


class ProviderAway(Unavailable):
    """The sign-in provider does not answer for now."""


class SignInRefused(Exception):
    """A sign-in or sign-out that is refused. `reason` is for the record: stable, and it names nobody. `shown` is for
    the page.
    """

    def __init__(self, reason: str, shown: Shown = Shown.ANSWER) -> None:
        super().__init__(reason)
        self.reason = reason
        self.shown = shown


@dataclass(frozen=True, slots=True)
class Registration:
    """What provider and service know of each other. `callback` is the whole address to which a browser comes back."""

    issuer: str
    client_id: str
    client_secret: str | None
    callback: str


@dataclass(frozen=True, slots=True)
class Logout:
    """A back-channel logout: of one session of the provider (`sid`), and of all sessions of `subject`.

    Where both are named, the standard would spare the other sessions. But Keycloak names one session when it has ended
    all (keycloak/keycloak 22914), and to end a session too many is better than one too few. `token` is the same for the
    same logout token. It may be used between `issued_at` and `until` (UTC-aware).
    """

    issuer: str
    subject: str | None
    sid: str | None
    token: str
    issued_at: datetime
    until: datetime
