"""What responders wait for at the desk: the queue, a case, and what another one has just done."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import httpx

from benchmarks.load import percentile
from benchmarks.results import Result
from shared.mongo import Database

ROUNDS = 25
COMMANDS = 40
LOOK = 0.02


async def ask_for_pages(address: str, database: Database, tokens: Sequence[str]) -> list[Result]:
    """The queue and a case, in turns, by everybody at once."""
    found = database["cases"].find({"state": "triaged"}, {"code_name": 1}).limit(500)
    names = [document["code_name"] async for document in found]
    queue: list[float] = []
    pages: list[float] = []

    async def go_on(number: int, token: str) -> None:
        async with _client(address, token) as http:
            for turn in range(ROUNDS):
                queue.append(await _seconds(http, "/desk"))
                pages.append(await _seconds(http, f"/desk/cases/{names[(number * ROUNDS + turn) % len(names)]}"))

    await asyncio.gather(*(go_on(number, token) for number, token in enumerate(tokens)))
    return [*_percentiles("page of the queue", queue, 150), *_percentiles("page of a case", pages, 200)]


async def measure_sight(address: str, database: Database, tokens: Sequence[str]) -> list[Result]:
    """From a command of one responder until another one, who asks again and again, sees its result."""
    found = database["cases"].find({"state": "triaged"}, {"_id": 1}).limit(COMMANDS)
    ids, times = [document["_id"] async for document in found], []
    async with _client(address, tokens[0]) as one, _client(address, tokens[1]) as other:
        for case_id in ids:
            path = f"/v1/cases/{case_id}"
            tag = (await other.get(path)).raise_for_status().headers["etag"]
            began = time.perf_counter()
            order = asyncio.create_task(one.post(f"{path}/assign", json={}, headers={"If-Match": tag}))
            await _see(other, path)
            times.append(time.perf_counter() - began)
            (await order).raise_for_status()
    return _percentiles("a command, until another responder sees it", times, 1_000)


async def _see(http: httpx.AsyncClient, path: str) -> None:
    """Ask, as a page that looks again does, until the case is assigned."""
    while True:
        if (await http.get(path)).raise_for_status().json()["state"] == "assigned":
            return
        await asyncio.sleep(LOOK)


def _client(address: str, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=address, timeout=60, headers={"Authorization": f"Bearer {token}"})


async def _seconds(http: httpx.AsyncClient, path: str) -> float:
    began = time.perf_counter()
    (await http.get(path)).raise_for_status()
    return time.perf_counter() - began


def _percentiles(name: str, times: list[float], goal: float) -> list[Any]:
    half, most = (percentile(sorted(times), percent) * 1000 for percent in (50, 95))
    return [
        Result(f"{name}, p50", half, "ms", None, None, "", True),
        Result(f"{name}, p95", most, "ms", None, None, f"≤ {goal:,.0f} ms", most <= goal),
    ]
