"""Three replicas of triage under load, one of them killed every ten seconds: each case once, each clock once, in time.

Reports come by HTTP, and responders give commands to whichever replica is there. Beside them come reports that are a
week old, so that their clocks run out meanwhile; two people claim each of those at once, at two replicas. What counts
at the end is what stands on Kafka and in MongoDB. HEARTH_TEST_KILL_SECONDS says how long it goes on.
"""

import asyncio
import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from aiokafka import ConsumerRecord
from pymongo import MongoClient

from infra.local.processes import Process
from infra.local.stack import Stack, StackSettings
from infra.local.system import System, run_system
from services.triage.case.evolve.fold import fold
from services.triage.store import case_of
from shared.access.principal import Role
from shared.events import FACTS, DeadlineBreached, DeadlineFact, Event, decode, encode
from shared.ids import case_id_of
from shared.policy import load_policy
from shared.times import now
from tests.faults.load import Answer, Load, Request
from tests.faults.test_killed_under_load import SETTLING, lags, unfinished
from tests.support.broker import read, write
from tests.support.triage_rig import reported

SECONDS = int(os.environ.get("HEARTH_TEST_KILL_SECONDS", "90"))
BETWEEN = 10.0
"""Seconds from one kill to the next."""
STUCK = timedelta(seconds=30)
"""Nothing is stuck for longer than this where nobody else uses the processors."""
MOST_STUCK = timedelta(seconds=90)
"""Nothing is stuck for longer than this, however busy the machine is."""
FIRST_RESPONSE = timedelta(days=7)
OLD = 300
"""Reports of which a clock runs out meanwhile."""
EACH_AT_ONCE = 10

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(500 + SECONDS)]


class Replicas:
    """Three replicas of triage; the first is the one of the system."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._processes = [system.processes["triage"]]
        for number in (2, 3):
            more = system.stack.start_service(
                "triage", system.environment, port=0, wait=False, label=f"triage-{number}"
            )  # fmt: skip
            self._processes.append(more)
        self.addresses = [process.address for process in self._processes]
        self.kills = 0
        self._slower = 1.0
        for process in self._processes:
            system.stack.wait_service(process)

    @property
    def patience(self) -> timedelta:
        """STUCK, as many times longer as the slowest replica took for its work while others had the processors."""
        return min(STUCK * self._slower, MOST_STUCK)

    def kill_in_turn(self, seconds: float) -> None:
        """Kill one every ten seconds, and start it again at once."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            place = self.kills % len(self._processes)
            victim = self._processes[place]
            assert victim.alive(), f"replica {place + 1} ended by itself with status {victim.returncode}"
            self._slower = max(self._slower, slowed_down(victim.pid))
            victim.kill()
            assert victim.returncode == -signal.SIGKILL
            self._processes[place] = self._start(place)
            self.kills += 1
            time.sleep(max(0.0, began + self.kills * BETWEEN - time.monotonic()))
        for process in self._processes:
            self._system.stack.wait_service(process)

    def stop(self) -> None:
        """Stop those that the system does not know."""
        for process in self._processes[1:]:
            process.stop()

    def _start(self, place: int) -> Process:
        port = self.addresses[place].rpartition(":")[2]
        environment = self._system.environment | {"HEARTH_PORT": port}
        label = "triage" if place == 0 else f"triage-{place + 1}"
        process = self._system.stack.start_service("triage", environment, wait=False, label=label)
        if place == 0:
            self._system.processes["triage"] = process
        return process


def slowed_down(pid: int) -> float:
    """How many times longer a process took than its processor time, because it waited for a processor (schedstat)."""
    used, waited, _ = map(int, Path(f"/proc/{pid}/schedstat").read_text(encoding="utf-8").split())
    return (used + waited) / used


