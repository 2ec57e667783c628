"""What it costs to ask who may come in: each look by itself, in memory, and its share of a request.

The share is of a request without sockets and databases, which is the hardest measure: the whole application on a store
in memory, asked at the gate and at one that lets everybody in, in rounds that take turns. Processor time counts, and of
all rounds the median.
"""

import asyncio
import gc
import itertools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from statistics import median
from typing import Any
from unittest.mock import patch

from benchmarks.load import make_requests
from benchmarks.results import Result
from shared.access import NOBODY, Grant, Permit, Principal, Resource, Role, allow
from shared.roster import Roster
from shared.sign_in.cookies import Cookies
from shared.sign_in.sessions import Sessions
from shared.times import now
from shared.web.gate import Gate
from tests.intake_rig import Rig as IntakeRig
from tests.memory_sessions import MemorySessions
from tests.people import COPIES, FAR, TRAINED, MemoryCopies, person, responder, session_of
from tests.triage_rig import make_rig, reported

Ask = Callable[[], Awaitable[int]]
LOOKS = 5_000
LOOK_ROUNDS = 21
REQUESTS = 100
ROUNDS = 61
CASES = 20
PSEUDONYMS = tuple(f"{number:032x}" for number in range(20))
TYPICAL = responder("a1", "enwiki_arbcom")
WORST = Principal(
    person("b0").ref,
    # The grant that opens is the last, and those before it fail at their last condition.
    tuple(Grant(Role.RESPONDER, (f"body_{n}", "enwiki_arbcom"), (f"wiki_{n}",), expires_at=FAR) for n in range(20)),
    TRAINED,
    FAR,
    pseudonyms=frozenset(PSEUDONYMS),
    authenticated_at=now(),
)
CASE = Resource("enwiki_arbcom", "enwiki", frozenset({"aa" * 16, "bb" * 16, "cc" * 16}), frozenset(), ("A", "B"))
CASE_OF_WORST = Resource("enwiki_arbcom", "wiki_19", frozenset({"aa" * 16}), frozenset({"person:0"}), ("A", "B", "C1"))
ELSEWHERE = Resource("enwiki_arbcom", "another", frozenset({"aa" * 16}), frozenset({"person:0"}), ("A", "B", "C1"))


def run() -> list[Result]:
    """Measure both."""
    logging.disable(logging.INFO)
    gc.collect()
    gc.freeze()
    return [*asyncio.run(looks()), *asyncio.run(shares())]


async def looks() -> list[Result]:
    """Microseconds of each look, and of all that one request takes together."""
    copies, sessions = MemoryCopies(), MemorySessions()
    mine, worst = copies.token(TYPICAL), copies.token(WORST)
    roster, known = Roster(copies), Sessions(sessions)
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

    async def allowed(who: Principal, resource: Resource | None) -> None:
        allow(who, "case.read", resource, at)

    measured = {
        "may a responder read a case": lambda: allowed(TYPICAL, CASE),
        "the same with 20 grants, the last of which fits": lambda: allowed(WORST, CASE_OF_WORST),
        "the same, none of which fits": lambda: allowed(WORST, ELSEWHERE),
        "whose token it is": bearer,
        "who a person with 20 grants is": of_worst,
        "whose session it is": find,
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
    """Lets everybody in, as whoever `opened` says."""

    opened = NOBODY

    def guard(self, action: str, callers: Any, handler: Any) -> Any:
        """The handler itself."""

        async def unguarded(request: Any) -> Any:
            request.scope["hearth.principal"] = self.opened
            return await handler(request)

        return unguarded


async def shares() -> list[Result]:
    """How many requests a second there are at the gate, for each of those there are without it."""
    routes = {
        "GET /v1/cases by token": cases_by_token,
        "GET /desk by session": desk_by_session,
        "POST /v1/reports by an integrator": reports_by_token,
        "POST /v1/reports by anybody": reports_by_anybody,
    }
    results = []
    for name, make in routes.items():
        async with make() as gated:
            with patch("shared.entrance.Gate", OpenGate), patch("tests.people.Gate", OpenGate):
                async with make() as unguarded:
                    # Here nothing reads the roster again and again, as it is in a service that runs.
                    with patch("shared.roster.LONGEST", timedelta(hours=1)):
                        results.append(await compare(name, gated, unguarded))
    return results


async def compare(name: str, gated: Ask, unguarded: Ask) -> Result:
    """Let the two take turns."""
    rounds = []
    for _ in range(ROUNDS):
        at_gate = await rate(gated)
        with patch("shared.access.allow", _permit):
            rounds.append((at_gate, await rate(unguarded)))
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
async def cases_by_token() -> AsyncIterator[Ask]:
    """A page of the queue, for a program of a responder."""
    OpenGate.opened = TYPICAL
    async with make_rig() as rig:
        for _ in range(CASES):
            await rig.intake.take([reported()])
        yield asking(rig.app, "GET", "/v1/cases", token=COPIES.token(TYPICAL))


@asynccontextmanager
async def desk_by_session() -> AsyncIterator[Ask]:
    """The same as a page, for a responder."""
    OpenGate.opened = TYPICAL
    COPIES.enrol(TYPICAL)
    async with make_rig() as rig:
        for _ in range(CASES):
            await rig.intake.take([reported()])
        secret = await session_of(rig.sessions, TYPICAL)
        yield asking(rig.app, "GET", "/desk", cookie=f"{Cookies('/desk').session}={secret}")


@asynccontextmanager
async def reports_by_token() -> AsyncIterator[Ask]:
    """A report that an integrator hands in."""
    grant = Grant(Role.INTEGRATOR, sources=("wiki",))
    OpenGate.opened = Principal("integrator:1", (grant,))
    yield reporting(token=COPIES.token(grants=[grant]))


@asynccontextmanager
async def reports_by_anybody() -> AsyncIterator[Ask]:
    """A report without a token."""
    OpenGate.opened = NOBODY
    yield reporting()


def reporting(**headers: str) -> Ask:
    """Reports of which none is like the other; a round begins with an empty store."""
    rig = IntakeRig()
    bodies = [request.partition(b"\r\n\r\n")[2] for request in make_requests("http://h/v1/reports", 500, 0.3)]
    asks = [asking(rig.app, "POST", "/v1/reports", body, **headers) for body in bodies]
    turns = itertools.cycle(asks)

    async def ask() -> int:
        if len(rig.store.reports) > REQUESTS:
            rig.store.reports.clear()
        return await next(turns)()

    return ask


def asking(app: Any, method: str, path: str, body: bytes = b"", *, token: str = "", cookie: str = "") -> Ask:
    """A request as a server hands it to the application, and the status of the answer."""
    headers = [(b"host", b"desk.example"), (b"user-agent", b"benchmark"), (b"accept", b"*/*")]
    headers += [(b"authorization", b"Bearer " + token.encode())] if token else []
    headers += [(b"cookie", cookie.encode())] if cookie else []
    headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))] if body else []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def ask() -> int:
        status = 0

        async def send(message: dict[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "https",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": ("192.0.2.1", 1),
            "server": ("desk.example", 443),
            "state": {},
        }
        await app(scope, receive, send)
        return status

    return ask
