"""What it costs to find out who may come in: each look by itself, in memory, and its share of a request.

The share is of a request without sockets and databases, which makes it large. The whole application runs behind its
server, on a store in memory. It is asked at the gate, and at a gate that lets everybody in, in turns. Processor time
counts, and of all rounds the median. How often a token asks is counted against load, not for access, and is measured by
itself.
"""

import asyncio
import gc
import itertools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from statistics import median
from typing import Any, cast
from unittest.mock import patch

import uvicorn
import uvloop
from uvicorn.server import ServerState

from benchmarks.load import make_requests
from benchmarks.results import Result
from shared.access.authorization import allow
from shared.access.conditions import Permit
from shared.access.principal import NOBODY, Grant, Principal, Resource, Role
from shared.access.roster import Roster
from shared.runtime import keep_loaded, server_options
from shared.settings import Settings
from shared.sign_in.cookies import Cookies
from shared.sign_in.sessions import Sessions
from shared.times import now
from shared.web.gate import Gate
from shared.web.rates import Rates
from tests.fakes.memory_sessions import MemorySessions
from tests.support.intake_rig import Rig as IntakeRig
from tests.support.people import COPIES, FAR, TRAINED, MemoryCopies, person, responder, session_of
from tests.support.triage_rig import make_rig, reported

Ask = Callable[[], Awaitable[int]]
LOOKS = 5_000
LOOK_ROUNDS = 21
REQUESTS = 100
ROUNDS = 101
CASES = 20
PSEUDONYMS = tuple(f"{number:032x}" for number in range(20))
TYPICAL = responder("a1", "enwiki_arbcom")
WORST = Principal(
    person("b0").ref,
    # The last grant opens. Those before it fail at their last condition.
    tuple(Grant(Role.RESPONDER, (f"body_{n}", "enwiki_arbcom"), (f"wiki_{n}",), expires_at=FAR) for n in range(20)),
    TRAINED,
    FAR,
    pseudonyms=frozenset(PSEUDONYMS),
    authenticated_at=now(),
    named=True,
)
CASE = Resource("enwiki_arbcom", "enwiki", frozenset({"aa" * 16, "bb" * 16, "cc" * 16}), frozenset(), ("A", "B"))
CASE_OF_WORST = Resource("enwiki_arbcom", "wiki_19", frozenset({"aa" * 16}), frozenset({"person:0"}), ("A", "B", "C1"))
ELSEWHERE = Resource("enwiki_arbcom", "another", frozenset({"aa" * 16}), frozenset({"person:0"}), ("A", "B", "C1"))


def run() -> list[Result]:
    """Measure both."""
    logging.disable(logging.INFO)
    keep_loaded()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return [*runner.run(looks()), *runner.run(shares())]


async def looks() -> list[Result]:
    """Microseconds of each look, and of all that one request takes together."""
    copies, sessions = MemoryCopies(), MemorySessions()
    mine, worst = copies.token(TYPICAL), copies.token(WORST)
    roster, known, rates = Roster(copies), Sessions(sessions), Rates(10**9)
    secret = await session_of(sessions, WORST)
    at = now()

    async def by_token(token: str, resource: Resource) -> None:
        who = await roster.bearer(token)
        assert who is not None  # else nothing is measured
        allow(who, "case.read", None, at)
        allow(who, "case.read", resource, at)

    async def by_session() -> None:
        session = await known.find(secret)
        assert session is not None  # else nothing is measured
        who = await roster.person(
            session.person,
            began_at=session.began_at,
            authenticated_at=session.authenticated_at,
            pseudonyms=session.pseudonyms,
            named=session.named,
            ticket=session.ticket,
        )
        assert who is not None  # else nothing is measured
        allow(who, "case.read", None, at)
        allow(who, "case.read", CASE_OF_WORST, at)

    async def of_worst() -> None:
        await roster.person(WORST.ref, began_at=at, authenticated_at=at, pseudonyms=PSEUDONYMS)

    async def find() -> None:
        await known.find(secret)

    async def bearer() -> None:
        await roster.bearer(mine)

    async def counted() -> None:
        rates.take("integrator:1")

    async def allowed(who: Principal, resource: Resource | None) -> None:
        allow(who, "case.read", resource, at)

    measured = {
        "may a responder read a case": lambda: allowed(TYPICAL, CASE),
        "the same with 20 grants, the last of which fits": lambda: allowed(WORST, CASE_OF_WORST),
        "the same, none of which fits": lambda: allowed(WORST, ELSEWHERE),
        "whose token it is": bearer,
        "who a person with 20 grants is": of_worst,
        "whose session it is": find,
        "how often an integrator has asked": counted,
        "all of it, token, responder": lambda: by_token(mine, CASE),
        "all of it, token, 20 grants": lambda: by_token(worst, CASE_OF_WORST),
        "all of it, session, 20 grants": by_session,
    }
    empty = await microseconds(nothing)
    results = []
    for name, look in measured.items():
        taken = await microseconds(look) - empty
        results.append(Result(name, taken, "µs", None, None, "≤ 20 µs", taken <= 20))
    return results


