"""A steady load of reports from a thread of its own, and a responder who handles some of them; both never give up."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

import httpx

from shared.ids import case_id_of

RATE = 20.0
"""Reports a second."""
PATIENCE = 180.0
"""Seconds after the last report in which everything that is repeated must have been taken."""
LONGEST_WAIT = 5.0
AGAIN = frozenset({httpx.codes.SERVICE_UNAVAILABLE})
HANDLED_SHARE = 0.15
"""Of the reports without an address."""
COMMANDS: tuple[tuple[str, dict[str, str]], ...] = (
    ("assign", {}),
    ("start", {}),
    ("decide", {"outcome": "warning", "reason": "words"}),
    ("close", {}),
)


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
    responder: str
    chance: Random
    offered: list[Report] = field(default_factory=list)
    accepted: list[Report] = field(default_factory=list)
    handled: list[Report] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    """Answers that no outage explains."""

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
        limits = httpx.Limits(max_connections=100)
        async with (
            asyncio.timeout(None) as limit,
            httpx.AsyncClient(timeout=15, limits=limits) as client,
            asyncio.TaskGroup() as tasks,
        ):
            began = loop.time()
            while not ending.is_set():
                # Behind time, several at once: on a busy machine one turn of the loop may take longer than the pace.
                while len(self.offered) < (loop.time() - began) * RATE:
                    tasks.create_task(self._report(client, self._next_report(), tasks))
                await asyncio.sleep(1 / RATE)
            limit.reschedule(loop.time() + PATIENCE)

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

    async def _report(self, client: httpx.AsyncClient, report: Report, tasks: asyncio.TaskGroup) -> None:
        url = f"{self.intake}/v1/reports"
        if report.key is None:
            answer = await self._ask(client, "POST", url, json=report.body)
        else:
            headers = {"Idempotency-Key": report.key}
            answer = await self._insist(client, "POST", url, json=report.body, headers=headers)
        if answer is None:
            return
        told = answer.json()
        report.report_id, report.receipt = told["report_id"], told["receipt"]
        self.accepted.append(report)
        # A decision is told to the reporter by a second mail, which would be taken for a second acknowledgement.
        if report.address is None and self.chance.random() < HANDLED_SHARE:
            tasks.create_task(self._handle(client, report))

    async def _handle(self, client: httpx.AsyncClient, report: Report) -> None:
        """Give every command until it is carried out, each with one key, so that it happens once."""
        case = f"{self.desk}/v1/cases/{case_id_of(report.report_id or '')}"
        signed_in = {"Authorization": f"Bearer {self.responder}"}
        shown = await self._insist(client, "GET", case, headers=signed_in, also=httpx.codes.NOT_FOUND)
        version = shown.headers["ETag"]
        for command, body in COMMANDS:
            headers = {**signed_in, "If-Match": version, "Idempotency-Key": f"{command}-{report.report_id}"}
            done = await self._insist(client, "POST", f"{case}/{command}", json=body, headers=headers)
            version = done.headers["ETag"]
        self.handled.append(report)

    async def _insist(
        self, client: httpx.AsyncClient, method: str, url: str, *, also: int | None = None, **what: Any
    ) -> httpx.Response:
        """Ask again and again until it is answered with success."""
        wait = 0.2
        while True:
            answer = await self._ask(client, method, url, also=also, **what)
            if answer is not None:
                return answer
            await asyncio.sleep(wait * self.chance.uniform(0.5, 1.0))
            wait = min(2 * wait, LONGEST_WAIT)

    async def _ask(
        self, client: httpx.AsyncClient, method: str, url: str, *, also: int | None = None, **what: Any
    ) -> httpx.Response | None:
        """The answer, if it is one of success; `also` is a refusal that waiting may cure, too."""
        try:
            answer = await client.request(method, url, **what)
        except httpx.TransportError:
            return None
        if answer.is_success:
            return answer
        if answer.status_code not in AGAIN and answer.status_code != also:
            self.surprises.append(f"{method} {url}: {answer.status_code} {answer.text}")
        return None
