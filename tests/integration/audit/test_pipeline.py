"""Events on real Kafka become signed checkpoints over real MongoDB, and the verifier agrees from outside."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, redirect_stdout

import httpx
import pytest
import uvicorn
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import RecordsToDelete

from services.audit import verify
from services.audit.app import build_app
from services.audit.settings import AuditSettings
from services.audit.tlog.note import SigningKey
from shared.events import FACTS
from shared.mongo import connect
from tests.support.audit_rig import (
    ORIGIN,
    SIGNING_KEY,
    bearer,
    event_of,
    eventually,
    make_all_topics,
    read_of,
    record_of,
    running,
    settings_for,
    sizes,
)
from tests.support.broker import admin_of, committed, read, write
from tests.support.people import COPIES

KEY = SigningKey(ORIGIN, SIGNING_KEY).verifier


@pytest.fixture
async def settings(kafka: str, mongo_uri: str, prefix: str, database_prefix: str) -> AuditSettings:
    await make_all_topics(kafka, prefix)
    return settings_for(kafka=kafka, mongo=mongo_uri, topic_prefix=prefix, database_prefix=database_prefix)


async def write_cases(settings: AuditSettings, first: int, last: int, seqs: int = 3) -> None:
    """Every event of the cases `first` to `last`, in order."""
    records = [record_of(event_of(f"case-{n}", seq)) for n in range(first, last) for seq in range(1, seqs + 1)]
    await write(settings.kafka, settings.topic_prefix + "cases", *records)


async def recorded(client: httpx.AsyncClient, count: int, log: str = "") -> None:
    """Wait until so many entries stand in the logs whose name begins so, the seal log aside."""

    async def there() -> bool:
        found = await sizes(client)
        return sum(size for name, size in found.items() if name != "seals" and name.startswith(log)) >= count

    await eventually(there)


@asynccontextmanager
async def serving(settings: AuditSettings) -> AsyncIterator[str]:
    """The service on a real port."""
    config = uvicorn.Config(build_app(settings, copies=COPIES), host="127.0.0.1", port=0, log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        await eventually(lambda: asyncio.sleep(0, server.started))
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def run_verify(*arguments: str, token: str) -> tuple[int, dict]:
    """The command's exit status and its report."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setenv("HEARTH_TOKEN", token)
        status = verify.main([*arguments, "--json", "--strict", "--grace", "0"])
    return status, json.loads(said.getvalue())


async def test_the_verifier_accepts_a_running_record_and_names_the_place_of_a_flipped_byte(
    settings: AuditSettings,
) -> None:
    await write_cases(settings, 0, 200)
    repeated = record_of(event_of("case-3", 1))
    await write(settings.kafka, settings.topic_prefix + "cases", repeated, (b"k", b"\xff", []))
    await write(settings.kafka, settings.topic_prefix + "access", record_of(read_of("case-access", 1)))
    await write(settings.kafka, settings.topic_prefix + "reports.inbox", (None, b"a stranger's words", []))
    token = bearer()["Authorization"].removeprefix("Bearer ")
    async with serving(settings) as address:
        async with httpx.AsyncClient(base_url=address, headers=bearer()) as client:
            await recorded(client, 604)

            async def sealed() -> bool:
                return (await sizes(client)).get("seals", 0) >= 4

            await eventually(sealed)
        status, report = await asyncio.to_thread(run_verify, address, "--key", str(KEY), token=token)
        assert (status, report["findings"]) == (0, [])
        assert (report["duplicates"], report["unparsed"]) == (1, 2)
        assert report["seals"] >= 4

        client_ = connect(settings.mongo, service="audit")
        entries = client_[f"{settings.database_prefix}audit"]["entries"]
        victim = await entries.find_one({"case": "case-77", "type": "hearth.case.closed.v1"})
        flipped = victim["leaf"].replace(b'"closed"', b'"clOsed"')
        await entries.update_one({"_id": victim["_id"]}, {"$set": {"leaf": flipped}})
        client_.close()
        status, report = await asyncio.to_thread(run_verify, address, "--key", str(KEY), token=token)
        assert status == 1
        place = {(found["index"], found.get("offset")) for found in report["findings"] if "index" in found}
        assert (int(victim["_id"].rsplit("/", 1)[1]), victim["offset"]) in place


