"""Erasure on a real broker and database: no key is left, races end well, and a restored backup is erased again."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import bson
import httpx
import pytest

from services.intake.app import build_app
from services.intake.erasure.actions import Erasing, Erasure
from services.intake.settings import IntakeSettings
from services.intake.store import ReportStore
from shared.access.roster import Roster
from shared.access.roster_store import MongoRoster
from shared.events import FACTS, Actor, Event, InformationRequested, ReportErased, decode, encode
from shared.ids import case_id_of, new_id
from shared.kafka.replay import read_to_end
from shared.mongo import Client, connect
from shared.problems import Unavailable
from shared.runtime import Runtime
from shared.succession import Succession
from tests.integration.intake.test_service import TOPICS, ready, settings
from tests.support.broker import make_topics, read, write
from tests.support.intake_rig import bearer, case_event

REPORT = {
    "community": "enwiki",
    "narrative": "Sekret words",
    "reported": [{"name": "Sekret person"}],
    "reporter": {"email": "sekret@mail.example"},
}
ERASURE = Erasure("requested", new_id(), Actor("operator:1", "operator"))
SECTIONS = ["content", "reported", "correspondence"]


@pytest.fixture
async def given(kafka: str, mongo_uri: str, prefix: str, database_prefix: str) -> IntakeSettings:
    await make_topics(kafka, prefix, *TOPICS)
    return settings(kafka, mongo_uri, prefix, database_prefix)


@pytest.fixture
def client(mongo_uri: str) -> Iterator[Client]:
    client = connect(mongo_uri, service="test")
    yield client
    client.close()


@asynccontextmanager
async def serving(given: IntakeSettings) -> AsyncIterator[httpx.AsyncClient]:
    app = build_app(given)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", timeout=30) as http,
    ):
        yield http


@asynccontextmanager
async def erasing(given: IntakeSettings) -> AsyncIterator[Erasing]:
    """Another replica, as far as it erases and tells of it."""
    runtime = Runtime("intake", given)
    relay = asyncio.create_task(runtime.relay.run())
    try:
        people = Roster(MongoRoster(runtime.database["roster"]))
        yield Erasing(ReportStore(runtime.aggregates("reports")), people, Succession())
    finally:
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
        await runtime.relay.flush()
        await runtime.publisher.stop()
        runtime.client.close()


async def hand_in(http: httpx.AsyncClient) -> dict[str, str]:
    """A report with a question that may be answered."""
    accepted: dict[str, str] = (await http.post("/v1/reports", json=REPORT)).json()
    path = f"/v1/vault/reports/{accepted['report_id']}/statements/q-1"
    kept = await http.put(path, json={"kind": "question", "text": "Sekret?"}, headers=bearer("correspond"))
    assert kept.status_code == 204, kept.text
    return accepted


async def ask(given: IntakeSettings, http: httpx.AsyncClient, accepted: list[dict[str, str]]) -> None:
    """Let triage ask the question, and wait until every reporter can see it."""
    fact = InformationRequested(previous="investigating", state="awaiting_information", question_id="q-1")
    messages = [encode(case_event(one["report_id"], 1, fact)) for one in accepted]
    await write(given.kafka, f"{given.topic_prefix}cases", *((m.key, m.value, m.headers) for m in messages))
    for one in accepted:
        for _ in range(400):
            if (await http.post("/v1/follow-up", json={"receipt": one["receipt"]})).json()["questions"]:
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError("the question never came")


async def answer(http: httpx.AsyncClient, one: dict[str, str]) -> httpx.Response:
    body = {"receipt": one["receipt"], "question_id": "q-1", "text": "Sekret answer"}
    return await http.post("/v1/follow-up/answers", json=body)


async def look(http: httpx.AsyncClient, report_id: str) -> httpx.Response:
    reads = {"purpose": "review", "reads": [{"report_id": report_id, "sections": SECTIONS}]}
    return await http.post("/v1/vault/read", json=reads, headers=bearer("review"))


async def told(given: IntakeSettings, at_least: int) -> dict[str, Event]:
    """The erasures on the topic, by the id of the event: a replica may publish what another has published."""
    records = await read(given.kafka, f"{given.topic_prefix}erasures", at_least)
    found = [decode(FACTS, {name: value.decode() for name, value in r.headers}, r.key, r.value) for r in records]
    return {event.id: event for event in found if event is not None}


def keys_in(value: Any) -> Iterator[bytes]:
    """All wrapped data keys in a document."""
    if isinstance(value, dict):
        if "key_id" in value:
            yield value["key"]
        for part in value.values():
            yield from keys_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from keys_in(part)


async def find_keys(client: Client, given: IntakeSettings, keys: list[bytes]) -> list[str]:
    """The documents, of all databases of this deployment, in which one of the keys stands."""
    found = []
    for name in await client.list_database_names():
        # Other tests use the same server, and drop what is theirs at any moment.
        if not name.startswith(given.database_prefix):
            continue
        for collection in await client[name].list_collection_names():
            async for document in client[name][collection].find():
                raw = bson.encode(document)
                found += [f"{name}.{collection}" for key in keys if key in raw]
    return found


async def test_after_an_erasure_its_keys_are_in_no_document_of_any_database(
    given: IntakeSettings, client: Client
) -> None:
    reports = client[f"{given.database_prefix}intake"]["reports"]
    async with serving(given) as http, erasing(given) as erase:
        await ready(http)
        erased, standing = await hand_in(http), await hand_in(http)
        await ask(given, http, [erased, standing])
        for one in (erased, standing):
            assert (await answer(http, one)).status_code == 202
        before = {d["_id"]: list(keys_in(d)) async for d in reports.find()}
        # The three sections, the digest, a question and an answer.
        assert [len(keys) for keys in before.values()] == [6, 6]
        assert len(await find_keys(client, given, before[erased["report_id"]])) == 6

        assert await erase.erase([erased["report_id"]], ERASURE) == {erased["report_id"]: "erased"}
        assert await find_keys(client, given, before[erased["report_id"]]) == []
        assert len(await find_keys(client, given, before[standing["report_id"]])) == 6
        (event,) = (await told(given, 1)).values()
        assert event.fact == ReportErased(
            report_id=erased["report_id"], reason="requested", request_id=ERASURE.request_id
        )
        assert (event.case_id, event.case_seq) == (case_id_of(erased["report_id"]), 3)
        assert (await look(http, standing["report_id"])).json()["items"][0]["sections"]["content"]


async def test_an_erasure_wins_every_race_with_answers_words_and_reads(given: IntakeSettings, client: Client) -> None:
    reports = client[f"{given.database_prefix}intake"]["reports"]
    async with serving(given) as http, erasing(given) as erase, erasing(given) as other:
        await ready(http)
        accepted = [await hand_in(http) for _ in range(12)]
        await ask(given, http, accepted)

        async def race(one: dict[str, str]) -> None:
            report_id = one["report_id"]
            path = f"/v1/vault/reports/{report_id}/statements/r-1"
            words = {"kind": "reason", "text": "Sekret reason"}
            answered, stated, seen, first, second = await asyncio.gather(
                answer(http, one),
                http.put(path, json=words, headers=bearer("correspond")),
                look(http, report_id),
                erase.erase([report_id], ERASURE),
                other.erase([report_id], Erasure("court_order", new_id(), ERASURE.actor)),
            )
            assert answered.status_code in (202, 410), answered.text
            assert stated.status_code in (204, 410), stated.text
            (item,) = seen.json()["items"]
            assert item.get("erased") or item["sections"]["content"]["narrative"] == "Sekret words"
            assert sorted([*first.values(), *second.values()]) == ["already", "erased"]
            assert (await look(http, report_id)).json()["items"] == [{"report_id": report_id, "erased": True}]
            assert (await answer(http, one)).status_code == 410

        await asyncio.gather(*map(race, accepted))
        documents = [document async for document in reports.find()]
        assert [list(keys_in(document)) for document in documents] == [[]] * len(accepted)
    facts = [event.fact for event in (await told(given, len(accepted))).values()]
    erased = sorted(fact.report_id for fact in facts if isinstance(fact, ReportErased))
    assert erased == sorted(one["report_id"] for one in accepted)


async def test_a_restored_backup_is_erased_again_before_the_first_answer(given: IntakeSettings, client: Client) -> None:
    reports = client[f"{given.database_prefix}intake"]["reports"]
    async with serving(given) as http, erasing(given) as erase:
        await ready(http)
        accepted = [await hand_in(http) for _ in range(30)]
        backup = [document async for document in reports.find()]
        late = await hand_in(http)
        gone, standing = accepted[:25], accepted[25:]
        ids = [one["report_id"] for one in gone]
        await erase.erase([*ids, late["report_id"]], ERASURE)
        before = {d["_id"]: d["erased"] async for d in reports.find({"vault": None})}
    events = await told(given, 26)
    assert len(events) == 26

    await reports.delete_many({})
    await reports.insert_many(backup)
    assert await reports.count_documents({"vault": None}) == 0

    async with serving(given) as http:
        open_yet = False
        while not open_yet:
            await asyncio.sleep(0.005)
            for one in (*gone[:3], standing[0]):
                view = await http.post("/v1/follow-up", json={"receipt": one["receipt"]})
                item = await look(http, one["report_id"])
                if view.status_code == 503:
                    assert view.json()["type"] == "/errors/unavailable"
                else:
                    open_yet = True
                    assert (view.json()["erased_at"] is None) == (one is standing[0])
                if item.status_code != 503:
                    assert ("erased" in item.json()["items"][0]) == (one is not standing[0])
        await ready(http)
        for one in (*gone, late):
            assert (await look(http, one["report_id"])).json()["items"] == [
                {"report_id": one["report_id"], "erased": True}
            ]
        for one in standing:
            assert (await look(http, one["report_id"])).json()["items"][0]["sections"]["content"]
        after = {d["_id"]: d["erased"] async for d in reports.find({"vault": None})}
        assert after == before
        keys = [key for document in backup if document["_id"] in ids for key in keys_in(document)]
        assert await find_keys(client, given, keys) == []
        # Whatever should still be told stands in an outbox.
        assert await reports.count_documents({"outbox.0": {"$exists": True}, "vault": None}) == 0
    assert (await told(given, 26)).keys() == events.keys()


async def test_without_kafka_reports_are_taken_and_nothing_is_read(given: IntakeSettings) -> None:
    key = {"Idempotency-Key": "5f6c1b52-7d0e-4c1a-9b1e-3a52c0ffee01"}
    async with serving(given) as http:
        await ready(http)
        before = (await http.post("/v1/reports", json=REPORT, headers=key)).json()
    async with serving(given.model_copy(update={"kafka": "127.0.0.1:9"})) as http:
        async with asyncio.timeout(60):
            while (await http.post("/v1/reports", json=REPORT)).status_code != 202:
                await asyncio.sleep(0.05)
        # Whether it is there still is an answer about a report that may be erased.
        refused = await http.post("/v1/reports", json=REPORT, headers=key)
        assert (refused.status_code, refused.json()["type"]) == (503, "/errors/unavailable")
        assert (await http.post("/v1/follow-up", json={"receipt": before["receipt"]})).status_code == 503
        assert (await look(http, before["report_id"])).status_code == 503
        assert (await http.get("/health/ready")).status_code == 503


async def test_a_topic_is_read_from_beginning_to_end(kafka: str, prefix: str) -> None:
    await make_topics(kafka, prefix, "erasures")

    async def all_of() -> list[bytes | None]:
        for _ in range(50):
            # A topic that was made just now is not known to everybody yet.
            with suppress(Unavailable):
                found = read_to_end(kafka, "erasures", client="test", prefix=prefix, batch=300)
                return [record.value async for records in found for record in records]
            await asyncio.sleep(0.1)
        raise AssertionError("the topic was never there")

    assert await all_of() == []
    values = [os.urandom(600) for _ in range(1_000)]
    await write(kafka, f"{prefix}erasures", *((str(n).encode(), value, []) for n, value in enumerate(values)))
    assert sorted(value or b"" for value in await all_of()) == sorted(values)


async def test_a_topic_that_is_missing_or_a_broker_that_is_away_is_waited_for(kafka: str, prefix: str) -> None:
    for address, reason in ((kafka, "the topic erasures is missing"), ("127.0.0.1:9", "kafka: ")):
        with pytest.raises(Unavailable, match=reason):
            async for _ in read_to_end(address, "erasures", client="test", prefix=prefix):
                pass
