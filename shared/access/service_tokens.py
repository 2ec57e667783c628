"""Calls of one service to another. The caller signs each call for one audience and one purpose, for seconds.

A token is a JWT (RFC 7519) signed with Ed25519 (`EdDSA`, RFC 8037). Each process takes a token once. It verifies the
token by the keys of the service that the token names, and by no other keys.
"""

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jwt
from jwt.exceptions import InvalidJTIError, InvalidSubjectError

from shared.access.principal import Grant, Principal, Role
from shared.access.purposes import may_call
from shared.access.service_keys import SigningKey, read_peers, read_ring
from shared.events import Actor
from shared.files import LOOK, WatchedFile
from shared.problems import TokenRefused, Unavailable

TOKEN_LIFE = 30
"""Seconds for which a token of ours is good."""
LONGEST_LIFE = 60
LEEWAY = 60
"""Seconds by which the clocks of two machines may differ."""
PUBLIC_FOR = 30.0
"""Seconds that a key has to be public before its owner signs with it."""
REMEMBERED_CALLS = 50_000
"""Calls that are remembered until their tokens have expired. 400 calls a second would fill it."""

ALGORITHM = "EdDSA"
TYPE = "hearth-service+jwt"
LONGEST_TOKEN = 4_096
_CLAIMS = ("iss", "sub", "aud", "purpose", "iat", "exp", "jti")
_HEADERS = {"alg", "kid", "typ"}

TokenFault = Literal[
    "malformed", "algorithm", "unknown_key", "signature", "issuer", "audience", "expired", "not_yet", "claims", "life",
    "purpose", "replayed",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """Which service calls, for which purpose, and on behalf of which person (None: its own)."""

    service: str
    purpose: str
    behalf: Actor | None = None

    def principal(self) -> Principal:
        """The caller, as shared.access.table sees it."""
        return Principal(
            issuer_of(self.service), (Grant(Role.SERVICE),), purposes=(self.purpose,), behalf=self.behalf
        )  # fmt: skip


def issuer_of(service: str) -> str:
    """The name of a service in tokens and in events."""
    return f"service:{service}"


class ServiceSigner:
    """Signs the calls of one service, with its newest key that every other service has had time to read."""

    def __init__(
        self, service: str, keys: Path, peers: Path, *, look: float = LOOK, public_for: float = PUBLIC_FOR
    ) -> None:
        self._service = service
        self._ring = WatchedFile(keys, read_ring, look=look)
        self._peers = WatchedFile(peers, read_peers, look=look)
        self._public_for = public_for

    def authorization(self, audience: str, purpose: str, behalf: Actor | None = None) -> str:
        """The Authorization header of one request to the service `audience`; each request needs a new one.

        Raises ValueError for a purpose for which this service makes no calls, and Unavailable as `token` does.
        """
        if not may_call(self._service, purpose):
            raise ValueError(f"{self._service} makes no calls for the purpose {purpose}")
        return f"Bearer {self.token(audience, purpose, behalf)}"

    def token(self, audience: str, purpose: str, behalf: Actor | None = None) -> str:
        """A token for one call. Raises Unavailable while there is no key to sign with."""
        at = int(time.time())
        issuer = issuer_of(self._service)
        claims: dict[str, Any] = {
            "iss": issuer,
            "sub": issuer,
            "aud": audience,
            "purpose": purpose,
            "iat": at,
            "exp": at + TOKEN_LIFE,
            "jti": secrets.token_urlsafe(16),
        }
        if behalf:
            claims["behalf"] = {"ref": behalf.ref, "role": behalf.role}
        key = self._key(at)
        return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.kid, "typ": TYPE})

    def _key(self, at: int) -> SigningKey:
        peers = self._peers.current()
        ours = [key for key in self._ring.current() if key.kid in peers and peers[key.kid].service == self._service]
        if not ours:
            raise Unavailable(f"no key of {self._service} is public")
        # Newest first. Where no key has been public for long, the oldest has been public for longest.
        return next((key for key in ours if key.published + self._public_for <= at), ours[-1])


