"""Every process is killed again and again under load: each acknowledged report is one case, and acknowledged once.

`HEARTH_TEST_KILL_ROUNDS=20` makes it 120 kills; `HEARTH_TEST_SEED` repeats the order and the pauses of an earlier run.
"""

import asyncio
import base64
import json
import logging
import os
import signal
import time
from collections import Counter, defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from random import Random
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from pymongo import MongoClient

from infra.local.processes import Process
from infra.local.stack import Stack, StackSettings
from infra.local.system import System, run_system
from services.audit import verify
from services.audit.settings import AuditSettings
from services.audit.tlog.note import SigningKey
from services.triage.case.evolve.fold import fold
from services.triage.store import case_of
from shared.access.principal import Role
from shared.events import Event
from shared.ids import case_id_of
from shared.kafka.topics import DEAD_LETTER_TOPICS, FACT_TOPICS, Topic
from shared.policy import load_policy
from tests.faults.load import Load, Report
from tests.support.broker import committed, read
from tests.support.record_entries import event_in

log = logging.getLogger(__name__)

SERVICES = ("intake", "triage", "notification", "audit")
VICTIMS = (*SERVICES, "kafka", "mongo")
ROUNDS = int(os.environ.get("HEARTH_TEST_KILL_ROUNDS", "4"))
"""How often each of the six is killed."""
PAUSES = (0.0, 1.0, 3.0, 12.0)
"""Seconds that a victim stays dead; the longest lets consumers get at what waits for them while the store is away."""
BETWEEN = (1.0, 4.0)
"""Seconds from one kill to the next: less than a start takes, so that outages overlap."""
SETTLING = 240.0
SAMPLE = 40

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400 + 60 * ROUNDS)]

Json = dict[str, Any]


class Outages:
    """Kills one process after the other, and starts each again after a pause, while others may be away too."""

    def __init__(self, system: System, chance: Random) -> None:
        self._system = system
        self._chance = chance
        self.kills: Counter[str] = Counter()

    def run(self, rounds: int) -> None:
        """Return when everything runs again. Raises whatever kept something from starting."""
        pending: dict[str, Future[None]] = {}
        with ThreadPoolExecutor(len(VICTIMS)) as threads:
            for _ in range(rounds):
                for victim in self._chance.sample(VICTIMS, len(VICTIMS)):
                    if victim in pending:
                        pending[victim].result()
                    pause = self._chance.choice(PAUSES)
                    pending[victim] = threads.submit(self._kill_and_start, victim, pause)
                    time.sleep(self._chance.uniform(*BETWEEN))
            for started in pending.values():
                started.result()
        for name in SERVICES:
            self._system.stack.wait_service(self._system.processes[name])

    def _kill_and_start(self, victim: str, pause: float) -> None:
        process = self._process(victim)
        assert process.alive(), f"{victim} ended by itself with status {process.returncode}"
        process.kill()
        assert process.returncode == -signal.SIGKILL
        self.kills[victim] += 1
        time.sleep(pause)
        match victim:
            case "kafka":
                self._system.stack.start_kafka()
            case "mongo":
                self._system.stack.start_mongo()
            case service:
                self._system.start(service, wait=False)

    def _process(self, victim: str) -> Process:
        match victim:
            case "kafka":
                return self._system.stack.process("kafka")
            case "mongo":
                return self._system.stack.process("mongod")
            case service:
                return self._system.processes[service]


def test_every_process_killed_under_load_each_report_is_one_case_acknowledged_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("HEARTH_TEST_SEED") or time.time_ns() % 1_000_000)
    with (
        Stack(StackSettings.private()) as stack,
        run_system(stack, {"HEARTH_GATHER_SECONDS": "2", "HEARTH_SEAL_SECONDS": "2"}) as system,
        MongoClient(stack.mongo, tz_aware=True) as mongo,
    ):
        log.warning("HEARTH_TEST_SEED=%d, logs in %s", seed, stack.logs)
        load = Load(system.url("intake"), system.url("triage"), partial(responder_of, system), chance_of(seed))
        outages = Outages(system, chance_of(seed))
        with load.running():
            outages.run(ROUNDS)
        assert outages.kills == dict.fromkeys(VICTIMS, ROUNDS)
        assert load.surprises == []
        assert len(load.accepted) > 100
        wait_until_settled(stack.kafka, mongo)
        log.warning("%d kills, %d reports, %d acknowledged", 6 * ROUNDS, len(load.offered), len(load.accepted))

        entries = read_record(system)
        each_report_is_one_case(load, mongo, entries)
        each_address_is_told_once(load, stack.mail_url, entries)
        the_record_has_every_event_once_in_order(entries)
        the_folded_events_are_the_stored_cases(mongo, entries)
        people_see_the_same(load, system, chance_of(seed))
        assert {topic.name: asyncio.run(read(stack.kafka, topic.name)) for topic in DEAD_LETTER_TOPICS} == {
            topic.name: [] for topic in DEAD_LETTER_TOPICS
        }
        monkeypatch.setenv("HEARTH_TOKEN", system.token(Role.AUDITOR))
        until = time.monotonic() + SETTLING
        while True:
            outcome = verify.main([system.url("audit"), "--json", "--key", key_of(system)])
            found = json.loads(capsys.readouterr().out)
            assert (outcome, found["findings"]) == (0, [])
            # What stands on restricted topics is withheld from everybody.
            notices = [notice for notice in found["notices"] if "are withheld from this reader" not in notice]
            # The log of scorecards begins with the first scorecard, and is sealed a little later.
            if not notices or time.monotonic() > until or not all("not sealed yet" in notice for notice in notices):
                break
            time.sleep(1)
        assert notices == []
        assert found["sequences"] >= len(load.accepted)
        wait_until_settled(stack.kafka, mongo)


