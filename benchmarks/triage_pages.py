"""What responders wait for at the desk: the queue, a case, and what another one has just done."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx

from benchmarks.load import percentile
from benchmarks.results import Result
from benchmarks.rig import cpu_seconds
from services.triage.desk.live_queue import PAUSE
from shared.mongo import Database

ROUNDS = 25
CLICK = 1.0
"""Seconds from one click of a responder to the next, however long the answers take. People read for longer."""
COMMANDS = 40
_NAMED = re.compile(r"/desk/cases/([\w-]+)")
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
    """From a command of one responder until open pages say that something has changed.

    That of the case is open at one other responder, and the queue with the case in it at all others at once.
    """
    async with AsyncExitStack() as opened:
        one, *others = [await opened.enter_async_context(_client(address, token)) for token in tokens]
        named = _NAMED.findall((await one.get("/desk?tab=unassigned")).raise_for_status().text)
        listed = database["cases"].find({"code_name": {"$in": named}}, {"code_name": 1})
        at_queue = [
            time_seen
            async for case in listed
            for time_seen in await _assign(one, case["_id"], others, "/desk/live?tab=unassigned", PAUSE)
        ]
        left = database["cases"].find({"state": "triaged"}, {"code_name": 1}).limit(COMMANDS)
        at_case: list[float] = []
        async for case in left:
            reader = others[len(at_case) % len(others)]
            at_case += await _assign(one, case["_id"], [reader], f"/desk/live/{case['code_name']}", 0)
    return [
        *_percentiles("a command, until the open page of the case says so", at_case, 1_000),
        *_percentiles(f"a command, until {len(others)} open queues say so", at_queue, 1_000),
    ]


async def _assign(
    one: httpx.AsyncClient, case_id: str, readers: Sequence[httpx.AsyncClient], page: str, rested: float
) -> list[float]:
    """The seconds until each of these readers, who have a page open, hears that the case is assigned.

    `rested`: seconds from what a page hears at first to the command.
    """
    path = f"/v1/cases/{case_id}"
    async with AsyncExitStack() as opened:
        answers = [await opened.enter_async_context(reader.stream("GET", page)) for reader in readers]
        heard = [_events(answer.raise_for_status()) for answer in answers]
        for events in heard:
            await anext(events)
        await asyncio.sleep(rested)
        tag = (await one.get(path)).raise_for_status().headers["etag"]
        began = time.perf_counter()
        order = asyncio.create_task(one.post(f"{path}/assign", json={}, headers={"If-Match": tag}))
        times = await asyncio.gather(*map(_changed, heard))
        (await order).raise_for_status()
    return [seen - began for seen in times]


async def _events(answer: httpx.Response) -> AsyncIterator[str]:
    """The names of the events that an open page hears."""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            yield line.removeprefix("event: ")


async def _changed(events: AsyncIterator[str]) -> float:
    """When the page hears that something has changed."""
    while await anext(events) != "changed":
        pass
    return time.perf_counter()


def _client(address: str, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=address, timeout=60, headers={"Authorization": f"Bearer {token}"})


def _percentiles(name: str, times: list[float], goal: float) -> list[Any]:
    half, most = (percentile(sorted(times), percent) * 1000 for percent in (50, 95))
    return [
        Result(f"{name}, p50", half, "ms", None, None, "", True),
        Result(f"{name}, p95", most, "ms", None, None, f"≤ {goal:,.0f} ms", most <= goal),
    ]
