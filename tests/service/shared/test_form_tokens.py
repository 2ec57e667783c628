"""No form is taken by any service without a right token, and no form is lost for want of one."""

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from shared.access.refusal_log import Refusals
from shared.i18n.messages import SHARED_MESSAGES, Messages
from shared.web.csrf import COOKIE, FormGuard
from shared.web.forms import TOKEN_FIELD
from shared.web.pages import TEMPLATES, make_pages
from tests.support.cases import cases
from tests.support.every_app import SERVICES, build
from tests.support.forms import SAME_ORIGIN, hidden_fields, token_from
from tests.support.intake_rig import Rig

ROOT = Path(__file__).parents[3]
HTML = {"Accept": "text/html"}
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
FORMS_FROM_ELSEWHERE = {"/exit", *(f"{home}/sign-in/back-channel" for home in ("/desk", "/outbox", "/audit"))}
"""Routes that take forms without a token, each for a reason that stands beside it."""
TEMPLATE_FOLDERS = [TEMPLATES, *sorted((ROOT / "services").glob("*/templates"))]


@pytest.fixture(scope="module", params=SERVICES)
def app(request: pytest.FixtureRequest) -> FastAPI:
    return build(request.param)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def client(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://127.0.0.1", headers=headers)


def writing_routes(app: FastAPI) -> set[tuple[str, str]]:
    return {
        (method, route.path)
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in (route.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    }


async def test_a_form_from_elsewhere_is_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[tuple[str, str]] = []
    monkeypatch.setattr(Refusals, "note", lambda _, action, reason, who: noted.append((action, reason)))
    async with client(build("audit"), **URLENCODED) as http:
        await http.post("/audit/sign-in", content="a=b", headers={"Sec-Fetch-Site": "cross-site"})
        await http.post("/audit/sign-in", content="a=b", headers=SAME_ORIGIN)
    assert noted == [("request", "cross-site"), ("request", "form-token-wrong")]


async def test_every_route_that_writes_refuses_a_form_without_a_right_token(app: FastAPI) -> None:
    routes = writing_routes(app)
    assert routes
    other = FormGuard(b"o" * 32)
    foreign = "A" * 24
    wrong = ["", "nonsense", f"{foreign}.{other._sign(foreign)}", f"{foreign}.", f".{other._sign(foreign)}"]
    taken: set[str] = set()
    async with client(app, **SAME_ORIGIN) as http:
        for method, path in sorted(routes):
            address = re.sub(r"\{[^}]*\}", "x", path)
            for given in wrong:
                fields = {TOKEN_FIELD: given} if given else {}
                answer = await http.request(method, address, data=fields or {"a": "b"}, headers=URLENCODED)
                if answer.status_code != 403 or answer.json()["type"] != "/errors/form-token-wrong":
                    taken.add(path)
            for media_type in ("text/plain", "multipart/form-data; boundary=x"):
                answer = await http.request(method, address, content=b"{}", headers={"Content-Type": media_type})
                assert path in taken or answer.status_code == 415, (method, path, media_type)
    assert taken <= FORMS_FROM_ELSEWHERE


async def test_a_request_that_names_no_type_but_carries_cookies_is_judged_as_a_form(rig: Rig) -> None:
    async with rig.http() as http:
        plain = await http.post("/v1/follow-up", content=b'{"receipt": "x"}')
        carried = await http.post("/v1/follow-up", content=b'{"receipt": "x"}', headers={"Cookie": "a=b"})
    assert plain.json()["type"] == "/errors/invalid-fields"
    assert carried.status_code == 415


async def report(rig: Rig, http: httpx.AsyncClient, token: dict[str, str], **headers: str) -> httpx.Response:
    fields = {"community": "enwiki", "narrative": "They followed <b>me</b>.", "flags": "ongoing", **token}
    return await http.post("/report", data=fields, headers={**HTML, **headers})


async def test_the_token_of_another_browser_is_not_taken(rig: Rig) -> None:
    async with rig.http() as theirs, rig.http() as mine:
        stolen = await token_from(theirs, "/report")
        await token_from(mine, "/report")
        answer = await report(rig, mine, stolen, **SAME_ORIGIN)
    assert answer.status_code == 403
    assert rig.store.reports == {}


async def test_a_form_stays_good_while_other_pages_are_opened(rig: Rig) -> None:
    async with rig.http() as http:
        token = await token_from(http, "/report")
        for path in ("/report", "/follow-up", "/report/enwiki"):
            assert await token_from(http, path) == token
        assert (await report(rig, http, token, **SAME_ORIGIN)).status_code == 200


async def test_a_refused_form_comes_back_with_every_word_and_a_token_that_works(rig: Rig) -> None:
    async with rig.http() as http:
        await token_from(http, "/report")
        refused = await report(rig, http, {TOKEN_FIELD: "old"}, **SAME_ORIGIN)
        assert refused.status_code == 403
        assert "Please send this once more" in refused.text
        assert "They followed &lt;b&gt;me&lt;/b&gt;." in refused.text
        again = hidden_fields(refused.text)
        assert again["flags"] == "ongoing"
        sent = await http.post("/report", data=again, headers={**HTML, **SAME_ORIGIN})
    assert sent.status_code == 200
    assert len(rig.store.reports) == 1


async def test_a_refused_form_is_offered_again_only_to_our_own_pages(rig: Rig) -> None:
    async with rig.http() as http:
        await token_from(http, "/report")
        strange = {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}
        for headers in (
            *strange,
            {"Cookie": "__Host-hearth_desk=a-session"},
            {"Cookie": "hearth_language=en; other=1"},
        ):
            refused = await report(rig, http, {}, **headers)
            assert refused.status_code == 403
            assert "They followed" not in refused.text


@pytest.mark.parametrize("cookie", [None, "hearth_language=en", f"{COOKIE}={'A' * 24}"])
@pytest.mark.parametrize("headers", cases("browsers_that_tell_nothing"))
async def test_a_browser_that_tells_nothing_gets_its_form_back_and_presses_again(
    rig: Rig, headers: dict[str, str], cookie: str | None
) -> None:
    sent = {**HTML, **headers, **({"Cookie": cookie} if cookie else {})}
    async with rig.http() as http:
        page = await http.get("/report", headers=HTML)
    async with rig.http() as bare:
        token = hidden_fields(page.text)[TOKEN_FIELD]
        refused = await bare.post(
            "/report", data={"community": "enwiki", "narrative": "A long text.", TOKEN_FIELD: token}, headers=sent
        )
        assert (refused.status_code, "A long text." in refused.text) == (403, True)
        bare.cookies.clear()
        # Old browsers may keep the cookie of the page that they got, or none.
        taken = await bare.post("/report", data=hidden_fields(refused.text), headers=sent)
    assert taken.status_code == 200
    assert len(rig.store.reports) == 1


async def test_a_form_is_never_offered_again_to_another_host(rig: Rig) -> None:
    async with rig.http() as http:
        for path in ("//evil.example/report", "/\\evil.example", "/%2F/evil.example"):
            answer = await http.post(
                f"https://intake.example{path}", data={"narrative": "two words"}, headers={**HTML, **SAME_ORIGIN}
            )
            assert re.findall(r'<form method="post" action="([^"]+)"', answer.text) == ["/report"]


async def test_who_keeps_no_cookies_is_taken_at_the_browsers_word_but_needs_a_token(rig: Rig) -> None:
    async with rig.http() as http:
        token = await token_from(http, "/report")
    async with rig.http() as bare:
        assert (await report(rig, bare, {}, **SAME_ORIGIN)).status_code == 403
        bare.cookies.clear()
        assert (await report(rig, bare, token)).status_code == 403
        bare.cookies.clear()
        assert (await report(rig, bare, token, **SAME_ORIGIN)).status_code == 200
        bare.cookies.set("hearth_desk", "a session")
        assert (await report(rig, bare, token, **SAME_ORIGIN)).status_code == 403


async def test_the_cookie_is_bound_to_this_host_and_out_of_reach(rig: Rig) -> None:
    async with rig.http() as http:
        given = (await http.get("/report", headers=HTML)).headers["set-cookie"]
        assert COOKIE.startswith("__Host-")
        assert re.fullmatch(rf"{COOKIE}=[A-Za-z0-9_-]{{24}}; Path=/; Secure; HttpOnly; SameSite=Lax", given)
        assert "set-cookie" not in (await http.get("/report", headers=HTML)).headers


async def test_a_token_is_good_in_every_replica_and_ends_with_the_key() -> None:
    one, two, other = (FormGuard(key) for key in (b"k" * 32, b"k" * 32, b"x" * 32))
    assert one._sign("A" * 24) == two._sign("A" * 24) != other._sign("A" * 24)


@pytest.mark.parametrize("folder", TEMPLATE_FOLDERS, ids=lambda folder: folder.parent.name)
def test_every_form_of_every_template_gets_its_token(folder: Path) -> None:
    environment = make_pages(folder, Messages.load([SHARED_MESSAGES]))._environment
    for path in sorted(folder.glob("*.html")):
        source = path.read_text(encoding="utf-8")
        plain = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", source)
        methods = re.findall(r'<form\b[^>]*\bmethod="(get|post)"', plain)
        assert len(methods) == len(re.findall(r"<form\b", plain)), f"{path.name}: say get or post, in quotes"
        assert environment.preprocess(source).count(f'name="{TOKEN_FIELD}"') == methods.count("post"), path.name


FOREIGN = ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"})
JSON_TYPES = ("application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/cloudevents+json")


async def test_every_route_that_writes_refuses_json_of_another_site(app: FastAPI) -> None:
    async with client(app) as http:
        for method, path in sorted(writing_routes(app)):
            if path in FORMS_FROM_ELSEWHERE:
                continue
            address = re.sub(r"\{[^}]*\}", "x", path)
            for headers in FOREIGN:
                for media_type in JSON_TYPES:
                    sent = {**headers, "Content-Type": media_type, "Cookie": "a=b"}
                    answer = await http.request(method, address, content=b"{}", headers=sent)
                    assert (answer.status_code, answer.json()["type"]) == (403, "/errors/cross-site"), (path, sent)


async def test_json_of_our_own_pages_and_of_programs_is_taken(rig: Rig) -> None:
    body = {"community": "enwiki", "narrative": "They followed me."}
    async with rig.http() as http:
        own = str(http.base_url).rstrip("/")
        for headers in ({}, SAME_ORIGIN, {"Origin": own}, {"Origin": "null"}):
            assert (await http.post("/v1/reports", json=body, headers=headers)).status_code == 202, headers
        refused = await http.post("/v1/reports", json=body, headers=FOREIGN[0])
    assert refused.status_code == 403
    assert len(rig.store.reports) == 4