async def nothing() -> None: ...


async def microseconds(look: Callable[[], Awaitable[None]]) -> float:
    """The processor time of one look."""
    await look()
    rounds = []
    for _ in range(LOOK_ROUNDS):
        began = time.process_time_ns()
        for _ in range(LOOKS):
            await look()
        rounds.append((time.process_time_ns() - began) / LOOKS / 1000)
    return median(rounds)


class OpenGate(Gate):
    """Lets everybody in, as the person that `opened` names. `passed` counts them."""

    opened = NOBODY
    passed = 0

    def guard(self, action: str, callers: Any, handler: Any) -> Any:
        """The handler itself."""

        async def unguarded(request: Any) -> Any:
            OpenGate.passed += 1
            request.scope["hearth.principal"] = self.opened
            return await handler(request)

        return unguarded


async def shares() -> list[Result]:
    """The requests a second at the gate, divided by those without it."""
    routes = {
        "GET /v1/cases by token": cases_by_token,
        "GET /desk by session": desk_by_session,
        "POST /v1/reports by an integrator": reports_by_token,
        "POST /v1/reports by anybody": reports_by_anybody,
    }
    results = []
    for name, make in routes.items():
        async with make(Gate) as gated, make(OpenGate) as unguarded:
            # Here nothing keeps the roster fresh, as a running service does.
            with patch("shared.access.roster.OLDEST", timedelta(hours=1)):
                results.append(await compare(name, gated, unguarded))
    return results


async def compare(name: str, gated: Ask, unguarded: Ask) -> Result:
    """Let the two take turns."""
    rounds = []
    OpenGate.passed = 0
    for _ in range(ROUNDS):
        at_gate = await rate(gated)
        with patch("shared.access.authorization.allow", _permit):
            rounds.append((at_gate, await rate(unguarded)))
    if OpenGate.passed != ROUNDS * REQUESTS:
        raise SystemExit(f"{name}: the two were not what they should have been.")
    ratio = median(at_gate / without for at_gate, without in rounds)
    at_gate, without = (median(pair[i] for pair in rounds) for i in (0, 1))
    return Result(name, at_gate, "/s", without, ratio, "ratio ≥ 0.95", ratio >= 0.95)


async def rate(ask: Ask) -> float:
    """Requests in a second of processor time."""
    gc.collect()
    began = time.process_time_ns()
    for _ in range(REQUESTS):
        status = await ask()
        if status not in (200, 202):
            raise SystemExit(f"A request was answered with {status}.")
    return REQUESTS / (time.process_time_ns() - began) * 1e9


def _permit(*_: object) -> Permit:
    return Permit(OpenGate.opened.grants[0].role)


