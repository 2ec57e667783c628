"""A real Keycloak with the demo realm: what Hearth's sign-in relies on is set up there."""

import asyncio
import base64
import hashlib
import html
import json
import re
from collections.abc import AsyncIterator
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import httpx
import jwt
import pytest
from fastapi import FastAPI, Request, Response

from infra.local.keycloak import PASSWORD, REALM, KeycloakServer
from infra.local.sign_in_provider import ACCOUNTS
from tests.support.notification_world import serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CLIENTS = {"hearth-desk": "/desk", "hearth-audit": "/audit", "hearth-outbox": "/outbox"}
BACK = "http://127.0.0.1:43210/desk/sign-in/callback"
RESPONDER = ACCOUNTS[0]
Json = dict[str, Any]


@pytest.fixture
async def http(keycloak: KeycloakServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        yield client


async def discover(http: httpx.AsyncClient, keycloak: KeycloakServer) -> Json:
    found: Json = (await http.get(f"{keycloak.issuer}/.well-known/openid-configuration")).raise_for_status().json()
    return found


def asked(verifier: str, **changed: str | None) -> dict[str, str]:
    """What the desk asks the provider for; None leaves a parameter out."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    parameters: dict[str, str | None] = {
        "response_type": "code",
        "client_id": "hearth-desk",
        "redirect_uri": BACK,
        "scope": "openid profile email",
        "state": "state-1",
        "nonce": "nonce-1",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **changed,
    }
    return {name: value for name, value in parameters.items() if value is not None}


def told(answer: httpx.Response) -> dict[str, str]:
    """The parameters with which the browser is sent back."""
    assert answer.status_code == 302, answer.text
    address, _, query = answer.headers["location"].partition("?")
    assert address == BACK
    return dict(parse_qsl(query))


async def sign_in(http: httpx.AsyncClient, found: Json, verifier: str) -> Json:
    """The tokens of the responder, who types name and password."""
    page = await http.get(found["authorization_endpoint"], params=asked(verifier))
    action = re.search(r'action="([^"]+)"', page.text)
    assert page.status_code == 200
    assert action, page.text
    # Browsers send secure cookies to this machine over plain HTTP, too; Python does not.
    for cookie in http.cookies.jar:
        cookie.secure = False
    form = {"username": RESPONDER.subject, "password": PASSWORD}
    code = told(await http.post(html.unescape(action[1]), data=form))["code"]
    redeemed = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": verifier}
    tokens: Json = (
        (await http.post(found["token_endpoint"], data={**redeemed, "client_id": "hearth-desk"}))
        .raise_for_status()
        .json()
    )
    return tokens


async def read_claims(http: httpx.AsyncClient, found: Json, token: str) -> Json:
    """The claims of a token for the desk, whose signature holds."""
    keys = jwt.PyJWKSet.from_dict((await http.get(found["jwks_uri"])).json())
    kid = jwt.get_unverified_header(token)["kid"]
    (key,) = (key for key in keys.keys if key.key_id == kid)
    claims: Json = jwt.decode(token, key.key, algorithms=["RS256"], audience="hearth-desk", issuer=found["issuer"])
    return claims


async def test_discovery_answers_with_all_that_is_relied_on(http: httpx.AsyncClient, keycloak: KeycloakServer) -> None:
    found = await discover(http, keycloak)
    assert found["issuer"] == keycloak.issuer
    assert "S256" in found["code_challenge_methods_supported"]
    assert found["backchannel_logout_supported"] is found["backchannel_logout_session_supported"] is True
    assert found["end_session_endpoint"].startswith(keycloak.issuer)


@pytest.mark.parametrize(("client_id", "home"), CLIENTS.items())
def test_each_service_is_a_client_without_a_secret_that_must_use_pkce(
    keycloak: KeycloakServer, client_id: str, home: str
) -> None:
    client = keycloak.client(client_id)
    assert client["redirectUris"] == [f"http://127.0.0.1{home}/sign-in/callback"]
    assert client["publicClient"] is client["standardFlowEnabled"] is True
    assert client["implicitFlowEnabled"] is client["directAccessGrantsEnabled"] is False
    attributes = client["attributes"]
    assert attributes["pkce.code.challenge.method"] == "S256"
    assert attributes["backchannel.logout.url"].endswith(f"{home}/sign-in/back-channel")
    assert attributes["backchannel.logout.session.required"] == "true"


def test_the_realm_holds_the_people_of_the_demo_and_no_secret_of_anybody_else() -> None:
    realm = json.loads(REALM.read_text(encoding="utf-8"))
    assert {user["username"]: user["email"] for user in realm["users"]} == {a.subject: a.email for a in ACCOUNTS}
    assert {c["value"] for user in realm["users"] for c in user["credentials"]} == {PASSWORD}
    assert not re.search(r"privateKey|clientSecret|\"secret\"|certificate", REALM.read_text(encoding="utf-8"))


async def test_a_person_signs_in_and_stands_in_the_claims(http: httpx.AsyncClient, keycloak: KeycloakServer) -> None:
    found = await discover(http, keycloak)
    tokens = await sign_in(http, found, token_urlsafe(48))
    claims = await read_claims(http, found, tokens["id_token"])
    assert (claims["nonce"], claims["name"], claims["email"]) == ("nonce-1", RESPONDER.username, RESPONDER.email)
    assert claims["preferred_username"] == RESPONDER.subject
    assert claims["auth_time"]
    assert claims["sid"]


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"redirect_uri": "http://127.0.0.1:43210/elsewhere"},
        {"redirect_uri": "https://evil.example/desk/sign-in/callback"},
        {"client_id": "hearth-unknown"},
    ],
)
async def test_a_client_that_asks_otherwise_gets_no_page_to_sign_in_on(
    http: httpx.AsyncClient, keycloak: KeycloakServer, changed: dict[str, str | None]
) -> None:
    found = await discover(http, keycloak)
    answer = await http.get(found["authorization_endpoint"], params=asked("v" * 43, **changed))
    if answer.status_code == 302:
        assert told(answer)["error"] == "invalid_request"
    else:
        assert answer.status_code == 400


async def test_a_sign_out_from_its_side_is_told_to_the_service(
    http: httpx.AsyncClient, keycloak: KeycloakServer
) -> None:
    app, tokens = FastAPI(), asyncio.Queue[str]()

    @app.post("/desk/sign-in/back-channel")
    async def take(request: Request) -> Response:
        (token,) = parse_qs((await request.body()).decode())["logout_token"]
        tokens.put_nowait(token)
        return Response()

    found = await discover(http, keycloak)
    # Sessions of other tests began under other names of this Keycloak, and their ends would be told as well.
    await asyncio.to_thread(keycloak.sign_out, RESPONDER.subject)
    async with serving(app) as address:
        await asyncio.to_thread(keycloak.move_client, "hearth-desk", address)
        subjects = []
        for _ in range(2):
            http.cookies.clear()
            signed_in = await read_claims(http, found, (await sign_in(http, found, token_urlsafe(48)))["id_token"])
            await asyncio.to_thread(keycloak.wait_for_session, RESPONDER.subject, {"hearth-desk"}, signed_in["sid"])
            subjects.append(signed_in["sub"])
        await asyncio.to_thread(keycloak.sign_out, RESPONDER.subject)
        async with asyncio.timeout(60):
            claims = await read_claims(http, found, await tokens.get())
    assert "http://schemas.openid.net/event/backchannel-logout" in claims["events"]
    # It tells of one of the two sessions only, so it is the account that counts.
    assert [claims["sub"]] * 2 == subjects
