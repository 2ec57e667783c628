"""The way of one report at 20 a second: from its POST to the mail handed over, and to a signed checkpoint over it."""

import asyncio
import time
from datetime import datetime

import httpx

from benchmarks.load import percentile
from benchmarks.results import Result
from benchmarks.rig import wait_until
from infra.local.stack import Stack, StackSettings
from infra.local.system import System, run_system
from shared.access.principal import Role
from shared.ids import case_id_of

RATE = 20
REPORTS = 500
SAMPLE = 10
"""One report in so many is watched on its way into the record, because watching is work too."""


def run() -> list[Result]:
    """Post at a fixed pace, then compare with when the mails came and the checkpoints were signed."""
    with Stack(StackSettings.private()) as stack, run_system(stack) as system:
        asyncio.run(_post(system, 60, "warm-up", {}, []))
        posted: dict[str, float] = {}
        recorded: list[float] = []
        asyncio.run(_post(system, REPORTS, "reporter", posted, recorded))
        arrived = _wait_for_mails(stack.mail_url, posted)
    mails = sorted(arrived[address] - at for address, at in posted.items())
    recorded.sort()
    mail, record = percentile(mails, 95) * 1000, percentile(recorded, 95) * 1000
    return [
        Result("POST to mail, p50", percentile(mails, 50) * 1000, "ms", None, None, "", True),
        Result("POST to mail, p95", mail, "ms", None, None, "≤ 200 ms", mail <= 200),
        Result("POST to signed checkpoint, p50", percentile(recorded, 50) * 1000, "ms", 40, None, "", True),
        Result("POST to signed checkpoint, p95", record, "ms", 140, None, "≤ 300 ms", record <= 300),
        Result("reports watched", len(recorded), "", None, None, "", len(recorded) == REPORTS // SAMPLE),
    ]


async def _post(system: System, count: int, name: str, posted: dict[str, float], recorded: list[float]) -> None:
    auditor = {"Authorization": f"Bearer {system.token(Role.AUDITOR)}"}
    async with (
        httpx.AsyncClient(base_url=system.url("intake")) as intake,
        httpx.AsyncClient(base_url=system.url("audit"), headers=auditor) as audit,
        asyncio.TaskGroup() as tasks,
    ):
        began = time.time()
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / RATE - time.time()))
            tasks.create_task(_one(intake, audit, name, number, posted, recorded))


async def _one(
    intake: httpx.AsyncClient,
    audit: httpx.AsyncClient,
    name: str,
    number: int,
    posted: dict[str, float],
    recorded: list[float],
) -> None:
    address = f"{name}{number}@example.org"
    body = {"community": "enwiki", "narrative": "They followed me to another page.", "reporter": {"email": address}}
    posted[address] = at = time.time()
    answer = (await intake.post("/v1/reports", json=body)).raise_for_status().json()
    if number % SAMPLE or name != "reporter":
        return
    # The record answers from committed, signed heads only: what it shows is under a checkpoint.
    timeline = f"/v1/record/cases/{case_id_of(answer['report_id'])}/timeline"
    while time.time() - at < 30:
        found = await audit.get(timeline)
        items = found.json()["items"] if found.status_code == 200 else []
        if any(item["entry"]["ce"]["type"] == "hearth.report.received.v1" for item in items):
            recorded.append(time.time() - at)
            return
        await asyncio.sleep(0.02)


def _wait_for_mails(mail_url: str, posted: dict[str, float]) -> dict[str, float]:
    arrived: dict[str, float] = {}

    def all_there() -> bool:
        mails = httpx.get(f"{mail_url}/api/v1/messages", params={"limit": 5000}).json()["messages"]
        for mail in mails:
            arrived.setdefault(mail["To"][0]["Address"], datetime.fromisoformat(mail["Created"]).timestamp())
        return posted.keys() <= arrived.keys()

    wait_until(all_there, 60, every=1)
    return arrived
