"""The frame of the pages: language, escaping, caching, errors for people, and the addresses of style sheets."""

import gzip
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI, Request, Response
from httpx import ASGITransport, AsyncClient
from jinja2 import UndefinedError
from markupsafe import Markup

from shared.i18n.messages import SHARED_MESSAGES, Messages
from shared.problems import Problem
from shared.web.headers import LANGUAGE_COOKIE
from shared.web.pages import STATIC, TEMPLATES, load_assets, make_asset_router, make_pages
from tests.support.people import gate_of

FRAME = '{% extends "base.html" %}{% block title %}T{% endblock %}'
TEXTS = {
    "en": {"greeting": "Hello $1 & all!"},
    "ar": {"greeting": "أهلا $1"},
    "de": {"greeting": "Hallo $1!", "error-404-title": "Hier ist nichts"},
}
MakeClient = Callable[..., AsyncClient]


@pytest.fixture
def client_for(tmp_path: Path) -> MakeClient:
    """A client of an application with one page, whose content is `body`."""
    for language, texts in TEXTS.items():
        (tmp_path / f"{language}.json").write_text(json.dumps(texts), encoding="utf-8")

    def make(body: str, **context: object) -> AsyncClient:
        page_text = FRAME + "{% block content %}" + body + "{% endblock %}"
        (tmp_path / "page.html").write_text(page_text, encoding="utf-8")
        pages = make_pages(tmp_path, Messages.load([SHARED_MESSAGES, tmp_path], strict=True), home="/start")
        app = FastAPI()

        @app.get("/")
        def page(request: Request) -> Response:
            return pages.render(request, "page.html", context)

        @app.get("/refused/{status}")
        async def refused(request: Request, status: int) -> Response:
            return await pages.error(
                request, Problem(status, "code", "technical title", detail="secret", retry_after=30)
            )

        app.include_router(make_asset_router(gate_of()))
        return AsyncClient(transport=ASGITransport(app), base_url="http://hearth.example")

    return make


async def test_a_page_says_its_language_and_direction(client_for: MakeClient) -> None:
    answer = await client_for("{{ msg('greeting', 'Ada') }}").get("/", headers={"Accept-Language": "ar-EG, en;q=0.5"})
    assert '<html lang="ar" dir="rtl">' in answer.text
    assert "أهلا Ada" in answer.text
    assert answer.headers["content-language"] == "ar"
    assert "Accept-Language" in answer.headers["vary"]


async def test_a_chosen_language_outweighs_the_browser_and_is_remembered(client_for: MakeClient) -> None:
    client = client_for("{{ msg('greeting', 'Ada') }}")
    asked = await client.get("/?uselang=de", headers={"Accept-Language": "ar"})
    assert "Hallo Ada!" in asked.text
    assert client.cookies[LANGUAGE_COOKIE] == "de"
    assert "Hallo Ada!" in (await client.get("/", headers={"Accept-Language": "ar"})).text


async def test_a_language_that_does_not_exist_is_ignored(client_for: MakeClient) -> None:
    client = client_for("")
    client.cookies.set(LANGUAGE_COOKIE, "<script>")
    answer = await client.get("/?uselang=%3Cscript%3E")
    assert answer.headers["content-language"] == "en"
    assert "set-cookie" not in answer.headers


async def test_a_page_is_never_stored_unless_its_route_says_so(client_for: MakeClient) -> None:
    assert (await client_for("").get("/")).headers["cache-control"] == "no-store"


async def test_what_people_wrote_is_escaped_everywhere(client_for: MakeClient) -> None:
    evil = "<script>alert(1)</script>\"'"
    parts = (
        "{{ evil }}{{ msg('greeting', evil) }}{{ parts.field('a', evil, value=evil, help=evil, error=evil) }}"
        "{{ parts.textarea('b', evil, value=evil) }}{{ parts.select('c', evil, [(evil, evil)]) }}"
        "{{ parts.checkboxes('d', evil, [(evil, evil)]) }}{{ parts.table(evil, [evil], [[evil]]) }}"
        "{{ parts.timeline([{'text': evil, 'detail': evil}]) }}{{ parts.facts([(evil, evil)]) }}"
        "{{ parts.error_summary([(evil, evil)]) }}{{ parts.chip(evil) }}"
    )
    answer = await client_for(parts, evil=evil).get("/")
    assert "<script" not in answer.text
    assert '"\'"' not in answer.text