@asynccontextmanager
async def cases_by_token(gate: type[Gate]) -> AsyncIterator[Ask]:
    """A page of the queue, for a program of a responder."""
    OpenGate.opened = TYPICAL
    async with AsyncExitStack() as resources:
        with patch("shared.access_control.Gate", gate):
            rig = await resources.enter_async_context(make_rig())
        for _ in range(CASES):
            await rig.intake.take([reported()])
        yield asking(Wire(rig.app), "GET", "/v1/cases", token=COPIES.token(TYPICAL))


@asynccontextmanager
async def desk_by_session(gate: type[Gate]) -> AsyncIterator[Ask]:
    """The same as a page, for a responder."""
    OpenGate.opened = TYPICAL
    COPIES.enrol(TYPICAL)
    async with AsyncExitStack() as resources:
        with patch("shared.access_control.Gate", gate):
            rig = await resources.enter_async_context(make_rig())
        for _ in range(CASES):
            await rig.intake.take([reported()])
        secret = await session_of(rig.sessions, TYPICAL)
        yield asking(Wire(rig.app), "GET", "/desk", cookie=f"{Cookies('/desk').session}={secret}")


@asynccontextmanager
async def reports_by_token(gate: type[Gate]) -> AsyncIterator[Ask]:
    """A report that an integrator hands in."""
    grant = Grant(Role.INTEGRATOR, sources=("wiki",))
    OpenGate.opened = Principal("integrator:1", (grant,))
    yield reporting(gate, token=COPIES.token(grants=[grant]))


@asynccontextmanager
async def reports_by_anybody(gate: type[Gate]) -> AsyncIterator[Ask]:
    """A report without a token."""
    OpenGate.opened = NOBODY
    yield reporting(gate)


def reporting(gate: type[Gate], **headers: str) -> Ask:
    """Reports that all differ. A round begins with an empty store."""
    with patch("tests.support.intake_rig.Gate", gate):
        rig = IntakeRig()
    bodies = [request.partition(b"\r\n\r\n")[2] for request in make_requests("http://h/v1/reports", 500, 0.3)]
    wire = Wire(rig.app)
    turns = itertools.cycle([asking(wire, "POST", "/v1/reports", body, **headers) for body in bodies])

    async def ask() -> int:
        if len(rig.store.reports) > REQUESTS:
            rig.store.reports.clear()
        return await next(turns)()

    return ask


class Wire:
    """A connection to the server as a service runs it (shared.runtime), but without a socket."""

    def __init__(self, app: Any) -> None:
        options = server_options(Settings(form_key=b"k" * 32)) | {"host": "127.0.0.1", "port": 0}
        config = uvicorn.Config(app, **options, lifespan="off")
        config.load()
        self._state = ServerState()
        self._protocol = config.http_protocol_class(config, self._state, {})  # type: ignore[call-arg]  # one of two
        self._protocol.connection_made(cast(asyncio.Transport, self))
        self.status = 0

    async def ask(self, request: bytes) -> int:
        """The status of the answer."""
        self.status = 0
        self._protocol.data_received(request)
        await asyncio.gather(*self._state.tasks)
        return self.status

    def write(self, data: bytes) -> None:
        """The server answers."""
        self.status = self.status or int(data[9:12])

    def get_extra_info(self, name: str) -> Any:
        """Where the connection comes from and leads to."""
        return {"peername": ("192.0.2.1", 1), "sockname": ("192.0.2.2", 80)}.get(name)

    def is_closing(self) -> bool:
        """Whether it ends: never."""
        return False

    def close(self) -> None:
        """It ends with the run."""

    def pause_reading(self) -> None:
        """Nothing waits here."""

    def resume_reading(self) -> None:
        """Nothing waits here."""


def asking(wire: Wire, method: str, path: str, body: bytes = b"", *, token: str = "", cookie: str = "") -> Ask:
    """The request, over a connection that stays."""
    lines = [f"{method} {path} HTTP/1.1", "Host: desk.example", "User-Agent: benchmark", "Accept: */*"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += [f"Cookie: {cookie}"] if cookie else []
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
    request = "\r\n".join([*lines, "", ""]).encode() + body
    return lambda: wire.ask(request)
