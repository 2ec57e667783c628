"""The whole system as processes on real parts, with clients of it, for tests that follow a report on its way."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from infra.local.system import System
from shared.access.principal import Role
from shared.ids import case_id_of
from shared.policy import load_policy
from shared.times import now, rfc3339
from tests.e2e.collector import Collector
from tests.support.broker import write


@dataclass
class Way:
    """What the tests need: the system, its clients, and the spans it sent."""

    system: System
    collector: Collector
    intake: httpx.Client
    desk: httpx.Client
    audit: httpx.Client

    def post(self, **fields: Any) -> dict[str, Any]:
        body = {"community": "enwiki", "category": "harassment.insults", "narrative": "words", **fields}
        answer: dict[str, Any] = self.intake.post("/v1/reports", json=body).raise_for_status().json()
        return answer

    def case(self, report_id: str) -> dict[str, Any]:
        path = f"/v1/cases/{case_id_of(report_id)}"
        answer = wait_for(lambda: (r := self.desk.get(path)).status_code == 200 and r)
        case: dict[str, Any] = answer.json()
        return case

    def command(self, report_id: str, command: str, **body: str) -> None:
        self.command_on(case_id_of(report_id), command, body)

    def command_on(self, case_id: str, command: str, body: dict[str, str]) -> None:
        path = f"/v1/cases/{case_id}"
        version = self.desk.get(path).raise_for_status().headers["ETag"]
        self.desk.post(f"{path}/{command}", json=body, headers={"If-Match": version}).raise_for_status()

    def queue(self) -> list[dict[str, Any]]:
        page = self.desk.get("/v1/cases", params={"limit": 200}).raise_for_status().json()
        items: list[dict[str, Any]] = page["items"]
        return items

    def status(self, receipt: str) -> dict[str, Any]:
        status: dict[str, Any] = self.intake.post("/v1/follow-up", json={"receipt": receipt}).raise_for_status().json()
        return status

    def logs(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.audit.get("/v1/record/logs").raise_for_status().json()["items"]
        return items

    def timeline(self, report_id: str) -> list[str]:
        return [str(item["entry"]["ce"]["type"]) for item in self.timeline_of(case_id_of(report_id))]

    def timeline_of(self, case_id: str) -> list[dict[str, Any]]:
        answer = self.audit.get(f"/v1/record/cases/{case_id}/timeline")
        items: list[dict[str, Any]] = answer.json()["items"] if answer.status_code == 200 else []
        return items


@contextmanager
def open_way(system: System, collector: Collector) -> Iterator[Way]:
    """Clients of a system that sends its spans to this collector; they are signed in anew."""
    responder = {"Authorization": f"Bearer {system.token(Role.RESPONDER, *load_policy().bodies)}"}
    auditor = {"Authorization": f"Bearer {system.token(Role.AUDITOR)}"}
    with (
        httpx.Client(base_url=system.url("intake"), timeout=20) as intake,
        httpx.Client(base_url=system.url("triage"), headers=responder, timeout=20) as desk,
        httpx.Client(base_url=system.url("audit"), headers=auditor, timeout=20) as audit,
    ):
        yield Way(system, collector, intake, desk, audit)


def wait_for(attempt: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := attempt()):
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.1)
    return found


def mails_to(way: Way, address: str) -> list[dict[str, Any]]:
    found = httpx.get(f"{way.system.stack.mail_url}/api/v1/messages", params={"limit": 500}).json()["messages"]
    return [mail for mail in found if mail["To"][0]["Address"] == address]


def new_case(way: Way, send: Callable[[Way], None]) -> str:
    """The id of the one case that is on the desk after `send` and was not before."""
    known, began = {item["id"] for item in way.queue()}, rfc3339(now())

    def new() -> list[dict[str, Any]]:
        # An older case may come back to its own body at any moment, once its people are known.
        return [item for item in way.queue() if item["id"] not in known and item["received_at"] >= began]

    send(way)
    (item,) = wait_for(new)
    return str(item["id"])


def to_inbox(way: Way, value: bytes, headers: Sequence[tuple[str, bytes | None]] = ()) -> None:
    asyncio.run(write(way.system.stack.kafka, "reports.inbox", (None, value, headers)))


def cloud_event() -> dict[str, str]:
    return {"specversion": "1.0", "id": str(uuid4()), "source": "/there", "type": "hearth.report.submitted.v1"}
