"""Each of the four services while Kafka and MongoDB come and go: it starts, says how it is, and ends in time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from infra.local.stack import Stack
from infra.local.system import create_topics_on
from services.audit.app import build_app as build_audit
from services.audit.settings import AuditSettings
from services.intake.app import build_app as build_intake
from services.intake.settings import IntakeSettings
from services.notification.app import build_app as build_notification
from services.notification.settings import NotificationSettings
from services.triage.app import build_app as build_triage
from services.triage.settings import TriageSettings
from tests.support.people import PROVIDER, SIGN_IN
from tests.support.service_keys import files_of

pytestmark = pytest.mark.timeout(240)

KEY = b"k" * 32
HOST = "here.example"
SERVICES = ("intake", "triage", "notification", "audit")


def build(name: str, kafka: str, mongo: str) -> FastAPI:
    """A service with made-up secrets."""
    parts: dict[str, Any] = {"kafka": kafka, "mongo": mongo, "form_key": KEY, "hosts": HOST, **files_of(name)}
    match name:
        case "intake":
            keys = {"master_key": KEY, "receipt_pepper": KEY, "pseudonym_key": KEY}
            return build_intake(IntakeSettings(**parts, **PROVIDER, **keys))
        case "triage":
            return build_triage(TriageSettings(**parts, **SIGN_IN))
        case "notification":
            return build_notification(NotificationSettings(**parts, **SIGN_IN))
        case _:
            return build_audit(AuditSettings(**parts, **SIGN_IN, signing_key=KEY))


@asynccontextmanager
async def serving(app: FastAPI, ended: dict[str, float], name: str) -> AsyncIterator[httpx.AsyncClient]:
    """The running service; how many seconds its end took is noted."""
    context = app.router.lifespan_context(app)
    await context.__aenter__()
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app.state.inside), base_url=f"http://{HOST}"
        ) as http:
            yield http
    finally:
        began = time.monotonic()
        await context.__aexit__(None, None, None)
        ended[name] = time.monotonic() - began


async def waiting_for(http: httpx.AsyncClient) -> set[str]:
    """What the service says it waits for; it must call itself alive all the while."""
    assert (await http.get("/health/live")).json() == {"status": "live", "reason": None}
    answer = await http.get("/health/ready")
    waiting = set(answer.json()["waiting_for"])
    assert (answer.status_code, answer.json()["status"]) == ((503, "waiting") if waiting else (200, "ready"))
    return waiting


async def eventually(clients: dict[str, httpx.AsyncClient], holds: Callable[[set[str]], bool]) -> None:
    """Wait until it holds for what every service waits for."""

    async def one(name: str, http: httpx.AsyncClient) -> None:
        waiting: set[str] = set()
        for _ in range(600):
            waiting = await waiting_for(http)
            if holds(waiting):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{name} waits for {waiting}")

    await asyncio.gather(*(one(name, http) for name, http in clients.items()))


@pytest.mark.slow
async def test_every_service_starts_before_its_parts_outlives_them_and_ends_in_time(
    own_stack: Stack,
) -> None:
    await asyncio.to_thread(create_topics_on, own_stack.kafka)
    parts: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
        "kafka": (lambda: own_stack.stop_kafka(kill=True), own_stack.start_kafka),
        "mongodb": (lambda: own_stack.stop_mongo(kill=True), own_stack.start_mongo),
    }

    async def each(end: int) -> None:
        await asyncio.gather(*(asyncio.to_thread(part[end]) for part in parts.values()))

    await each(0)
    ended: dict[str, float] = {}
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(serving(build(name, own_stack.kafka, own_stack.mongo), ended, name))
            for name in SERVICES
        }
        await eventually(clients, lambda waiting: {"kafka", "mongodb"} <= waiting)
        await each(1)
        await eventually(clients, lambda waiting: not waiting)
        for part, (stop, start) in parts.items():
            await asyncio.to_thread(stop)
            await eventually(clients, lambda waiting, part=part: waiting == {part})
            await asyncio.to_thread(start)
            await eventually(clients, lambda waiting: not waiting)
        await each(0)
        await eventually(clients, lambda waiting: {"kafka", "mongodb"} <= waiting)
    assert set(ended) == set(SERVICES)
    assert max(ended.values()) < 10, ended


@pytest.mark.parametrize("name", SERVICES)
async def test_every_service_shows_contracts_and_no_page_to_try_them(name: str) -> None:
    app = build(name, "127.0.0.1:9", "mongodb://127.0.0.1:9/?replicaSet=rs0")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{HOST}") as http:
        assert (await http.get("/asyncapi")).json()["info"]["title"] == f"Hearth {name}"
        assert (await http.get("/openapi.json")).json()["info"]["title"] == f"Hearth {name}"
        for page in ("/docs", "/redoc", "/asyncapi/try"):
            assert (await http.get(page)).status_code == 404


@pytest.mark.parametrize("name", SERVICES)
async def test_only_the_inner_port_shows_metrics_and_what_a_service_waits_for(name: str) -> None:
    app = build(name, "127.0.0.1:9", "mongodb://127.0.0.1:9/?replicaSet=rs0")
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{HOST}") as outside,
        httpx.AsyncClient(transport=httpx.ASGITransport(app.state.inside), base_url="http://10.0.0.5:9000") as inside,
    ):
        assert (await outside.get("/metrics")).status_code == 404
        assert (await outside.get("/health/live")).json() == {"status": "live"}
        answer = await outside.get("/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"status": "waiting"})
        metrics = await inside.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain")
        assert "hearth_http_request_seconds" in metrics.text
        told = (await inside.get("/health/ready")).json()
        assert told["waiting_for"]["mongodb"] == "not reached yet"
        assert (await inside.get("/report")).status_code == 404
