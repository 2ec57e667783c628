"""What responders wait for at the desk: the queue, a case, and what another one has just done."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx

from benchmarks.load import percentile
from benchmarks.results import Result
from benchmarks.rig import cpu_seconds
from shared.mongo import Database

ROUNDS = 25
CLICK = 1.0
"""Seconds from one click of a responder to the next, however long the answers take. People read for longer."""
COMMANDS = 40
LOOK = 0.02
Asked = tuple[str, dict[str, str] | None]
"""The address of a page, and the form that is sent to it; None: it is only looked at."""


async def ask_for_pages(address: str, database: Database, tokens: Sequence[str], pid: int) -> list[Result]:
    """The queue, a case, and a search by code name: by everybody, a click a second each, and then without a pause.

    `pid`: the process of triage, for what a page costs it. A time counts from when the click was due, so a wait for the
    answer to the click before counts, too.
    """
    found = database["cases"].find({"state": "triaged"}, {"code_name": 1}).limit(500)
    names = [document["code_name"] async for document in found]
    cases: list[Asked] = [(f"/desk/cases/{name}", None) for name in names]
    # Words of reports are looked for in the vault, which has none of these cases.
    searches: list[Asked] = [("/desk/search", {"text": name}) for name in names]
    results: list[Result] = []
    for name, paths, goal in (
        ("the queue", [("/desk", None)], 150),
        ("a case", cases, 200),
        ("the search", searches, 300),
    ):
        await _click(address, tokens, paths, 2, 0)
        used = cpu_seconds(pid)
        times = await _click(address, tokens, paths, ROUNDS, CLICK)
        cost = (cpu_seconds(pid) - used) / len(times) * 1_000
        results += _percentiles(f"page of {name}", times, goal)
        results.append(Result(f"page of {name}, triage's processor time", cost, "ms", None, None, "", True))
        began = time.perf_counter()
        rate = len(await _click(address, tokens, paths, ROUNDS, 0)) / (time.perf_counter() - began)
        results.append(Result(f"page of {name}, without a pause", rate, "/s", None, None, "", True))
    return results


async def _click(address: str, tokens: Sequence[str], paths: Sequence[Asked], rounds: int, pause: float) -> list[float]:
    """The seconds until each answer; `pause`: seconds from click to click (0: each as soon as the one before is
    answered).
    """
    times: list[float] = []

    async def go_on(number: int, http: httpx.AsyncClient) -> None:
        due = time.perf_counter() + pause * number / len(tokens)
        for turn in range(rounds):
            await asyncio.sleep(due - time.perf_counter())
            due = due if pause else time.perf_counter()
            path, form = paths[(number * rounds + turn) % len(paths)]
            (await (http.post(path, data=form) if form else http.get(path))).raise_for_status()
            times.append(time.perf_counter() - due)
            due += pause

    async with AsyncExitStack() as opened:
        # To make a client takes 40 ms, in which the others could not take their answers.
        clients = [await opened.enter_async_context(_client(address, token)) for token in tokens]
        await asyncio.gather(*(go_on(number, http) for number, http in enumerate(clients)))
    return times


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


def _percentiles(name: str, times: list[float], goal: float) -> list[Any]:
    half, most = (percentile(sorted(times), percent) * 1000 for percent in (50, 95))
    return [
        Result(f"{name}, p50", half, "ms", None, None, "", True),
        Result(f"{name}, p95", most, "ms", None, None, f"≤ {goal:,.0f} ms", most <= goal),
    ]
