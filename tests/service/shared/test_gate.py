"""Whoever comes to a gate with something wrong: a clear refusal, on record, that tells nothing of what is behind."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import httpx
import pytest

from shared.access.principal import Grant, Role
from shared.access.service_tokens import LEEWAY, LONGEST_TOKEN, TOKEN_LIFE
from shared.access.tokens import make_token
from shared.brake import AT_ONCE
from shared.sign_in.cookies import Cookies
from shared.times import now
from tests.support.every_app import SERVICES
from tests.support.gate_rig import ASKS, PAGES, Gates
from tests.support.people import MemoryCopies, person, responder, session_of
from tests.support.service_keys import claims, key_of, public_x, sign, stranger
from tests.support.triage_rig import make_rig

AGO = timedelta(seconds=1)
SOMEBODY = person("50b0d1")
"""Known to everybody, and given nothing."""
OPENED = 422
"""What the vault says to a right token with an empty body."""


@pytest.fixture
def gates(monkeypatch: pytest.MonkeyPatch) -> Gates:
    gates = Gates()
    gates.stand_in(monkeypatch)
    return gates


def token(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}


def other_letter(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def of_somebody_signed_out(copies: MemoryCopies) -> str:
    issued = copies.token(SOMEBODY, issued_at=now() - timedelta(hours=1))
    copies.enrol(SOMEBODY, signed_out_at=now() - AGO)
    return issued


WRONG_TOKENS: dict[str, tuple[Callable[[MemoryCopies], str], str]] = {
    "never issued": (lambda _: make_token("pat"), "unknown"),
    "an integrator's that was never issued": (lambda _: make_token("int"), "unknown"),
    "expired": (lambda copies: copies.token(SOMEBODY, expires_at=now() - AGO), "unknown"),
    "revoked": (lambda copies: copies.token(SOMEBODY, revoked_at=now() - AGO), "unknown"),
    "of somebody signed out everywhere": (of_somebody_signed_out, "unknown"),
    "truncated": (lambda copies: copies.token(SOMEBODY)[:-1], "unknown"),
    "half of one": (lambda copies: copies.token(SOMEBODY)[:25], "unknown"),
    "with another letter": (lambda copies: other_letter(copies.token(SOMEBODY)), "unknown"),
    "in capitals": (lambda copies: copies.token(SOMEBODY).upper(), "unknown"),
    "twice the same": (lambda copies: copies.token(SOMEBODY) * 2, "unknown"),
    "4 kB": (lambda _: "x" * 4_096, "unknown"),
    "8 kB": (lambda _: "x" * 8_192, "malformed"),
    "two of them": (lambda copies: f"{copies.token(SOMEBODY)} {copies.token(SOMEBODY)}", "malformed"),
    "two with a comma": (lambda copies: f"{copies.token(SOMEBODY)}, Bearer {copies.token(SOMEBODY)}", "malformed"),
    "nothing": (lambda _: "", "malformed"),
    "a question to a database": (lambda _: '{"$ne": ""}', "malformed"),
    "a path": (lambda _: "../../etc/passwd\x7f", "malformed"),
    "latin letters": (lambda copies: copies.token(SOMEBODY) + "é", "malformed"),
}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_wrong_token_is_refused_in_one_sentence_and_on_record(gates: Gates, service: str) -> None:
    for number, (kind, (make, reason)) in enumerate(WRONG_TOKENS.items()):
        gates.kept.events.clear()
        headers = [(b"authorization", b"Bearer " + make(gates.copies).encode("latin-1"))]
        answer = await gates.ask(service, headers, address=f"192.0.2.{number}")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), kind
        told = answer.json()
        assert told == {
            "type": "/errors/token-invalid",
            "title": "The token does not open this.",
            "status": 401,
            "request_id": told["request_id"],
        }, kind
        assert await gates.refused() == [(service, ASKS[service][3], f"token_{reason}", "anyone", 1)], kind
        assert gates.kept.events[0].fact.topic == "access"


@pytest.mark.parametrize("service", SERVICES)
async def test_a_good_token_of_a_person_without_a_role_is_known_and_told_so(gates: Gates, service: str) -> None:
    answer = await gates.ask(service, token(gates.copies.token(SOMEBODY)))
    assert (answer.status_code, answer.json()["type"]) == (403, "/errors/role-not-permitted")
    assert await gates.refused() == [(service, ASKS[service][3], "role", SOMEBODY.ref, 1)]


@pytest.mark.parametrize("service", SERVICES)
async def test_without_any_token_nothing_is_looked_at(gates: Gates, service: str) -> None:
    answer = await gates.ask(service)
    assert (answer.status_code, answer.json()["type"]) == (401, "/errors/sign-in-needed")
    assert await gates.refused() == [(service, ASKS[service][3], "sign_in", "anyone", 1)]


@pytest.mark.parametrize("service", SERVICES)
async def test_another_scheme_is_no_way_in_for_a_good_token(gates: Gates, service: str) -> None:
    good = gates.copies.token(SOMEBODY)
    for scheme in ("Basic", "Token", "Bearer:", "bearer\t", "DPoP", "Bearer Bearer"):
        answer = await gates.ask(service, {"Authorization": f"{scheme} {good}"})
        assert (answer.status_code, answer.json()["type"]) == (401, "/errors/token-invalid"), scheme
    assert await gates.refused() == [(service, ASKS[service][3], "token_malformed", "anyone", 6)]


@pytest.mark.parametrize("service", SERVICES)
async def test_two_authorization_headers_are_refused_whichever_of_them_is_good(gates: Gates, service: str) -> None:
    good = f"Bearer {gates.copies.token(SOMEBODY)}"
    for pair in ((good, good), (good, "Bearer x"), ("Bearer x", good), ("Basic eA==", good), (good, "")):
        answer = await gates.ask(service, [("Authorization", value) for value in pair])
        assert (answer.status_code, answer.json()["type"]) == (401, "/errors/token-invalid"), pair
    assert await gates.refused() == [(service, ASKS[service][3], "token_malformed", "anyone", 5)]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_wrong_token_is_refused_where_none_is_needed_too(gates: Gates, service: str) -> None:
    async with gates.http(service) as http:
        assert (await http.get("/asyncapi")).status_code == 200
        assert (await http.get("/asyncapi", headers=token(gates.copies.token(SOMEBODY)))).status_code == 200
        assert (await http.get("/asyncapi", headers=token(make_token("pat")))).status_code == 401


async def test_a_report_with_a_wrong_token_is_not_taken_as_anybodys(gates: Gates) -> None:
    body = {"community": "enwiki", "narrative": "words"}
    grant = Grant(Role.INTEGRATOR, sources=("wiki",))
    async with gates.http("intake") as http:
        for wrong in (make_token("int"), gates.copies.token(grants=[grant], expires_at=now() - AGO)):
            answer = await http.post("/v1/reports", json=body, headers=token(wrong))
            assert (answer.status_code, answer.json()["type"]) == (401, "/errors/token-invalid")
        elsewhere = {**token(gates.copies.token(grants=[grant])), "Hearth-Source": "forum"}
        answer = await http.post("/v1/reports", json=body, headers=elsewhere)
        assert (answer.status_code, answer.json()["type"]) == (403, "/errors/source-not-permitted")
    (source, unknown) = await gates.refused()
    assert unknown == ("intake", "report.submit", "token_unknown", "anyone", 2)
    assert (source[1:3], source[3].partition(":")[0]) == (("report.submit_for", "source"), "integrator")


async def test_an_integrators_token_opens_nothing_but_its_own_door(gates: Gates) -> None:
    good = gates.copies.token(grants=[Grant(Role.INTEGRATOR, sources=("wiki",))])
    for service in SERVICES:
        assert (await gates.ask(service, token(good))).json()["type"] == "/errors/role-not-permitted"


# Sessions


async def visit(gates: Gates, service: str, cookie: str, accept: str = "text/html") -> httpx.Response:
    async with gates.http(service) as http:
        return await http.get(PAGES[service], headers={"Cookie": cookie, "Accept": accept})


@pytest.mark.parametrize("service", PAGES)
async def test_a_session_that_is_over_leads_to_the_sign_in(gates: Gates, service: str) -> None:
    name, hour = Cookies(PAGES[service]).session, timedelta(hours=1)
    for secret in (
        await session_of(gates.sessions, SOMEBODY, age=13 * hour),
        await session_of(gates.sessions, SOMEBODY, age=hour, seen_at=now() - timedelta(minutes=31)),
    ):
        await assert_nobody(gates, service, f"{name}={secret}")


@pytest.mark.parametrize("service", PAGES)
async def test_a_session_that_is_none_leads_to_the_sign_in(gates: Gates, service: str) -> None:
    name = Cookies(PAGES[service]).session
    good = await session_of(gates.sessions, SOMEBODY)
    revoked = await session_of(gates.sessions, SOMEBODY)
    (_, last) = gates.sessions.sessions.values()
    await gates.sessions.revoke(SOMEBODY.ref, last.id_hash)
    elsewhere = next(Cookies(home).session for home in PAGES.values() if home != PAGES[service])
    for value in (
        f"{name}={revoked}",
        f"{name}={good[:-1]}",
        f"{name}={other_letter(good)}",
        f"{name}={last.id_hash}",
        f"{name}={good}{good}",
        f"{name}={'x' * 8_000}",
        f"{name}=",
        f"{name}=%00{good}",
        f"{elsewhere}={good}",
        f"{name.removeprefix('__Host-')}={good}",
    ):
        await assert_nobody(gates, service, value)


@pytest.mark.parametrize("service", PAGES)
async def test_a_session_from_before_a_sign_out_everywhere_is_none(gates: Gates, service: str) -> None:
    name = Cookies(PAGES[service]).session
    before = await session_of(gates.sessions, SOMEBODY, age=timedelta(hours=1))
    after = await session_of(gates.sessions, SOMEBODY)
    gates.copies.enrol(SOMEBODY, signed_out_at=now() - timedelta(minutes=1))
    await assert_nobody(gates, service, f"{name}={before}")
    known = await visit(gates, service, f"{name}={after}")
    assert (known.status_code, SOMEBODY.ref in known.text) == (403, True)


async def assert_nobody(gates: Gates, service: str, cookie: str) -> None:
    """Who sends this is nobody to the service: led to the sign-in, or told to, and on record."""
    gates.kept.events.clear()
    page = await visit(gates, service, cookie)
    assert page.status_code == 303, cookie[:80]
    assert page.headers["location"].startswith(f"{PAGES[service]}/sign-in?")
    plain = await visit(gates, service, cookie, "application/json")
    assert (plain.status_code, plain.json()["type"]) == (401, "/errors/sign-in-needed")
    ((at, _, reason, who, count),) = await gates.refused()
    assert (at, reason, who, count) == (service, "sign_in", "anyone", 2)


async def test_a_wrong_token_is_not_made_good_by_a_session(gates: Gates) -> None:
    secret = await session_of(gates.sessions, SOMEBODY)
    headers = {"Cookie": f"{Cookies('/desk').session}={secret}", **token(make_token("pat"))}
    async with gates.http("triage") as http:
        answer = await http.get("/desk", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (401, "/errors/token-invalid")


# Calls of services


async def call(gates: Gates, value: str) -> httpx.Response:
    async with gates.http("intake") as http:
        return await http.post("/v1/vault/pseudonyms", json={}, headers=token(value))


def none_algorithm() -> str:
    header, said, _ = (sign(claims(purpose="sign_in"), key="", algorithm="none")).split(".")
    return f"{header}.{said}.{sign(claims(purpose='sign_in')).rpartition('.')[2]}"


def ended(seconds: int) -> str:
    at = int(time.time()) - seconds
    return sign(claims(purpose="sign_in", iat=at - TOKEN_LIFE, exp=at))


def begins_in(seconds: int) -> str:
    at = int(time.time()) + seconds
    return sign(claims(purpose="sign_in", iat=at, exp=at + TOKEN_LIFE))


def with_other_words() -> str:
    header, _, signature = sign(claims(purpose="sign_in")).split(".")
    said = base64.urlsafe_b64encode(json.dumps(claims(purpose="sign_in", sub="service:audit")).encode())
    return f"{header}.{said.rstrip(b'=').decode()}.{signature}"


WRONG_CALLS: dict[str, tuple[Callable[[], str], str]] = {
    "expired": (lambda: ended(LEEWAY + 1), "expired"),
    "from a clock that is a minute and a second ahead": (lambda: begins_in(LEEWAY + 2), "not_yet"),
    "forged by a stranger": (lambda: sign(claims(purpose="sign_in"), key=stranger()), "signature"),
    "in another service's name": (
        lambda: sign(claims(purpose="sign_in"), key=key_of("audit").private, kid=key_of("audit").kid),
        "issuer",
    ),
    "with other words under the signature": (with_other_words, "signature"),
    "for another audience": (lambda: sign(claims(purpose="sign_in", aud="triage")), "audience"),
    "alg none": (lambda: sign(claims(purpose="sign_in"), key="", algorithm="none"), "algorithm"),
    "alg none with a signature": (none_algorithm, "algorithm"),
    "HS256 with the public key": (
        lambda: sign(claims(purpose="sign_in"), key=public_x("triage"), algorithm="HS256"),
        "algorithm",
    ),
    "truncated by four letters": (lambda: sign(claims(purpose="sign_in"))[:-4], "signature or malformed"),
    "truncated by half a signature": (lambda: sign(claims(purpose="sign_in"))[:-40], "signature or malformed"),
    "without a signature": (lambda: sign(claims(purpose="sign_in")).rpartition(".")[0], "unknown"),
    "with an empty signature": (
        lambda: f"{sign(claims(purpose='sign_in')).rpartition('.')[0]}.",
        "signature or malformed",
    ),
    "truncated by three letters": (lambda: sign(claims(purpose="sign_in"))[:-3], "signature or malformed"),
    "good for ever": (lambda: sign(claims(purpose="sign_in", exp=int(time.time()) + 10**6)), "life"),
    "larger than any": (lambda: sign(claims(purpose="sign_in", more="x" * (LONGEST_TOKEN - 600))), "malformed"),
}


async def test_a_wrong_call_of_a_service_is_refused_and_on_record(gates: Gates) -> None:
    for kind, (make, reason) in WRONG_CALLS.items():
        gates.kept.events.clear()
        answer = await call(gates, make())
        code = "token-expired" if reason == "expired" else "token-invalid"
        assert (answer.status_code, answer.json()["type"]) == (401, f"/errors/{code}"), kind
        assert answer.json()["title"] == "The token does not open this."
        ((at, action, why, who, count),) = await gates.refused()
        assert (at, action, who, count) == ("intake", "vault.pseudonyms", "anyone", 1), kind
        assert why in {f"token_{one}" for one in reason.split(" or ")}, kind


async def test_clocks_of_services_may_be_fifty_nine_seconds_apart(gates: Gates) -> None:
    for late in (ended(LEEWAY - 2), begins_in(LEEWAY - 1)):
        assert (await call(gates, late)).status_code == OPENED
    assert await gates.refused() == []


async def test_a_call_opens_once(gates: Gates) -> None:
    once = sign(claims(purpose="sign_in"))
    assert [(await call(gates, once)).status_code for _ in range(3)] == [OPENED, 401, 401]
    assert await gates.refused() == [("intake", "vault.pseudonyms", "token_replayed", "anyone", 2)]


async def test_a_call_for_another_purpose_is_refused_with_who_called(gates: Gates) -> None:
    answer = await call(gates, sign(claims(purpose="review")))
    assert answer.status_code in (401, 403)
    ((_, action, reason, _, _),) = await gates.refused()
    assert (action, reason) in (("vault.pseudonyms", "purpose"), ("vault.pseudonyms", "token_purpose"))


async def test_a_services_token_opens_nothing_at_the_services_that_take_none(gates: Gates) -> None:
    for service in ("notification", "audit"):
        answer = await gates.ask(service, token(sign(claims(aud=service))))
        assert (answer.status_code, answer.json()["type"]) == (401, "/errors/token-invalid")


async def test_a_persons_token_opens_nothing_at_the_vault(gates: Gates) -> None:
    answer = await call(gates, gates.copies.token(responder("a11", "enwiki_arbcom")))
    assert (answer.status_code, answer.json()["type"]) == (403, "/errors/role-not-permitted")


# Wrong tokens


@pytest.mark.slow
async def test_a_right_token_never_waits_for_wrong_ones_of_its_own_address(gates: Gates) -> None:
    service = "triage"
    good, wrong = token(gates.copies.token(SOMEBODY)), token(make_token("pat"))
    guesses = [asyncio.create_task(gates.ask(service, wrong)) for _ in range(AT_ONCE + 200)]
    while sum(guess.done() for guess in guesses) < AT_ONCE:
        await asyncio.sleep(0)
    assert (await gates.ask(service, good)).status_code == 403
    # That took less time than the last wrong answers have to wait.
    assert sum(guess.done() for guess in guesses) < len(guesses)
    assert {(await guess).status_code for guess in guesses} == {401}
    assert (await gates.ask(service, good)).status_code == 403


async def test_ten_thousand_refusals_are_one_event(gates: Gates) -> None:
    for _ in range(50):
        await gates.ask("audit")
    assert await gates.refused() == [("audit", "record.heads", "sign_in", "anyone", 50)]


# A roster that is not read


@pytest.mark.parametrize("service", SERVICES)
async def test_nobody_gets_in_on_a_roster_that_is_older_than_a_minute(gates: Gates, service: str) -> None:
    good = token(gates.copies.token(SOMEBODY))
    assert (await gates.ask(service, good)).status_code == 403
    gates.copies.away = ConnectionError("away")
    gates.later = timedelta(seconds=59)
    assert (await gates.ask(service, good)).status_code == 403
    gates.later = timedelta(seconds=61)
    answer = await gates.ask(service, good)
    assert (answer.status_code, answer.json()["type"]) == (503, "/errors/unavailable")
    assert int(answer.headers["retry-after"]) > 0
    gates.copies.away = None
    for roster in gates.rosters:
        await roster.refresh()
    assert (await gates.ask(service, good)).status_code == 403


@pytest.mark.parametrize("service", PAGES)
async def test_a_session_waits_for_the_roster_and_open_pages_do_not(gates: Gates, service: str) -> None:
    cookie = f"{Cookies(PAGES[service]).session}={await session_of(gates.sessions, SOMEBODY)}"
    assert (await visit(gates, service, cookie)).status_code == 403
    gates.copies.away, gates.later = ConnectionError("away"), timedelta(seconds=61)
    assert (await visit(gates, service, cookie)).status_code == 503
    async with gates.http(service) as http:
        assert (await http.get("/asyncapi")).status_code == 200
    async with gates.http("intake") as http:
        assert (await http.get("/report")).status_code == 200


# Nothing is revealed


async def test_a_refusal_is_the_same_whether_the_case_is_there_or_not(gates: Gates) -> None:
    async with make_rig() as rig:
        case = await rig.open()
        wrong: list[dict[str, str]] = [
            {},
            token(make_token("pat")),
            token("x" * 100),
            token(sign(claims(aud="audit"))),
            {"Authorization": "Basic eA=="},
            token(gates.copies.token(SOMEBODY)),
            token(gates.copies.token(responder("e15e", "swwiki_admins"))),
        ]
        for headers in wrong:
            told = set()
            for number, case_id in enumerate((case.id, "0" * 8 + case.id[8:], "nonsense")):
                transport = httpx.ASGITransport(rig.app, client=(f"192.0.2.{number}", 1))
                async with httpx.AsyncClient(transport=transport, base_url="https://desk.example") as http:
                    for path in ("", "/content"):
                        answer = await http.get(f"/v1/cases/{case_id}{path}", headers=headers)
                        assert answer.status_code in (401, 403, 404)
                        told.add(answer.text.replace(answer.json()["request_id"], ""))
            assert len(told) == 1, headers


@pytest.fixture(autouse=True)
async def _nothing_of_a_token_is_logged(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    caplog.set_level(0)
    yield
    assert "hearth_pat_" not in caplog.text
    assert "hearth_int_" not in caplog.text
