"""Intake as it runs, on a real broker and a real database: reports in by HTTP and Kafka, facts out, status back."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from aiokafka import ConsumerRecord

from services.intake.app import build_app
from services.intake.keys.pace import PACE, Pace
from services.intake.settings import IntakeSettings
from shared.events import FACTS, CaseDecided, Event, InformationRequested, ReportReceived, decode, encode
from shared.kafka.dead_letters import DeadLetter
from shared.kafka.records import Record
from shared.mongo import connect
from tests.support.broker import make_topics, read, write
from tests.support.intake_rig import FORM_KEY, bearer, case_event
from tests.support.people import PROVIDER
from tests.support.service_keys import files_of

REPORT = {"community": "enwiki", "narrative": "Sekret words", "reported": [{"name": "Sekret person"}]}
BINARY = [
    ("ce_specversion", b"1.0"),
    ("ce_source", b"there"),
    ("ce_type", b"hearth.report.submitted.v1"),
    ("content-type", b"application/json"),
]
EVENT = {"specversion": "1.0", "source": "there", "type": "hearth.report.submitted.v1", "data": REPORT}
TOPICS = ("reports.inbox", "reports", "parties", "cases", "erasures", "access", "roster", "names")


def settings(kafka: str, mongo_uri: str, prefix: str, database_prefix: str) -> IntakeSettings:
    keys = {name: base64.b64encode(name[:1].encode() * 32).decode() for name in ("master", "receipt", "pseudonym")}
    return IntakeSettings(
        kafka=kafka,
        mongo=mongo_uri,
        topic_prefix=prefix,
        database_prefix=database_prefix,
        form_key=base64.b64encode(FORM_KEY).decode(),
        master_key=keys["master"],
        receipt_pepper=keys["receipt"],
        pseudonym_key=keys["pseudonym"],
        open_inbox=True,
        **PROVIDER,
        **files_of("intake"),
    )


@asynccontextmanager
async def serving(given: IntakeSettings, key_pace: Pace = PACE) -> AsyncIterator[httpx.AsyncClient]:
    app = build_app(given, key_pace)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", timeout=30) as http,
    ):
        yield http


async def ready(http: httpx.AsyncClient) -> None:
    for _ in range(900):
        if (await http.get("/health/ready")).status_code == 200:
            return
        await asyncio.sleep(0.1)
    raise AssertionError((await http.get("/health/ready")).text)


@pytest.fixture
async def given(kafka: str, mongo_uri: str, prefix: str, database_prefix: str) -> IntakeSettings:
    await make_topics(kafka, prefix, *TOPICS)
    return settings(kafka, mongo_uri, prefix, database_prefix)


@pytest.fixture
async def intake(given: IntakeSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(given) as http:
        await ready(http)
        yield http


def event_of(record: ConsumerRecord) -> Event:
    headers = {name: value.decode() for name, value in record.headers}
    event = decode(FACTS, headers, record.key, record.value)
    assert event is not None
    return event


async def letters(given: IntakeSettings, count: int) -> dict[str, DeadLetter]:
    records = await read(given.kafka, f"{given.topic_prefix}reports.inbox.dlq", count)
    found = [
        DeadLetter.read(
            Record("reports.inbox.dlq", r.partition, r.offset, r.timestamp, r.key, tuple(r.headers), r.value)
        )
        for r in records
    ]
    return {letter.code: letter for letter in found}


async def test_a_report_by_http_is_stored_told_and_kept_under_its_key(
    intake: httpx.AsyncClient, given: IntakeSettings
) -> None:
    trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    headers = {"Idempotency-Key": "5f6c1b52-7d0e-4c1a-9b1e-3a52c0ffee01", "traceparent": trace}
    answer = await intake.post("/v1/reports", json=REPORT, headers=headers)
    again = await intake.post("/v1/reports", json=REPORT, headers=headers)
    other = await intake.post("/v1/reports", json=REPORT | {"narrative": "Other"}, headers=headers)
    assert (answer.status_code, again.json(), other.status_code) == (202, answer.json(), 202)
    assert other.json()["receipt"] != answer.json()["receipt"]

    records = await read(given.kafka, f"{given.topic_prefix}reports", 2)
    told = {event_of(record).fact.model_dump()["report_id"]: record for record in records}
    record = told[answer.json()["report_id"]]
    event = event_of(record)
    assert isinstance(event.fact, ReportReceived)
    assert trace.split("-")[1] not in str(event.trace)
    assert b"Sekret" not in record.value
    assert not any(b"Sekret" in value for _, value in record.headers)


async def test_a_hundred_reports_at_once_are_a_hundred_reports(
    intake: httpx.AsyncClient, given: IntakeSettings
) -> None:
    answers = await asyncio.gather(*(intake.post("/v1/reports", json=REPORT) for _ in range(100)))
    ids = {answer.json()["report_id"] for answer in answers}
    told = [event_of(record).fact for record in await read(given.kafka, f"{given.topic_prefix}reports", 100)]
    assert {fact.report_id for fact in told if isinstance(fact, ReportReceived)} == ids
    assert len(ids) == len(told) == 100


async def test_the_inbox_is_read_in_every_format_and_nothing_twice(
    intake: httpx.AsyncClient, given: IntakeSettings
) -> None:
    body = json.dumps(REPORT).encode()
    platform = {
        "$schema": "/hearth/report/submitted/1.0.0",
        "meta": {"stream": "s", "id": "3"},
        "dt": "2026-01-01T00:00:00Z",
        "report": REPORT,
    }
    batch = [EVENT | {"id": "4"}, EVENT | {"id": "5", "data": {**REPORT, "community": "Sekret"}}]
    structured = [("content-type", b"application/cloudevents+json")]
    batched = [("content-type", b"application/cloudevents-batch+json")]
    records = [
        (None, body, [*BINARY, ("ce_id", b"1")]),
        (None, json.dumps(EVENT | {"id": "2"}).encode(), structured),
        (None, json.dumps(platform).encode(), []),
        (None, json.dumps(batch).encode(), batched),
        (b"key", b"{broken", [*BINARY, ("ce_id", b"6"), ("strange", b"\xff")]),
        (None, b'"' + b"x" * 65_536 + b'"', BINARY),
    ]
    await write(given.kafka, f"{given.topic_prefix}reports.inbox", *records, *records[:4])
    dead = await letters(given, 4)
    assert set(dead) == {"unknown_community", "malformed_json", "too_large"}
    assert dead["malformed_json"].value == b"{broken"
    assert dead["malformed_json"].key == b"key"
    assert ("strange", b"\xff") in dead["malformed_json"].headers
    assert "Sekret" not in dead["unknown_community"].detail

    await write(
        given.kafka, f"{given.topic_prefix}reports.inbox", *records[:3], (None, body, [*BINARY, ("ce_id", b"9")])
    )
    told = await read(given.kafka, f"{given.topic_prefix}reports", 5)
    assert len(told) == 5
    assert {event_of(record).fact.channel for record in told} == {"kafka"}  # type: ignore[attr-defined]  # all are ReportReceived


async def test_the_status_follows_the_case_and_words_come_out_when_due(
    intake: httpx.AsyncClient, given: IntakeSettings
) -> None:
    accepted = (await intake.post("/v1/reports", json=REPORT)).json()
    report_id, receipt = accepted["report_id"], {"receipt": accepted["receipt"]}
    path = f"/v1/vault/reports/{report_id}/statements/q-1"
    kept = await intake.put(path, json={"kind": "question", "text": "When?"}, headers=bearer("correspond"))
    assert kept.status_code == 204
    assert (await intake.post("/v1/follow-up", json=receipt)).json()["questions"] == []

    asked = InformationRequested(previous="investigating", state="awaiting_information", question_id="q-1")
    decided = CaseDecided(previous="investigating", state="decided", outcome="advice", reason_id="r-1")
    for seq, fact in enumerate((asked, decided), 1):
        message = encode(case_event(report_id, seq, fact))
        record = (message.key, message.value, message.headers)
        await write(given.kafka, f"{given.topic_prefix}cases", record, record)
    view: dict[str, Any] = {}
    for _ in range(900):
        view = (await intake.post("/v1/follow-up", json=receipt)).json()
        if view["state"] == "decided":
            break
        await asyncio.sleep(0.05)
    assert (view["state"], view["outcome"]) == ("decided", "advice")
    assert [question["text"] for question in view["questions"]] == ["When?"]

    body = {**receipt, "question_id": "q-1", "text": "Yesterday."}
    assert (await intake.post("/v1/follow-up/answers", json=body)).status_code == 202
    told = [event_of(record) for record in await read(given.kafka, f"{given.topic_prefix}reports", 2)]
    assert [(event.fact.name, event.case_seq) for event in told] == [("report.received", 1), ("report.answered", 2)]


async def test_a_read_of_the_vault_is_told_on_access(intake: httpx.AsyncClient, given: IntakeSettings) -> None:
    accepted = (await intake.post("/v1/reports", json=REPORT)).json()
    reads = {"purpose": "review", "reads": [{"report_id": accepted["report_id"], "sections": ["content"]}]}
    answer = await intake.post("/v1/vault/read", json=reads, headers=bearer())
    assert answer.json()["items"][0]["sections"]["content"]["narrative"] == "Sekret words"
    (record,) = await read(given.kafka, f"{given.topic_prefix}access", 1)
    assert event_of(record).fact.model_dump()["report_id"] == accepted["report_id"]


async def test_nothing_readable_stands_in_the_database(
    intake: httpx.AsyncClient, given: IntakeSettings, mongo_uri: str
) -> None:
    accepted = (await intake.post("/v1/reports", json=REPORT)).json()
    client = connect(mongo_uri, service="test")
    document = await client[f"{given.database_prefix}intake"]["reports"].find_one({"_id": accepted["report_id"]})
    client.close()
    assert document is not None
    assert "Sekret" not in repr(document)
    assert set(document["vault"]) == {"content", "reported", "digest"}


async def test_it_starts_with_everything_down_and_says_so(
    given: IntakeSettings,
) -> None:
    away = given.model_copy(update={"kafka": "127.0.0.1:9", "mongo": "mongodb://127.0.0.1:9/?replicaSet=rs0"})
    async with serving(away) as http:
        assert (await http.get("/health/live")).status_code == 200
        assert (await http.get("/health/ready")).status_code == 503
        assert (await http.get("/report")).status_code == 200
        async with asyncio.timeout(6):
            refused = await http.post("/v1/reports", json=REPORT)
        assert (refused.status_code, refused.json()["type"]) == (503, "/errors/unavailable")
