"""MediaWiki's OAuth 2.0 (Extension:OAuth): a responder signs in with a wiki account. There is no ID token.

`{rest}/oauth2/resource/profile` says who signed in, over TLS, for the access token of the code. The wiki has signed
this token. Nobody else can verify it, but the wiki answers only for its own. The wiki does not say when a person last
typed a password, and cannot be asked to ask again. So the time of the redirect counts as the time of the sign-in. A
fresh sign-in shows only that this browser still has a session at the wiki.
"""

from base64 import urlsafe_b64decode
from collections.abc import Callable, Collection
from datetime import datetime
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, StrictBool, StrictInt, StrictStr, ValidationError

from shared.http import AsyncBaseTransport
from shared.own_names import Proof, Trust
from shared.sign_in.attempts import SKEW, Logout, Registration, Shown, SignInAttempt, SignInRefused
from shared.sign_in.client import Json, OAuthClient, proof_of
from shared.sign_in.identity import PROOF_LIFE, Account, Claim, Identity, read_names
from shared.times import now

CLAIMS = (
    Claim("username", "name", Trust.ACCOUNT),
    Claim("realname", "name", Trust.TYPED),
    Claim("email", "address", Trust.PROVED, "confirmed_email"),
)
"""How far each name of a profile shows who a person is. A wiki gives each user name to one account only."""


class Profile(BaseModel):
    """What Hearth reads of a profile. It leaves group memberships and rights to the wiki."""

    sub: StrictInt | StrictStr
    username: str
    blocked: StrictBool
    confirmed_email: StrictBool


class MediaWiki:
    """A wiki, or the wiki that keeps the accounts of many wikis. Its issuer is the address of its REST API."""

    def __init__(
        self,
        registration: Registration,
        transport: AsyncBaseTransport | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`registration.issuer` is such as `https://meta.wikimedia.org/w/rest.php`. Asks the wiki nothing yet."""
        self.issuer = registration.issuer.rstrip("/")
        self.name = urlsplit(registration.issuer).netloc
        self._client = OAuthClient(registration, transport)
        self._method = "client_secret_post" if registration.client_secret else None
        self._clock = clock

    async def begin(self, state: str, attempt: SignInAttempt) -> str:
        """Where to send the browser."""
        return self._client.authorization_address(f"{self.issuer}/oauth2/authorize", state, attempt)

    async def finish(self, attempt: SignInAttempt, code: str, iss: str | None = None) -> Identity:
        """Who signed in. Raises Unavailable, and SignInRefused, also for a blocked account or one without a confirmed
        address.
        """
        if iss is not None and iss != self.issuer:
            raise SignInRefused("issuer-mixed-up")
        token = await self._client.fetch_token(
            f"{self.issuer}/oauth2/access_token", code, attempt.verifier, self._method
        )
        proof = proof_of({"access_token": token["access_token"]})
        profile, _ = await self._read_profile(proof)
        return Identity(self.issuer, str(profile.sub), None, self._clock(), proof)

    async def prove(self, proof: Proof, clients: Collection[str]) -> Account:
        """The account of a sign-in at one of these clients that happened just now, with what the wiki tells of it.

        The wiki answers for the access token, so it is one of the wiki's own, and what it says holds: the client and
        the time. Raises SignInRefused and Unavailable.
        """
        profile, told = await self._read_profile(proof)
        said = _claims_in(proof.access_token)
        audience, issued = said.get("aud"), said.get("iat")
        known = audience if isinstance(audience, list) else [audience]
        if not known or any(client not in clients for client in known):
            raise SignInRefused("proof-of-another-client")
        age = self._clock().timestamp() - issued if isinstance(issued, int | float) else None
        if age is None or age > (PROOF_LIFE + SKEW).total_seconds():
            raise SignInRefused("proof-old")
        return Account(self.issuer, str(profile.sub), read_names(CLAIMS, told))

    async def _read_profile(self, proof: Proof) -> tuple[Profile, Json]:
        told = await self._client.get(f"{self.issuer}/oauth2/resource/profile", proof.access_token)
        try:
            profile = Profile.model_validate(told)
        except ValidationError:
            raise SignInRefused("profile-malformed") from None
        # Account numbers begin at 1. A wiki says 0 of a person without an account at the wiki that keeps the accounts.
        if str(profile.sub) in ("", "0") or not profile.username:
            raise SignInRefused("profile-malformed")
        if profile.blocked:
            raise SignInRefused("account-blocked", Shown.BLOCKED)
        if not profile.confirmed_email:
            raise SignInRefused("account-unconfirmed", Shown.UNCONFIRMED)
        return profile, told

    async def farewell(self, back: str) -> str | None:
        """None, because a wiki offers no way to end its session from elsewhere."""
        return None

    async def read_logout(self, logout_token: str) -> Logout:
        """Always raises SignInRefused, because a wiki sends no logouts."""
        raise SignInRefused("logout-not-offered")

    async def aclose(self) -> None:
        """Let the connections to the wiki go."""
        await self._client.aclose()


def _claims_in(token: str) -> Json:
    """What a JSON Web Token says (RFC 7519), without a look at its signature. Raises SignInRefused."""
    try:
        body = token.split(".")[1]
        found = orjson.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError):
        raise SignInRefused("proof-malformed") from None
    if not isinstance(found, dict):
        raise SignInRefused("proof-malformed")
    return found
