"""What providers sign: forged, expired, misdirected, unsigned, replayed and broken tokens sign nobody in or out."""

import asyncio
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

from shared.sign_in.attempts import ProviderAway, SignInRefused
from shared.sign_in.cached import FAILED
from shared.sign_in.openid import KEYS_PACE, LONGEST_LOGOUT_TOKEN
from tests.stand_ins.oidc import CLIENT, EC, LOGOUT, OTHER_RSA, RSA, Claims, OidcStandIn
from tests.support.examples import up_to
from tests.support.sign_in_rig import HOME, Browser, Rig, ada, browsing, rig_with

FORGER = RSAKey.generate_key(2048, {"kid": "first"}, private=True)


def encoded(part: object) -> str:
    return urlsafe_b64encode(part if isinstance(part, bytes) else json.dumps(part).encode()).rstrip(b"=").decode()


def signed(claims: Claims, key: Any = RSA, alg: str = "RS256", **header: object) -> str:
    registry = JWSRegistry(algorithms=[alg], strict_check_header=False)
    return jwt.encode({"alg": alg, "kid": key.kid, **header}, claims, key, registry=registry)


def unsigned(claims: Claims, alg: str = "none") -> str:
    return f"{encoded({'alg': alg, 'typ': 'JWT'})}.{encoded(claims)}."


def with_public_key_as_secret(claims: Claims) -> str:
    # By hand, because the library refuses to make such a key.
    text = f"{encoded({'alg': 'HS256', 'kid': 'first'})}.{encoded(claims)}"
    return f"{text}.{encoded(hmac.digest(RSA.as_pem(private=False), text.encode(), 'sha256'))}"


def with_other_claims(claims: Claims) -> str:
    header, _, signature = signed(claims).split(".")
    return f"{header}.{encoded({**claims, 'sub': 'somebody-else'})}.{signature}"


def with_key_inside(claims: Claims) -> str:
    return signed(claims, FORGER, jwk=FORGER.as_dict(private=False))


BAD_SIGNATURES: dict[str, Callable[[Claims], str]] = {
    "alg none": unsigned,
    "alg None": lambda claims: unsigned(claims, "None"),
    "no alg": lambda claims: f"{encoded({'typ': 'JWT'})}.{encoded(claims)}.",
    "HS256 with the public key": with_public_key_as_secret,
    "a key of somebody else": lambda claims: signed(claims, FORGER),
    "a key in the header": with_key_inside,
    "an algorithm that is not advertised": lambda claims: signed(claims, RSA, "PS256"),
    "another algorithm than the key's": lambda claims: (
        f"{encoded({'alg': 'RS256', 'kid': 'curve'})}.{encoded(claims)}.AAAA"
    ),
    "changed claims": with_other_claims,
    "no signature": lambda claims: signed(claims).rpartition(".")[0] + ".",
    "cut off": lambda claims: signed(claims)[:-40],
    "cut off in the middle": lambda claims: signed(claims)[:200],
    "two parts": lambda claims: signed(claims).rpartition(".")[0],
    "five parts": lambda claims: signed(claims) + ".a.b",
    "an unknown key": lambda claims: signed(claims, RSAKey.generate_key(2048, {"kid": "third"}, private=True)),
    "empty": lambda _: "",
    "not a token": lambda _: "ceci n’est pas un jeton",
    "claims that are a list": lambda _: signed_text(b"[1]"),
    "claims that are deep": lambda _: signed_text(b"[" * 50_000),
    "a crit nobody knows": lambda claims: f"{encoded({'alg': 'RS256', 'crit': ['x'], 'x': 1})}.{encoded(claims)}.aa",
    "a huge token": lambda claims: signed({**claims, "x": "y" * 200_000}),
}


def signed_text(payload: bytes) -> str:
    return jws.serialize_compact({"alg": "RS256", "kid": "first"}, payload, RSA)


@pytest.mark.parametrize("kind", BAD_SIGNATURES)
async def test_an_id_token_that_the_provider_did_not_sign_signs_nobody_in(
    rig: Rig, provider: OidcStandIn, browser: Browser, kind: str
) -> None:
    provider.sign = BAD_SIGNATURES[kind]
    refused = await browser.sign_in()
    assert refused.status_code == 400
    assert "could not rely on the answer" in refused.text
    assert rig.store.sessions == {}
    assert [reason.startswith("id-token-") for reason in rig.refusals] == [True]
    assert "Ada" not in refused.text


