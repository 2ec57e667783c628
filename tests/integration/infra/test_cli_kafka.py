"""Topics and dead letters from the command line, on a real broker."""

import asyncio
import io
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAuthorizationFailedError

from infra import cli
from infra.commands.kafka.dead_letters import unsettled
from infra.kafka.topics import create_topics, find_drift
from shared.kafka.dead_letters import DeadLetter
from shared.kafka.publisher import Publisher
from shared.kafka.records import Record
from shared.kafka.topics import DEAD_LETTER_TOPICS, TOPICS
from shared.times import now
from tests.support.broker import admin_of, make_topics, read
from tests.support.command_line import Capture, run_json

Run = Callable[..., dict[str, object]]
CASES_DEAD = next(topic for topic in TOPICS if topic.name == "cases.dlq")
INBOX, GROUP = "reports.inbox", "intake.reports.inbox"
HEADERS = (("ce_type", b"someone.else.v1"), ("traceparent", b"\xff\xfe"), ("empty", None), ("ce_type", b"twice"))


@pytest.fixture
def run(kafka: str, prefix: str, capsys: Capture) -> Run:
    where = ("--kafka", kafka, "--topic-prefix", prefix)
    return lambda *arguments, status=0: run_json(capsys, *arguments, *where, status=status)


async def bury(kafka: str, prefix: str, *letters: tuple[int, bytes | None], code: str = "malformed") -> None:
    """Make dead letters of intake's inbox, as a consumer does, of (offset, value) records."""
    publisher = Publisher(kafka, client="test", prefix=prefix)
    try:
        for offset, value in letters:
            record = Record(INBOX, 3, offset, 0, b"key-of-origin", HEADERS, value)
            await publisher.publish([DeadLetter.of(record, group=GROUP, code=code, detail="why").message()])
    finally:
        await publisher.stop()


async def make_all(kafka: str, prefix: str) -> None:
    """The inbox and every dead letter topic, with few partitions, known to the broker."""
    topics = [*DEAD_LETTER_TOPICS, replace(next(t for t in TOPICS if t.name == INBOX), partitions=2)]
    async with admin_of(kafka) as admin:
        await create_topics(admin, prefix, topics)
        while await find_drift(admin, prefix, topics):
            await asyncio.sleep(0.1)


def ids(found: dict[str, object]) -> list[str]:
    items = found["items"]
    assert isinstance(items, list)
    return [item["id"] for item in items]


def test_topics_are_created_once_and_then_match_the_table(run: Run) -> None:
    assert len(run("topics", "check", status=1)["drift"]) == len(TOPICS)  # type: ignore[arg-type]  # a list
    assert sorted(run("topics", "create")["created"]) == sorted(t.name for t in TOPICS)  # type: ignore[call-overload]  # a list
    assert run("topics", "create") == {"created": [], "changed": [], "topics": len(TOPICS)}
    assert run("topics", "check") == {"drift": [], "topics": len(TOPICS)}


async def test_drift_names_topic_setting_and_both_values(kafka: str, prefix: str, capsys: Capture) -> None:
    assert await asyncio.to_thread(cli.main, ["topics", "create", "--kafka", kafka, "--topic-prefix", prefix]) == 0
    async with admin_of(kafka) as admin:
        # The call replaces all settings of the topic, so the one that is not to drift is given again.
        settings = {"retention.ms": "60000", "max.message.bytes": "1048576"}
        resource = ConfigResource(ConfigResourceType.TOPIC, prefix + "cases", settings)
        await admin.alter_configs([resource])
        await admin.delete_topics([prefix + "roster"])
    wanted = (["cases", "retention.ms", "-1", "60000"], ["roster", "topic", "present", "missing"])
    lines: list[list[str]] = []
    end = time.monotonic() + 20
    # The broker learns of a change some time after the controller has acknowledged it.
    while not all(line in lines for line in wanted) and time.monotonic() < end:
        capsys.readouterr()
        await asyncio.to_thread(cli.main, ["topics", "check", "--kafka", kafka, "--topic-prefix", prefix])
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == list(wanted)
    assert await asyncio.to_thread(cli.main, ["topics", "check", "--kafka", kafka, "--topic-prefix", prefix]) == 1