class Claims:
    """Reports that are a week old; two people claim the case of each at once, at two replicas."""

    def __init__(self, kafka: str, addresses: Sequence[str], tokens: Sequence[str], seconds: int) -> None:
        self._kafka = kafka
        self._addresses = addresses
        self._headers = [{"Authorization": f"Bearer {token}"} for token in tokens]
        self._seconds = seconds
        self.sent: list[str] = []
        """The ids of the cases."""
        self.won: Counter[str] = Counter()

    async def run(self, chance: Random) -> None:
        """Publish all of them, spread over the time, and have each claimed."""
        began, tasks = time.monotonic(), []
        for first in range(0, OLD, EACH_AT_ONCE):
            left = max(1_000, int(1_000 * (began + self._seconds - time.monotonic())))
            due = [timedelta(milliseconds=chance.randrange(left)) for _ in range(EACH_AT_ONCE)]
            events = [reported(received_at=now() - FIRST_RESPONSE + span) for span in due]
            messages = [encode(event) for event in events]
            await write(self._kafka, "reports", *((one.key, one.value, one.headers) for one in messages))
            for event in events:
                self.sent.append(event.case_id)
                tasks.append(asyncio.create_task(self._claim(event.case_id, chance.randrange(len(self._addresses)))))
            await asyncio.sleep(max(0.0, began + (first + EACH_AT_ONCE) * self._seconds / OLD - time.monotonic()))
        await asyncio.gather(*tasks)

    async def _claim(self, case_id: str, first: int) -> None:
        shown = await self._insist(Request("GET", self._path(case_id, first), self._headers[0]), 200)
        version = shown.headers["etag"]
        await asyncio.gather(
            *(self._claim_once(case_id, version, person, first + person) for person in range(len(self._headers)))
        )

    async def _claim_once(self, case_id: str, version: str, person: int, place: int) -> None:
        headers = {**self._headers[person], "If-Match": version, "Idempotency-Key": f"claim-{case_id}-{person}"}
        # A clock may be told between the look and the claim: then the version is another one, and it is looked again.
        while True:
            answer = await self._insist(
                Request("POST", f"{self._path(case_id, place)}/claim", headers, {}), 200, 409, 412
            )
            if answer.status != 412:
                break
            look = Request("GET", self._path(case_id, place), self._headers[person])
            headers["If-Match"] = (await self._insist(look, 200)).headers["etag"]
        self.won[case_id] += answer.status == 200

    def _path(self, case_id: str, place: int) -> str:
        return f"{self._addresses[place % len(self._addresses)]}/v1/cases/{case_id}"

    async def _insist(self, request: Request, *wanted: int) -> Answer:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                async with asyncio.timeout(15):
                    answer = await request.send()
                if answer.status in wanted:
                    return answer
                assert answer.status in (404, 503), (request.name, answer)
            await asyncio.sleep(0.3)


def test_three_replicas_of_which_one_is_killed_every_ten_seconds_tell_each_clock_once() -> None:
    chance = Random(int(os.environ.get("HEARTH_TEST_SEED", "12")))  # noqa: S311  # chance, not a secret
    with (
        Stack(StackSettings.private("kafka", "mongo")) as stack,
        run_system(stack) as system,
        MongoClient(stack.mongo, tz_aware=True) as mongo,
    ):
        bodies = load_policy().ordinary_bodies
        tokens = [system.token(Role.RESPONDER, *bodies, ref=name) for name in ("Ann", "Ben")]
        for name in ("notification", "audit"):
            system.processes[name].stop()
        replicas = Replicas(system)
        let_in(replicas, tokens)
        load = Load(system.url("intake"), replicas.addresses[0], partial(system.token, Role.RESPONDER, *bodies), chance)
        claims = Claims(stack.kafka, replicas.addresses, tokens, SECONDS)
        try:
            with load.running():
                asyncio.run(under_kills(claims, replicas, chance))
            wait_until_told(stack.kafka, mongo)
        finally:
            replicas.stop()
        system.processes["triage"].stop()
        records = asyncio.run(read_both(stack.kafka))
        documents = {document["_id"]: document for document in mongo["triage"]["cases"].find()}
    assert replicas.kills >= SECONDS // BETWEEN
    assert load.surprises == []
    events = [(record, event) for record in records["cases"] if (event := event_of(record))]
    each_report_is_one_case(load, claims, documents)
    every_case_has_one_history(events, documents)
    each_clock_is_told_once_and_in_time(claims, events, replicas.patience)
    nothing_was_stuck(records, events, replicas.patience)


def let_in(replicas: Replicas, tokens: Sequence[str]) -> None:
    """Wait until each replica knows each token; a copy of the roster is seconds old."""
    for address in replicas.addresses:
        for token in tokens:
            headers, end = {"Authorization": f"Bearer {token}"}, time.monotonic() + 60
            while httpx.get(f"{address}/v1/cases", headers=headers).status_code != 200:
                assert time.monotonic() < end
                time.sleep(0.5)


