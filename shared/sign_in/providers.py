"""The kinds of providers through which people sign in. A new kind is a class, with its table of CLAIMS, and a row in
PROVIDERS.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from shared.own_names import Proof
from shared.sign_in.attempts import Logout, Registration, SignInAttempt
from shared.sign_in.identity import Account, Identity
from shared.sign_in.mediawiki import MediaWiki
from shared.sign_in.openid import OpenId
from shared.sign_in.settings import ProofSettings, SignInSettings


class Provider(Protocol):
    """What the sign-in pages need of a provider. `name` is its host, by which people know it."""

    issuer: str
    name: str

    async def begin(self, state: str, attempt: SignInAttempt) -> str: ...

    async def finish(self, attempt: SignInAttempt, code: str, iss: str | None = None) -> Identity: ...

    async def prove(self, proof: Proof, clients: Collection[str]) -> Account: ...

    async def farewell(self, back: str) -> str | None: ...

    async def read_logout(self, logout_token: str) -> Logout: ...

    async def aclose(self) -> None: ...


PROVIDERS: Mapping[str, Callable[[Registration], Provider]] = {
    "openid": OpenId,
    "mediawiki": MediaWiki,
}


def make_provider(settings: SignInSettings, *, address: str, home: str) -> Provider:
    """The provider of a service. `address` is the service's own, and its pages stand under `home`."""
    return PROVIDERS[settings.sign_in_provider](settings.registration(callback_address(address, home)))


def make_prover(settings: ProofSettings, address: str) -> Provider:
    """The provider for intake, which signs nobody in and only asks who did. `address` is intake's own."""
    return PROVIDERS[settings.sign_in_provider](Registration(settings.sign_in_issuer, "", None, address))


def callback_address(address: str, home: str) -> str:
    """Where a browser comes back to. The provider must know it. It follows from settings, never from a request."""
    return f"{address.rstrip('/')}{home}/sign-in/callback"
