"""Each trap of consuming, on the real broker: what would be lost, skipped or spun on if the trap were open."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from shared import metrics
from shared.aggregates import Aggregates, Save
from shared.events import Message
from shared.kafka.consumption import LONGEST_WAIT, Consumption, make_broker
from shared.kafka.dead_letters import DeadLetter
from shared.kafka.publisher import Publisher
from shared.kafka.records import Record
from shared.mongo import close, connect
from shared.outbox import Relay
from shared.problems import Malformed, Unavailable
from shared.telemetry import JsonLines
from tests.support.broker import committed, make_topics, read, until, write

TOPIC = "reports"


@dataclass
class Rig:
    """One consumption of `reports` on the real broker whose handler the test chooses."""

    kafka: str
    prefix: str
    handled: list[bytes] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    @property
    def topic(self) -> str:
        return self.prefix + TOPIC

    @property
    def letters(self) -> str:
        return f"{self.topic}.dlq"

    @property
    def group(self) -> str:
        return f"{self.prefix}test.{TOPIC}"

    @asynccontextmanager
    async def consuming(
        self,
        handle: Callable[[Sequence[bytes]], Awaitable[None]] | None = None,
        *,
        dead_letter_limit: int = 200,
        attempts: int = 3,
    ) -> AsyncIterator[Consumption[bytes]]:
        broker = make_broker(self.kafka, client="test")
        publisher = Publisher(self.kafka, client="test", prefix=self.prefix)

        async def note(items: Sequence[bytes]) -> None:
            if handle:
                await handle(items)
            self.batches.append(len(items))
            self.handled += items

        consumption = Consumption(
            broker,
            publisher,
            service="test",
            topic=TOPIC,
            decode=read_value,
            handle=note,
            prefix=self.prefix,
            attempts=attempts,
            dead_letter_limit=dead_letter_limit,
        )
        await broker.start()
        try:
            yield consumption
        finally:
            consumption.release()
            await broker.stop()
            await publisher.stop()

    async def dead_letters(self, at_least: int) -> list[DeadLetter]:
        return [DeadLetter.read(as_record(raw, self.prefix)) for raw in await read(self.kafka, self.letters, at_least)]

    async def settled(self, records: int) -> None:
        """Wait until the group has committed past every record."""

        async def done() -> bool:
            return sum((await committed(self.kafka, self.group)).values()) >= records

        for _ in range(100):
            if await done():
                return
            await asyncio.sleep(0.1)
        raise AssertionError("the offsets were not committed")


def as_record(raw, prefix: str) -> Record:
    topic = raw.topic.removeprefix(prefix)
    return Record(topic, raw.partition, raw.offset, raw.timestamp, raw.key, tuple(raw.headers), raw.value)


def read_value(record: Record, trace: str | None) -> bytes | None:
    value = record.value or b""
    if value.startswith(b"broken"):
        raise Malformed("invalid_data", "cannot be read")
    return None if value == b"unknown" else value


@pytest.fixture
async def rig(kafka: str, prefix: str) -> Rig:
    await make_topics(kafka, prefix, TOPIC)
    return Rig(kafka, prefix)


async def test_a_malformed_record_becomes_a_dead_letter_with_its_bytes_and_its_reason(rig: Rig) -> None:
    headers = [("ce_id", b"7"), ("odd", b"\xff\xfe"), ("none", None)]
    await write(rig.kafka, rig.topic, (b"k", b"good 1", []), (b"k", b"broken \xff", headers), (b"k", b"good 2", []))
    async with rig.consuming():
        (letter,) = await rig.dead_letters(1)
        await until(lambda: rig.handled == [b"good 1", b"good 2"])
        await rig.settled(3)
    assert (letter.code, letter.detail, letter.group) == ("invalid_data", "cannot be read", "test.reports")
    assert (letter.topic, letter.offset) == (TOPIC, 1)
    assert (letter.key, letter.value, list(letter.headers)) == (b"k", b"broken \xff", headers)
    original = letter.original()
    assert (original.topic, original.key, original.value) == (TOPIC, b"k", b"broken \xff")


async def test_a_header_that_is_not_utf8_or_null_never_loses_the_record(rig: Rig) -> None:
    await write(rig.kafka, rig.topic, (b"k", b"first", [("x", b"\xff\xfe")]), (b"k", b"second", [("y", None)]))
    async with rig.consuming():
        await until(lambda: rig.handled == [b"first", b"second"])


async def test_an_unknown_type_is_passed_over_and_not_delivered_again(rig: Rig) -> None:
    await write(rig.kafka, rig.topic, (b"k", b"unknown", []), (b"k", b"good", []))
    async with rig.consuming():
        await until(lambda: rig.handled == [b"good"])
        await rig.settled(2)


async def test_an_outage_makes_the_batch_wait_and_come_back_and_never_become_a_dead_letter(rig: Rig) -> None:
    attempts: list[int] = []

    async def away_at_first(items: Sequence[bytes]) -> None:
        attempts.append(len(items))
        if len(attempts) < 4:
            raise Unavailable("database")

    await write(rig.kafka, rig.topic, *[(b"k", b"%d" % n, []) for n in range(5)])
    async with rig.consuming(away_at_first, attempts=1):
        await until(lambda: sorted(rig.handled) == [b"0", b"1", b"2", b"3", b"4"])
    assert await read(rig.kafka, rig.letters) == []


FULL, NOT_LET_IN, TOO_SLOW, STEPPED_DOWN = 14031, 13, 50, 189
"""OutOfDiskSpace, Unauthorized, MaxTimeMSExpired and PrimarySteppedDown, the server's error codes."""