BAD_CLAIMS: dict[str, Callable[[Claims], Claims]] = {
    "id-token-iss": lambda claims: {**claims, "iss": "https://evil.example"},
    "id-token-aud": lambda claims: {**claims, "aud": "another-client"},
    "id-token-aud (azp is ours)": lambda claims: {**claims, "aud": "another-client", "azp": CLIENT},
    "id-token-aud (a list)": lambda claims: {**claims, "aud": ["another-client"]},
    "id-token-azp": lambda claims: {**claims, "aud": [CLIENT, "another-client"], "azp": "another-client"},
    "id-token-azp (none)": lambda claims: {**claims, "aud": [CLIENT, "another-client"]},
    "id-token-expired": lambda claims: {**claims, "exp": time.time() - 61},
    "id-token-iat": lambda claims: {**claims, "iat": time.time() + 65},
    "id-token-nbf": lambda claims: {**claims, "nbf": time.time() + 65},
    "id-token-nonce": lambda claims: {**claims, "nonce": "another"},
    "id-token-nonce (none)": lambda claims: without(claims, "nonce"),
    "id-token-sub": lambda claims: without(claims, "sub"),
    "id-token-sub (a number)": lambda claims: {**claims, "sub": 1},
    "id-token-sub (empty)": lambda claims: {**claims, "sub": ""},
    "id-token-exp": lambda claims: without(claims, "exp"),
    "id-token-exp (text)": lambda claims: {**claims, "exp": "tomorrow"},
    "id-token-iat (none)": lambda claims: without(claims, "iat"),
    "id-token-at_hash": lambda claims: {**claims, "at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


def without(claims: Claims, name: str) -> Claims:
    return {key: value for key, value in claims.items() if key != name}


@pytest.mark.parametrize("kind", BAD_CLAIMS)
async def test_an_id_token_that_was_not_made_for_this_sign_in_signs_nobody_in(
    rig: Rig, provider: OidcStandIn, browser: Browser, kind: str
) -> None:
    provider.spoil = BAD_CLAIMS[kind]
    assert (await browser.sign_in()).status_code == 400
    assert rig.refusals == [kind.partition(" ")[0]]
    assert rig.store.sessions == {}


async def test_clocks_may_be_a_minute_apart(rig: Rig, provider: OidcStandIn, browser: Browser) -> None:
    for spoil in (
        lambda claims: {**claims, "exp": time.time() - 55},
        lambda claims: {**claims, "iat": time.time() + 55, "nbf": time.time() + 55},
    ):
        provider.spoil = spoil
        assert (await browser.sign_in()).status_code == 303
    assert rig.refusals == []


async def test_elliptic_curves_sign_as_well(provider: OidcStandIn, browser: Browser) -> None:
    provider.key, provider.alg = EC, "ES256"
    assert (await browser.sign_in()).status_code == 303


@pytest.mark.parametrize("offered", [["HS256"], ["none"], [], ["none", "HS512"]])
async def test_a_provider_that_offers_no_real_signature_signs_nobody_in(
    rig: Rig, provider: OidcStandIn, browser: Browser, offered: list[str]
) -> None:
    provider.algorithms = offered
    for sign in (with_public_key_as_secret, unsigned, signed):
        provider.sign = sign
        assert (await browser.sign_in()).status_code == 400
    assert set(rig.refusals) == {"id-token-algorithm"}


async def test_a_new_key_of_the_provider_is_fetched_when_it_is_first_used(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    assert (await browser.sign_in()).status_code == 303
    provider.keys, provider.key = [OTHER_RSA], OTHER_RSA
    rig.clock.ahead += KEYS_PACE
    assert (await browser.sign_in()).status_code == 303
    assert provider.requests.count("/keys") == 2
    # The one that was withdrawn is not taken any more.
    provider.key = RSA
    assert (await browser.sign_in()).status_code == 400


async def test_forged_keys_do_not_make_us_ask_the_provider_all_the_time(
    provider: OidcStandIn, browser: Browser
) -> None:
    await browser.sign_in()
    for number in range(20):
        forged = signed({}, FORGER, kid=f"unknown {number}")
        assert (
            await browser.desk.post(f"{HOME}/sign-in/back-channel", data={"logout_token": forged})
        ).status_code == 400
    assert provider.requests.count("/keys") == 1


def unknown_keys(count: int) -> list[str]:
    return [signed({}, FORGER, kid=f"unknown {number}") for number in range(count)]


async def refused_at_once(rig: Rig, tokens: list[str]) -> set[type[BaseException | Any]]:
    """How logouts with these tokens end that come at the same time."""
    told = await asyncio.gather(*map(rig.flow.provider.read_logout, tokens), return_exceptions=True)
    return {type(one) for one in told}


async def test_forged_keys_that_come_together_make_us_read_the_keys_once(rig: Rig, provider: OidcStandIn) -> None:
    assert await refused_at_once(rig, unknown_keys(50)) == {SignInRefused}
    assert provider.requests == ["/.well-known/openid-configuration", "/keys"]
    rig.clock.ahead += KEYS_PACE
    assert await refused_at_once(rig, unknown_keys(50)) == {SignInRefused}
    assert provider.requests.count("/keys") == 2


async def test_a_provider_that_is_down_is_asked_once_in_a_while_however_many_come(
    rig: Rig, provider: OidcStandIn
) -> None:
    provider.down = True
    for _ in range(2):
        assert await refused_at_once(rig, unknown_keys(25)) == {ProviderAway}
    assert len(provider.requests) == 1
    rig.clock.ahead += FAILED
    assert await refused_at_once(rig, unknown_keys(1)) == {ProviderAway}
    assert len(provider.requests) == 2
    provider.down = False
    rig.clock.ahead += FAILED
    assert await refused_at_once(rig, unknown_keys(1)) == {SignInRefused}


async def test_unreadable_keys_are_asked_for_again_later_and_known_keys_still_count(
    rig: Rig, provider: OidcStandIn
) -> None:
    assert await refused_at_once(rig, unknown_keys(1)) == {SignInRefused}
    rig.clock.ahead += KEYS_PACE
    provider.down = True
    for _ in range(2):
        assert await refused_at_once(rig, unknown_keys(25)) == {ProviderAway}
    assert provider.requests.count("/keys") == 2
    assert (await rig.flow.provider.read_logout(provider.logout_token())).sid == "op-session-1"


@pytest.mark.parametrize(
    "token", ["", "a.b", "a.b.c.d", "a..c", "a.b.", "a b.c.d", f"{'a' * LONGEST_LOGOUT_TOKEN}.b.c"]
)
async def test_what_cannot_be_a_token_makes_us_ask_nobody(rig: Rig, provider: OidcStandIn, token: str) -> None:
    with pytest.raises(SignInRefused, match="logout-token-malformed"):
        await rig.flow.provider.read_logout(token)
    assert provider.requests == []


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": "https://id.example/"},
        {"token_endpoint": "http://id.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": None},
        {"jwks_uri": "http://id.example/keys"},
        {"token_endpoint": ["https://id.example/token"]},
        {"authorization_endpoint": "https://id.example/authorize,here"},
        {"authorization_endpoint": "https://id.example/authorize;now"},
        {"authorization_endpoint": "https://id.example/'authorize'"},
        {"authorization_endpoint": "https://id.example/uwierzytelnianie/ł"},
        {"authorization_endpoint": "https://[id.example/authorize"},
        {"end_session_endpoint": "https://id.example/end,here"},
        {"end_session_endpoint": "https://id.example/end;now"},
        {"end_session_endpoint": "https://id.example/'end'"},
    ],
)
async def test_a_discovery_document_that_is_not_the_issuers_own_is_refused(
    rig: Rig, provider: OidcStandIn, browser: Browser, metadata: Claims
) -> None:
    provider.extra_metadata = metadata
    assert (await browser.leave()).status_code == 400
    assert rig.refusals[0].startswith("discovery-")


async def test_names_and_addresses_are_taken_from_the_token_and_from_user_info(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    provider.account.claims = {"preferred_username": "ada"}
    provider.userinfo = {
        "sub": provider.account.sub,
        "preferred_username": "ada",
        "name": "Ada Example",
        "nickname": "Countess",
        "email": "ada@example.org",
    }
    assert (await browser.sign_in()).status_code == 303
    provider.account.claims["email"] = "ada@work.example"
    provider.userinfo["preferred_username"] = "ada.example"
    assert (await browser.sign_in()).status_code == 303
    one, two = ([(name.text, name.trust.value) for name in account.names] for account in rig.asked)
    assert one == [("ada", "account"), ("Ada Example", "typed"), ("Countess", "typed"), ("ada@example.org", "typed")]
    assert two == [
        ("ada", "account"),
        ("ada.example", "account"),
        ("Ada Example", "typed"),
        ("Countess", "typed"),
        ("ada@work.example", "typed"),
        ("ada@example.org", "typed"),
    ]


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"email": "a@b.example", "email_verified": True}, [("a@b.example", "proved")]),
        ({"email": "a@b.example", "email_verified": "true"}, [("a@b.example", "typed")]),
        ({"email": "a@b.example"}, [("a@b.example", "typed")]),
        ({"name": "Ada", "preferred_username": "Ada"}, [("Ada", "account")]),
        ({"nickname": "Ada"}, [("Ada", "typed")]),
        ({}, []),
        # A realm that takes addresses as user names: anyone could open an account under the address of another person.
        ({"preferred_username": "x@y.example", "email": "x@y.example"}, [("x@y.example", "typed")] * 2),
        (
            {"preferred_username": "x@y.example", "email": "X@y.example", "email_verified": True},
            [("x@y.example", "account"), ("X@y.example", "proved")],
        ),
        ({"preferred_username": "x@y.example", "email": "a@b.example", "email_verified": True},
         [("x@y.example", "typed"), ("a@b.example", "proved")]),
    ],
)  # fmt: skip
async def test_only_what_a_person_cannot_type_freely_counts_as_verified(
    rig: Rig, provider: OidcStandIn, browser: Browser, claims: Claims, expected: list[tuple[str, str]]
) -> None:
    provider.account.claims = claims
    assert (await browser.sign_in()).status_code == 303
    assert [(name.text, name.trust.value) for name in rig.asked[0].names] == expected


