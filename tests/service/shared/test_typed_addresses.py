"""Every route of every service by every method, and addresses as people type them."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from shared.web.typed_addresses import tidy_path, tidy_query
from tests.support.every_app import SERVICES
from tests.support.one_report import HTML, hand_in
from tests.support.rosters import fresh_roster
from tests.support.route_walk import Ask, routes_of, steps_of, thing_of

on_one_loop = pytest.mark.asyncio(loop_scope="module")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
OWN = {"x-request-id", "date", "set-cookie", "content-security-policy"}
"""Headers that differ from one answer to the next."""


def client(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://localhost", headers=headers)


@pytest_asyncio.fixture(params=SERVICES, scope="module", loop_scope="module")
async def service(request: pytest.FixtureRequest) -> AsyncIterator[tuple[FastAPI, list[Ask]]]:
    """The application of a service, and a request for each of its routes in every way in which it is filled.

    One for all tests here, because none of them is let in to change anything.
    """
    report = await hand_in([])
    there = thing_of(report)
    app = report.apps[request.param]
    async with fresh_roster(app):
        yield app, [step.ask for step in steps_of(app, there, there.missing())]


def methods_of(app: FastAPI, path: str) -> set[str]:
    """What the routes say that fit a path."""
    found = {method for route in routes_of(app) if route.path_regex.match(path) for method in route.methods or ()}
    return found | {"OPTIONS"} | ({"HEAD"} & {"HEAD" for method in found if method == "GET"})


def listed(answer: httpx.Response) -> set[str]:
    return set(answer.headers["allow"].split(", "))


@on_one_loop
async def test_every_route_says_which_methods_it_takes(service: tuple[FastAPI, list[Ask]]) -> None:
    app, asks = service
    async with client(app) as http:
        for path in {ask.path.partition("?")[0] for ask in asks}:
            takes = methods_of(app, path)
            for method in METHODS:
                if method == "OPTIONS":
                    answer = await http.request(method, path)
                    assert (answer.status_code, answer.content, listed(answer)) == (204, b"", takes), path
                elif method not in takes:
                    answer = await http.request(method, path, headers=HTML if method == "HEAD" else {})
                    assert (answer.status_code, answer.headers.get("allow")) == (405, ", ".join(sorted(takes))), (
                        method,
                        path,
                    )


@on_one_loop
async def test_the_head_of_every_page_is_that_of_the_page(service: tuple[FastAPI, list[Ask]]) -> None:
    app, asks = service
    async with client(app, Accept="text/html") as http:
        for ask in (ask for ask in asks if ask.method == "GET"):
            whole, head = await http.get(ask.path), await http.head(ask.path)
            assert (head.status_code, head.content) == (whole.status_code, b""), ask.path
            kept = [{n: v for n, v in answer.headers.items() if n not in OWN} for answer in (whole, head)]
            kept[1].setdefault("content-length", kept[0].get("content-length", ""))
            assert kept[0].keys() == kept[1].keys(), ask.path


@on_one_loop
async def test_every_address_may_be_typed_with_capitals_and_a_slash(service: tuple[FastAPI, list[Ask]]) -> None:
    app, asks = service
    async with client(app) as http:
        for path in {ask.path.partition("?")[0] for ask in asks}:
            takes = methods_of(app, path)
            for typed in (f"{path}/", path.upper(), f"{path.title()}//", f"{path}.", f"{path}%20", f"{path}%E3%80%82"):
                assert (await http.options(typed)).headers.get("allow", "") == ", ".join(sorted(takes)), typed


@on_one_loop
@pytest.mark.parametrize("path", ["/nowhere", "/report/a/b/c", "//report", "/"])
async def test_what_is_not_there_takes_no_method(service: tuple[FastAPI, list[Ask]], path: str) -> None:
    async with client(service[0]) as http:
        for method in METHODS:
            answer = await http.request(method, f"https://localhost{path}")
            assert (answer.status_code, "allow" in answer.headers) in ((404, False), (403, False)), method


@on_one_loop
async def test_a_typed_address_is_answered_at_once_and_leads_nowhere_else(service: tuple[FastAPI, list[Ask]]) -> None:
    async with client(service[0], **HTML) as http:
        for path in ("/Report/", "/REPORT/EnWiki/", "/DESK/", "/Outbox/", "/audit//", "/Follow-Up."):
            answer, plain = await http.get(path), await http.get(tidy_path(path))
            assert answer.status_code == plain.status_code
            assert answer.headers.get("location") == plain.headers.get("location")


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("/report", "/report"), ("/", "/"), ("///", "/"), ("/Report/", "/report"),
        ("/report/enwiki\u200b", "/report/enwiki"),
        *((f"/report{end}", "/report") for end in ("。", "\u3000", "」。", "”", "؟", "।", "**", "}}")),
        *((f"/report{end}", "/report") for end in ("|", "?", "（", "…")),
        ("/report\u00a0\ufeff", "/report"),
        ("/x/a-_", "/x/a-_"),
        ("/report/..", "/report"), ("//evil.example/", "//evil.example"), ("/report)", "/report"), ("", "/"),
        ("/scorecard/enwiki.JSON", "/scorecard/enwiki.json"),
    ],
)  # fmt: skip
def test_an_address_has_one_form(typed: str, path: str) -> None:
    assert tidy_path(typed) == path
    assert tidy_path(path) == path


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        (b"", b""), (b"a=b&c=%2F", b"a=b&c=%2F"), (b"body=%EF%BB%BFenwiki_admins%E2%80%8B", b"body=enwiki_admins"),
        (b"q=+x+y%20&z=", b"q=x+y&z="), (b"a=%C2%ADb&a=%E2%80%8Ec", b"a=b&a=c"), (b"q=%ff", b"q=%ff"),
    ],
)  # fmt: skip
def test_a_query_has_no_marks_of_copying(typed: bytes, query: bytes) -> None:
    assert tidy_query(typed) == query
