"""Services are asked under their own names only, and build no address from what a request says of its host."""

import httpx
import pytest
from fastapi import FastAPI

from shared.access.refusal_log import Refusals
from tests.support.every_app import SERVICES, build

HTML = {"Accept": "text/html"}


def client(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://127.0.0.1", headers=headers)


@pytest.fixture(scope="module", params=SERVICES)
def app(request: pytest.FixtureRequest) -> FastAPI:
    return build(request.param)


HOSTS = {
    "127.0.0.1": 200, "127.0.0.1:8001": 200, "localhost:1": 200, "[::1]:8001": 200, "LOCALHOST": 200, "triage": 200,
    "reports.example": 200, "desk.example:443": 200, "more.example": 200,
    "evil.example": 421, "reports.example.evil.example": 421, "evil.example:reports.example": 400,
    "reports.example@evil.example": 400, "reports.example/evil.example": 400, "reports.example evil.example": 400,
    "": 400, ":80": 400, "[::1": 400, "[nonsense]": 400, "a..b": 421, "reports.example.": 200,
    "Reports.Example.:443": 200, "reports.example..": 400, ".": 400, "evil.example.": 421, "[::1].": 400,
    "xn--bcher-kva.example": 200, "MORE.example": 200, "xn--mre-sna.example": 200,
    "10.0.0.5:8001": 421, "reports.example:80:80": 400, "reports\texample": 400,
}  # fmt: skip


@pytest.fixture(scope="module")
def named() -> FastAPI:
    return build(
        "intake",
        public_url="https://reports.example/",
        desk_url="https://desk.example",
        audit_url="https://bücher.example:443/",
        hosts="more.example, x, möre.example",
    )


@pytest.mark.parametrize("host", HOSTS)
async def test_only_names_of_ours_are_answered(named: FastAPI, host: str) -> None:
    async with client(named) as http:
        answer = await http.get("/report", headers={"Host": host})
    assert answer.status_code == HOSTS[host]
    assert "evil" not in answer.text
    assert "evil" not in str(answer.headers)
    if answer.status_code != 200:
        code = "host-unknown" if answer.status_code == 421 else "host-malformed"
        assert answer.json()["type"] == f"/errors/{code}"


async def test_what_is_asked_under_another_name_is_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[tuple[str, ...]] = []
    monkeypatch.setattr(Refusals, "note", lambda _, action, reason, who: noted.append((action, reason, who.ref)))
    async with client(build("audit", public_url="https://reports.example/")) as http:
        await http.get("/audit", headers={"Host": "evil.example"})
        await http.get("/audit", headers={"Host": "evil.example:80:80"})
        await http.get("/health/live")
    assert noted == [("request", "host-unknown", "anyone"), ("request", "host-malformed", "anyone")]


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_machines_may_ask_for_health_by_any_address_but_not_by_any_name(named: FastAPI, path: str) -> None:
    async with client(named) as http:
        for host in ("10.0.0.5:8001", "[2001:db8::1]:8001"):
            assert (await http.get(path, headers={"Host": host})).status_code in (200, 503)
        assert (await http.get(path, headers={"Host": "evil.example"})).status_code == 421
