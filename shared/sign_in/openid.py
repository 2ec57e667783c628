"""Any OpenID Connect provider, by discovery. joserfc and Authlib validate the tokens; this module says by which
rules.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from authlib.common.urls import add_params_to_uri  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from authlib.oidc.discovery import get_well_known_url  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import BadSignatureError, ClaimError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry, Token

from shared.http import AsyncBaseTransport
from shared.own_names import Proof, Trust
from shared.problems import Unavailable
from shared.sign_in.addresses import is_private
from shared.sign_in.attempts import SKEW, Logout, Registration, Shown, SignInAttempt, SignInRefused
from shared.sign_in.cached import Cached
from shared.sign_in.client import Json, OAuthClient, proof_of, text_of
from shared.sign_in.identity import PROOF_LIFE, Account, Claim, Identity, read_names
from shared.times import now
from shared.web.redirects import redirect_page

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""Signatures that only the provider can make. `none`, and those with a shared secret (HS…), are not among them."""
RENEWED = timedelta(minutes=1)
"""How old discovery may be when a person leaves for the provider. So a provider that is down is noticed."""
USABLE = timedelta(minutes=10)
"""How old discovery and keys may be when a token is read. A key that the provider withdraws is good for no longer."""
KEYS_PACE = timedelta(seconds=10)
"""Least time between two readings of the keys. Otherwise anyone could make us ask all the time."""
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_AGE = timedelta(minutes=10)
"""How old a logout token may be. A token without an end could otherwise be sent again for ever."""
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_OFFERED = ("userinfo_endpoint", "end_session_endpoint")
_BROWSED = ("authorization_endpoint", "end_session_endpoint")
CLAIMS = (
    # Keycloak gives a user name to one account only; a realm where people may change it must not sign responders in.
    Claim("preferred_username", "name", Trust.ACCOUNT),
    Claim("name", "name", Trust.TYPED),
    Claim("nickname", "name", Trust.TYPED),
    Claim("email", "address", Trust.PROVED, "email_verified"),
)
"""How far each name shows who a person is (OpenID Connect Core, 5.1). `sub` is no name: nobody writes it in a report.
"""
_LEEWAY = int(SKEW.total_seconds())
LONGEST_LOGOUT_TOKEN = 16_384
"""Characters of a logout token. Those of Keycloak have about a thousand."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class OpenId:
    """A provider of OpenID Connect Core 1.0: authorization code, PKCE, state and nonce."""

    def __init__(
        self,
        registration: Registration,
        transport: AsyncBaseTransport | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Asks the provider nothing yet."""
        self.issuer = registration.issuer
        self.name = urlsplit(registration.issuer).netloc
        self._registration = registration
        self._client = OAuthClient(registration, transport)
        self._clock = clock
        self._metadata = Cached[Json](clock)
        self._keys = Cached[KeySet](clock)

    async def begin(self, state: str, attempt: SignInAttempt) -> str:
        """Where to send the browser. Raises Unavailable while the provider is down."""
        metadata = await self._discover(RENEWED)
        # auth_time is required in the answer to max_age (OpenID Connect Core, 2).
        again = {"prompt": "login", "max_age": "0"} if attempt.fresh else {}
        return self._client.authorization_address(
            metadata["authorization_endpoint"],
            state,
            attempt,
            scope="openid profile email",
            nonce=attempt.nonce,
            **again,
        )

    async def finish(self, attempt: SignInAttempt, code: str, iss: str | None = None) -> Identity:
        """Who signed in. `iss` is what the redirect said (RFC 9207). Raises SignInRefused and Unavailable."""
        if iss is not None and iss != self.issuer:
            raise SignInRefused("issuer-mixed-up")
        metadata = await self._discover(USABLE)
        token = await self._client.fetch_token(
            metadata["token_endpoint"], code, attempt.verifier, _client_method(metadata, self._registration)
        )
        if not isinstance(token.get("id_token"), str):
            raise SignInRefused("id-token-missing")
        claims = await self._read_id_token(
            metadata, token["id_token"], token["access_token"], [self._registration.client_id], attempt.nonce
        )
        return Identity(
            self.issuer,
            claims["sub"],
            next(iter(text_of(claims, "sid")), None),
            self._authenticated_at(claims.get("auth_time"), attempt),
            proof_of(token),
        )

    async def prove(self, proof: Proof, clients: Collection[str]) -> Account:
        """The account of a sign-in at one of these clients that happened just now, with what the provider tells of it.

        The provider has signed the ID token, and answers for the access token itself. Raises SignInRefused and
        Unavailable.
        """
        metadata = await self._discover(USABLE)
        claims = await self._read_id_token(metadata, proof.id_token or "", proof.access_token, list(clients))
        if self._clock() - _time(claims["iat"], "id-token-iat") > PROOF_LIFE + SKEW:
            raise SignInRefused("proof-old")
        told = await self._read_userinfo(metadata, proof, claims["sub"])
        return Account(self.issuer, claims["sub"], read_names(CLAIMS, claims, told))

    async def farewell(self, back: str) -> str | None:
        """Where a person can end the provider's own session and come `back`; None if there is no such place, or no
        answer.

        It is sent without an ID token, which Hearth does not keep. So the provider asks the person to confirm.
        """
        try:
            endpoint = (await self._discover(USABLE)).get("end_session_endpoint")
        except (SignInRefused, Unavailable):
            return None
        if not endpoint:
            return None
        told = [("client_id", self._registration.client_id), ("post_logout_redirect_uri", back)]
        return str(add_params_to_uri(endpoint, told))

    async def read_logout(self, logout_token: str) -> Logout:
        """The sessions that end (OpenID Connect Back-Channel Logout 1.0, 2.6). Raises SignInRefused and Unavailable."""
        # The shape is checked first, so that a stranger cannot make us ask the provider.
        if len(logout_token) > LONGEST_LOGOUT_TOKEN or not _TOKEN.fullmatch(logout_token):
            raise SignInRefused("logout-token-malformed")
        metadata = await self._discover(USABLE)
        claims = (await self._decode(metadata, logout_token, "logout-token")).claims
        at = self._clock()
        rules = _LogoutClaims(
            int(at.timestamp()),
            _LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._registration.client_id},
            iat={"essential": True},
            jti={"essential": True},
            events={"essential": True},
        )
        try:
            rules.validate(claims)
        except ClaimError as error:
            raise SignInRefused(_reason("logout-token", error)) from None
        issued_at = _time(claims["iat"], "logout-token-iat")
        if at - issued_at > LOGOUT_AGE + SKEW:
            raise SignInRefused("logout-token-expired")
        token = hashlib.sha256(f"{self.issuer}\x1f{claims['jti']}".encode()).hexdigest()
        sid, subject = claims.get("sid"), claims.get("sub")
        return Logout(self.issuer, subject, sid, token, issued_at, issued_at + LOGOUT_AGE + 2 * SKEW)

    async def aclose(self) -> None:
        """Let the connections to the provider go."""
        await self._client.aclose()

    async def _read_id_token(
        self, metadata: Json, id_token: str, access_token: str, clients: list[str], nonce: str | None = None
    ) -> Json:
        """The claims of the ID token, which is for one of `clients`. `nonce` is that of the attempt, if it is known."""
        decoded = await self._decode(metadata, id_token, "id-token")
        # aud is named, because Authlib accepts a foreign one when azp names us.
        options: dict[str, Json] = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "values": clients},
        }
        said = _texts([audience] if isinstance(audience := decoded.claims.get("aud"), str) else audience)
        params = {
            "nonce": nonce,
            "client_id": next((client for client in clients if client in said), ""),
            "access_token": access_token,
        }
        claims = CodeIDToken(decoded.claims, decoded.header, options, params)
        try:
            claims.validate(int(self._clock().timestamp()), _LEEWAY)
        except ClaimError as error:
            raise SignInRefused(_reason("id-token", error)) from None
        if not claims["sub"]:
            raise SignInRefused("id-token-sub")
        return dict(claims)

    async def _read_userinfo(self, metadata: Json, proof: Proof, subject: str) -> Json:
        # A provider may tell names and addresses only here (OpenID Connect Core, 5.4), and recusal needs all of them.
        if not metadata.get("userinfo_endpoint"):
            return {}
        told = await self._client.get(metadata["userinfo_endpoint"], proof.access_token)
        if told.get("sub") != subject:
            raise SignInRefused("userinfo-of-another")
        return told

    async def _decode(self, metadata: Json, token: str, kind: str) -> Token:
        algorithms = ALGORITHMS.intersection(_texts(metadata.get("id_token_signing_alg_values_supported", ["RS256"])))
        if not algorithms:
            # Without a list the library would allow its own, which holds shared secrets.
            raise SignInRefused(f"{kind}-algorithm")
        registry = JWSRegistry(algorithms=sorted(algorithms), strict_check_header=False)
        try:
            try:
                return jwt.decode(token, await self._read_keys(metadata, USABLE), registry=registry)
            except (InvalidKeyIdError, BadSignatureError):
                # A provider that has new keys may give them old names, or none.
                return jwt.decode(token, await self._read_keys(metadata, KEYS_PACE), registry=registry)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise SignInRefused(f"{kind}-{(getattr(error, 'error', '') or 'malformed').replace('_', '-')}") from None

    async def _discover(self, newest: timedelta) -> Json:
        return await self._metadata.get(newest, self._read_metadata)

    async def _read_metadata(self) -> Json:
        found = await self._client.get(get_well_known_url(self.issuer, external=True))
        if found.get("issuer") != self.issuer:
            raise SignInRefused("discovery-of-another")
        offered = [found[name] for name in _OFFERED if found.get(name) is not None]
        for address in (*(found.get(name) for name in _NEEDED), *offered):
            if not isinstance(address, str) or not is_private(address):
                raise SignInRefused("discovery-malformed")
        if not all(_leads_there(found[name]) for name in _BROWSED if found.get(name) is not None):
            raise SignInRefused("discovery-malformed")
        return found

    async def _read_keys(self, metadata: Json, newest: timedelta) -> KeySet:
        async def read() -> KeySet:
            found = await self._client.get(metadata["jwks_uri"])
            try:
                return KeySet.import_key_set({"keys": found["keys"]})
            except (JoseError, ValueError, TypeError, KeyError):
                raise SignInRefused("keys-malformed") from None

        return await self._keys.get(newest, read)

    def _authenticated_at(self, auth_time: object, attempt: SignInAttempt) -> datetime | None:
        """When the person proved who they are. For a fresh attempt that must be after it began."""
        if not isinstance(auth_time, int | float):
            if attempt.fresh:
                raise SignInRefused("auth-time-missing", Shown.NOT_FRESH)
            return None
        told = _time(auth_time, "id-token-auth_time")
        if attempt.fresh:
            if told < attempt.began_at - SKEW:
                raise SignInRefused("auth-time-old", Shown.NOT_FRESH)
            told = max(told, attempt.began_at)
        return min(told, self._clock())


