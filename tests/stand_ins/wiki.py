"""A small wiki with OAuth 2.0, with the addresses and answers of MediaWiki's Extension:OAuth."""

import hashlib
import json
import secrets
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI, Form, Request, Response
from starlette.responses import JSONResponse, RedirectResponse

CLIENT, SECRET = "0123456789abcdef0123456789abcdef", "a secret of the consumer"
PROFILE: dict[str, Any] = {
    "sub": 41,
    "username": "Ada Example",
    "editcount": 1200,
    "confirmed_email": True,
    "blocked": False,
    "registered": "20120304050607",
    "groups": ["*", "user", "autoconfirmed"],
    "rights": ["read", "edit"],
    "grants": ["mwoauth-authonly"],
}


@dataclass
class WikiStandIn:
    """The wiki. `profile` is what it says of whoever signs in."""

    issuer: str = "https://wiki.example/w/rest.php"
    profile: dict[str, Any] = field(default_factory=lambda: dict(PROFILE))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    issued: set[str] = field(default_factory=set)
    down: bool = False

    def issue(self, **changed: Any) -> str:
        """An access token that the wiki answers for. Its signature is nothing that anyone else can check."""
        at = time.time()
        claims = {"aud": CLIENT, "jti": secrets.token_hex(8), "iat": at, "nbf": at, "exp": at + 14400, **changed}
        parts = ({"typ": "JWT", "alg": "RS256"}, claims)
        token = ".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
        self.issued.add(f"{token}.c2lnbmVk")
        return f"{token}.c2lnbmVk"

    @property
    def app(self) -> FastAPI:
        """What answers under the wiki's host."""
        app = FastAPI()
        router = APIRouter(prefix="/w/rest.php/oauth2")

        @app.middleware("http")
        async def watch(request: Request, go_on: Any) -> Response:
            return Response("gone fishing", 503) if self.down else await go_on(request)

        @router.get("/authorize")
        def authorize(request: Request) -> Response:
            asked = dict(request.query_params)
            assert (asked["client_id"], asked["response_type"], asked["code_challenge_method"]) == (
                CLIENT,
                "code",
                "S256",
            )
            code = secrets.token_urlsafe(16)
            self.codes[code] = asked
            return RedirectResponse(
                f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 302
            )

        @router.post("/access_token")
        def access_token(
            grant_type: str = Form(),
            code: str = Form(),
            code_verifier: str = Form(),
            client_id: str = Form(),
            client_secret: str = Form(),
        ) -> Any:
            asked = self.codes.pop(code, None)
            challenge = urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()
            if (client_id, client_secret) != (CLIENT, SECRET):
                return JSONResponse({"error": "invalid_client", "message": "Client authentication failed"}, 401)
            if grant_type != "authorization_code" or asked is None or asked["code_challenge"] != challenge:
                return JSONResponse({"error": "invalid_grant", "message": "Authorization code has expired"}, 400)
            return {"token_type": "Bearer", "expires_in": 14400, "access_token": self.issue()}

        @router.get("/resource/profile")
        def profile(request: Request) -> Any:
            if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.issued:
                return JSONResponse({"message": "The resource owner or authorization server denied"}, 401)
            return self.profile

        app.include_router(router)
        return app
