"""MediaWiki's OAuth 2.0 (Extension:OAuth): a responder signs in with a wiki account. There is no ID token.

`{rest}/oauth2/resource/profile` says who signed in, over TLS, for the token of the code. The wiki does not say when a
person last typed a password, and cannot be asked to ask again. So the time of the redirect counts as the time of the
sign-in. A fresh sign-in shows only that this browser still has a session at the wiki.
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
    """What Hearth reads of a profile. It leaves group memberships and rights to the wiki."""

    sub: StrictInt | StrictStr
    username: str
    blocked: StrictBool
    confirmed_email: StrictBool
    realname: str | None = None
    email: str | None = None


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
        told = await self._client.get(f"{self.issuer}/oauth2/resource/profile", token["access_token"])
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
        """None, because a wiki offers no way to end its session from elsewhere."""
        return None

    async def read_logout(self, logout_token: str) -> Logout:
        """Always raises SignInRefused, because a wiki sends no logouts."""
        raise SignInRefused("logout-not-offered")

    async def aclose(self) -> None:
        """Let the connections to the wiki go."""
        await self._client.aclose()