def chance_of(seed: int) -> Random:
    return Random(seed)  # noqa: S311  # chance, not a secret


def responder_of(system: System) -> str:
    return system.token(Role.RESPONDER, *load_policy().bodies)


def key_of(system: System) -> str:
    seed = base64.b64decode(system.environment["HEARTH_SIGNING_KEY"])
    return str(SigningKey(AuditSettings.model_fields["log_origin"].default, seed).verifier)


def wait_until_settled(kafka: str, mongo: MongoClient[Json]) -> None:
    """Until every group has read its topic to the end, every outbox is empty and every notice has its end."""
    end = time.monotonic() + SETTLING
    while left := {**asyncio.run(lags(kafka)), **unfinished(mongo)}:
        assert time.monotonic() < end, f"still to do: {left}"
        time.sleep(0.5)


async def lags(kafka: str) -> dict[str, int]:
    """Records that a group has still to commit, by group; groups without any are left out."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        found: Counter[str] = Counter()
        for topic in FACT_TOPICS:
            partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
            ends = await consumer.end_offsets(partitions)
            for group in groups_of(topic):
                done = await committed(kafka, group)
                found[group] += sum(end - max(0, done.get(tp, 0)) for tp, end in ends.items())
        return {group: lag for group, lag in found.items() if lag}
    finally:
        await consumer.stop()


def groups_of(topic: Topic) -> list[str]:
    """A service that keeps a copy consumes the topic for that, and audit also to record it."""
    projected = {"roster": "projection", "names": "projection", "parties": "copy"}
    if topic.name in projected:
        return [f"audit.{topic.name}", *(f"{s}.{topic.name}.{projected[topic.name]}" for s in topic.consumers)]
    return [f"{service}.{topic.name}" for service in topic.consumers]


def unfinished(mongo: MongoClient[Json]) -> dict[str, int]:
    """Documents with unpublished events, by collection, and deliveries without an end."""
    left = {"planned": mongo["notification"]["deliveries"].count_documents({"state": "planned"})}
    for database in SERVICES:
        for collection in mongo[database].list_collection_names():
            pending = mongo[database][collection].count_documents({"outbox.0": {"$exists": True}})
            left[f"{database}.{collection}"] = pending
    return {name: count for name, count in left.items() if count}


def read_record(system: System) -> list[Json]:
    """Every entry of the record, by the API, in the order of the logs."""
    headers = {"Authorization": f"Bearer {system.token(Role.AUDITOR)}"}
    entries: list[Json] = []
    with httpx.Client(base_url=system.url("audit"), headers=headers, timeout=60) as audit:
        cursor = None
        while True:
            asked = {"limit": "1000", **({"cursor": cursor} if cursor else {})}
            page = audit.get("/v1/record/events", params=asked).raise_for_status().json()
            # What stands on a restricted topic is withheld from everybody.
            entries += [item["entry"] for item in page["items"] if "entry" in item]
            cursor = page["next"]
            if cursor is None:
                return entries


def events_in(entries: list[Json], *types: str) -> list[Json]:
    """The entries that are an event of one of these types; what points to an earlier entry is none."""
    return [entry for entry in entries if entry.get("ce", {}).get("type") in types]


def each_report_is_one_case(load: Load, mongo: MongoClient[Json], entries: list[Json]) -> None:
    stored = {document["_id"] for document in mongo["intake"]["reports"].find({}, {"_id": 1})}
    accepted = {report.report_id for report in load.accepted}
    assert len(accepted) == len(load.accepted)
    assert accepted <= stored
    # What was never answered may be stored, but what was sent once is stored at most once.
    assert len(stored) <= len(load.offered)
    cases = Counter(document["report_id"] for document in mongo["triage"]["cases"].find({}, {"report_id": 1}))
    assert cases == dict.fromkeys(stored, 1)
    for kind in ("report.received", "case.opened"):
        told = Counter(entry["data"]["report_id"] for entry in events_in(entries, f"hearth.{kind}.v1"))
        assert told == dict.fromkeys(stored, 1), kind


def each_address_is_told_once(load: Load, mail_url: str, entries: list[Json]) -> None:
    sent = [
        entry
        for entry in events_in(entries, "hearth.notification.sent.v1")
        if entry["data"]["notice"] == "acknowledgement"
    ]
    names: dict[str, list[str]] = defaultdict(list)
    for entry in sent:
        names[entry["key"]].append(entry["data"]["message_id"])
    mails: dict[str, set[str]] = defaultdict(set)
    for mail in read_mails(mail_url):
        mails[mail["To"][0]["Address"]].add(mail["MessageID"])
    wanted = {case_id_of(report.report_id or ""): report.address for report in load.accepted if report.address}
    assert {case_id: len(names[case_id]) for case_id in wanted} == dict.fromkeys(wanted, 1)
    assert {case_id: mails[address] for case_id, address in wanted.items()} == {i: set(names[i]) for i in wanted}
    assert {len(found) for report in load.offered if (found := mails.get(report.address or ""))} == {1}
    silent = {case_id_of(report.report_id or "") for report in load.accepted if not report.address}
    assert not silent & names.keys()
    ends = events_in(entries, "hearth.notification.suppressed.v1", "hearth.notification.failed.v1")
    assert ends == []


def read_mails(mail_url: str) -> list[Json]:
    mails: list[Json] = []
    while page := httpx.get(
        f"{mail_url}/api/v1/messages", params={"start": len(mails), "limit": 500}, timeout=60
    ).json()["messages"]:
        mails += page
    return mails


def the_record_has_every_event_once_in_order(entries: list[Json]) -> None:
    assert not [entry for entry in entries if "unparsed" in entry]
    whole = [entry for entry in entries if "case_seq" in entry]
    repeated = [event_id for event_id, count in Counter(entry["ce"]["id"] for entry in whole).items() if count > 1]
    assert repeated == []
    numbers: dict[tuple[str, str], list[int]] = defaultdict(list)
    for entry in whole:
        numbers[entry["ce"]["source"], entry["ce"]["subject"]].append(entry["case_seq"])
    assert {s: found for s, found in numbers.items() if found != list(range(1, len(found) + 1))} == {}


def the_folded_events_are_the_stored_cases(mongo: MongoClient[Json], entries: list[Json]) -> None:
    events: dict[str, list[Event]] = defaultdict(list)
    for entry in entries:
        if entry.get("ce", {}).get("subject", "").startswith("case/"):
            events[entry["key"]].append(event_in(entry))
    stored = {document["_id"]: case_of(document) for document in mongo["triage"]["cases"].find()}
    assert events.keys() == stored.keys()
    differing = {case_id: (fold(found), stored[case_id]) for case_id, found in events.items()}
    assert {case_id: pair for case_id, pair in differing.items() if pair[0] != pair[1]} == {}


def people_see_the_same(load: Load, system: System, chance: Random) -> None:
    """Reporters by their receipt, responders at the desk, auditors on the timeline."""
    handled = {report.report_id for report in load.handled}
    chosen: list[Report] = chance.sample(load.accepted, min(SAMPLE, len(load.accepted)))
    responder = {"Authorization": f"Bearer {responder_of(system)}"}
    auditor = {"Authorization": f"Bearer {system.token(Role.AUDITOR)}"}
    with httpx.Client(timeout=60) as client:
        for report in chosen:
            case_id = case_id_of(report.report_id or "")
            state, steps = ("closed", 12) if report.report_id in handled else ("triaged", 3)
            follow_up = client.post(f"{system.url('intake')}/v1/follow-up", json={"receipt": report.receipt})
            assert follow_up.raise_for_status().json()["state"] == state
            case = client.get(f"{system.url('triage')}/v1/cases/{case_id}", headers=responder)
            shown = case.raise_for_status().json()
            assert (shown["state"], shown["version"]) == (state, steps)
            path = f"{system.url('audit')}/v1/record/cases/{case_id}/timeline"
            told = [item["entry"] for item in client.get(path, headers=auditor).raise_for_status().json()["items"]]
            assert len(events_in(told, "hearth.case.opened.v1")) == 1
            assert len([e for e in told if e["ce"]["subject"] == f"case/{case_id}"]) == steps
