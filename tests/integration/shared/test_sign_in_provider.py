"""The demo's sign-in provider does what a real one does, as far as Hearth asks for it."""

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from infra.local.sign_in_provider import ACCOUNTS

BACK = "http://127.0.0.1:8002/desk/sign-in/callback"
RESPONDER = ACCOUNTS[0]
Json = dict[str, Any]


class Visitor:
    """A browser at the provider, sent there by a client."""

    def __init__(self, issuer: str) -> None:
        self.http = httpx.Client(base_url=issuer, timeout=20)
        self.found: Json = self.http.get("/.well-known/openid-configuration").raise_for_status().json()
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.asked = {
            "response_type": "code",
            "client_id": "hearth-desk",
            "redirect_uri": BACK,
            "scope": "openid profile email",
            "state": "state-1",
            "nonce": "nonce-1",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }

    def arrive(self, **changed: str | None) -> httpx.Response:
        """Open the page to which the client sent the browser; None leaves a parameter out."""
        asked = {name: value for name, value in (self.asked | changed).items() if value is not None}
        return self.http.get(self.found["authorization_endpoint"], params=asked)

    def choose(self, page: httpx.Response, subject: str) -> Json:
        """What the redirect says after somebody has chosen who they are."""
        return self.back(self.http.post(page.url, data={"sub": subject}))

    @staticmethod
    def back(answer: httpx.Response) -> Json:
        """The parameters with which the browser is sent back."""
        assert answer.status_code == 302, answer.text
        assert answer.headers["location"].startswith(f"{BACK}?")
        return {name: value for name, (value,) in parse_qs(urlsplit(answer.headers["location"]).query).items()}

    def redeem(self, code: str, **changed: str) -> httpx.Response:
        """Fetch the tokens for a code."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": self.verifier}
        return self.http.post(
            self.found["token_endpoint"], data=form | {"client_id": self.asked["client_id"]} | changed
        )

    def claims(self, code: str) -> Json:
        """The claims of the ID token, whose signature holds."""
        token = self.redeem(code).raise_for_status().json()["id_token"]
        (key,) = self.http.get(self.found["jwks_uri"]).json()["keys"]
        found: Json = jwt.decode(
            token, jwt.PyJWK(key).key, algorithms=["RS256"], audience="hearth-desk", issuer=self.found["issuer"]
        )
        return found


@pytest.fixture
def visitor(sign_in_issuer: str) -> Iterator[Visitor]:
    visitor = Visitor(sign_in_issuer)
    yield visitor
    visitor.http.close()


def test_discovery_says_what_it_can(visitor: Visitor, sign_in_issuer: str) -> None:
    assert visitor.found["issuer"] == sign_in_issuer
    assert visitor.found["code_challenge_methods_supported"] == ["S256"]
    assert visitor.found["end_session_endpoint"].startswith(sign_in_issuer)
    assert {"sub", "preferred_username", "email", "auth_time", "sid"} <= set(visitor.found["claims_supported"])


def test_its_pages_load_nothing_from_elsewhere(visitor: Visitor) -> None:
    for page in (visitor.arrive(), visitor.http.get("/"), visitor.arrive(response_type="strange")):
        assert "text/html" in page.headers["content-type"]
        assert "//" not in page.text.replace(visitor.found["issuer"], "")


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.subject)
def test_everybody_of_the_demo_can_sign_in(visitor: Visitor, account: Any) -> None:
    page = visitor.arrive()
    assert account.username in page.text
    told = visitor.choose(page, account.subject)
    assert told["state"] == "state-1"
    claims = visitor.claims(told["code"])
    assert (claims["sub"], claims["nonce"]) == (account.subject, "nonce-1")
    assert (claims["preferred_username"], claims["email"]) == (account.username, account.email)
    assert abs(claims["auth_time"] - time.time()) < 30
    assert claims["sid"]


def test_who_is_signed_in_is_not_asked_again_by_another_client(visitor: Visitor) -> None:
    first = visitor.claims(visitor.choose(visitor.arrive(), RESPONDER.subject)["code"])
    second = visitor.claims(visitor.back(visitor.arrive(state="state-2"))["code"])
    assert (second["sub"], second["sid"], second["auth_time"]) == (first["sub"], first["sid"], first["auth_time"])


@pytest.mark.parametrize("fresh", [{"prompt": "login"}, {"max_age": "0"}, {"prompt": "login", "max_age": "0"}])
def test_a_fresh_sign_in_is_one(visitor: Visitor, fresh: dict[str, str]) -> None:
    before = visitor.claims(visitor.choose(visitor.arrive(), RESPONDER.subject)["code"])
    time.sleep(1.1)
    page = visitor.arrive(**fresh)
    assert page.status_code == 200
    after = visitor.claims(visitor.choose(page, RESPONDER.subject)["code"])
    assert after["auth_time"] > before["auth_time"]
    assert after["sid"] == before["sid"]


def test_a_client_that_wants_no_page_is_told_that_one_is_needed(visitor: Visitor) -> None:
    assert visitor.back(visitor.arrive(prompt="none"))["error"] == "login_required"
    visitor.choose(visitor.arrive(), RESPONDER.subject)
    assert "code" in visitor.back(visitor.arrive(prompt="none"))


def test_who_does_not_want_to_sign_in_does_not(visitor: Visitor) -> None:
    page = visitor.arrive()
    assert visitor.back(visitor.http.post(page.url, data={"action": "deny"}))["error"] == "access_denied"
    assert visitor.arrive().status_code == 200


def test_after_the_end_of_the_session_everybody_is_asked(visitor: Visitor) -> None:
    visitor.choose(visitor.arrive(), RESPONDER.subject)
    ended = visitor.http.get(
        visitor.found["end_session_endpoint"], params={"post_logout_redirect_uri": f"{BACK}?a=1", "state": "bye"}
    )
    assert (ended.status_code, ended.headers["location"]) == (302, f"{BACK}?a=1&state=bye")
    assert visitor.arrive().status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"nonce": None},
    ],
)
def test_no_client_can_do_without_pkce_and_nonce(visitor: Visitor, changed: dict[str, str | None]) -> None:
    page = visitor.arrive(**changed)
    assert page.status_code in (302, 400)
    assert "code=" not in page.headers.get("location", "")


def test_a_code_is_redeemed_once_and_only_with_its_proof(visitor: Visitor) -> None:
    code = visitor.choose(visitor.arrive(), RESPONDER.subject)["code"]
    for wrong in ({"code_verifier": secrets.token_urlsafe(48)}, {"client_id": "another"}, {"code_verifier": ""}):
        assert visitor.redeem(code, **wrong).status_code == 400
    assert visitor.redeem(code).status_code == 200
    assert visitor.redeem(code).status_code == 400


def test_no_debugger_answers(visitor: Visitor) -> None:
    assert (
        visitor.http.get("/?__debugger__=yes&cmd=resource&f=debugger.js").headers["content-type"] != "text/javascript"
    )
    assert visitor.http.get("/console").status_code == 404