class _LogoutClaims(JWTClaimsRegistry):
    """The rules of a logout token beyond those of any JWT (Back-Channel Logout 1.0, 2.4)."""

    def validate(self, claims: Json) -> None:
        """Raises a ClaimError of joserfc."""
        super().validate(claims)
        if "nonce" in claims:
            # Otherwise an ID token could be shown here.
            raise ClaimError("nonce", "a logout token has none")
        if not text_of(claims, "sub", "sid"):
            raise ClaimError("sid", "neither sub nor sid")

    def validate_events(self, value: object) -> None:
        """The event must be a logout."""
        if not isinstance(value, dict) or not isinstance(value.get(LOGOUT_EVENT), dict):
            raise ClaimError("events", "no logout")

    def validate_sid(self, value: object) -> None:
        """A text, if any."""
        if not isinstance(value, str) or not value:
            raise ClaimError("sid", "no text")


def _client_method(metadata: Json, registration: Registration) -> str | None:
    """How to prove who we are at the token endpoint. None leaves it to Authlib: Basic with a secret, else nothing."""
    offered = _texts(metadata.get("token_endpoint_auth_methods_supported", ()))
    if registration.client_secret and "client_secret_post" in offered and "client_secret_basic" not in offered:
        return "client_secret_post"
    return None


def _leads_there(address: str) -> bool:
    """Whether a browser can be sent there with our parameters."""
    try:
        redirect_page(add_params_to_uri(address, [("state", "a")]))
    except ValueError:
        return False
    return True


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, Iterable) else []


def _time(seconds: float, reason: str) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise SignInRefused(reason) from None


def _reason(kind: str, error: ClaimError) -> str:
    """`id-token-aud` and the like; `id-token-expired`."""
    return f"{kind}-expired" if error.error == "expired_token" else f"{kind}-{error.claim or 'claims'}"