@pytest.mark.parametrize("code", [FULL, NOT_LET_IN, TOO_SLOW, STEPPED_DOWN])
async def test_a_database_that_cannot_write_is_waited_for_and_no_message_is_given_up(
    rig: Rig, mongo_uri: str, database_prefix: str, code: int
) -> None:
    name, tried = f"failing-{code}", 0
    client, operator = connect(mongo_uri, service=name), connect(mongo_uri, service="test")
    kept = client[f"{database_prefix}test"]["kept"]
    aggregates = Aggregates(kept, Relay(Publisher(rig.kafka, client="test"), service="test"))

    async def keep(items: Sequence[bytes]) -> None:
        nonlocal tried
        tried += 1
        await aggregates.save([Save(item.decode(), None, {}, (), ["cause"]) for item in items])

    failing = {"failCommands": ["insert", "update"], "errorCode": code, "appName": f"hearth-{name}"}
    await operator.admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=failing)
    await write(rig.kafka, rig.topic, *[(b"k", b"%d" % n, []) for n in range(5)])
    try:
        async with rig.consuming(keep, attempts=1):
            await until(lambda: tried >= 3)
            assert rig.handled == []
            await operator.admin.command("configureFailPoint", "failCommand", mode="off")
            await until(lambda: sorted(rig.handled) == [b"0", b"1", b"2", b"3", b"4"])
        assert await kept.count_documents({}) == 5
        assert await read(rig.kafka, rig.letters) == []
    finally:
        await operator.admin.command("configureFailPoint", "failCommand", mode="off")
        close(client)
        close(operator)


async def test_an_outage_in_a_batch_of_several_partitions_loses_nothing_of_any(rig: Rig) -> None:
    values = [b"%d" % n for n in range(60)]
    await write(rig.kafka, rig.topic, *[(value, value, []) for value in values])
    outages = 2

    async def away_at_first(items: Sequence[bytes]) -> None:
        nonlocal outages
        if outages:
            outages -= 1
            raise Unavailable("database")

    async with rig.consuming(away_at_first):
        await until(lambda: len(rig.handled) >= 60)
        await rig.settled(60)
    assert sorted(rig.handled) == sorted(values)
    offsets = await committed(rig.kafka, rig.group)
    assert len(offsets) == 2
    assert all(offsets.values())


async def test_every_body_reaches_the_handler_as_the_bytes_it_came_as(rig: Rig) -> None:
    values = [b"{}", b'{"a": 1}', b"[]", b"7", b'"text"', b"null", b"\xff\x00", b" spaced "]
    headers = [("content-type", b"application/json")]
    await write(rig.kafka, rig.topic, *[(b"k", value, headers) for value in values])
    async with rig.consuming():
        await until(lambda: rig.handled == values)


