"""A small OpenID Connect provider that checks what it is given, and lies in its tokens when a test tells it to."""

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Form, HTTPException, Request, Response
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from joserfc.jws import JWSRegistry
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse

Claims = dict[str, Any]
Typed = Annotated[str, Form()]
CLIENT, SECRET = "hearth-desk", "a secret of the client"
RSA = RSAKey.generate_key(2048, {"kid": "first"}, private=True)
OTHER_RSA = RSAKey.generate_key(2048, {"kid": "second"}, private=True)
EC = ECKey.generate_key("P-256", {"kid": "curve"}, private=True)
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass
class Account:
    """Somebody the provider knows."""

    sub: str = "248289761001"
    claims: Claims = field(default_factory=lambda: {"preferred_username": "Ada Example", "email": "ada@example.org"})


@dataclass
class OidcStandIn:
    """The provider. `spoil` changes the claims of every token; `sign` makes the token; `account` signs in unasked."""

    issuer: str = "https://id.example"
    account: Account = field(default_factory=Account)
    sid: str | None = "op-session-1"
    auth_time: Callable[[], float | None] = time.time
    algorithms: list[str] = field(default_factory=lambda: ["RS256", "ES256"])
    keys: list[RSAKey | ECKey] = field(default_factory=lambda: [RSA, EC])
    key: RSAKey | ECKey | OctKey = field(default_factory=lambda: RSA)
    alg: str = "RS256"
    spoil: Callable[[Claims], Claims] = lambda claims: claims
    sign: Callable[[Claims], str] | None = None
    userinfo: Claims | None = None
    """What is told there; None: what stands in the ID token, too."""
    extra_metadata: Claims = field(default_factory=dict)
    down: bool = False
    refuse: str | None = None
    """Answer the browser with this error in place of a code."""
    ask: bool = False
    """Show people a page with a button, as providers do, in place of going on at once."""
    asked: list[dict[str, str]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def app(self) -> FastAPI:
        """What answers under the issuer's address."""
        app = FastAPI()

        @app.middleware("http")
        async def watch(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
            self.requests.append(request.url.path)
            if self.down:
                return Response("gone fishing", 502)
            return await go_on(request)

        @app.get("/.well-known/openid-configuration")
        def discovery() -> Claims:
            return self.metadata()

        @app.get("/keys")
        def keys() -> Any:
            return KeySet(list(self.keys)).as_dict(private=False)

        @app.get("/authorize")
        def authorize(request: Request, yes: str = "") -> Response:
            asked = dict(request.query_params)
            if self.ask and not yes:
                fields = "".join(f'<input type="hidden" name="{n}" value="{v}">' for n, v in asked.items())
                return HTMLResponse(f"<title>Id</title><form>{fields}<button name=yes value=1>Allow</button></form>")
            asked.pop("yes", None)
            self.asked.append(asked)
            return RedirectResponse(self.answer(asked), 302)

        @app.post("/token")
        def token(request: Request, code: Typed, code_verifier: Typed, redirect_uri: Typed) -> Any:
            asked = self.codes.pop(code, None)
            challenge = urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()
            if request.headers.get("authorization", "")[:6] != "Basic ":
                return JSONResponse({"error": "invalid_client"}, 401)
            if asked is None or asked["redirect_uri"] != redirect_uri or asked["code_challenge"] != challenge:
                return JSONResponse({"error": "invalid_grant"}, 400)
            return {
                "access_token": "access",
                "token_type": "Bearer",
                "expires_in": 60,
                "id_token": self.token(self.spoil(self.id_claims(asked))),
            }

        @app.get("/userinfo")
        def userinfo(request: Request) -> Claims:
            if request.headers.get("authorization") != "Bearer access":
                raise HTTPException(401)
            return self.userinfo or {"sub": self.account.sub, **self.account.claims}

        @app.get("/end")
        def end(client_id: str, post_logout_redirect_uri: str) -> Response:
            assert client_id == CLIENT
            return RedirectResponse(post_logout_redirect_uri)

        return app

    def metadata(self) -> Claims:
        """The discovery document."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/end",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": self.algorithms,
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            **self.extra_metadata,
        }

    def answer(self, asked: dict[str, str]) -> str:
        """Where the browser goes after somebody agreed to `asked`."""
        if self.refuse:
            told = {"error": self.refuse}
        else:
            code = secrets.token_urlsafe(16)
            self.codes[code] = asked
            told = {"code": code}
        return f"{asked['redirect_uri']}?{urlencode({**told, 'state': asked['state']})}"

    def id_claims(self, asked: dict[str, str]) -> Claims:
        """What an honest ID token says."""
        at = int(time.time())
        told = {"sid": self.sid, "auth_time": self.auth_time(), "nonce": asked.get("nonce")}
        return {
            "iss": self.issuer,
            "sub": self.account.sub,
            "aud": CLIENT,
            "iat": at,
            "exp": at + 60,
            **{name: value for name, value in told.items() if value is not None},
            **self.account.claims,
        }

    def logout_token(self, **changed: Any) -> str:
        """A logout token; a change to None leaves a claim out."""
        at = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": at,
            "exp": at + 120,
            "jti": secrets.token_hex(8),
            "events": {LOGOUT: {}},
            "sid": self.sid,
            **changed,
        }
        return self.token({name: value for name, value in claims.items() if value is not None})

    def token(self, claims: Claims) -> str:
        """The claims, signed as the test wants."""
        if self.sign:
            return self.sign(claims)
        header = {"alg": self.alg, "kid": self.key.kid}
        registry = JWSRegistry(algorithms=[self.alg])
        return jwt.encode(header, claims, self.key, registry=registry)
