"""Calls between services: who signs, for whom and for what; everything else is refused in one sentence."""

import base64
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from infra.commands.keys.service_keys import PEERS, keys_file, make_service_keys
from shared.access.principal import Role
from shared.access.purposes import CALLERS, PURPOSES
from shared.access.service_tokens import (
    LEEWAY,
    LONGEST_LIFE,
    LONGEST_TOKEN,
    TOKEN_LIFE,
    ServiceCall,
    ServiceSigner,
    ServiceVerifier,
    TokenRefused,
)
from shared.clients.vault import VaultClient
from shared.events import Actor
from shared.http import make_http
from shared.problems import Unavailable
from tests.support.service_keys import PEERS_FILE, Claims, claims, key_of, public_x, sign, signer, stranger

JANE = Actor("person:0123456789abcdef", "responder")


@pytest.fixture
def verifier() -> ServiceVerifier:
    return ServiceVerifier("intake", PEERS_FILE)


def refusal(verifier: ServiceVerifier, token: str, *purposes: str) -> TokenRefused:
    with pytest.raises(TokenRefused) as caught:
        verifier.read(token, *(purposes or ("review",)))
    refused = caught.value
    assert refused.status == 401
    assert refused.title == "The token does not open this."
    assert refused.detail is None
    assert refused.code == ("token-expired" if refused.reason == "expired" else "token-invalid")
    return refused


def test_a_call_names_service_purpose_and_on_whose_behalf(verifier: ServiceVerifier) -> None:
    call = verifier.read(signer("triage").token("intake", "review", JANE), "review")
    assert call == ServiceCall("triage", "review", JANE)
    assert call.principal().actor(Role.SERVICE) == JANE


def test_a_call_on_nobodys_behalf_is_the_services_own(verifier: ServiceVerifier) -> None:
    call = verifier.read(signer("notification").token("intake", "notify"), "review", "notify")
    assert call.principal().actor(Role.SERVICE) == Actor("service:notification", "service")


async def test_each_request_gets_a_token_of_its_own(verifier: ServiceVerifier) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(503 if len(asked) == 1 else 200, json={})

    http = make_http("http://intake", transport=httpx.MockTransport(answer))
    await VaultClient(http, signer("triage")).keep_statement("r", "s", kind="reason", text="words", behalf=JANE)
    for request in asked:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        assert verifier.read(token, "correspond").behalf == JANE
    assert len(asked) == 2


def test_a_token_lives_a_minute_at_most_and_says_nothing_else() -> None:
    token = signer("triage").token("intake", "review", JANE)
    said = jwt.decode(token, options={"verify_signature": False})
    assert 0 < said["exp"] - said["iat"] <= LONGEST_LIFE == 60
    assert set(said) == {*claims(), "behalf"}
    assert jwt.get_unverified_header(token).keys() == {"alg", "kid", "typ"}


@pytest.mark.parametrize("service", CALLERS)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_service_calls_in_its_own_purposes_only(verifier: ServiceVerifier, service: str, purpose: str) -> None:
    if service in PURPOSES[purpose].callers:
        assert verifier.read(signer(service).token("intake", purpose), purpose).service == service
        return
    with pytest.raises(ValueError, match="makes no calls"):
        signer(service).authorization("intake", purpose)
    # One that signs it all the same is a service that was taken over.
    forged = signer(service).token("intake", purpose)
    assert refusal(verifier, forged, purpose).reason == "purpose"


