"""What readers of scorecards wait for: badges in a row over open connections, and pages that are computed anew."""

import asyncio
import time
from collections.abc import Sequence

import httpx

from benchmarks.load import Connection
from benchmarks.results import Result
from services.audit.scorecard.doors import Scorecards
from shared.policy import Policy
from tests.support.audit_world import AuditWorld
from tests.support.served import served

CONNECTIONS = 16
SECONDS = 5.0
BADGE = b"GET /scorecard/enwiki.svg HTTP/1.1\r\nHost: localhost\r\nAccept-Language: en\r\n\r\n"


async def ask_for_badges() -> Result:
    """Badges in a second of processor time. Server and readers share it, so the server alone gives more."""
    world = AuditWorld()
    answered = 0
    async with world.client, served(world.app) as port:
        loop = asyncio.get_running_loop()
        opened = [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(CONNECTIONS)]
        began = time.process_time()
        end = time.perf_counter() + SECONDS

        async def read(connection: Connection) -> None:
            nonlocal answered
            while time.perf_counter() < end:
                status = await connection.ask(BADGE)
                assert status == 200, status
                answered += 1

        await asyncio.gather(*(read(connection) for connection in opened))
        rate = answered / (time.process_time() - began)
        for connection in opened:
            if connection.transport:
                connection.transport.close()
    return Result("badge from cache", rate, "/s", None, None, "≥ 1,000/s", rate >= 1_000)


async def ask_for_pages(cards: Scorecards, policy: Policy, names: Sequence[str]) -> list[float]:
    """The seconds that the page of each of these communities takes, without sockets: its scorecard, and the page."""
    world = AuditWorld(cards, policy)
    times = []
    async with world.client as client:
        assert (await client.get("/scorecard/nowhere")).status_code == 404
        for name in names:
            began = time.perf_counter()
            await _read(client, name)
            times.append(time.perf_counter() - began)
    return times


async def _read(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/scorecard/{name}")
    assert answer.status_code == 200, answer.text
    assert "⧼" not in answer.text
