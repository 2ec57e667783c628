"""HTTP/1.1 by uvicorn and its fast parser, within bounds: neither has any for a head, for time, or for all bodies.

infra/decisions/2026-11-28-http-bounds.md says why, and what was measured.
"""

import asyncio
from typing import Any, Literal, cast
from uuid import uuid4

import httptools
import orjson
from uvicorn.config import Config
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HEADER_VALUE_RE, STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from shared import metrics
from shared.problems import Problem
from shared.web.bounds import FAREWELL, HOLD, Bounds, Crowd, Hold, busy, too_large
from shared.web.headers import FIXED, protect

SMALL = 100
"""Bytes of a piece that costs more than it brings."""
Part = Literal["idle", "head", "body", "whole"]
"""What has come of a request: nothing, something of its head, its head, or all of it."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A refusal ends it."""

    crowd: Crowd

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._bounds = self.crowd.bounds
        self._hold: Hold | None = None
        self._refused = False
        self._last_body: _BodyOnly | None = None
        self._part: Part = "idle"
        # What a head has of lines and bytes.
        self._lines = 0
        self._size = 0
        # Bytes that came since the last end of a message or byte of a body: heads, and what stands between pieces.
        self._loose = 0

    @property
    def held(self) -> int:
        """Bytes of the body that is being sent."""
        return self._hold.held if self._hold else 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        if len(self.connections) > self._bounds.connections and not self.crowd.make_room(self):
            self.refuse(busy())
        else:
            self.crowd.begin(self, self._bounds.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self.crowd.forget(self)
        for cycle, _ in self.pipeline:
            if hold := cast(Hold | None, cycle.scope.get(HOLD)):
                hold.release()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._refused or self._is_over():
            return
        before = self._part
        self._loose += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if not self._is_over():
                # Nobody here speaks another protocol: the request is answered as it is, and nothing after it is read.
                self.cycle.keep_alive = False
                self._read_body_after_all(data[upgrade.args[0] :])
                return
        except httptools.HttpParserError as error:
            if not self._is_over():
                cause = error.__context__
                self.refuse(cause if isinstance(cause, Problem) else _malformed())
                return
        if self._loose > self._bounds.head_bytes:
            self.refuse(_head_too_large())
            return
        if before == self._part == "idle":
            # Empty lines may stand before a head.
            self._part = "head"
        if before != self._part:
            if before == "idle":
                self.crowd.forget(self)
            self._wait()

    def _read_body_after_all(self, rest: bytes) -> None:
        """Read the body of a request that offers another protocol, as Java's client does with HTTP/2.

        The parser takes such a body for the other protocol, and the request for whole.
        """
        kept = [line for line in self.scope["headers"] if line[0] in (b"content-length", b"transfer-encoding")]
        if not kept or self._refused:
            return
        self.cycle.more_body = True
        self._part = "body"
        self._last_body = _BodyOnly(self)
        self.parser = httptools.HttpRequestParser(self._last_body)
        self.data_received(b"POST / HTTP/1.1\r\n" + b"".join(b"%s: %s\r\n" % line for line in kept) + b"\r\n" + rest)

    def _is_over(self) -> bool:
        """Whether the last request that counts has come as a whole."""
        return self._last_body is not None and self._last_body.is_whole

    # Callbacks of the parser. What they raise comes out of feed_data.

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= self._bounds.pipelined:
            raise busy()
        super().on_message_begin()
        self._part = "head"
        self._lines = self._size = 0
        self._hold = None

    def on_url(self, url: bytes) -> None:
        self._size += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._lines += 1
        self._size += len(name) + len(value)
        if self._size > self._bounds.head_bytes or self._lines > self._bounds.headers:
            raise _head_too_large()
        # A line behind the body could change what was already judged by the head.
        if self._part == "head":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._loose = 0
        if len(self.tasks) >= self._bounds.requests:
            # While the database is away, requests wait for it even when their clients have gone.
            raise busy()
        super().on_headers_complete()
        self._part = "body"

    def on_body(self, body: bytes) -> None:
        self._loose = 0
        if self._hold is None:
            self._hold = self.scope[HOLD] = Hold(self.crowd)  # type: ignore[literal-required]  # a key of ours
        self._hold.add(len(body))
        if self._hold.sent > self._bounds.sent_bytes:
            raise too_large()
        if self._hold.pieces > self._bounds.pieces and self._hold.sent < self._hold.pieces * SMALL:
            raise Problem(400, "pieces-too-small", "The body comes in pieces that are too small.")
        if self.crowd.held > self._bounds.held_bytes and self._hold.held and not self.crowd.make_memory(self):
            raise busy()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._loose = 0
        super().on_message_complete()
        self._part = "idle" if self.cycle.response_complete else "whole"

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.cycle.response_complete:
            return
        # An answer that did not wait for the body leaves what had come.
        self.cycle.body = bytearray()
        if self._hold:
            self._hold.release()
        if self._part == "whole":
            self._part = "idle"
            self._wait()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._wait()

    def _wait(self) -> None:
        if self._part == "idle" or self.flow.write_paused:
            # uvicorn ends an idle connection after idle_seconds, but only when the client has read everything.
            self.crowd.extend(self, self._bounds.answer_seconds)
        elif self._part == "whole":
            self.crowd.forget(self)
        else:
            self.crowd.extend(self, self._bounds.head_seconds if self._part == "head" else self._bounds.body_seconds)

    def give_up(self, problem: Problem | None) -> None:
        """End a connection that let us wait for too long, or that must give way (with `problem` as the answer)."""
        if problem is None or self._refused or self._part == "idle":
            self._release()
            self.transport.abort()
        else:
            self.refuse(problem)

    def refuse(self, problem: Problem) -> None:
        """Answer with a problem, if no other answer has begun, and end the connection."""
        metrics.HTTP_REFUSED.labels(problem.code).inc()
        may_answer = self._may_answer()
        self._refused = True
        self._release()
        if not may_answer:
            self.transport.abort()
            return
        self.transport.write(_answer(problem))
        # To close at once would take the answer away from a client that is still sending.
        self.transport.write_eof()
        self.flow.resume_reading()
        self.crowd.begin(self, FAREWELL)

    def _may_answer(self) -> bool:
        if self.pipeline or self.transport.is_closing():
            return False
        if self._part == "body":
            return not self.cycle.response_started
        # No cycle yet, or that of a request before.
        return not self.cycle or self.cycle.response_complete

    def _release(self) -> None:
        """The application must not wait for more of this request, nor answer it."""
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.cycle.body = bytearray()
        if self._hold:
            self._hold.release()


class _BodyOnly:
    """What a parser tells of one body. It passes over everything after that."""

    def __init__(self, connection: BoundedProtocol) -> None:
        self._connection = connection
        self.is_whole = False

    def on_body(self, body: bytes) -> None:
        if not self.is_whole:
            self._connection.on_body(body)

    def on_message_complete(self) -> None:
        if not self.is_whole:
            self.is_whole = True
            self._connection.on_message_complete()


class WrongValues:
    """What uvicorn looks for in the value of each header. It passes over the fixed ones, which are long."""

    def search(self, value: bytes) -> object:
        """Where the value has a sign that no header may have; None for a good one."""
        return None if value in FIXED else HEADER_VALUE_RE.search(value)


def bounded_protocol(bounds: Bounds) -> type[BoundedProtocol]:
    """The protocol for one server."""
    # uvicorn has no other place to say this.
    httptools_impl.HEADER_VALUE_RE = WrongValues()  # type: ignore[assignment]  # it needs `search` alone

    class Bound(BoundedProtocol):
        crowd = Crowd(bounds)

    return Bound


def _answer(problem: Problem) -> bytes:
    request_id = uuid4().hex
    body = orjson.dumps(problem.document(request_id))
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"x-request-id", request_id.encode()),
    ]
    if problem.retry_after:
        headers.append((b"retry-after", str(problem.retry_after).encode()))
    lines = [name + b": " + value + b"\r\n" for name, value in protect({"scheme": "http"}, headers)]
    return b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", body])


def _malformed() -> Problem:
    return Problem(400, "malformed-request", "This is not a request of HTTP/1.1.")


def _head_too_large() -> Problem:
    return Problem(431, "head-too-large", "The address and the headers of the request are too many or too large.")