FORGED: dict[str, tuple[Callable[[], str], str]] = {
    "signed by a stranger": (lambda: sign(claims(), key=stranger()), "signature"),
    "a key that nobody published": (lambda: sign(claims(), key=stranger(), kid="unknown"), "unknown_key"),
    "no key named": (lambda: sign(claims(), kid=""), "unknown_key"),
    "another service's key": (
        lambda: sign(claims(), key=key_of("audit").private, kid=key_of("audit").kid),
        "issuer",
    ),
    "another service's key under our id": (lambda: sign(claims(), key=key_of("audit").private), "signature"),
    "in another service's name": (lambda: sign(claims(iss="service:notification")), "issuer"),
    "about another service": (lambda: sign(claims(sub="service:audit")), "issuer"),
    "for another service": (lambda: sign(claims(aud="triage")), "audience"),
    "for several services": (lambda: sign(claims(aud=["intake", "triage"])), "audience"),
    "for another purpose": (lambda: sign(claims(purpose="correspond")), "purpose"),
    "for a purpose that is none": (lambda: sign(claims(purpose=7)), "claims"),
    "alg none": (lambda: sign(claims(), key="", algorithm="none"), "algorithm"),
    "alg none, said otherwise": (lambda: _rewritten({"alg": "nOnE"}), "algorithm"),
    "HS256 with the public key as secret": (
        lambda: sign(claims(), key=public_x("triage"), algorithm="HS256"),
        "algorithm",
    ),
    "HS256 with the bytes of the public key": (
        lambda: sign(claims(), key=base64.urlsafe_b64decode(public_x("triage") + b"="), algorithm="HS256"),
        "algorithm",
    ),
    "another kind of token": (lambda: sign(claims(), typ="JWT"), "algorithm"),
    "a key of its own in the header": (
        lambda: sign(claims(), key=_OWN, kid="own", jwk=json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(_OWN))),
        "algorithm",
    ),
    "an extension that must be understood": (lambda: sign(claims(), crit=["exp"]), "malformed"),
    "other claims under a good signature": (lambda: _rewritten({}, claims(purpose="sign_in")), "signature"),
    "good for longer than a minute": (lambda: sign(claims(exp=int(time.time()) + LONGEST_LIFE + 2)), "life"),
    "good for ever": (lambda: sign(claims(exp=10**300)), "life"),
    "good for a fraction": (lambda: sign(claims(exp=time.time() + 20.5)), "life"),
    "ends before it begins": (lambda: sign(claims(exp=int(time.time()) - 1)), "life"),
    "an id that is short": (lambda: sign(claims(jti="1")), "claims"),
    "an id that is none": (lambda: sign(claims(jti=7)), "claims"),
    "on behalf of nothing": (lambda: sign(claims(behalf=[])), "claims"),
    "on behalf of nobody": (lambda: sign(claims(behalf={"ref": "", "role": "responder"})), "claims"),
    "on behalf of a novel": (lambda: sign(claims(behalf={"ref": "x" * 201, "role": "responder"})), "claims"),
    "no token at all": (lambda: "nonsense", "malformed"),
    "nothing": (lambda: "", "malformed"),
    "three empty parts": (lambda: "..", "malformed"),
    "a header that is a list": (lambda: f"{_base64(b'[]')}.e30.AA", "malformed"),
    "a thousand brackets": (lambda: f"{_base64(b'[' * 2_500)}.e30.AA", "malformed"),
    "larger than any of ours": (lambda: sign(claims(more="x" * LONGEST_TOKEN)), "malformed"),
} | {f"without {name}": (lambda name=name: sign(claims(**{name: None})), "claims") for name in claims()}
_OWN = Ed25519PrivateKey.generate()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _rewritten(header: Claims, said: Claims | None = None) -> str:
    """A good token with another header, or other claims, and its old signature."""
    old_header, old_claims, signature = sign(claims()).split(".")
    if header:
        header = json.loads(base64.urlsafe_b64decode(old_header + "==")) | header
        old_header = _base64(json.dumps(header).encode())
    return f"{old_header}.{_base64(json.dumps(said).encode()) if said else old_claims}.{signature}"


@pytest.mark.parametrize("kind", FORGED)
def test_what_is_not_a_call_to_us_for_this_is_refused(verifier: ServiceVerifier, kind: str) -> None:
    make, reason = FORGED[kind]
    assert refusal(verifier, make()).reason == reason


@pytest.mark.parametrize("kept", range(0, 400, 7))
def test_a_truncated_token_is_refused(verifier: ServiceVerifier, kept: int) -> None:
    token = sign(claims())
    refusal(verifier, token[: min(kept, len(token) - 1)])


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_whatever_is_sent_is_refused_and_breaks_nothing(token: str) -> None:
    refusal(ServiceVerifier("intake", PEERS_FILE), token)
    header, said, signature = sign(claims()).split(".")
    for forged in (f"{token}.{said}.{signature}", f"{header}.{token}.{signature}", f"{header}.{said}.{token}"):
        refusal(ServiceVerifier("intake", PEERS_FILE), forged)


