"""What strangers send to the real server on a socket: too much, too slowly, too often. It ends by itself, in time."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from unittest.mock import patch

import pytest
from starlette.types import Receive, Scope, Send

from shared.web.bounds import BODY_LIMIT, BOUNDS, Bounds
from shared.web.headers import FIXED
from shared.web.protocol import WrongValues
from tests.support.intake_rig import Rig
from tests.support.served import ask, served

QUICK = Bounds(head_seconds=0.5, body_seconds=0.5, answer_seconds=0.5, idle_seconds=1)
HEAD = b"POST /v1/reports HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
REPORT = b'{"community": "enwiki", "narrative": "They wrote again."}'
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(REPORT) + REPORT
LAST = WHOLE.replace(b"Host:", b"Connection: close\r\nHost:")


@asynccontextmanager
async def intake(bounds: Bounds = BOUNDS) -> AsyncIterator[int]:
    async with served(Rig().app, bounds) as port:
        yield port


async def takes_reports(port: int) -> bool:
    return b" 202 " in (await ask(port, LAST)).partition(b"\r\n")[0]


def status(answer: bytes) -> int:
    return int(answer[9:12] or b"0")


def head_of(lines: int, size: int) -> bytes:
    return HEAD + b"".join(b"x-%d: %s\r\n" % (number, b"y" * size) for number in range(lines))


@pytest.mark.parametrize(
    "head",
    [head_of(101, 1), head_of(20, 1000), head_of(20_000, 4), head_of(1, 20_000), b"GET /" + b"p" * 20_000 + HEAD[16:]],
    ids=["too many", "too many bytes", "many at once", "one line", "the address"],
)
@pytest.mark.parametrize("piece", [1_000_000, 900], ids=["at once", "in pieces"])
async def test_a_head_that_is_too_large_is_refused(head: bytes, piece: int) -> None:
    async with intake() as port:
        whole = head + b"Content-Length: %d\r\n\r\n" % len(REPORT) + REPORT
        answer = await ask(port, *(whole[at : at + piece] for at in range(0, len(whole), piece)), pause=0.001)
        assert status(answer) == 431
        assert b'"/errors/head-too-large"' in answer
        assert b"connection: close" in answer
        assert await takes_reports(port)


async def test_a_head_within_the_bounds_is_taken() -> None:
    async with intake() as port:
        for head in (head_of(90, 1), head_of(12, 1000)):
            whole = head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(REPORT) + REPORT
            assert status(await ask(port, whole)) == 202


async def endless(port: int, start: bytes, piece: bytes, bytes_at_most: int = 4_000_000) -> bytes:
    return await ask(port, start, *(piece for _ in range(bytes_at_most // len(piece))), pause=0.0001, seconds=30)


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (HEAD + b"x: ", b"y" * 5_000),
        (b"GET /", b"y" * 5_000),
        (b"", b"\r\n" * 2_000),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;", b"y" * 5_000),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nx: ", b"y" * 5_000),
    ],
    ids=["line", "address", "empty lines", "name of a piece", "line behind the body"],
)
async def test_a_line_without_end_is_ended(start: bytes, piece: bytes) -> None:
    async with intake() as port:
        answer = await endless(port, start, piece)
        assert status(answer) in (0, 400, 431)
        assert await takes_reports(port)


async def test_a_body_without_end_is_ended() -> None:
    async with intake() as port:
        piece = b"2710\r\n" + b"y" * 10_000 + b"\r\n"
        for head in (b"Transfer-Encoding: chunked\r\n\r\n", b"Content-Length: 999999\r\n\r\n" + b"y" * 999_999 + HEAD):
            assert status(await endless(port, HEAD + head, piece)) in (0, 400, 413)
        assert status(await endless(port, HEAD + b"Content-Length: 99999999999\r\n\r\n", b"y" * 10_000)) == 413
        assert await takes_reports(port)


async def test_a_body_in_tiny_pieces_is_ended_and_one_in_small_pieces_is_taken() -> None:
    async with intake() as port:
        tiny = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
        assert status(await ask(port, tiny + b"1\r\n \r\n" * 100_000)) in (0, 400)
        blank = b"c8\r\n" + b" " * 200 + b"\r\n"
        small = tiny.replace(b"Host:", b"Connection: close\r\nHost:") + blank * 2_000
        assert status(await ask(port, small + b"%x\r\n%s\r\n0\r\n\r\n" % (len(REPORT), REPORT))) == 202
        assert await takes_reports(port)


async def test_lines_behind_a_body_change_nothing() -> None:
    async with intake() as port:
        chunked = b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n%x\r\n%s\r\n0\r\n" % (len(REPORT), REPORT)
        answer = await ask(
            port, HEAD + chunked + b"Authorization: Bearer wrong\r\nX-Request-Id: not-of-the-head\r\n\r\n"
        )
        assert status(answer) == 202
        assert b"not-of-the-head" not in answer


@pytest.mark.parametrize(
    ("at_once", "slowly", "expected"),
    [(b"", b"", 0), (b"", HEAD, 408), (b"", WHOLE, 408), (WHOLE, HEAD, 202)],
    ids=["nothing", "head", "body", "second head"],
)
async def test_a_client_that_sends_byte_by_byte_is_ended_in_time(at_once: bytes, slowly: bytes, expected: int) -> None:
    async with intake(QUICK) as port:
        answer = await ask(port, at_once, *(bytes([byte]) for byte in slowly[:-1]), pause=0.02, seconds=9)
        assert status(answer) == expected
        assert await takes_reports(port)


async def test_a_client_that_says_nothing_after_an_answer_is_ended_in_time() -> None:
    async with intake(QUICK) as port:
        assert status(await ask(port, WHOLE, seconds=5)) == 202


async def ask_and_read_nothing(port: int, get: bytes) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
    async with asyncio.timeout(15):
        while True:
            writer.write(get)
            await writer.drain()
            await asyncio.sleep(0.005)


async def test_a_client_that_reads_nothing_is_ended_in_time() -> None:
    async with intake(QUICK) as port:
        get = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        with pytest.raises(ConnectionError):
            await ask_and_read_nothing(port, get)
        assert await takes_reports(port)


async def test_a_newcomer_gets_in_however_many_wait() -> None:
    async with intake(Bounds(connections=20)) as port, AsyncExitStack() as ends:
        for start in (b"", HEAD, WHOLE[:-1]):
            for _ in range(30):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                ends.callback(writer.close)
                writer.write(start)
            await asyncio.sleep(0.1)
            assert await takes_reports(port)


async def test_a_busy_server_reads_what_came_before_anybody_gives_way() -> None:
    async with intake(Bounds(connections=20)) as port, AsyncExitStack() as ends:
        # The server runs in this thread, so it finds all of them at once.
        person = ends.enter_context(socket.create_connection(("127.0.0.1", port)))
        person.sendall(WHOLE)
        for _ in range(60):
            ends.enter_context(socket.create_connection(("127.0.0.1", port)))
        person.setblocking(False)
        async with asyncio.timeout(10):
            answer = await asyncio.get_running_loop().sock_recv(person, 100)
        assert status(answer) == 202


async def test_a_request_at_work_is_not_ended_for_a_newcomer() -> None:
    began, end = asyncio.Event(), asyncio.Event()

    async def slow(scope: dict[str, object], receive: object, send: object) -> None:
        began.set()
        await end.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b""})  # type: ignore[operator]

    get = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    async with served(slow, Bounds(connections=1)) as port:
        first = asyncio.create_task(ask(port, get))
        await began.wait()
        refused = await ask(port, get)
        assert status(refused) == 503
        assert b"retry-after: 5" in refused
        end.set()
        assert status(await first) == 200


async def test_requests_of_clients_that_have_gone_have_a_bound_too() -> None:
    end = asyncio.Event()
    at_work = 0

    async def slow(scope: dict[str, object], receive: object, send: object) -> None:
        nonlocal at_work
        at_work += 1
        await end.wait()

    async with served(slow, Bounds(requests=5)) as port:
        for _ in range(5):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            await writer.drain()
            writer.close()
        await asyncio.sleep(0.3)
        assert status(await ask(port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")) == 503
        assert at_work == 5
        end.set()


async def test_bodies_that_are_held_have_a_bound_together_and_a_newcomer_gets_in() -> None:
    async with intake(Bounds(held_bytes=2_000_000)) as port:
        large = HEAD + b"Content-Length: %d\r\n\r\n" % BODY_LIMIT + b" " * 900_000
        waiting = [asyncio.create_task(ask(port, large)) for _ in range(6)]
        await asyncio.sleep(0.5)
        assert await takes_reports(port)
        done = [task.result() for task in waiting if task.done()]
        assert len(done) >= 4
        assert {status(answer) for answer in done} == {503}
        assert all(b"retry-after: 5" in answer for answer in done)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_one_connection_holds_only_so_many_requests() -> None:
    async with intake() as port:
        get = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        assert (await ask(port, get * 15 + get.replace(b"Host", b"Connection: close\r\nHost"))).count(
            b"HTTP/1.1 200"
        ) == 16
        assert (await ask(port, get * 5_000)).count(b"HTTP/1.1") < 100
        assert await takes_reports(port)


@pytest.mark.parametrize("in_pieces", [False, True], ids=["at once", "in pieces"])
@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "chunked"])
async def test_the_body_of_a_request_that_offers_http_2_is_read(chunked: bool, in_pieces: bool) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
    if chunked:
        request = HEAD + offer + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(REPORT), REPORT)
    else:
        request = HEAD + offer + b"Content-Length: %d\r\n\r\n" % len(REPORT) + REPORT
    pieces = [request[at : at + 40] for at in range(0, len(request), 40)] if in_pieces else [request]
    async with intake() as port:
        assert status(await ask(port, *pieces, pause=0.001)) == 202
        too_large = HEAD + offer + b"Content-Length: %d\r\n\r\n" % (BODY_LIMIT + 1)
        assert status(await ask(port, too_large)) == 413


@pytest.mark.parametrize(
    "rest",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n,,,,,,,,,",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" * 900,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["a body", "one more offer", "many offers", "another protocol"],
)
async def test_what_follows_a_request_with_an_offer_is_passed_over(rest: bytes) -> None:
    offer = b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n" % len(REPORT)
    async with intake() as port:
        assert status(await ask(port, HEAD + offer + REPORT + rest, seconds=5)) == 202
        assert status(await ask(port, HEAD + offer + REPORT, rest, pause=0.001, seconds=5)) in (0, 202)
        assert await takes_reports(port)


async def test_an_upgrade_to_another_protocol_is_passed_over() -> None:
    async with intake() as port:
        for name in (b"websocket", b"h2c"):
            upgrade = (
                b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n" % name
            )
            assert status(await ask(port, upgrade)) == 200


async def test_a_header_with_a_wrong_sign_is_answered_to_nobody() -> None:
    async def broken(_scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"x-told", b"a\r\nset-cookie: b=c")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async with served(broken) as port:
        answer = await ask(port, LAST)
    assert b"set-cookie" not in answer


async def test_uvicorn_looks_at_the_values_of_headers_by_our_pattern() -> None:
    with patch.object(WrongValues, "search", return_value=None) as looked:
        async with intake() as port:
            assert await takes_reports(port)
    assert {call.args[0] for call in looked.call_args_list} > {b"nosniff", b"no-referrer"}


def test_no_fixed_value_of_a_header_has_a_wrong_sign() -> None:
    assert all(value.decode("ascii").isprintable() for value in FIXED)