async def test_topics_of_a_version_before_get_the_settings_of_the_table_and_keep_their_own(
    kafka: str, prefix: str, run: Run, capsys: Capture
) -> None:
    before = {"retention.ms": "-1", "cleanup.policy": "compact", "max.message.bytes": "1114112"}
    await asyncio.to_thread(run, "topics", "create")
    async with admin_of(kafka) as admin:
        # The call replaces all settings of the topic.
        old = {**before, "flush.messages": "7"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, prefix + "cases.dlq", old)])
        while not await find_drift(admin, prefix):
            await asyncio.sleep(0.1)
    done = await asyncio.to_thread(run, "topics", "create")
    assert done["created"] == []
    changed = {d["what"]: d["wanted"] for d in done["changed"]}  # type: ignore[attr-defined]  # a list
    assert {d["topic"] for d in done["changed"]} == {"cases.dlq"}  # type: ignore[attr-defined]  # a list
    assert changed == {key: value for key, value in CASES_DEAD.config().items() if key not in before}
    assert await asyncio.to_thread(run, "topics", "check") == {"drift": [], "topics": len(TOPICS)}
    async with admin_of(kafka) as admin:
        (described,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, prefix + "cases.dlq")])
        assert {entry[0]: entry[1] for entry in described.resources[0][4]}["flush.messages"] == "7"
        settings = {"retention.ms": "60000", "max.message.bytes": "1048576"}
        resource = ConfigResource(ConfigResourceType.TOPIC, prefix + "cases", settings)
        await admin.alter_configs([resource])
        while not await find_drift(admin, prefix):
            await asyncio.sleep(0.1)
    assert await asyncio.to_thread(cli.main, ["topics", "create", "--kafka", kafka, "--topic-prefix", prefix]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"All {len(TOPICS)} topics are there already.",
        "Changed: cases retention.ms from 60000 to -1.",
    ]