async def test_a_provider_without_user_info_is_not_asked_for_it(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    provider.extra_metadata = {"userinfo_endpoint": None}
    assert (await browser.sign_in()).status_code == 303
    assert "/userinfo" not in provider.requests
    assert [name.text for name in rig.asked[0].names] == ["Ada Example", "ada@example.org"]


async def test_names_come_from_user_info_if_the_token_has_none(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    provider.account.claims = {}
    provider.userinfo = {
        "sub": provider.account.sub,
        "preferred_username": "Ada",
        "name": "Ada E.",
        "email": "a@b.example",
    }
    assert (await browser.sign_in()).status_code == 303
    assert [name.text for name in rig.asked[0].names] == ["Ada", "Ada E.", "a@b.example"]
    provider.userinfo["sub"] = "somebody-else"
    assert (await browser.sign_in()).status_code == 400
    assert rig.refusals == ["userinfo-of-another"]


async def test_user_info_changes_nothing_that_the_token_says(rig: Rig, provider: OidcStandIn, browser: Browser) -> None:
    provider.account.claims = {}
    provider.userinfo = {"sub": provider.account.sub, "name": "Ada", "auth_time": time.time(), "sid": "another"}
    await browser.sign_in()
    (session,) = rig.store.sessions.values()
    assert session.sid == "op-session-1"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["alg", "kid", "crit", "typ", "b64", "jku"]), inner, max_size=4)
    ),
    max_leaves=8,
)
TEXTS = st.one_of(
    st.text(max_size=300),
    st.binary(max_size=200).map(lambda b: f"{encoded(b)}.{encoded(b)}.{encoded(b)}"),
    JSON.map(lambda header: f"{encoded(header)}.e30.e30"),
    JSON.map(lambda kid: f"{encoded({'alg': 'RS256', 'kid': kid})}.e30.e30"),
)