class ServiceVerifier:
    """Reads the tokens that other services send to the service `audience`."""

    def __init__(self, audience: str, peers: Path, *, look: float = LOOK, remembered: int = REMEMBERED_CALLS) -> None:
        self._audience = audience
        self._peers = WatchedFile(peers, read_peers, look=look)
        self._seen = _Seen(remembered)

    def read(self, token: str, *purposes: str) -> ServiceCall:
        """The call that a token stands for, if it is for one of `purposes` (without any: for all). It is read once.

        Raises TokenRefused (401). Raises Unavailable while there are no keys to verify with, or too many calls to
        remember.
        """
        claims, service = self._verified(token)
        purpose = claims["purpose"]
        if not may_call(service, purpose) or (purposes and purpose not in purposes):
            raise TokenRefused("purpose")
        call = ServiceCall(service, purpose, _behalf(claims.get("behalf")))
        self._seen.note(f"{service} {claims['jti']}", claims["exp"] + LEEWAY)
        return call

    def _verified(self, token: str) -> tuple[dict[str, Any], str]:
        """The claims, and the service that owns the key."""
        try:
            if len(token) > LONGEST_TOKEN:
                raise TokenRefused("malformed")
            header = jwt.get_unverified_header(token)
            if header.get("alg") != ALGORITHM or header.get("typ") != TYPE or not header.keys() <= _HEADERS:
                raise TokenRefused("algorithm")
            key = self._peers.current().get(header.get("kid", ""))
            if key is None:
                raise TokenRefused("unknown_key")
            issuer = issuer_of(key.service)
            claims: dict[str, Any] = jwt.decode(
                token,
                key.public,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=issuer,
                leeway=LEEWAY,
                options={"require": list(_CLAIMS), "strict_aud": True},
            )
        except (jwt.InvalidTokenError, ValueError, OverflowError, RecursionError) as error:
            # Absurd numbers and a thousand brackets cause errors that are not the library's own.
            raise TokenRefused(_reason(error)) from None
        if claims["sub"] != issuer:
            raise TokenRefused("issuer")
        iat, exp, jti = claims["iat"], claims["exp"], claims["jti"]
        if type(iat) is not int or type(exp) is not int or not 0 < exp - iat <= LONGEST_LIFE:
            raise TokenRefused("life")
        if not isinstance(claims["purpose"], str) or not isinstance(jti, str) or not 16 <= len(jti) <= 64:
            raise TokenRefused("claims")
        return claims, key.service


def _reason(error: Exception) -> TokenFault:
    reasons: tuple[tuple[type[Exception], TokenFault], ...] = (
        (jwt.ExpiredSignatureError, "expired"),
        (jwt.ImmatureSignatureError, "not_yet"),
        (jwt.InvalidSignatureError, "signature"),
        (jwt.InvalidAudienceError, "audience"),
        (jwt.InvalidIssuerError, "issuer"),
        (jwt.InvalidAlgorithmError, "algorithm"),
        (jwt.MissingRequiredClaimError, "claims"),
        (jwt.InvalidIssuedAtError, "claims"),
        (InvalidSubjectError, "claims"),
        (InvalidJTIError, "claims"),
    )
    return next((reason for kind, reason in reasons if isinstance(error, kind)), "malformed")


def _behalf(claim: object) -> Actor | None:
    match claim:
        case None:
            return None
        case {"ref": str(ref), "role": str(role)} if 0 < len(ref) <= 200 and 0 < len(role) <= 40:
            return Actor(ref, role)
        case _:
            raise TokenRefused("claims")


class _Seen:
    """The tokens that were read and have not expired. Bounded, because memory is."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        # When each expires, in seconds since 1970; about in that order, because all tokens live about as long.
        self._until: dict[str, int] = {}

    def note(self, token_id: str, until: int) -> None:
        """Remember a token. Raises TokenRefused for one that was read before, Unavailable if there is no room."""
        self._forget_the_dead()
        if token_id in self._until:
            raise TokenRefused("replayed")
        if len(self._until) >= self._bound:
            # A token that is forgotten early could be used again, so nobody is let in for a moment.
            raise Unavailable("too many calls of services to remember")
        self._until[token_id] = until

    def _forget_the_dead(self) -> None:
        at = time.time()
        while self._until:
            oldest = next(iter(self._until))
            if self._until[oldest] > at:
                return
            del self._until[oldest]