async def test_what_goes_wrong_is_in_the_log_and_in_a_metric(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    def counted(result: str) -> float:
        return metrics.CONSUMED.labels("test.reports", TOPIC, result)._value.get()

    async def choke(items: Sequence[bytes]) -> None:
        if b"poison" in items:
            raise RuntimeError("Sekret")

    before = {result: counted(result) for result in ("dead_letter", "handled")}
    await write(rig.kafka, rig.topic, *[(b"k", value, []) for value in (b"broken Sekret", b"poison", b"good")])
    with caplog.at_level("WARNING"):
        async with rig.consuming(choke):
            await rig.dead_letters(2)
            await until(lambda: rig.handled == [b"good"])
            await rig.settled(3)
    assert counted("dead_letter") - before["dead_letter"] == 2
    assert counted("handled") - before["handled"] == 1
    buried = [record for record in caplog.records if record.message == "a record became a dead letter"]
    assert {(record.levelname, record.reason) for record in buried} == {
        ("ERROR", "invalid_data"),
        ("ERROR", "unhandled"),
    }
    assert {record.group for record in buried} == {"test.reports"}
    assert "Sekret" not in "".join(JsonLines("test").format(record) for record in caplog.records)


async def test_a_case_keeps_one_partition_in_order_and_cases_spread_over_all(rig: Rig) -> None:
    publisher = Publisher(rig.kafka, client="test", prefix=rig.prefix)
    cases = [b"case-%d" % n for n in range(20)]
    await publisher.publish([Message(TOPIC, case, (), b"%s %d" % (case, n)) for n in range(10) for case in cases])
    await publisher.stop()
    records = await read(rig.kafka, rig.topic, 200)
    places = {case: {r.partition for r in records if r.key == case} for case in cases}
    assert {len(place) for place in places.values()} == {1}
    assert len(set.union(*places.values())) == 2
    for case in cases:
        assert [r.value for r in records if r.key == case] == [b"%s %d" % (case, n) for n in range(10)]


async def test_a_failing_handler_is_tried_with_patience_and_not_thousands_of_times(rig: Rig) -> None:
    attempts = 0

    async def away(items: Sequence[bytes]) -> None:
        nonlocal attempts
        attempts += 1
        raise Unavailable("database")

    await write(rig.kafka, rig.topic, (b"k", b"x", []))
    async with rig.consuming(away):
        await until(lambda: attempts)
        await asyncio.sleep(2)
        assert attempts <= 6
    # Nothing was committed: the next consumer of the group gets it.
    async with rig.consuming():
        await until(lambda: rig.handled == [b"x"])


async def test_one_poisonous_message_is_isolated_and_the_rest_of_its_batch_is_handled(rig: Rig) -> None:
    async def choke(items: Sequence[bytes]) -> None:
        if b"poison" in items:
            raise RuntimeError("a bug")

    values = [b"a", b"b", b"poison", b"c", b"d"]
    await write(rig.kafka, rig.topic, *[(b"k", value, []) for value in values])
    async with rig.consuming(choke):
        (letter,) = await rig.dead_letters(1)
        await until(lambda: rig.handled == [b"a", b"b", b"c", b"d"])
        await rig.settled(5)
    assert (letter.code, letter.detail, letter.value) == ("unhandled", "RuntimeError", b"poison")


async def test_too_many_dead_letters_stop_the_consumer_and_it_says_so(rig: Rig) -> None:
    await write(rig.kafka, rig.topic, *[(b"k", b"broken %d" % n, []) for n in range(6)], (b"k", b"good", []))
    async with rig.consuming(dead_letter_limit=3) as consumption:
        await until(lambda: consumption.stopped)
        assert "3 dead letters" in str(consumption.stopped)
        assert rig.handled == []
    # Nothing was skipped: with room again, all the rest follow.
    async with rig.consuming(dead_letter_limit=100):
        await until(lambda: rig.handled == [b"good"])
    assert {letter.offset for letter in await rig.dead_letters(6)} == set(range(6))


async def test_records_arrive_as_batches_in_the_order_of_their_partition(rig: Rig) -> None:
    values = [b"%d" % n for n in range(500)]
    await write(rig.kafka, rig.topic, *[(b"k", value, []) for value in values])
    async with rig.consuming():
        await until(lambda: len(rig.handled) == 500)
    assert rig.handled == values
    assert len(rig.batches) < 100


async def test_when_a_member_goes_away_the_other_takes_over_and_nothing_is_lost(rig: Rig) -> None:
    values = [b"%d" % n for n in range(200)]
    async with rig.consuming():
        async with rig.consuming():
            await write(rig.kafka, rig.topic, *[(value, value, []) for value in values[:100]])
            await until(lambda: set(values[:100]) <= set(rig.handled))
        await write(rig.kafka, rig.topic, *[(value, value, []) for value in values[100:]])
        await until(lambda: set(values) <= set(rig.handled))


async def test_the_age_of_the_last_poll_is_known_while_the_topic_is_quiet(rig: Rig) -> None:
    async with rig.consuming() as consumption:
        await until(lambda: consumption.seconds_since_poll() is not None)
        await asyncio.sleep(LONGEST_WAIT / 1000 + 0.5)
        age = consumption.seconds_since_poll()
        assert age is not None
        assert age < LONGEST_WAIT / 1000 + 0.2


async def test_what_was_handled_before_an_orderly_stop_is_not_delivered_again(rig: Rig) -> None:
    async with rig.consuming():
        for n in range(5):
            await write(rig.kafka, rig.topic, (b"k", b"%d" % n, []))
            await until(lambda n=n: len(rig.handled) == n + 1)
    assert sum((await committed(rig.kafka, rig.group)).values()) == 5