@pytest.fixture(scope="module")
def reader() -> Rig:
    """One for all texts, because no text that is refused changes anything."""
    return rig_with(OidcStandIn())


@up_to(200)
@given(TEXTS)
async def test_no_text_whatever_is_taken_for_a_token(reader: Rig, token: str) -> None:
    with pytest.raises(SignInRefused) as refused:
        await reader.flow.provider.read_logout(token)
    assert refused.value.reason.startswith("logout-token-")


async def logged_out(browser: Browser, token: str) -> int:
    answer = await browser.desk.post(
        f"{HOME}/sign-in/back-channel", data={"logout_token": token}, headers={"accept": "*/*"}
    )
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code


async def test_the_provider_ends_the_sessions_of_one_of_its_own(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    await browser.sign_in()
    provider.sid = "op-session-2"
    async with browsing(rig, provider) as other:
        await other.sign_in()
        provider.sid = "op-session-1"
        # The provider is no browser: no cookie, no Origin, no Fetch Metadata.
        for name in ("sec-fetch-site", "user-agent"):
            other.desk.headers.pop(name, None)
        other.desk.cookies.clear()
        assert await logged_out(other, provider.logout_token()) == 200
    assert [session.sid for session in rig.store.sessions.values()] == ["op-session-2"]
    assert (await browser.desk.get(HOME)).status_code == 303


async def test_a_provider_that_names_a_session_and_its_account_ends_all_of_the_account(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    await browser.sign_in()
    provider.sid = "op-session-2"
    async with browsing(rig, provider) as other:
        await other.sign_in()
    assert await logged_out(browser, provider.logout_token(sub=provider.account.sub)) == 200
    assert rig.store.sessions == {}


async def test_the_provider_ends_all_sessions_of_an_account(rig: Rig, provider: OidcStandIn, browser: Browser) -> None:
    await browser.sign_in()
    provider.account.sub, mine = "somebody-else", provider.account.sub
    async with browsing(rig, provider) as other:
        await other.sign_in()
    assert await logged_out(browser, provider.logout_token(sub=mine, sid=None)) == 200
    assert [session.person for session in rig.store.sessions.values()] == [ada(provider)]


BAD_LOGOUTS: dict[str, dict[str, Any]] = {
    "logout-token-aud": {"aud": "another-client"},
    "logout-token-iss": {"iss": "https://evil.example"},
    "logout-token-expired": {"exp": 1},
    "logout-token-expired (old)": {"iat": int(time.time()) - 3600, "exp": int(time.time()) + 3600},
    "logout-token-iat": {"iat": int(time.time()) + 3600},
    "logout-token-iat (none)": {"iat": None},
    "logout-token-iat (long ago)": {"iat": -(10**30)},
    "logout-token-jti": {"jti": None},
    "logout-token-jti (a number)": {"jti": 7},
    "logout-token-events": {"events": None},
    "logout-token-events (another)": {"events": {"http://schemas.openid.net/event/other": {}}},
    "logout-token-events (text)": {"events": LOGOUT},
    "logout-token-nonce": {"nonce": "a"},
    "logout-token-sid": {"sid": None},
    "logout-token-sid (a number)": {"sid": 7},
    "logout-token-sub": {"sub": 7, "sid": None},
}


@pytest.mark.parametrize("kind", BAD_LOGOUTS)
async def test_a_logout_token_with_wrong_claims_ends_nothing(
    rig: Rig, provider: OidcStandIn, browser: Browser, kind: str
) -> None:
    await browser.sign_in()
    assert await logged_out(browser, provider.logout_token(**BAD_LOGOUTS[kind])) == 400
    assert rig.refusals == [kind.partition(" ")[0]]
    assert len(rig.store.sessions) == 1


@pytest.mark.parametrize("kind", BAD_SIGNATURES)
async def test_a_logout_token_that_the_provider_did_not_sign_ends_nothing(
    rig: Rig, provider: OidcStandIn, browser: Browser, kind: str
) -> None:
    await browser.sign_in()
    provider.sign = BAD_SIGNATURES[kind]
    assert await logged_out(browser, provider.logout_token()) == 400
    assert len(rig.store.sessions) == 1


async def test_an_id_token_is_no_logout_token(provider: OidcStandIn, browser: Browser) -> None:
    await browser.sign_in()
    claims = provider.id_claims({"nonce": "n"})
    assert await logged_out(browser, provider.token(claims)) == 400
    assert await logged_out(browser, provider.token({**claims, "jti": "a", "events": {LOGOUT: {}}})) == 400


async def test_a_logout_token_is_good_once_and_ends_nothing_that_began_later(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    await browser.sign_in()
    token = provider.logout_token(sub=provider.account.sub, sid=None)
    assert await logged_out(browser, token) == 200
    rig.clock.ahead += timedelta(seconds=90)
    assert (await browser.sign_in()).status_code == 303
    assert await logged_out(browser, token) == 400
    assert rig.refusals == ["logout-token-replayed"]
    assert len(rig.store.sessions) == 1


async def test_a_logout_token_that_is_sent_again_ends_no_sign_in_under_way(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    token = provider.logout_token(sub=provider.account.sub)
    assert await logged_out(browser, token) == 200
    rig.clock.ahead += timedelta(seconds=90)
    left = await browser.leave()
    assert await logged_out(browser, token) == 400
    assert (await browser.come_back(left)).status_code == 303


async def test_a_logout_that_was_not_carried_out_can_be_sent_again(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    await browser.sign_in()
    token = provider.logout_token()
    rig.store.away = True
    assert (await browser.desk.post(f"{HOME}/sign-in/back-channel", data={"logout_token": token})).status_code == 503
    rig.store.away = False
    assert await logged_out(browser, token) == 200
    assert rig.store.sessions == {}
