"""What answers tell browsers: nothing from elsewhere, nothing inline, nothing kept, nobody told."""

import re
from typing import cast

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from shared.lifecycle import Lifecycle
from shared.web.app import make_app
from shared.web.gate import Callers, does
from shared.web.headers import nonce_of
from shared.web.pages import load_assets
from tests.support.every_app import SERVICES, build
from tests.support.forms import SAME_ORIGIN, token_from
from tests.support.intake_rig import Rig
from tests.support.notification_rig import Still
from tests.support.page_rules import faults_of
from tests.support.people import gate_of

HOMES = {"intake": "/report", "triage": "/desk", "notification": "/outbox", "audit": "/audit"}
EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
}


@pytest.fixture(scope="module", params=SERVICES)
def service(request: pytest.FixtureRequest) -> tuple[str, FastAPI]:
    return request.param, build(request.param)


def client(app: FastAPI, scheme: str = "https") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=f"{scheme}://127.0.0.1", headers={"Accept": "text/html"})


def policy_of(answer: httpx.Response) -> dict[str, list[str]]:
    directives = (one.split() for one in answer.headers["content-security-policy"].split(";"))
    return {name: sources for name, *sources in directives}


async def test_every_answer_of_every_service_says_all_of_it(service: tuple[str, FastAPI]) -> None:
    name, app = service
    paths = [
        HOMES[name],
        f"{HOMES[name]}/sign-in",
        "/nowhere",
        "/health/ready",
        "/openapi.json",
        "/asyncapi",
    ]
    async with client(app) as http:
        for path in (*paths, load_assets()["hearth.css"].url):
            answer = await http.get(path)
            # Pages of other sites may read a contract, because it holds no secret.
            shared = {"cross-origin-resource-policy": "cross-origin"} if path in ("/asyncapi", "/openapi.json") else {}
            assert {key: answer.headers.get(key) for key in EVERYWHERE} == EVERYWHERE | shared, path
            assert answer.headers.get_list("content-security-policy") == [answer.headers["content-security-policy"]]
            policy = policy_of(answer)
            assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == ["'none'"]
            assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:"} & {
                one for all_ in policy.values() for one in all_
            }
            switched_off = answer.headers["permissions-policy"].split(", ")
            assert len(switched_off) > 40
            assert all(feature.endswith("=()") for feature in switched_off)
            assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_nothing_is_kept_but_what_has_no_person_in_it(service: tuple[str, FastAPI]) -> None:
    name, app = service
    kept = {}
    async with client(app) as http:
        for path in (
            HOMES[name],
            "/nowhere",
            "/health/live",
            "/v1/cases",
            "/v1/record/logs",
        ):
            kept[path] = (await http.get(path)).headers.get_list("cache-control")
        asset = (await http.get(load_assets()["hearth.css"].url)).headers["cache-control"]
        contract = (await http.get("/openapi.json")).headers["cache-control"]
    assert list(kept.values()) == [["no-store"]] * len(kept)
    assert contract == "public, max-age=3600"
    assert asset == "public, max-age=31536000, immutable"


async def test_tls_is_only_asked_for_over_tls(service: tuple[str, FastAPI]) -> None:
    async with client(service[1], "http") as http:
        assert "strict-transport-security" not in (await http.get("/health/live")).headers


async def test_a_script_runs_by_the_nonce_of_its_own_answer_and_none_without(service: tuple[str, FastAPI]) -> None:
    name, app = service
    async with client(app) as http:
        answers = [await http.get("/nowhere") for _ in range(2)]
    nonces = [re.findall(r'<script[^>]* nonce="([^"]+)"', answer.text) for answer in answers]
    if name != "intake":
        assert nonces == [[], []]
        assert policy_of(answers[0])["script-src"] == ["'none'"]
        return
    assert nonces[0] != nonces[1]
    for answer, (nonce,) in zip(answers, nonces, strict=True):
        assert len(nonce) >= 22
        assert policy_of(answer)["script-src"] == [f"'nonce-{nonce}'"]
        assert policy_of(answer)["style-src"] == ["'self'", f"'nonce-{nonce}'"]


def test_a_nonce_stays_the_same_within_an_answer() -> None:
    scope = {"type": "http"}
    assert nonce_of(scope) == nonce_of(scope) != nonce_of({"type": "http"})


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("site", "clears"), [("same-origin", True), ("none", True), ("cross-site", False), ("same-site", False)]
)
async def test_the_quick_way_out_always_leads_away_and_clears_for_our_own_pages(
    method: str, site: str, clears: bool
) -> None:
    async with Rig().http() as http:
        answer = await http.request(
            method, "/exit", headers={"Sec-Fetch-Site": site, "Content-Type": "application/x-www-form-urlencoded"}
        )
    assert answer.status_code == 200
    assert answer.headers["refresh"] == "0; url=https://www.wikipedia.org/"
    assert answer.headers.get("clear-site-data") == ('"cache", "cookies", "storage"' if clears else None)
    assert answer.headers["cache-control"] == "no-store"
    assert "wikipedia" not in answer.text
    assert "Hearth" not in answer.text
    assert "set-cookie" not in answer.headers


async def test_every_page_for_reporters_has_the_way_out_first(judged_pages: list[str]) -> None:
    rig = Rig()
    async with rig.http() as http:
        http.headers.update({"Accept": "text/html", **SAME_ORIGIN})
        for path in ("/report", "/report/enwiki", "/report/nowhere", "/follow-up", "/nowhere"):
            await http.get(path)
        fields = {"community": "enwiki", "narrative": "Something happened.", **await token_from(http, "/report")}
        await http.post("/report", data=fields)
        await http.post("/report", data={**fields, "narrative": ""})
        await http.post("/report", data={**fields, "form_token": "old"})
        await http.post("/follow-up", data={**fields, "receipt": "0000-0000-0000-0000-0000"})
    assert len(judged_pages) == 10
    for page in judged_pages:
        reached = re.findall(r"<(?:a|button|input|select|textarea|summary)\b(?![^>]*hidden)[^>]*>", page)
        assert "hearth-skip" in reached[0]
        assert reached[1].startswith("<button")
        assert page.index("Leave this page") < page.index("<main")


@pytest.mark.parametrize(
    "page",
    [
        '<img src="https://evil.example/x.png">', '<a href="//evil.example">x</a>', "<script>alert(1)</script>",
        '<script src="/x.js"></script>', '<p onclick="x()">', '<p style="color: red">', "<style>p {}</style>",
        '<a href="javascript:alert(1)">x</a>', '<form method="post"><button>x</button></form>', "<iframe></iframe>",
        '<base href="/x">', '<form action="http:evil.example"></form>', '<meta http-equiv="refresh" content="0">',
        "<p title=it's>", "<!-- <iframe></iframe> -->", '<a href="/x',
    ],
)  # fmt: skip
def test_the_judge_of_pages_finds_what_it_is_there_for(page: str) -> None:
    assert faults_of(page) != []
    assert faults_of('<a href="/desk?next=//x#y">x</a><form method="post"><input name="form_token"></form>') == []


async def test_a_route_may_say_that_its_page_is_the_same_for_all() -> None:
    gate = gate_of()
    router = gate.router(Callers.PROGRAMS)

    @router.get("/public", **does("page.asset"))
    async def public(request: Request) -> Response:
        return Response("for all", headers={"Cache-Control": "public, max-age=300"})

    app = make_app("test", cast(Lifecycle, Still()), gate=gate, routers=[router], asyncapi=dict)
    async with client(app) as http:
        assert (await http.get("/public")).headers.get_list("cache-control") == ["public, max-age=300"]