async def under_kills(claims: Claims, replicas: Replicas, chance: Random) -> None:
    await asyncio.gather(claims.run(chance), asyncio.to_thread(replicas.kill_in_turn, SECONDS))


def wait_until_told(kafka: str, mongo: MongoClient[dict[str, Any]]) -> None:
    """Until no outbox has an event, triage has read all reports, and no clock of a case is due."""
    cases, end = mongo["triage"]["cases"], time.monotonic() + SETTLING

    def left() -> dict[str, int]:
        behind = {group: lag for group, lag in asyncio.run(lags(kafka)).items() if group == "triage.reports"}
        due = cases.count_documents({"wakes_at": {"$lte": now()}})
        return behind | ({"due": due} if due else {})

    # What is published last is read last: so intake's outboxes come before the reports, and those of triage behind.
    while todo := unfinished(mongo) or left() or unfinished(mongo):
        assert time.monotonic() < end, f"still to do: {todo}"
        time.sleep(0.5)


async def read_both(kafka: str) -> dict[str, list[ConsumerRecord]]:
    return {topic: await read(kafka, topic) for topic in ("reports", "cases")}


def event_of(record: ConsumerRecord) -> Event | None:
    headers = {name: (value or b"").decode() for name, value in record.headers}
    return decode(FACTS, headers, record.key, record.value)


def each_report_is_one_case(load: Load, claims: Claims, documents: dict[str, Any]) -> None:
    wanted = {case_id_of(report.report_id or "") for report in load.accepted} | set(claims.sent)
    assert len(wanted) == len(load.accepted) + OLD
    # What was sent and never answered may be stored, too.
    assert sorted(wanted - documents.keys()) == []
    made = [case_id for case_id, document in documents.items() if "systemic_failure" in document["flags"]]
    assert len(made) <= 1, "Hearth tells once of a community that misses so many deadlines"
    assert len(documents) <= len(load.offered) + OLD + len(made)
    assert len({document["report_id"] for document in documents.values()}) == len(documents)
    assert {case_id: claims.won[case_id] for case_id in claims.sent} == dict.fromkeys(claims.sent, 1)


def every_case_has_one_history(events: list[tuple[ConsumerRecord, Event]], documents: dict[str, Any]) -> None:
    """Its numbers have no gap, each stands for one event, they come in order, and folded they are the stored case."""
    histories: dict[str, dict[str, Event]] = defaultdict(dict)
    for _, event in events:
        # Kafka may get an event twice, and every reader passes the second one over.
        histories[event.case_id].setdefault(event.id, event)
    assert histories.keys() == documents.keys()
    for case_id, told in histories.items():
        assert [event.case_seq for event in told.values()] == list(range(1, len(told) + 1)), case_id
        assert fold(list(told.values())) == case_of(documents[case_id]), case_id


def each_clock_is_told_once_and_in_time(
    claims: Claims, events: list[tuple[ConsumerRecord, Event]], patience: timedelta
) -> None:
    told: dict[tuple[str, str, str, datetime], set[str]] = defaultdict(set)
    late: dict[str, timedelta] = {}
    missed: Counter[str] = Counter()
    for _, event in events:
        if isinstance(event.fact, DeadlineFact):
            told[event.case_id, event.fact.name, event.fact.deadline, event.fact.due_at].add(event.id)
        if isinstance(event.fact, DeadlineBreached):
            missed[event.case_id] += 1
            late[event.case_id] = event.time - event.fact.due_at
    assert {clock: ids for clock, ids in told.items() if len(ids) > 1} == {}
    # Nobody answered them, so of each the first response was missed.
    assert set(claims.sent) <= missed.keys()
    assert max(late[case_id] for case_id in claims.sent) < patience


def nothing_was_stuck(
    records: dict[str, list[ConsumerRecord]], events: list[tuple[ConsumerRecord, Event]], patience: timedelta
) -> None:
    """From the record of a report to that of its case."""
    came = {event.case_id: at_of(record) for record in reversed(records["reports"]) if (event := event_of(record))}
    opened = {event.case_id: at_of(record) for record, event in reversed(events) if event.fact.name == "case.opened"}
    waits = sorted(at - came[case_id] for case_id, at in opened.items())
    assert waits[-1] < patience, f"the longest of {len(waits)} waits"


def at_of(record: ConsumerRecord) -> datetime:
    return datetime.fromtimestamp(record.timestamp / 1000, UTC)