async def test_seals_are_announced_once_each_and_in_order(settings: AuditSettings) -> None:
    await write_cases(settings, 0, 10)
    async with running(settings) as one, running(settings) as other:
        await recorded(one, 30)
        await recorded(other, 30)

        async def all_announced() -> bool:
            count = (await sizes(one)).get("seals", 0)
            return count >= 2 and len(await read(settings.kafka, settings.topic_prefix + "audit.seals")) == count

        await eventually(all_announced)
    told = await read(settings.kafka, settings.topic_prefix + "audit.seals")
    facts = [FACTS["hearth.checkpoint.sealed.v1"].model_validate_json(record.value) for record in told]
    assert len({(fact.origin, fact.size) for fact in facts}) == len(facts)


async def test_two_replicas_share_the_partitions_and_one_takes_over_from_the_other(settings: AuditSettings) -> None:
    async with running(settings) as one:
        await write_cases(settings, 0, 50)
        await recorded(one, 150)
        async with running(settings):
            await write_cases(settings, 50, 100)
            await recorded(one, 300)
        await write_cases(settings, 100, 120)
        await recorded(one, 360)
        found = await sizes(one)
        assert found["cases/0"] + found["cases/1"] == 360


async def test_offsets_that_were_reset_are_read_again_and_change_nothing(settings: AuditSettings) -> None:
    await write_cases(settings, 0, 50)
    async with running(settings) as client:
        await recorded(client, 150)
        before = (await client.get("/v1/record/logs")).json()["items"]
    group = f"{settings.topic_prefix}audit.cases"
    await reset_offsets(settings.kafka, group)
    async with running(settings) as client:

        async def caught_up() -> bool:
            return sum((await committed(settings.kafka, group)).values()) == 150

        await eventually(caught_up)
        await write_cases(settings, 50, 51)
        await recorded(client, 153)
        after = (await client.get("/v1/record/logs")).json()["items"]
    old = {item["path"]: item["size"] for item in before if item["path"].startswith("logs/cases")}
    assert sum(item["size"] for item in after if item["path"] in old) == sum(old.values()) + 3


async def reset_offsets(kafka: str, group: str) -> None:
    """Set the group back to the beginning, once all its members have left."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        beginning = dict.fromkeys(await committed(kafka, group), 0)
        consumer.assign(list(beginning))
        await consumer.commit(beginning)
    finally:
        await consumer.stop()


async def test_what_a_restored_backup_lacks_is_read_again_from_kafka(settings: AuditSettings) -> None:
    await write_cases(settings, 0, 60)
    async with running(settings) as client:
        await recorded(client, 180)
    mongo = connect(settings.mongo, service="audit")
    database = mongo[f"{settings.database_prefix}audit"]
    for collection in ("entries", "tiles", "heads_together", "seals"):
        await database[collection].delete_many({})
    mongo.close()
    ends = await committed(settings.kafka, f"{settings.topic_prefix}audit.cases")
    assert sum(ends.values()) == 180
    await write_cases(settings, 60, 100)
    async with running(settings) as client:
        await recorded(client, 300)
        found = await sizes(client)
        assert found["cases/0"] + found["cases/1"] == 300

        async def committed_again() -> bool:
            return sum((await committed(settings.kafka, f"{settings.topic_prefix}audit.cases")).values()) == 300

        await eventually(committed_again)


async def test_a_record_that_begins_after_the_retention_of_kafka_holds_what_is_left(settings: AuditSettings) -> None:
    topic = f"{settings.topic_prefix}reports.inbox"
    await write(settings.kafka, topic, *((b"k", str(n).encode(), []) for n in range(10)))
    async with admin_of(settings.kafka) as admin:
        partition = (await read(settings.kafka, topic, 10))[0].partition
        await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before_offset=4)})
    async with running(settings) as client:
        await recorded(client, 6, "reports.inbox")
        await write(settings.kafka, topic, (b"k", b"10", []))
        await recorded(client, 7, "reports.inbox")


async def test_reading_the_record_becomes_an_entry_of_the_record(settings: AuditSettings) -> None:
    await write_cases(settings, 0, 2)
    async with running(settings) as client:
        await recorded(client, 6)
        (await client.get("/v1/record/cases/case-1/timeline?purpose=appeal")).raise_for_status()
        await recorded(client, 1, "access")
        items = (await client.get("/v1/record/cases/case-1/timeline")).json()["items"]
    assert len(items) == 4
    assert [p for item in items if (p := item["entry"]["data"].get("purpose"))] == ["appeal"]
