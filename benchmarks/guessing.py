"""How long a right receipt takes while wrong ones come over 64 connections, from the reporter's own address.

Quiet and attacked times take turns. A ratio is of neighbours in time, and the median of all rounds counts.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from urllib.parse import urlsplit

import httpx

from benchmarks.load import Connection, percentile
from benchmarks.results import Result
from infra.local.stack import Stack, StackSettings
from infra.local.system import create_topics_on, draw_secrets

ROUNDS = 8
ASKED = 400
PACE = 0.01
CONNECTIONS = 64


def run() -> list[Result]:
    """Ask with a right receipt at a fixed pace, with and without an attack, and compare."""
    with Stack(StackSettings.private("kafka", "mongo")) as stack:
        create_topics_on(stack.kafka, "")
        intake = stack.start_service("intake", draw_secrets(), port=0)
        report = {"community": "enwiki", "category": "harassment.insults", "narrative": "words"}
        receipt = httpx.post(f"{intake.address}/v1/reports", json=report).raise_for_status().json()["receipt"]
        ask(intake.address, receipt)
        rounds, wrong = [], []
        for number in range(ROUNDS):
            # They also take turns in who comes first, so that a machine that gets busier counts for neither.
            quiet = [] if number % 2 else ask(intake.address, receipt)
            with attack(intake.address) as looked_at:
                attacked = ask(intake.address, receipt)
            rounds.append((quiet or ask(intake.address, receipt), attacked))
            wrong.append(looked_at["404"] / looked_at["seconds"])
    results = []
    for percent in (50, 99):
        pairs = [tuple(percentile(times, percent) * 1000 for times in both) for both in rounds]
        quiet_ms, attacked_ms = (median(pair[i] for pair in pairs) for i in (0, 1))
        ratio = median(attacked / quiet for quiet, attacked in pairs)
        name = f"right receipt beside wrong ones, p{percent}"
        results.append(Result(name, attacked_ms, "ms", quiet_ms, ratio, "ratio ≤ 1.10", ratio <= 1.1))
    return [*results, Result("wrong receipts answered", max(wrong), "/s", None, None, "", True)]


def ask(address: str, receipt: str) -> list[float]:
    """The seconds that each answer to the right receipt took, in order of length."""
    return asyncio.run(_ask(address, receipt))


async def _ask(address: str, receipt: str) -> list[float]:
    connection, request = await _open(address), _request(address, receipt)
    times: list[float] = []
    for _ in range(ASKED):
        began = time.perf_counter()
        status = await connection.ask(request)
        times.append(time.perf_counter() - began)
        if status != 200:
            raise SystemExit(f"The right receipt was answered with {status}.")
        await asyncio.sleep(PACE)
    return sorted(times)


@contextmanager
def attack(address: str) -> Iterator[dict[str, float]]:
    """Another process guesses while the block runs. Afterwards it holds the answers by status, and the seconds."""
    command = [sys.executable, "-m", "benchmarks.guessing", address]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    found: dict[str, float] = {}
    try:
        yield found
    finally:
        out, _ = process.communicate("end\n", 30)
        found.update(json.loads(out))


async def guess(address: str) -> dict[str, float]:
    """Send wrong receipts, each after the answer to the one before, until there is something on standard input."""
    statuses: dict[str, float] = {"404": 0}
    request = _request(address, "0000-0000-0000-0000-0000")
    opened = [await _open(address) for _ in range(CONNECTIONS)]
    print("ready", flush=True)
    began = time.perf_counter()

    async def go_on(connection: Connection) -> None:
        while status := await connection.ask(request):
            statuses[str(status)] = statuses.get(str(status), 0) + 1

    guessing = asyncio.gather(*(go_on(connection) for connection in opened))
    await asyncio.to_thread(sys.stdin.readline)
    guessing.cancel()
    await asyncio.gather(guessing, return_exceptions=True)
    return {**statuses, "seconds": time.perf_counter() - began}


async def _open(address: str) -> Connection:
    parts = urlsplit(address)
    return (await asyncio.get_running_loop().create_connection(Connection, parts.hostname, parts.port))[1]


def _request(address: str, receipt: str) -> bytes:
    body = json.dumps({"receipt": receipt}).encode()
    head = (
        f"POST /v1/follow-up HTTP/1.1\r\nHost: {urlsplit(address).netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    print(json.dumps(asyncio.run(guess(sys.argv[1]))))
