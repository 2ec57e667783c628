"""A small HTTP load generator: `python -m benchmarks.load URL`. It prints one JSON line with rates and percentiles.

It speaks just enough HTTP/1.1 to be cheap beside what it measures: prepared requests on open connections. With `--rate`
it sends requests at a fixed pace, whatever the answers do (open loop). Without, each connection sends its next request
after the last answer (closed loop).
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Sequence
from typing import cast
from urllib.parse import urlsplit
from uuid import uuid4

import uvloop

NOBODY = b"reporter-000000000000"
"""Stands in prepared requests for an address of its own: a second report of one address is not acknowledged."""
WORDS = ("they", "wrote", "again", "on", "my", "talk", "page", "after", "I", "asked", "them", "to", "stop")


class Connection(asyncio.Protocol):
    """One connection with one request in flight."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_result(0)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, body = self._buffer.partition(b"\r\n\r\n")
        if not blank or self._answer is None or self._answer.done():
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
        if len(body) >= length:
            self._buffer = body[length:]
            self._answer.set_result(int(head[9:12]))

    async def ask(self, request: bytes) -> int:
        """The status of the answer. 0 when the connection broke."""
        if self.transport is None or self.transport.is_closing():
            return 0
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer


def make_requests(url: str, count: int, contact_share: float, seed: int = 7) -> list[bytes]:
    """Prepared requests, each another report of about 600 bytes; `contact_share` of the reporters leave an address."""
    chance = random.Random(seed)
    parts = urlsplit(url)
    requests = []
    for _ in range(count):
        body = {
            "community": "enwiki",
            "category": "harassment.insults",
            "flags": ["ongoing"],
            "language": "en",
            "narrative": " ".join(chance.choices(WORDS, k=60)),
            "places": [f"https://en.wikipedia.org/w/index.php?oldid={chance.randrange(10**9)}"],
            "reported": [{"name": f"User:Example {chance.randrange(5000)}"}],
        }
        if chance.random() < contact_share:
            body["reporter"] = {"email": f"{NOBODY.decode()}@example.org"}
        data = json.dumps(body).encode()
        head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        requests.append(head.encode() + data)
    return requests


async def measure(
    url: str, *, connections: int, seconds: float, rate: float | None, contact_share: float, limit: int | None
) -> dict[str, object]:
    """Send requests for `seconds` (or `limit` of them) and say how it went. Times are in milliseconds."""
    requests = make_requests(url, 2000, contact_share)
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    opened = [(await loop.create_connection(Connection, parts.hostname, parts.port))[1] for _ in range(connections)]
    times: list[float] = []
    statuses: dict[int, int] = {}
    sent, run_id = 0, random.randrange(16**4)
    began = time.perf_counter()

    async def run(connection: Connection) -> None:
        nonlocal sent
        while time.perf_counter() - began < seconds and (limit is None or sent < limit):
            turn = sent
            sent += 1
            due = began + turn / rate if rate else time.perf_counter()
            if (ahead := due - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            asked = time.perf_counter()
            request = requests[turn % len(requests)]
            if contact_share:
                request = request.replace(NOBODY, b"reporter-%04x%08d" % (run_id, turn))
            status = await connection.ask(request)
            times.append(time.perf_counter() - asked)
            statuses[status] = statuses.get(status, 0) + 1
            if status == 0:
                return

    await asyncio.gather(*(run(connection) for connection in opened))
    elapsed = time.perf_counter() - began
    for connection in opened:
        if connection.transport:
            connection.transport.close()
    times.sort()
    accepted = sum(n for status, n in statuses.items() if 200 <= status < 300)
    return {
        "id": uuid4().hex,
        "sent": len(times),
        "accepted": accepted,
        "statuses": {str(k): v for k, v in statuses.items()},
        "seconds": elapsed,
        "rate": accepted / elapsed,
        "p50_ms": percentile(times, 50) * 1000,
        "p99_ms": percentile(times, 99) * 1000,
        "max_ms": (times[-1] if times else 0) * 1000,
    }


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The value below which `percent` of the ordered values lie."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load")
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--contact-share", type=float, default=0.0)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(
            measure(
                given.url,
                connections=given.connections,
                seconds=given.seconds,
                rate=given.rate,
                contact_share=given.contact_share,
                limit=given.limit,
            )
        )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