def test_a_user_who_may_not_alter_topics_is_told_so_after_creating_missing_ones(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise TopicAuthorizationFailedError("topic cases")

    monkeypatch.setattr("infra.commands.kafka.topics.alter_topics", refuse)
    assert "run it as a user who may" in str(run("topics", "create", status=1)["error"])
    assert run("topics", "check")["drift"] == []


async def test_a_settled_dead_letter_is_gone_once_its_segment_and_tombstone_are_closed(kafka: str, prefix: str) -> None:
    await make_all(kafka, prefix)
    topic, hour = f"{prefix}{INBOX}.dlq", timedelta(hours=1)
    place, other = f"{GROUP}|3|17".encode(), f"{GROUP}|3|18".encode()
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        # Kafka goes by the records' own time, so that hours need not pass.
        for age, key, value in ((5, place, b"Sekret words"), (3, place, None), (0, other, b"waits")):
            at = int((now() - age * hour).timestamp() * 1000)
            await producer.send_and_wait(topic, value, key, timestamp_ms=at)
    finally:
        await producer.stop()
    async with asyncio.timeout(90):
        while any(record.value == b"Sekret words" for record in await read(kafka, topic, 1)):
            await asyncio.sleep(1)
    assert b"waits" in [record.value for record in await read(kafka, topic, 1)]


def test_waiting_for_a_broker_ends_when_it_should(capsys: Capture) -> None:
    started = time.monotonic()
    assert cli.main(["topics", "create", "--kafka", "127.0.0.1:1", "--wait", "3"]) == 1
    assert 1 < time.monotonic() - started < 10
    assert "does not answer" in capsys.readouterr().err


async def test_the_list_shows_what_waits_and_nothing_of_its_content(kafka: str, prefix: str, run: Run) -> None:
    await make_all(kafka, prefix)
    assert ids(await asyncio.to_thread(run, "dead-letters", "list")) == []
    await bury(kafka, prefix, (17, b"Ann was harmed"), (18, None))
    await bury(kafka, prefix, (19, b"\xff"), code="unhandled")
    found = await asyncio.to_thread(run, "dead-letters", "list")
    assert ids(found) == [f"{GROUP}/3/{offset}" for offset in (17, 18, 19)]
    text = json.dumps(found)
    assert "Ann" not in text
    assert "key-of-origin" not in text
    assert '"size": 14' in text
    assert ids(await asyncio.to_thread(run, "dead-letters", "list", "--code", "unhandled")) == [f"{GROUP}/3/19"]
    assert ids(await asyncio.to_thread(run, "dead-letters", "list", "--topic", "cases")) == []


async def test_content_is_shown_only_on_demand(kafka: str, prefix: str, run: Run) -> None:
    await make_all(kafka, prefix)
    await bury(kafka, prefix, (17, b"Ann was harmed"))
    plain = await asyncio.to_thread(run, "dead-letters", "show", f"{GROUP}/3/17")
    assert "Ann" not in json.dumps(plain)
    assert plain["headers"] == [[name, f"{len(value or b'')} bytes"] for name, value in HEADERS]
    full = await asyncio.to_thread(run, "dead-letters", "show", f"{GROUP}|3|17", "--content")
    assert full["value"] == "Ann was harmed"
    assert full["key"] == "key-of-origin"
    assert ["traceparent", "hex fffe"] in full["headers"]  # type: ignore[operator]  # a list


async def test_retry_sends_the_very_same_record_and_settles_the_letter(kafka: str, prefix: str, run: Run) -> None:
    await make_all(kafka, prefix)
    await bury(kafka, prefix, (17, b"\x00\xffraw"), (18, None), (19, b"stays"))
    chosen = [f"{GROUP}/3/17", f"{GROUP}/3/18"]
    assert await asyncio.to_thread(run, "dead-letters", "retry", *chosen) == {"retried": chosen}
    again = await read(kafka, prefix + INBOX, 2)
    assert {record.value for record in again} == {b"\x00\xffraw", None}
    for record in again:
        assert record.key == b"key-of-origin"
        assert tuple(record.headers) == HEADERS
    assert ids(await asyncio.to_thread(run, "dead-letters", "list")) == [f"{GROUP}/3/19"]
    said = await asyncio.to_thread(run, "dead-letters", "retry", chosen[0], status=1)
    assert said == {"error": f"No dead letter {chosen[0]} is waiting."}


async def test_a_record_of_the_largest_size_can_become_a_dead_letter_and_be_retried(
    kafka: str, prefix: str, run: Run
) -> None:
    await make_all(kafka, prefix)
    largest = b"x" * (1_048_576 - 400)
    await bury(kafka, prefix, (17, largest))
    await asyncio.to_thread(run, "dead-letters", "retry", "--all")
    (record,) = await read(kafka, prefix + INBOX, 1)
    assert record.value == largest


async def test_the_newest_record_of_a_key_counts(kafka: str, prefix: str) -> None:
    await make_all(kafka, prefix)
    await bury(kafka, prefix, (17, b"first"), (17, b"second"))
    (entry,) = await unsettled(kafka, prefix)
    assert entry.letter.value == b"second"


async def test_nothing_is_settled_when_the_original_topic_does_not_take_it(kafka: str, prefix: str, run: Run) -> None:
    await make_topics(kafka, prefix, INBOX)
    await bury(kafka, prefix, (17, b"x" * 5000))
    async with admin_of(kafka) as admin:
        resource = ConfigResource(ConfigResourceType.TOPIC, prefix + INBOX, {"max.message.bytes": "1000"})
        await admin.alter_configs([resource])
    said = await asyncio.to_thread(run, "dead-letters", "retry", f"{GROUP}/3/17", status=1)
    assert "still waits" in str(said["error"])
    assert [entry.id for entry in await unsettled(kafka, prefix, [INBOX])] == [f"{GROUP}/3/17"]


async def test_discarding_asks_first_and_then_settles(
    kafka: str, prefix: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_all(kafka, prefix)
    await bury(kafka, prefix, (17, b"one"), (18, b"two"))
    assert "--yes" in str((await asyncio.to_thread(run, "dead-letters", "discard", "--all", status=2))["error"])
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert (
        await asyncio.to_thread(
            cli.main, ["dead-letters", "discard", "--all", "--kafka", kafka, "--topic-prefix", prefix]
        )
        == 1
    )
    assert len(await unsettled(kafka, prefix)) == 2
    done = await asyncio.to_thread(run, "dead-letters", "discard", f"{GROUP}/3/17", "--yes")
    assert done == {"discarded": [f"{GROUP}/3/17"]}
    assert [entry.letter.offset for entry in await unsettled(kafka, prefix)] == [18]
    assert await read(kafka, prefix + INBOX) == []


async def test_what_to_settle_must_be_said_one_way(run: Run) -> None:
    for arguments in ((), ("a/0/1", "--all"), ("--topic", "nothing", "--all")):
        said = await asyncio.to_thread(run, "dead-letters", "retry", *arguments, status=2)
        assert said["error"]


async def test_nothing_that_a_sender_wrote_gives_orders_to_the_terminal(
    kafka: str, prefix: str, capsys: Capture
) -> None:
    await make_all(kafka, prefix)
    orders = "\x1b]0;owned\x07\x9b2J\u202eevil\r\n"
    publisher = Publisher(kafka, client="test", prefix=prefix)
    try:
        record = Record(INBOX, 3, 17, 0, orders.encode(), ((orders, orders.encode()), (orders, None)), orders.encode())
        await publisher.publish([DeadLetter.of(record, group=GROUP, code="malformed", detail=orders).message()])
    finally:
        await publisher.stop()
    at = ["--kafka", kafka, "--topic-prefix", prefix]
    for arguments in (["list"], ["show", f"{GROUP}/3/17"], ["show", f"{GROUP}/3/17", "--content"]):
        for as_json in ([], ["--json"]):
            capsys.readouterr()
            assert await asyncio.to_thread(cli.main, ["dead-letters", *arguments, *at, *as_json]) == 0
            said = capsys.readouterr().out
            assert "owned" in said or "hex" in said
            assert all(character.isprintable() or character == "\n" for character in said)