@pytest.mark.parametrize(("seconds", "taken"), [(LEEWAY - 1, True), (-LEEWAY + 1, True), (LEEWAY + 1, False)])
def test_a_clock_may_be_a_minute_ahead(verifier: ServiceVerifier, seconds: int, taken: bool) -> None:
    at = int(time.time()) + seconds
    token = sign(claims(iat=at, exp=at + TOKEN_LIFE))
    if taken:
        assert verifier.read(token, "review").service == "triage"
    else:
        assert refusal(verifier, token).reason == "not_yet"


@pytest.mark.parametrize(("seconds", "taken"), [(LEEWAY - 1, True), (LEEWAY + 1, False)])
def test_a_token_that_has_run_out_is_taken_for_a_minute_more(
    verifier: ServiceVerifier, seconds: int, taken: bool
) -> None:
    ended = int(time.time()) - seconds
    token = sign(claims(iat=ended - TOKEN_LIFE, exp=ended))
    if taken:
        assert verifier.read(token, "review").service == "triage"
    else:
        assert refusal(verifier, token).code == "token-expired"


def test_a_token_opens_once_even_when_the_first_call_came_late(verifier: ServiceVerifier) -> None:
    ended = int(time.time()) - LEEWAY + 5
    for token in (sign(claims()), sign(claims(iat=ended - TOKEN_LIFE, exp=ended))):
        verifier.read(token, "review")
        assert refusal(verifier, token).reason == "replayed"


def test_two_services_may_have_chosen_one_id(verifier: ServiceVerifier) -> None:
    verifier.read(sign(claims(purpose="sign_in", jti="the-same-for-both")), "sign_in")
    said = claims(iss="service:audit", sub="service:audit", purpose="note_names", jti="the-same-for-both")
    key = key_of("audit")
    assert verifier.read(sign(said, key=key.private, kid=key.kid), "note_names").service == "audit"


def test_what_was_refused_is_not_remembered() -> None:
    verifier = ServiceVerifier("intake", PEERS_FILE, remembered=1)
    for _ in range(3):
        refusal(verifier, sign(claims(purpose="correspond")))
    verifier.read(sign(claims()), "review")


def test_a_full_memory_lets_nobody_in_rather_than_a_token_twice() -> None:
    verifier, dying = ServiceVerifier("intake", PEERS_FILE, remembered=2), int(time.time()) - LEEWAY + 2
    tokens = [sign(claims(iat=dying - TOKEN_LIFE, exp=dying)), sign(claims())]
    for token in tokens:
        verifier.read(token, "review")
    with pytest.raises(Unavailable):
        verifier.read(sign(claims()), "review")
    assert [refusal(verifier, token).reason for token in tokens] == ["replayed", "replayed"]
    time.sleep(2)
    verifier.read(sign(claims()), "review")
    assert [refusal(verifier, token).reason for token in tokens] == ["expired", "replayed"]


def test_a_signer_waits_until_its_new_key_is_known_everywhere(tmp_path: Path) -> None:
    make_service_keys(tmp_path, os.geteuid())
    ring, peers = tmp_path / keys_file("triage"), tmp_path / PEERS
    keys, public = (json.loads(file.read_text()) for file in (ring, peers))
    new = key_of("triage")
    fresh = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(new.private)) | {"kid": new.kid, "iat": int(time.time())}
    old = keys["keys"][0] | {"iat": int(time.time()) - 1000}
    signing = ServiceSigner("triage", ring, peers, look=0)

    def kid_after(ring_keys: list[Claims], public_keys: list[Claims]) -> str:
        ring.write_text(json.dumps({"keys": ring_keys}))
        peers.write_text(json.dumps({"keys": public_keys}))
        return str(jwt.get_unverified_header(signing.token("intake", "review"))["kid"])

    shown = {name: value for name, value in fresh.items() if name != "d"} | {"service": "triage"}
    assert kid_after([old, fresh], public["keys"]) == old["kid"]  # not public at all
    assert kid_after([old, fresh], [*public["keys"], shown]) == old["kid"]  # public, but only just
    settled = fresh | {"iat": int(time.time()) - 31}
    assert kid_after([old, settled], [*public["keys"], shown]) == fresh["kid"]
    assert kid_after([old, settled], [*public["keys"], shown | {"service": "audit"}]) == old["kid"]
    assert kid_after([fresh], [*public["keys"], shown]) == fresh["kid"]  # there is no other
    with pytest.raises(Unavailable):
        kid_after([settled], public["keys"])
