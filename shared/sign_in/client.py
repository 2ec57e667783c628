"""Authlib's OAuth 2.0 client. Only this module imports it, and it raises Hearth's own errors."""

import logging
import warnings
from collections.abc import Mapping
from typing import Any

from shared.http import AsyncBaseTransport, HTTPError, HTTPStatusError, make_http, make_transport
from shared.own_names import Proof
from shared.sign_in.attempts import ProviderAway, Registration, SignInAttempt, SignInRefused

with warnings.catch_warnings():
    # At every start it would ask for a successor of httpx (infra/decisions/2026-11-28-httpx.md).
    from authlib.deprecate import AuthlibDeprecationWarning  # type: ignore[import-untyped]

    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError  # type: ignore[import-untyped]

log = logging.getLogger(__name__)

TIMEOUT = 5.0
"""Seconds for each step of a request to the provider. A person is waiting."""

Json = dict[str, Any]


class OAuthClient:
    """Sends a browser to a provider, and exchanges its code for a token (RFC 6749, 4.1, with PKCE, RFC 7636)."""

    def __init__(self, registration: Registration, transport: AsyncBaseTransport | None = None) -> None:
        """`transport` stands in for the network, in tests."""
        self._registration = registration
        self._transport = transport or make_transport()
        # Wikimedia asks programs to say who they are.
        home = registration.callback.split("/", 3)
        self._headers = {"User-Agent": f"Hearth (+{'/'.join(home[:3])})", "Accept": "application/json"}
        self._http = make_http(transport=self._transport, seconds=TIMEOUT, connect=TIMEOUT, headers=self._headers)

    def authorization_address(self, endpoint: str, state: str, attempt: SignInAttempt, **more: str) -> str:
        """Where to send the browser."""
        address, _ = self._oauth().create_authorization_url(endpoint, state, attempt.verifier, **more)
        return str(address)

    async def fetch_token(self, endpoint: str, code: str, verifier: str, method: str | None = None) -> Json:
        """The token response for a code. Raises SignInRefused for a code that the provider refuses, and
        ProviderAway.
        """
        # A new client each time, because Authlib keeps the last token in it. The connections are shared.
        oauth = self._oauth(token_endpoint_auth_method=method)
        try:
            token = await oauth.fetch_token(
                endpoint, grant_type="authorization_code", code=code, code_verifier=verifier
            )
        except OAuthError as error:
            if error.error in ("invalid_client", "unauthorized_client"):
                log.error("the sign-in provider does not know this client", extra={"reason": str(error.error)})
            raise SignInRefused("code-refused") from None
        except HTTPStatusError as error:
            raise _refused_or_away(error, "code-refused") from None
        except HTTPError as error:
            raise ProviderAway(f"sign-in provider: {type(error).__name__}") from None
        except ValueError:
            raise SignInRefused("token-response-malformed") from None
        if not isinstance(token.get("access_token"), str):
            raise SignInRefused("token-response-malformed")
        return dict(token)

    async def get(self, address: str, access_token: str | None = None) -> Json:
        """A JSON object of the provider. Raises ProviderAway without an answer, SignInRefused for another answer."""
        headers = {"Authorization": f"Bearer {access_token}"} if access_token else {}
        try:
            answer = (await self._http.get(address, headers=headers)).raise_for_status()
            found = answer.json()
        except HTTPStatusError as error:
            raise _refused_or_away(error, "answer-refused") from None
        except HTTPError as error:
            raise ProviderAway(f"sign-in provider: {type(error).__name__}") from None
        except ValueError:
            raise SignInRefused("answer-malformed") from None
        if not isinstance(found, dict):
            raise SignInRefused("answer-malformed")
        return found

    async def aclose(self) -> None:
        """Let the connections go."""
        await self._http.aclose()

    def _oauth(self, **options: str | None) -> Any:
        known = self._registration
        return AsyncOAuth2Client(
            known.client_id,
            known.client_secret,
            redirect_uri=known.callback,
            code_challenge_method="S256",
            transport=self._transport,
            timeout=TIMEOUT,
            headers=self._headers,
            **options,
        )


def proof_of(token: Json) -> Proof:
    """What a token response proves. Raises SignInRefused for tokens that no provider issues."""
    try:
        return Proof(access_token=token["access_token"], id_token=token.get("id_token"))
    except ValueError:
        raise SignInRefused("token-response-malformed") from None


def _refused_or_away(error: HTTPStatusError, reason: str) -> Exception:
    status = error.response.status_code
    if status >= 500 or status in (404, 429):
        return ProviderAway(f"sign-in provider: HTTP {status}")
    return SignInRefused(reason)


def text_of(values: Mapping[str, object], *names: str) -> tuple[str, ...]:
    """The texts under these names, in order, each once. What is missing, empty or no text is left out."""
    found = (values.get(name) for name in names)
    return tuple(dict.fromkeys(text.strip() for text in found if isinstance(text, str) and text.strip()))