async def test_markup_in_a_message_stays_and_the_rest_is_escaped(client_for: MakeClient) -> None:
    client = client_for("{{ msg('greeting', link) }}", link=Markup('<a href="/x">Ada</a>'))
    assert 'Hello <a href="/x">Ada</a> &amp; all!' in (await client.get("/")).text


async def test_a_page_loads_nothing_from_elsewhere_and_runs_no_inline_script(client_for: MakeClient) -> None:
    text = (await client_for("").get("/")).text
    assert "<script" not in text
    assert "style=" not in text
    assert "//" not in text.replace("</", "")


async def test_times_carry_a_machine_readable_form(client_for: MakeClient) -> None:
    client = client_for("{{ parts.time(at) }}", at=datetime(2026, 11, 24, 2, 51, tzinfo=UTC))
    assert '<time datetime="2026-11-24T02:51:00.000Z">Nov 24, 2026, 02:51 UTC</time>' in (await client.get("/")).text


async def test_a_name_that_the_template_was_not_given_is_an_error(client_for: MakeClient) -> None:
    with pytest.raises(UndefinedError):
        await client_for("{{ forgotten }}").get("/")


async def test_an_error_page_speaks_the_readers_language_and_hides_the_detail(client_for: MakeClient) -> None:
    answer = await client_for("").get("/refused/404", headers={"Accept-Language": "de"})
    assert answer.status_code == 404
    assert "<h1>Hier ist nichts</h1>" in answer.text
    assert "secret" not in answer.text
    assert "technical" not in answer.text
    assert answer.headers["retry-after"] == "30"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 412, 413, 422, 429, 500, 502, 503])
async def test_every_kind_of_error_has_its_page(client_for: MakeClient, status: int) -> None:
    answer = await client_for("").get(f"/refused/{status}")
    assert answer.status_code == status
    assert "⧼" not in answer.text


async def test_the_addresses_of_style_sheets_change_with_their_content(client_for: MakeClient) -> None:
    client = client_for("")
    asset = load_assets()["hearth.css"]
    assert f'href="{asset.url}"' in (await client.get("/")).text
    answer = await client.get(asset.url)
    assert answer.content == (STATIC / "hearth.css").read_bytes()
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")
    assert (await client.get(asset.url, headers={"If-None-Match": answer.headers["etag"]})).status_code == 304


async def test_an_address_of_another_version_is_answered_but_not_kept(client_for: MakeClient) -> None:
    answer = await client_for("").get("/assets/0000000000000000/hearth.css", headers={"Accept-Encoding": "identity"})
    assert answer.content == (STATIC / "hearth.css").read_bytes()
    assert answer.headers["cache-control"] == "no-cache"


def test_pages_work_and_say_so_when_the_bundle_has_not_been_made(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.web.pages.MADE_ASSETS", tmp_path / "absent")
    assert "codex.css" not in load_assets()
    make_pages(tmp_path, Messages.load([SHARED_MESSAGES], strict=True))
    assert "python -m infra.assets" in caplog.text


def test_the_shared_style_sheet_stays_small() -> None:
    assert len(gzip.compress((STATIC / "hearth.css").read_bytes())) < 5_000


def test_every_message_that_the_shared_templates_name_exists() -> None:
    named = {
        key
        for path in TEMPLATES.glob("*.html")
        for key in re.findall(r'msg\("([a-z0-9-]*[a-z0-9])"', path.read_text(encoding="utf-8"))
    }
    messages = Messages.load([SHARED_MESSAGES])
    assert named
    assert {key for key in named if not messages.has(key)} == set()
