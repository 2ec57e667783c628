"""MediaWiki's OAuth 2.0 (Extension:OAuth): a responder signs in with a wiki account. It has no ID token.

Who somebody is comes from `{rest}/oauth2/resource/profile`, over TLS, with the token that the code was exchanged for.
The wiki does not say when a person last typed a password, and cannot be asked to ask again. So the time of the
completed redirect counts as the time of the sign-in, and a fresh sign-in shows only that this browser still holds the
wiki's session.
"""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from pydantic import BaseModel, StrictBool, StrictInt, StrictStr, ValidationError

from shared.http import AsyncBaseTransport
from shared.sign_in.attempts import Logout, Registration, Shown, SignInAttempt, SignInRefused
from shared.sign_in.client import OAuthClient
from shared.sign_in.identity import Identity
from shared.times import now


class Profile(BaseModel):
    """What Hearth reads of a profile; group memberships and rights are the wiki's own matter."""

    sub: StrictInt | StrictStr
    username: str
    blocked: StrictBool
    confirmed_email: StrictBool
    realname: str | None = None
    email: str | None = None


class MediaWiki:
    """A wiki, or the wiki that keeps the accounts of many; its issuer is the address of its REST API."""

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
        """Who signed in. Raises Refused, also for a blocked account or one without a confirmed address; Unavailable."""
        if iss is not None and iss != self.issuer:
            raise SignInRefused("issuer-mixed-up")
        token = await self._client.fetch_token(
            f"{self.issuer}/oauth2/access_token", code, attempt.verifier, self._method
        )
        told = await self._client.get(f"{self.issuer}/oauth2/resource/profile", token["access_token"])
        try:
            profile = Profile.model_validate(told)
        except ValidationError:
            raise SignInRefused("profile-malformed") from None
        # Account numbers begin at 1; 0 is what a wiki says of somebody who has no account at the wiki that keeps them.
        if str(profile.sub) in ("", "0") or not profile.username:
            raise SignInRefused("profile-malformed")
        if profile.blocked:
            raise SignInRefused("account-blocked", Shown.BLOCKED)
        if not profile.confirmed_email:
            raise SignInRefused("account-unconfirmed", Shown.UNCONFIRMED)
        return Identity(
            issuer=self.issuer,
            subject=str(profile.sub),
            name=profile.username,
            email=profile.email or None,
            sid=None,
            authenticated_at=self._clock(),
            aliases=(profile.realname,) if profile.realname else (),
        )

    async def farewell(self, back: str) -> str | None:
        """None: a wiki offers no way to end its session from elsewhere."""
        return None

    async def read_logout(self, logout_token: str) -> Logout:
        """Always raises Refused: a wiki sends no logouts."""
        raise SignInRefused("logout-not-offered")

    async def aclose(self) -> None:
        """Let the connections to the wiki go."""
        await self._client.aclose()
