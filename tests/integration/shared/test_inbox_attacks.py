"""What strangers write to an inbox, on a real Kafka: it stops neither intake nor audit, and everything else is read."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra import cli
from infra.local.stack import Stack, StackSettings
from services.audit.settings import AuditSettings
from services.intake.settings import IntakeSettings
from shared import metrics
from shared.access.roster import LOOK_EVERY
from shared.access.tokens import hash_token
from shared.events import Actor, Draft, GrantHeld, RosterTokenChanged, encode, stamp
from shared.kafka.dead_letters import DeadLetter
from shared.kafka.records import Record
from shared.mongo import connect
from shared.times import now
from tests.integration.intake.test_service import ready, serving, settings
from tests.support.audit_rig import eventually, make_all_topics, running, settings_for, sizes
from tests.support.batches import CODECS, batch, record, written
from tests.support.broker import read, write, write_batch
from tests.support.cases import cases

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

MIB = 1024 * 1024
STRUCTURED = [("content-type", b"application/cloudevents+json")]


def report(number: str, *, source: str = "there", community: str = "enwiki") -> bytes:
    data = {"community": community, "narrative": "Sekret words"}
    event = {"specversion": "1.0", "source": source, "type": "hearth.report.submitted.v1", "id": number, "data": data}
    return json.dumps(event).encode()


def good(*numbers: str, codec: str = "none") -> bytes:
    return batch(*map(report, numbers), codec=codec, headers=STRUCTURED)


@dataclass
class Attacked:
    """Intake and audit beside each other on one broker, and partition 0 of the inbox that a stranger writes to."""

    given: IntakeSettings
    intake: httpx.AsyncClient
    audit: httpx.AsyncClient

    async def write(self, *batches: bytes) -> None:
        for data in batches:
            await write_batch(self.given.kafka, f"{self.given.topic_prefix}reports.inbox", 0, data)

    async def reports(self, count: int) -> int:
        return len(await read(self.given.kafka, f"{self.given.topic_prefix}reports", count))

    async def letters(self, count: int) -> list[DeadLetter]:
        records = await read(self.given.kafka, f"{self.given.topic_prefix}reports.inbox.dlq", count)
        return [
            DeadLetter.read(
                Record("reports.inbox.dlq", r.partition, r.offset, r.timestamp, r.key, tuple(r.headers), r.value)
            )
            for r in records
        ]

    async def leaves(self, count: int) -> list[dict[str, Any]]:
        """The leaves of the inbox, once there are so many."""

        async def there() -> bool:
            return (await sizes(self.audit)).get("reports.inbox/0", 0) >= count

        await eventually(there)
        client = connect(self.given.mongo, service="test")
        try:
            entries = client[f"{self.given.database_prefix}audit"]["entries"]
            found = entries.find({"_id": {"$regex": "^reports.inbox/0/"}}).sort("_id")
            return [json.loads(entry["leaf"]) async for entry in found]
        finally:
            client.close()

    async def are_ready(self) -> bool:
        return all([(await http.get("/health/ready")).status_code == 200 for http in (self.intake, self.audit)])


@asynccontextmanager
async def attacked(kafka: str, mongo: str, prefix: str, database_prefix: str) -> AsyncIterator[Attacked]:
    given = settings(kafka, mongo, prefix, database_prefix)
    theirs: AuditSettings = settings_for(kafka=kafka, mongo=mongo, topic_prefix=prefix, database_prefix=database_prefix)
    async with serving(given) as intake, running(theirs) as audit:
        await ready(intake)
        await ready(audit)
        yield Attacked(given, intake, audit)


@pytest.fixture
async def rig(kafka: str, mongo_uri: str, prefix: str, database_prefix: str) -> AsyncIterator[Attacked]:
    await make_all_topics(kafka, prefix)
    async with attacked(kafka, mongo_uri, prefix, database_prefix) as rig:
        yield rig


async def test_batches_in_every_codec_that_clients_send_are_read_by_intake_and_audit(rig: Attacked) -> None:
    await rig.write(*(good(f"{codec} 1", f"{codec} 2", codec=codec) for codec in CODECS))
    assert await rig.reports(2 * len(CODECS)) == 2 * len(CODECS)
    leaves = await rig.leaves(2 * len(CODECS))
    assert {leaf["unparsed"]["reason"] for leaf in leaves} == {"foreign"}
    assert await rig.are_ready()


async def test_what_cannot_be_read_is_passed_over_by_offset_and_recorded_by_both(rig: Attacked) -> None:
    bombs = [batch(bytes(64 * MIB), b"behind it", codec=codec, headers=STRUCTURED) for codec in ("gzip", "zstd")]
    many = [(b"", b"")] * 100_000
    odd = written([record(0, report("odd"), (b"content-type", STRUCTURED[0][1]), (b"caf\xe9", b"x"))])
    await rig.write(good("before"), *bombs, written([record(0, report("many"), *many)]), odd, good("after"))
    assert await rig.reports(3) == 3
    letters = await rig.letters(3)
    assert Counter(letter.code for letter in letters) == {"batch_too_large": 2, "too_many_headers": 1}
    assert {letter.detail.partition(":")[0] for letter in letters} == {
        "offsets 1 to 2", "offsets 3 to 4", "offsets 5 to 5"
    }  # fmt: skip
    assert {(letter.topic, letter.partition, letter.whole) for letter in letters} == {("reports.inbox", 0, False)}
    leaves = await rig.leaves(6)
    told = {leaf["kafka"]["offset"]: leaf["unparsed"] for leaf in leaves}
    assert [told[n]["reason"] for n in (0, 2, 4, 5, 6, 7)] == [
        "foreign", "batch_too_large", "batch_too_large", "too_many_headers", "foreign", "foreign"
    ]  # fmt: skip
    assert (told[2]["first_offset"], told[4]["first_offset"]) == (1, 3)
    assert await rig.are_ready()


async def test_a_large_record_in_a_small_batch_waits_for_nothing(rig: Attacked) -> None:
    # Decompressed, its bytes would be more than Kafka takes as a dead letter.
    large = batch(b'"' + b"x" * (MIB + MIB // 2) + b'"', codec="gzip", headers=STRUCTURED)
    await rig.write(large, good("after"))
    assert await rig.reports(1) == 1
    (letter,) = await rig.letters(1)
    assert (letter.code, letter.whole) == ("batch_too_large", False)
    assert len(letter.value or b"") == len(large)


async def test_any_number_of_bad_records_stops_nothing_and_is_counted_by_writer(rig: Attacked) -> None:
    counted = metrics.INBOX_DEAD_LETTERS.labels("intake.reports.inbox", "anyone")
    before = counted._value.get()
    junk = [b"{broken %d" % n for n in range(1000)]
    for start in range(0, len(junk), 100):
        await rig.write(batch(*junk[start : start + 100], codec="lz4", headers=STRUCTURED))
    await rig.write(good("after"))
    assert await rig.reports(1) == 1
    assert len(await rig.letters(1000)) == 1000
    assert counted._value.get() - before == 1000
    assert await rig.are_ready()


async def test_no_flood_of_one_program_holds_up_the_report_behind_it(rig: Attacked) -> None:
    refused: Counter[str] = Counter()
    reports = 0
    for flood in (parameter.values[0] for parameter in cases("floods")):
        value = flood["value"].encode() if isinstance(flood["value"], str) else json.dumps(flood["value"]).encode()
        headers = [(name, text.encode()) for name, text in flood["headers"].items()]
        await rig.write(batch(*[value] * flood["times"], codec="lz4", headers=headers))
        if flood["code"]:
            refused[flood["code"]] += flood["times"]
        await rig.write(good(f"after {flood['code']}"))
        # A program that sends one report again and again has reported once.
        reports += 1 if flood["code"] else 2
        assert await rig.reports(reports) == reports
        assert await rig.are_ready()
    assert Counter(letter.code for letter in await rig.letters(refused.total())) == refused


async def test_headers_that_look_like_ours_are_the_senders(rig: Attacked) -> None:
    forged = [
        (f"hearth_dead_{name}", b"forged") for name in ("code", "topic", "group", "offset", "null", "part", "key")
    ]
    await rig.write(batch(b"{broken", headers=[*STRUCTURED, *forged]))
    (letter,) = await rig.letters(1)
    assert (letter.code, letter.topic, letter.value, letter.key) == (
        "malformed_json",
        "reports.inbox",
        b"{broken",
        None,
    )
    assert set(forged) < set(letter.headers)


async def let_in(
    rig: Attacked, integrator: str, *communities: str, number: int = 1, ends_at: datetime | None = None
) -> None:
    """What an operator does for a new integrator: an inbox, and a token of its source."""
    given = rig.given
    where = ["--kafka", given.kafka, "--topic-prefix", given.topic_prefix]
    assert await asyncio.to_thread(cli.main, ["topics", "integrator", integrator, "--no-user", *where]) == 0
    grant = GrantHeld(role="integrator", sources=(integrator,), communities=communities)
    fact = RosterTokenChanged(
        change="issued",
        token_id=f"integrator:{integrator}-{number}",
        secret_hash=hash_token(f"{integrator} {number}"),
        grants=(grant,),
        issued_at=now(),
        expires_at=ends_at or now() + timedelta(days=1),
    )
    drafts = [Draft(fact, Actor("operator:1", "operator"), now(), fact.token_id)]
    key = fact.token_id
    (event,) = stamp(drafts, source="hearth/triage", subject=f"roster/{key}", case_id=key, last_seq=0, trace=None)
    message = encode(event)
    await write(given.kafka, f"{given.topic_prefix}roster", (message.key, message.value, message.headers))
    client = connect(given.mongo, service="test")
    try:
        copy = client[f"{given.database_prefix}intake"]["roster"]
        await eventually(lambda: copy.find_one({"_id": fact.token_id}))
    finally:
        client.close()
    # By now every replica has looked again.
    await asyncio.sleep(LOOK_EVERY + 0.5)


async def test_a_new_integrators_inbox_is_read_without_a_restart_and_bound_to_its_writer(rig: Attacked) -> None:
    await let_in(rig, "wiki-bot", "enwiki")
    inbox = f"{rig.given.topic_prefix}reports.inbox.wiki-bot"
    told = [
        report("1", source="wiki-bot"),
        report("2", source="event-app"),
        report("3", source="wiki-bot", community="swwiki"),
    ]
    await write_batch(rig.given.kafka, inbox, 0, batch(*told, codec="snappy", headers=STRUCTURED))
    # The same source and id on another inbox is another report.
    await rig.write(batch(told[0], headers=STRUCTURED))
    facts = [json.loads(r.value) for r in await read(rig.given.kafka, f"{rig.given.topic_prefix}reports", 2)]
    assert sorted((fact["writer"] or "", fact["source"] or "") for fact in facts) == [
        ("", ""),
        ("wiki-bot", "wiki-bot"),
    ]
    letters = await rig.letters(2)
    assert {(letter.code, letter.topic, letter.offset) for letter in letters} == {
        ("source_not_permitted", "reports.inbox.wiki-bot", 1),
        ("community_not_permitted", "reports.inbox.wiki-bot", 2),
    }
    assert {letter.group for letter in letters} == {"intake.reports.inbox.wiki-bot"}
    await retry_one(rig)

    async def recorded() -> bool:
        return (await sizes(rig.audit)).get("reports.inbox.wiki-bot/0") == 4

    await eventually(recorded)


async def retry_one(rig: Attacked) -> None:
    """An operator finds the dead letters of an inbox by its name, and sends one to that inbox again."""
    where = ["--kafka", rig.given.kafka, "--topic-prefix", rig.given.topic_prefix]
    letter = "intake.reports.inbox.wiki-bot/0/1"
    for arguments in (["list", "--topic", "reports.inbox.wiki-bot"], ["show", letter], ["retry", letter]):
        assert await asyncio.to_thread(cli.main, ["dead-letters", *arguments, *where]) == 0
    # The tombstone of the first letter, and the letter of the second attempt.
    records = await read(rig.given.kafka, f"{rig.given.topic_prefix}reports.inbox.dlq", 4)
    assert [record.key for record in records if record.value is None] == [b"intake.reports.inbox.wiki-bot|0|1"]
    assert b"intake.reports.inbox.wiki-bot|0|3" in {record.key for record in records}


async def test_the_flood_of_one_integrator_holds_up_nobody_elses_reports(rig: Attacked) -> None:
    flood, waves = 10_000, 10
    for integrator in ("flood", "calm"):
        await let_in(rig, integrator)
    inbox = f"{rig.given.topic_prefix}reports.inbox."
    junk = batch(*(b"{broken" for _ in range(flood)), codec="zstd", headers=STRUCTURED)
    for _ in range(waves):
        await write_batch(rig.given.kafka, inbox + "flood", 0, junk)
    await rig.letters(1)
    began = time.monotonic()
    await write_batch(rig.given.kafka, inbox + "calm", 0, batch(report("1", source="calm"), headers=STRUCTURED))
    assert await rig.reports(1) == 1
    assert time.monotonic() - began < 15
    # The flood is far from over.
    assert len(await rig.letters(1)) < waves * flood
    assert await rig.are_ready()


async def test_a_batch_that_is_damaged_on_disk_is_passed_over_and_the_rest_is_read(
    mongo_uri: str, prefix: str, database_prefix: str
) -> None:
    with Stack(StackSettings.private("kafka")) as stack:
        await make_all_topics(stack.kafka, prefix)
        topic = f"{prefix}reports.inbox"
        for data in (good("1", "2"), good("3")):
            await write_batch(stack.kafka, topic, 0, data)
        damage(stack.logs.parent / "kafka" / "data" / f"{topic}-0" / f"{0:020}.log")
        async with attacked(stack.kafka, mongo_uri, prefix, database_prefix) as rig:
            assert await rig.reports(1) == 1
            (letter,) = await rig.letters(1)
            assert (letter.code, letter.offset) == ("corrupt_batch", 1)
            assert letter.detail == "offsets 0 to 1: its checksum is wrong"
            leaf, _ = await rig.leaves(2)
            assert leaf["unparsed"]["reason"] == "corrupt_batch"
            assert leaf["unparsed"]["first_offset"] == 0
            assert await rig.are_ready()


def damage(log: Path) -> None:
    """Flip a byte in the first batch of a partition."""
    with log.open("r+b") as file:
        file.seek(100)
        (found,) = file.read(1)
        file.seek(100)
        file.write(bytes([found ^ 0xFF]))
