"""What strangers can send to a service to use up its memory, its connections or its time. Each ends by itself.

`python -m tests.support.attacks NAME PORT PATH PAGE` is a stranger in a process of its own.
"""

import asyncio
import itertools
import resource
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

HOST = b"Host: 127.0.0.1\r\n"
GET = b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n"
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Target:
    """A service under attack: where it takes a body, and a page of it."""

    port: int
    path: str
    page: str

    def post(self, *lines: bytes, kind: bytes = b"application/json") -> bytes:
        """The head of a request with a body."""
        own = b"Content-Type: %s\r\nSec-Fetch-Site: same-origin\r\n" % kind
        return b"POST %s HTTP/1.1\r\n" % self.path.encode() + HOST + own + b"".join(b"%s\r\n" % line for line in lines)

    def whole(self, body: bytes, kind: bytes = b"application/json") -> bytes:
        """A whole request."""
        return self.post(b"Content-Length: %d" % len(body), kind=kind) + b"\r\n" + body


Attack = Callable[[Target], Coroutine[Any, Any, None]]


async def send(target: Target, pieces: Iterator[bytes], pause: float, read: bool) -> None:
    """Send over one connection until it is ended."""
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port, limit=1)
        answers = asyncio.create_task(_drain(reader)) if read else None
        try:
            for piece in pieces:
                if answers and answers.done():
                    return
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
            await asyncio.sleep(1)
        finally:
            writer.close()
            if answers:
                answers.cancel()


async def _drain(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(65_536):
            pass


def sending(
    pieces: Callable[[Target], Iterator[bytes]],
    connections: int,
    *,
    seconds: float = 3,
    pause: float = 0.0,
    read: bool = True,
) -> Attack:
    """The same over so many connections at once, again and again until the time is over.

    In one second they send many times the memory that a service has left.
    """

    async def attack(target: Target) -> None:
        async def again() -> None:
            while True:
                await send(target, pieces(target), pause, read)
                await asyncio.sleep(0.01)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(again()) for _ in range(connections)]
            await asyncio.sleep(seconds)
            for task in tasks:
                task.cancel()

    return attack


def whole(body: bytes, kind: bytes = b"application/json") -> Callable[[Target], Iterator[bytes]]:
    """One request with this body."""
    return lambda target: iter([target.whole(body, kind)])


def then_for_ever(start: Callable[[Target], bytes], piece: bytes) -> Callable[[Target], Iterator[bytes]]:
    """The start, and then the same piece without end."""
    return lambda target: itertools.chain([start(target)], itertools.repeat(piece))


def _many_headers(target: Target) -> Iterator[bytes]:
    return iter([target.post() + b"".join(b"x-%d: %s\r\n" % (n, b"y" * 40) for n in range(20_000)) + b"\r\n"])


async def _silent(target: Target) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(5_000):
            group.create_task(_hold(target))
            await asyncio.sleep(0.0005)


async def _hold(target: Target) -> None:
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port, limit=1)
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(6):
                await reader.read()
        writer.close()


_FORM = b"application/x-www-form-urlencoded"
_ELEMENTS = b'{"community": "enwiki", "places": [' + b",".join([b"[]"] * 330_000) + b"]}"
_NUMBERS = b'{"community": "enwiki", "places": [' + b",".join([b"1"] * 400_000) + b"]}"
_NAMES = b"{" + b",".join(b'"%x": 1' % number for number in range(80_000)) + b"}"
_LONG = b'{"community": "enwiki", "narrative": "' + b"a" * 990_000 + b'"}'

ATTACKS: dict[str, Attack] = {
    "many headers": sending(_many_headers, 30),
    "a header without end": sending(then_for_ever(lambda target: target.post() + b"x: ", b"y" * 65_536), 30),
    "an address without end": sending(then_for_ever(lambda target: b"GET /", b"y" * 65_536), 30),
    "headers byte by byte": sending(
        then_for_ever(lambda target: target.post() + b"x: ", b"y"), 700, seconds=6, pause=0.5
    ),
    "bodies byte by byte": sending(
        then_for_ever(lambda target: target.post(b"Content-Length: 999999") + b"\r\n" + b" " * 900_000, b" "),
        700,
        seconds=6,
        pause=0.5,
    ),
    "silent connections": _silent,
    "large bodies": sending(whole(_LONG), 60),
    "many elements": sending(whole(_ELEMENTS), 30),
    "many numbers": sending(whole(_NUMBERS), 30),
    "many names": sending(whole(_NAMES), 30),
    "deep nesting": sending(whole(b"[" * 999_000), 30),
    "a huge number": sending(whole(b'{"community": ' + b"9" * 990_000 + b"}"), 30),
    "many form fields": sending(whole(b"a=b&" * 240_000, _FORM), 30),
    "one form field": sending(whole(b"narrative=" + b"%41" * 330_000, _FORM), 30),
    "pieces without end": sending(
        then_for_ever(lambda target: target.post(b"Transfer-Encoding: chunked") + b"\r\n", b"1\r\n \r\n" * 10_000), 30
    ),
    "requests in a row": sending(lambda target: itertools.repeat(GET * 4_000, 20), 60, read=False),
    "answers that nobody reads": sending(
        lambda target: itertools.repeat(GET.replace(b"/health/live", target.page.encode()) * 10, 50),
        300,
        seconds=6,
        read=False,
    ),
}


async def _all_at_once(target: Target) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(15):
            await asyncio.gather(*(attack(target) for attack in list(ATTACKS.values())[:-1]))


ATTACKS["all at once"] = _all_at_once


async def attack(name: str, port: int, path: str, page: str) -> None:
    """Attack from another process, and wait for its end."""
    command = (sys.executable, "-m", "tests.support.attacks", name, str(port), path, page)
    stranger = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    assert await stranger.wait() == 0


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(ATTACKS[sys.argv[1]](Target(int(sys.argv[2]), *sys.argv[3:])))
