"""Triage as a whole on real Kafka and MongoDB: reports in, cases out, exactly once, whatever is redelivered."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import httpx
import pytest

from services.triage.case.evolve.fold import fold
from services.triage.settings import TriageSettings
from services.triage.store import case_of
from shared.events import (
    Actor,
    Draft,
    Event,
    ReportAnswered,
    ReportErased,
    ReportReceived,
    encode,
    stamp,
)
from shared.ids import case_id_of, new_id
from shared.mongo import connect
from shared.times import now
from tests.support.broker import read, write
from tests.support.travel import travelling
from tests.support.triage_replicas import make_settings, running, told

REPORTER = Actor("reporter", "reporter")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def settings(kafka: str, mongo_uri: str, prefix: str, database_prefix: str) -> TriageSettings:
    return await make_settings(kafka, mongo_uri, prefix, database_prefix, dead_letter_limit=10)


def received(report_id: str, **changed: object) -> Event:
    fact = ReportReceived.model_validate(
        {
            "report_id": report_id,
            "channel": "http",
            "community": "enwiki",
            "category": "harassment.insults",
            "setting": "online",
            "language": "en",
            "privacy": "confidential",
            "contactable": False,
            "received_at": now(),
            "content_digest": "0" * 64,
            **changed,
        }
    )
    return reported(report_id, fact, 0)


def reported(report_id: str, fact: ReportReceived | ReportAnswered | ReportErased, last_seq: int) -> Event:
    (event,) = stamp(
        [Draft(fact, REPORTER, now(), f"{report_id} {last_seq}")],
        source="hearth/intake",
        subject=f"report/{report_id}",
        case_id=case_id_of(report_id),
        last_seq=last_seq,
        trace=TRACE,
    )
    return event


async def send(settings: TriageSettings, events: Sequence[Event]) -> None:
    messages = [encode(event) for event in events]
    await write(
        settings.kafka, f"{settings.topic_prefix}reports", *((m.key, m.value, m.headers) for m in messages)
    )  # fmt: skip


async def test_a_report_becomes_a_case_with_an_owner_in_the_same_trace(settings: TriageSettings) -> None:
    report_id = new_id()
    async with running(settings):
        await send(settings, [received(report_id, flags=("physical_violence",))])
        opened, triaged, met = await told(settings, "cases", 3)
    assert [e.fact.name for e in (opened, triaged, met)] == ["case.opened", "case.triaged", "deadline.met"]
    assert opened.case_id == triaged.case_id == case_id_of(report_id)
    assert [opened.case_seq, triaged.case_seq, met.case_seq] == [1, 2, 3]
    assert opened.policy_version == triaged.policy_version is not None
    assert (triaged.fact.lane, triaged.fact.body) == ("emergency", "trust_safety")
    assert opened.trace is not None
    assert opened.trace.split("-")[1] == TRACE.split("-")[1]


async def test_the_events_fold_to_the_stored_case(settings: TriageSettings) -> None:
    reports = [received(new_id()) for _ in range(20)]
    async with running(settings):
        await send(settings, reports)
        events = await told(settings, "cases", 60)
    client = connect(settings.mongo, service="test")
    stored = {d["_id"]: case_of(d) async for d in client[f"{settings.database_prefix}triage"]["cases"].find()}
    client.close()
    by_case = {case_id: [e for e in events if e.case_id == case_id] for case_id in stored}
    assert {case_id: fold(log) for case_id, log in by_case.items()} == stored


async def test_a_replica_with_a_clock_a_month_ahead_tells_only_what_is_over(settings: TriageSettings) -> None:
    new, late = (received(new_id(), received_at=now() - timedelta(days=days)) for days in (0, 8))
    with travelling() as travel:
        travel.ahead = timedelta(days=31)
        async with running(settings.model_copy(update={"watch_seconds": 0.2})):
            await send(settings, [new, late])
            # Eight days are more than the seven for a first response.
            events = await told(settings, "cases", 7)
    missed = [event for event in events if event.fact.name == "deadline.breached"]
    assert [(event.case_id, event.fact.deadline) for event in missed] == [(late.case_id, "first_response")]
    assert max(event.time for event in events) < now() + timedelta(minutes=1)


async def test_an_erasure_takes_the_digests_of_what_was_written(settings: TriageSettings) -> None:
    report_id, never_opened = new_id(), new_id()
    client = connect(settings.mongo, service="test")
    cases = client[f"{settings.database_prefix}triage"]["cases"]
    async with running(settings):
        await send(settings, [received(report_id)])
        await told(settings, "cases", 3)
        await cases.update_one({"_id": case_id_of(report_id)}, {"$set": {"requests": {"order-1": "digest-1"}}})
        before = await cases.find_one({"_id": case_id_of(report_id)})
        gone = [ReportErased(report_id=i, reason="retention", request_id="r") for i in (never_opened, report_id)]
        messages = [encode(reported(fact.report_id, fact, 1)) for fact in gone]
        records = [(m.key, m.value, m.headers) for m in messages]
        await write(settings.kafka, f"{settings.topic_prefix}erasures", *records, *records)
        async with asyncio.timeout(60):
            while (after := await cases.find_one({"_id": case_id_of(report_id)}))["requests"]:
                await asyncio.sleep(0.05)
        assert (case_of(before).reachable, case_of(after).reachable) == (True, False)
        assert await cases.count_documents({}) == 1
    client.close()
    assert await read(settings.kafka, f"{settings.topic_prefix}erasures.dlq") == []


async def test_a_restored_backup_has_forgotten_again_before_triage_is_ready(settings: TriageSettings) -> None:
    gone, standing = [new_id() for _ in range(5)], new_id()
    client = connect(settings.mongo, service="test")
    cases = client[f"{settings.database_prefix}triage"]["cases"]
    async with running(settings):
        await send(settings, [received(i) for i in (*gone, standing)])
        await told(settings, "cases", 18)
        await cases.update_many({}, {"$set": {"requests": {"order-1": "digest-1"}}})
        backup = [document async for document in cases.find()]
        messages = [encode(reported(i, ReportErased(report_id=i, reason="requested", request_id="r"), 1)) for i in gone]
        unreadable = (messages[0].key, b"?", messages[0].headers)
        records = [(m.key, m.value, m.headers) for m in messages]
        await write(settings.kafka, f"{settings.topic_prefix}erasures", *records, unreadable)
        async with asyncio.timeout(60):
            while await cases.count_documents({"requests": {}}) < len(gone):
                await asyncio.sleep(0.05)
        # The group is past all of them once it has given up the last.
        await read(settings.kafka, f"{settings.topic_prefix}erasures.dlq", 1)
    after = {document["_id"]: document async for document in cases.find()}

    await cases.delete_many({})
    await cases.insert_many(backup)
    async with (
        running(settings) as (app,),
        httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http,
        asyncio.timeout(60),
    ):
        while (await http.get("http://localhost/health/ready")).status_code != 200:
            await asyncio.sleep(0.01)
        found = {document["_id"]: document async for document in cases.find()}
    client.close()
    assert {i: document["requests"] for i, document in found.items()} == {
        **{case_id_of(i): {} for i in gone},
        case_id_of(standing): {"order-1": "digest-1"},
    }
    assert {i: case_of(document) for i, document in found.items()} == {i: case_of(d) for i, d in after.items()}


async def test_redelivery_and_two_replicas_open_each_case_once(settings: TriageSettings) -> None:
    reports = [received(new_id()) for _ in range(150)]
    async with running(settings, replicas=2):
        await send(settings, [*reports, *reports[::3], *reports])
        await told(settings, "cases", 450)
        await asyncio.sleep(1.5)
        events = await told(settings, "cases", 450)
    distinct = {event.id: event for event in events}
    assert Counter(e.fact.name for e in distinct.values()) == {
        "case.opened": 150,
        "case.triaged": 150,
        "deadline.met": 150,
    }
    assert len({e.fact.code_name for e in distinct.values() if e.fact.name == "case.opened"}) == 150


async def test_an_answer_to_no_case_is_a_dead_letter_and_holds_nothing_up(settings: TriageSettings) -> None:
    lost, good = new_id(), new_id()
    answer = reported(lost, ReportAnswered(report_id=lost, question_id="q", answer_id="a"), 1)
    async with running(settings):
        await send(settings, [answer, received(good)])
        await told(settings, "cases", 3)
        (letter,) = await read(settings.kafka, f"{settings.topic_prefix}reports.dlq", 1)
    assert dict(letter.headers)["hearth_dead_code"] == b"unknown_case"
