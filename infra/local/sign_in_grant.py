"""What the demo's provider does beyond its library, when it gives out a code and takes it back."""

from dataclasses import dataclass, fields
from typing import Any

import flask
from authlib.oauth2.rfc6749.errors import InvalidRequestError  # type: ignore[import-untyped]
from authlib.oauth2.rfc7636 import CodeChallenge  # type: ignore[import-untyped]
from oidc_provider_mock import _app as library  # type: ignore[import-untyped]
from oidc_provider_mock._storage import AuthorizationCode, storage  # type: ignore[import-untyped]


@dataclass(kw_only=True, frozen=True)
class DemoCode(AuthorizationCode):  # type: ignore[misc]  # the library has no types
    """A code that also knows its challenge, and when and in which session the person signed in."""

    code_challenge: str
    code_challenge_method: str
    auth_time: int
    sid: str

    def get_auth_time(self) -> int:
        """When the person chose who they are, in seconds since 1970."""
        return self.auth_time

    def get_acr(self) -> None: ...

    def get_amr(self) -> None: ...


class Grant(library.AuthorizationCodeGrant):  # type: ignore[misc]  # as above
    """The library's grant, with codes that know more."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Store the code under which its token is fetched."""
        super().save_authorization_code(code, request)
        stored = storage.get_authorization_code(code)
        known = {field.name: getattr(stored, field.name) for field in fields(AuthorizationCode)}
        more = {name: flask.request.args[name] for name in ("code_challenge", "code_challenge_method")}
        at, sid = flask.session["auth_time"], flask.session["sid"]
        storage.store_authorization_code(DemoCode(**known, **more, auth_time=at, sid=sid))


class CodeWithProof(CodeChallenge):  # type: ignore[misc]  # as above
    """PKCE (RFC 7636) that no client can leave out, and only with S256."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Raises InvalidRequestError."""
        for name in ("code_challenge", "code_challenge_method"):
            if not flask.request.args.get(name):
                raise InvalidRequestError(f"Missing '{name}'", redirect_uri=redirect_uri)
        super().validate_code_challenge(grant, redirect_uri)


class OpenIdCode(library.OpenIDCode):  # type: ignore[misc]  # as above
    """The library's ID token, with the session that it belongs to."""

    def __init__(self) -> None:
        super().__init__(require_nonce=True, token_max_age=library.timedelta(minutes=5))

    def get_authorization_code_claims(self, authorization_code: DemoCode) -> dict[str, Any]:
        """Claims that come from how the person signed in."""
        return {**super().get_authorization_code_claims(authorization_code), "sid": authorization_code.sid}
