"""A steady load of reports from a thread of its own, and a responder who handles some of them; both never give up."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from infra.commands.console import Trouble
from infra.local.processes import StackError
from shared.access.authorization import FRESH
from shared.ids import case_id_of

RATE = 20.0
"""Reports a second."""
PATIENCE = 180.0
"""Seconds after the last report in which everything that is repeated must have been taken."""
LONGEST_WAIT = 5.0
ANSWER_SECONDS = 15.0
HANDLED_SHARE = 0.15
"""Of the reports without an address."""
COMMANDS: tuple[tuple[str, dict[str, str]], ...] = (
    ("assign", {}),
    ("start", {}),
    ("decide", {"outcome": "warning", "reason": "words"}),
    ("close", {}),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said; the names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """One request on a connection of its own: a pool shared by hundreds that wait would itself be what is slow."""

    method: str
    url: str
    headers: dict[str, str]
    body: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """What tells it from others."""
        return f"{self.method} {self.url} {self.headers.get('Idempotency-Key', '')}"

    async def send(self) -> Answer:
        """The answer. Raises OSError or IncompleteReadError when the service is away or ends meanwhile."""
        url = urlsplit(self.url)
        data = b"" if self.body is None else json.dumps(self.body).encode()
        lines = [
            f"{self.method} {url.path} HTTP/1.1",
            f"Host: {url.netloc}",
            "Connection: close",
            "Content-Type: application/json",
            f"Content-Length: {len(data)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode() + data)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers["content-length"]))
        finally:
            writer.close()
        return Answer(int(head[0].split()[1]), headers, body)


@dataclass(slots=True)
class Report:
    """One report as it was sent; `report_id` and `receipt` are those of its 202, if it ever got one."""

    body: dict[str, Any]
    address: str | None
    key: str | None
    report_id: str | None = None
    receipt: str = ""


@dataclass
class Load:
    """What is sent to intake and to the desk, and what was answered."""

    intake: str
    desk: str
    sign_in: Callable[[], str]
    """Gives a new token of the responder; may fail while something is away."""
    chance: Random
    offered: list[Report] = field(default_factory=list)
    accepted: list[Report] = field(default_factory=list)
    handled: list[Report] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    """Answers that no outage explains."""
    refused: dict[str, str] = field(default_factory=dict)
    """What is still being asked for, by its request, and why it was not had the last time."""

    def __post_init__(self) -> None:
        self._renewing = asyncio.Lock()
        self._renew()

    @contextmanager
    def running(self) -> Iterator[None]:
        """The load, until the block ends and all that is repeated has been taken. Raises what failed in it."""
        ending = threading.Event()
        failures: list[BaseException] = []

        def run() -> None:
            try:
                asyncio.run(self._run(ending))
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=run, name="load")
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()
        if failures:
            raise failures[0]

    async def _run(self, ending: threading.Event) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as tasks:
                began = loop.time()
                while not ending.is_set():
                    # Behind time, several at once: on a busy machine one turn of the loop lasts longer than the pace.
                    while len(self.offered) < (loop.time() - began) * RATE:
                        tasks.create_task(self._report(self._next_report(), tasks))
                    await asyncio.sleep(1 / RATE)
                limit.reschedule(loop.time() + PATIENCE)
        except TimeoutError:
            raise AssertionError(f"never had: {self.refused}; surprises: {self.surprises}") from None

    def _next_report(self) -> Report:
        number = len(self.offered)
        body: dict[str, Any] = {
            "community": "enwiki",
            "category": "harassment.insults",
            "narrative": f"number {number}",
        }
        address = f"reporter{number}@load.example" if self.chance.random() < 1 / 3 else None
        if address:
            body["reporter"] = {"email": address}
        key = str(UUID(int=self.chance.getrandbits(128))) if self.chance.random() < 1 / 2 else None
        report = Report(body, address, key)
        self.offered.append(report)
        return report

    async def _report(self, report: Report, tasks: asyncio.TaskGroup) -> None:
        headers = {"Idempotency-Key": report.key} if report.key else {}
        request = Request("POST", f"{self.intake}/v1/reports", headers, report.body)
        answer = await self._insist(request) if report.key else await self._ask(request)
        if answer is None:
            self.refused.pop(request.name, None)
            return
        told = json.loads(answer.body)
        report.report_id, report.receipt = told["report_id"], told["receipt"]
        self.accepted.append(report)
        # A decision is told to the reporter by a second mail, which would be taken for a second acknowledgement.
        if report.address is None and self.chance.random() < HANDLED_SHARE:
            tasks.create_task(self._handle(report))

    async def _handle(self, report: Report) -> None:
        """Give every command until it is carried out, each with one key, so that it happens once."""
        case = f"{self.desk}/v1/cases/{case_id_of(report.report_id or '')}"
        shown = await self._insist(Request("GET", case, await self._signed_in()), also=404)
        version = shown.headers["etag"]
        for command, body in COMMANDS:
            headers = {"If-Match": version, "Idempotency-Key": f"{command}-{report.report_id}"}
            done = await self._insist(Request("POST", f"{case}/{command}", headers | await self._signed_in(), body))
            version = done.headers["etag"]
        self.handled.append(report)

    async def _signed_in(self) -> dict[str, str]:
        """The responder's header; half as old as it may be for a decision, it is replaced, as soon as that works."""
        async with self._renewing:
            while time.monotonic() - self._issued_at > FRESH.total_seconds() / 2:
                try:
                    await asyncio.to_thread(self._renew)
                except (Trouble, StackError, httpx.HTTPError):
                    await asyncio.sleep(1)
            return {"Authorization": f"Bearer {self._token}"}

    def _renew(self) -> None:
        at = time.monotonic()
        self._token, self._issued_at = self.sign_in(), at

    async def _insist(self, request: Request, *, also: int | None = None) -> Answer:
        """Ask again and again until it is answered with success."""
        wait = 0.2
        while True:
            answer = await self._ask(request, also=also)
            if answer is not None:
                self.refused.pop(request.name, None)
                return answer
            await asyncio.sleep(wait * self.chance.uniform(0.5, 1.0))
            wait = min(2 * wait, LONGEST_WAIT)

    async def _ask(self, request: Request, *, also: int | None = None) -> Answer | None:
        """The answer, if it is one of success; `also` is a refusal that waiting may cure, too."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await request.send()
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.refused[request.name] = repr(error)
            return None
        if 200 <= answer.status < 300:
            return answer
        self.refused[request.name] = f"{answer.status} {answer.body.decode()}"
        if answer.status not in (503, also):
            self.surprises.append(f"{request.name}: {self.refused[request.name]}")
        return None
