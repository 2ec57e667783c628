"""How much strangers may take of a server: bytes, headers, seconds, connections, and memory of all bodies together.

When something is full, the connection that has let us wait for the longest gives way. So people who send a whole
request at once always get in, however many others hold connections open. A busy server may take hundreds of connections
before it reads from one of them, so it reads first, and looks then who lets it wait.
"""

import asyncio
from collections.abc import Callable, Sized
from dataclasses import dataclass
from typing import Protocol

from shared.problems import Problem

BODY_LIMIT = 2_000_000
"""Bytes of one body. The largest report fits, however its letters are escaped."""
SWEEP = 1.0
"""Seconds between two looks at the deadlines."""
CROWDED = 0.02
"""Seconds in which a full server reads what its newcomers have sent, before anybody gives way."""
MOST_AT_ONCE = 4
"""Times the bound that a server may hold for that long."""
FAREWELL = 2.0
"""Seconds that a refused client has to read its answer."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of a server.

    `head_bytes`, `headers`: of one request, with its address. `head_seconds`: from a connection to its first byte,
    and from there to the end of the head. `body_seconds`: from there to the end of the body. `idle_seconds`: from an
    answer to the next request. `answer_seconds`: in which a client that reads slowly must have read what the server
    has ready. `requests`: at work, also for clients that have gone. `pipelined`: requests of one connection that wait
    for their turn. `sent_bytes`: of a body that was refused for its length and still goes on. `pieces`: of a body,
    unless they have 100 bytes on the average. `held_bytes`: of the bodies of all requests without an answer.
    """

    head_bytes: int = 16_384
    headers: int = 100
    head_seconds: float = 10
    body_seconds: float = 30
    idle_seconds: int = 5
    answer_seconds: float = 30
    connections: int = 500
    requests: int = 500
    pipelined: int = 16
    sent_bytes: int = 3 * BODY_LIMIT // 2
    pieces: int = 1000
    held_bytes: int = 2 * BODY_LIMIT


BOUNDS = Bounds()


class Waited(Protocol):
    """A connection, as the crowd sees it; `connections` are all of its server."""

    @property
    def connections(self) -> Sized: ...

    def give_up(self, problem: Problem | None) -> None: ...
    @property
    def held(self) -> int: ...


class Crowd:
    """All connections of one server: for which of them it waits, until when, and what their bodies hold."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.held = 0
        # The connection that lets us wait for the longest comes first. The value is its deadline.
        self._waited: dict[Waited, float] = {}
        self._sweeping = False
        self._thinning = False

    def begin(self, connection: Waited, seconds: float) -> None:
        """Wait for this connection from now on. It stands behind all others."""
        self._waited.pop(connection, None)
        self.extend(connection, seconds)

    def extend(self, connection: Waited, seconds: float) -> None:
        """Wait for so long from now. The connection keeps its place, if it has one."""
        loop = asyncio.get_running_loop()
        self._waited[connection] = loop.time() + seconds
        if not self._sweeping:
            self._sweeping = True
            loop.call_later(SWEEP, self._sweep)

    def forget(self, connection: Waited) -> None:
        """Wait for this connection no more: it has sent all, or is gone."""
        self._waited.pop(connection, None)

    def make_room(self, newcomer: Waited) -> bool:
        """End as many as are too many, soon: those that let us wait for the longest. False when there is no other."""
        if not self._waited:
            return False
        if len(newcomer.connections) > MOST_AT_ONCE * self.bounds.connections:
            return self._give_up_first(newcomer, None, lambda _: True)
        if not self._thinning:
            self._thinning = True
            asyncio.get_running_loop().call_later(CROWDED, self._thin, newcomer.connections)
        return True

    def make_memory(self, newcomer: Waited) -> bool:
        """Give up unfinished bodies until the others fit. False when they do not."""
        while self.held > self.bounds.held_bytes:
            if not self._give_up_first(newcomer, busy(), lambda connection: connection.held > 0):
                return False
        return True

    def _give_up_first(self, newcomer: Waited | None, problem: Problem | None, suits: Callable[[Waited], bool]) -> bool:
        for connection in self._waited:
            if connection is not newcomer and suits(connection):
                del self._waited[connection]
                connection.give_up(problem)
                return True
        return False

    def _thin(self, connections: Sized) -> None:
        self._thinning = False
        for _ in range(len(connections) - self.bounds.connections):
            self._give_up_first(None, None, lambda _: True)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in [late for late, deadline in self._waited.items() if deadline <= now]:
            del self._waited[connection]
            connection.give_up(Problem(408, "too-slow", "The request did not arrive in time."))
        self._sweeping = bool(self._waited)
        if self._sweeping:
            loop.call_later(SWEEP, self._sweep)


class Hold:
    """The bytes of one body. They count until its request is answered."""

    __slots__ = ("_crowd", "_released", "held", "pieces", "sent")

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._released = False
        self.held = 0
        self.sent = 0
        self.pieces = 0

    def add(self, count: int) -> None:
        """Count bytes that came. After the answer they are not kept, so they are only counted as sent."""
        self.sent += count
        self.pieces += 1
        if not self._released:
            self.held += count
            self._crowd.held += count

    def release(self) -> None:
        """Nobody holds the body any more."""
        self._released = True
        self._crowd.held -= self.held
        self.held = 0


HOLD = "hearth.hold"
"""The key of the hold in a request's scope."""


def too_large() -> Problem:
    """The refusal of a body over the limit."""
    return Problem(413, "too-large", "The body is larger than 2 MB.")


def busy() -> Problem:
    """The refusal when the server is full."""
    return Problem(503, "busy", "Too much is being sent at the moment.", retry_after=5)
