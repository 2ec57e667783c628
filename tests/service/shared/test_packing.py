"""Answers are compressed where that is safe: none that holds a secret beside words of a request is (BREACH)."""

import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from shared.web.forms import TOKEN_FIELD
from shared.web.pages import load_assets
from tests.support.baseline_world import CATALOGUE
from tests.support.route_walk import routes_of
from tests.support.worlds import WORLDS, World

CONTRACTS = {"/asyncapi", "/openapi.json", "/schemas", "/schemas/{name}/{file}", "/assets/{digest}/{name}"}
SCORECARDS = {
    f"/scorecard{end}"
    for end in (
        "", ".json", "/{community}", "/{community}.json", "/{community}.csv", "/{community}.svg",
        "/{community}.wikitext", "/{community}.gemara.json", "/{community}/diff", "/{community}/diff.json",
    )
}  # fmt: skip
FORMS = {"/report", "/report/{community}", "/follow-up"}
"""Pages with the token of a form, which repeat nothing."""
PACKED: Mapping[str, set[str]] = {
    "intake": {*CONTRACTS, *FORMS, "/v1/policy"},
    "triage": CONTRACTS,
    "notification": CONTRACTS,
    "audit": {*CONTRACTS, *SCORECARDS, "/v1/record/verify.py"},
}
"""What is compressed. Every other answer is private, or shows words of a request, or is small here."""
GZIP = {"Accept-Encoding": "gzip"}
MARK = "canary-7f3a"
PATHS = {
    "name": "access.refused", "file": "1.0.json", "old": CATALOGUE.dated, "new": CATALOGUE.dated, "community": "enwiki",
    "code_name": "oaken-avenue", "digest": load_assets()["hearth.css"].digest,
}  # fmt: skip
QUERY = {"from": "1", "to": "300"}


def client(world: World) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url="https://localhost")


def addresses(world: World) -> list[tuple[str, str, list[str]]]:
    """Of each route that can be read: its path, an address of it, and the names in its query."""
    known = {**{name: str(values[0]) for name, values in world.known.items()}, **PATHS}
    found = []
    for route in routes_of(world.app):
        if "GET" in (route.methods or ()):
            there = re.sub(r"\{(\w+)(?::\w+)?\}", lambda at: known.get(at[1], "x"), route.path)
            there = there.replace("access.refused", "hearth.css") if there.startswith("/assets") else there
            found.append((route.path, there, [one.alias for one in route.dependant.query_params]))
    return found


async def answers(world: World, path: str, address: str, names: list[str]) -> list[httpx.Response]:
    """The address as it is, and with words of ours wherever a request can have them."""
    sent: dict[str, Any] = {name: value for name, value in QUERY.items() if name in names and "diff" in path}
    strange = {**dict.fromkeys((*names, "q", "sort", "kind", "uselang"), MARK), **sent}
    told = {"User-Agent": MARK, "Referer": f"https://{MARK}/", "X-Request-Id": MARK, "Accept-Language": MARK}
    async with client(world) as http:
        plain = await http.get(address, params=sent, headers=GZIP)
        http.cookies.set("canary", MARK)
        return [
            plain,
            await http.get(address, params=strange, headers={**GZIP, **told}),
            await http.get(address, params=sent, headers={**GZIP, **told}),
            await http.get(address, params=sent, headers={**GZIP, **world.caller(f"GET {path}")}),
        ]


@pytest.mark.parametrize("service", WORLDS)
async def test_no_compressed_answer_has_a_secret_beside_words_of_a_request(service: str) -> None:
    world = await WORLDS[service]()
    packed = set()
    for path, address, names in addresses(world):
        for answer in await answers(world, path, address, names):
            if "content-encoding" not in answer.headers:
                continue
            packed.add(path)
            has_secret = TOKEN_FIELD in answer.text or "set-cookie" in answer.headers
            assert not has_secret or MARK not in answer.text, path
            assert has_secret == (path in FORMS), path
            assert "Accept-Encoding" in answer.headers["vary"], path
            assert has_secret or answer.headers["cache-control"].startswith("public"), path
    assert packed == PACKED[service]


@pytest.mark.parametrize("service", WORLDS)
async def test_what_is_compressed_for_all_is_the_same_for_all(service: str) -> None:
    world = await WORLDS[service]()
    for path, address, names in addresses(world):
        if path in PACKED[service] - FORMS:
            plain, _, told, signed_in = await answers(world, path, address, names)
            assert plain.content == told.content == signed_in.content, path


@pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "br, gzip; q=0.00", "deflate", ""])
async def test_who_takes_no_gzip_gets_none(accepted: str) -> None:
    async with client(await WORLDS["intake"]()) as http:
        for path in ("/openapi.json", "/report", load_assets()["hearth.css"].url):
            answer = await http.get(path, headers={"Accept-Encoding": accepted})
            assert "content-encoding" not in answer.headers
            assert "Accept-Encoding" in answer.headers["vary"]


async def test_a_compressed_answer_has_a_tag_of_its_own_that_is_known_again() -> None:
    async with client(await WORLDS["intake"]()) as http:
        for path in ("/v1/policy", load_assets()["hearth.css"].url):
            plain = await http.get(path, headers={"Accept-Encoding": "identity"})
            packed = await http.get(path, headers=GZIP)
            assert packed.headers["content-encoding"] == "gzip"
            assert plain.content == packed.content
            tag, other = plain.headers["etag"], packed.headers["etag"]
            assert other == f'{tag[:-1]}-gzip"'
            for known, told in ((tag, tag), (other, other), (f"W/{other}", other), (f"W/{tag}", tag), ("*", tag)):
                again = await http.get(path, headers={**GZIP, "If-None-Match": known})
                assert (again.status_code, again.headers["etag"], again.content) == (304, told, b"")
                assert "content-encoding" not in again.headers
                assert "Accept-Encoding" in again.headers["vary"]
            changed = await http.get(path, headers={**GZIP, "If-None-Match": '"another"'})
            assert changed.status_code == 200


async def test_head_tells_what_get_would() -> None:
    async with client(await WORLDS["intake"]()) as http:
        for coding in ("gzip", "identity"):
            got, head = [
                await http.request(method, "/v1/policy", headers={"Accept-Encoding": coding})
                for method in ("GET", "HEAD")
            ]
            for name in ("content-length", "content-encoding", "etag", "vary", "content-type"):
                assert got.headers.get(name) == head.headers.get(name)
