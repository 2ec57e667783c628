"""The outbox on real MongoDB and Kafka: one write, published at least once, first occurrences in order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from shared.access.access_log import Access, AccessLog
from shared.aggregates import APPLIED_WINDOW, OUTBOX_INDEX, Aggregates, Save
from shared.events import Actor, CaseClosed, Draft, Event, Message, NamesTried, stamp
from shared.ids import new_id
from shared.kafka.publisher import Publisher
from shared.mongo import Client, Document, WriteConcern, connect
from shared.outbox import Parcel, Relay
from shared.problems import Unavailable
from shared.times import now, rfc3339
from tests.support.broker import make_topics, read, until
from tests.support.plans import explained

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


AT_ONCE = timedelta(0)
"""No grace: any replica may publish an event as soon as it is written."""


def events_for(case_id: str, cause: str, last_seq: int, count: int = 1) -> list[Event]:
    fact = CaseClosed(previous="decided", state="closed")
    drafts = [Draft(fact, Actor("service:test", "service"), now(), f"{cause}{n}") for n in range(count)]
    return stamp(
        drafts, source="hearth/test", subject=f"case/{case_id}", case_id=case_id, last_seq=last_seq, trace=TRACE
    )


def opening(case_id: str, events: Sequence[Event]) -> Save:
    return Save(case_id, None, {"state": "closed"}, events, ["open"])


@dataclass
class Notes:
    """A publisher that keeps what it is given, and can be away."""

    published: list[Message] = field(default_factory=list)
    away: bool = False

    async def publish(self, messages: Sequence[Message]) -> None:
        if self.away:
            raise Unavailable("kafka")
        self.published += messages

    def ids(self) -> list[str]:
        return [dict(m.headers)["ce_id"].decode() for m in self.published]


@pytest.fixture
async def client(mongo_uri: str) -> AsyncIterator[Client]:
    client = connect(mongo_uri, service="test")
    yield client
    client.close()


@pytest.fixture
async def cases(client: Client, database_prefix: str):
    database = client[f"{database_prefix}outbox"]
    await database["cases"].create_indexes([OUTBOX_INDEX])
    yield database["cases"]
    await client.drop_database(database.name)


async def stored(cases, case_id: str) -> Document:
    document = await cases.find_one({"_id": case_id})
    assert document is not None
    return document


async def cleared(cases, case_id: str) -> None:
    """Wait for the clearing, which is read once it has reached a majority."""
    while (await stored(cases, case_id))["outbox"]:
        await asyncio.sleep(0.02)


async def test_events_reach_kafka_in_order_with_their_trace_and_leave_the_outbox(
    cases, kafka: str, prefix: str
) -> None:
    await make_topics(kafka, prefix, "cases")
    publisher = Publisher(kafka, client="test", prefix=prefix)
    relay = Relay(publisher, service="test")
    aggregates = Aggregates(cases, relay)
    running = asyncio.create_task(relay.run())
    case_id = new_id()
    first = events_for(case_id, "a", 0, 2)
    assert await aggregates.save([opening(case_id, first)]) == set()
    base = (await aggregates.load([case_id]))[case_id]
    second = events_for(case_id, "b", base["seq"], 2)
    assert await aggregates.save([Save(case_id, base, {"state": "closed"}, second, ["b"])]) == set()
    records = await read(kafka, f"{prefix}cases", 4)
    await cleared(cases, case_id)
    running.cancel()
    await publisher.stop()
    headers = [dict(record.headers) for record in records]
    first_seen = list(dict.fromkeys(h["ce_id"].decode() for h in headers))
    assert first_seen == [event.id for event in (*first, *second)]
    assert {h["traceparent"].decode().split("-")[1] for h in headers} == {TRACE.split("-")[1]}
    assert {record.key for record in records} == {case_id.encode()}
    document = await stored(cases, case_id)
    assert (document["outbox"], document["seq"], document["version"]) == ([], 4, 2)


async def test_two_changes_on_the_same_version_cannot_both_win(cases) -> None:
    aggregates = Aggregates(cases, Relay(Notes(), service="test"))
    case_id = new_id()
    await aggregates.save([opening(case_id, [])])
    base = (await aggregates.load([case_id]))[case_id]
    changes = [Save(case_id, base, {"state": state}, events_for(case_id, state, 0), [state]) for state in ("x", "y")]
    lost = [await aggregates.save([change]) for change in changes]
    assert lost == [set(), {case_id}]
    document = await stored(cases, case_id)
    assert (document["state"], document["applied"], len(document["outbox"])) == ("x", ["open", "x"], 1)


async def test_opening_twice_is_told_and_changes_nothing(cases) -> None:
    aggregates = Aggregates(cases, Relay(Notes(), service="test"))
    one, other = new_id(), new_id()
    assert await aggregates.save([opening(one, [])]) == set()
    assert await aggregates.save([opening(one, events_for(one, "again", 0)), opening(other, [])]) == {one}
    assert (await stored(cases, one))["outbox"] == []
    assert (await stored(cases, other))["version"] == 1


async def test_what_a_dead_replica_left_behind_is_published_by_another(cases) -> None:
    case_id = new_id()
    events = events_for(case_id, "a", 0, 3)
    await Aggregates(cases, Relay(Notes(), service="dead"), AT_ONCE).save([opening(case_id, events)])
    notes = Notes()
    relay = Relay(notes, service="alive", poll=0.1)
    relay.watch(cases)
    running = asyncio.create_task(relay.run())
    await until(lambda: len(notes.published) == 3)
    await asyncio.sleep(0.3)
    running.cancel()
    assert notes.ids() == [event.id for event in events]
    assert (await stored(cases, case_id))["outbox"] == []


async def test_what_a_dead_replica_left_is_published_while_there_is_always_work(cases) -> None:
    event, *_ = events_for(case_id := new_id(), "a", 0)
    await Aggregates(cases, Relay(Notes(), service="dead"), AT_ONCE).save([opening(case_id, [event])])

    class Busy(Notes):
        async def publish(self, messages: Sequence[Message]) -> None:
            await super().publish(messages)
            relay.wake([Parcel(cases, "another", 1, [])])

    relay = Relay(notes := Busy(), service="alive", poll=0.1)
    relay.watch(cases)
    relay.wake([Parcel(cases, "another", 1, [])])
    running = asyncio.create_task(relay.run())
    await until(lambda: notes.ids() == [event.id])
    running.cancel()


async def test_within_its_grace_an_event_belongs_to_the_replica_that_wrote_it(cases) -> None:
    case_id = new_id()
    await Aggregates(cases, Relay(Notes(), service="writer")).save([opening(case_id, events_for(case_id, "a", 0))])
    notes = Notes()
    relay = Relay(notes, service="other", poll=0.05)
    relay.watch(cases)
    running = asyncio.create_task(relay.run())
    await asyncio.sleep(0.5)
    running.cancel()
    assert notes.published == []


async def test_an_event_published_but_not_cleared_is_published_again_with_the_same_id(cases) -> None:
    class Dying(Notes):
        async def publish(self, messages: Sequence[Message]) -> None:
            await super().publish(messages)
            raise Unavailable("gone after the acknowledgement")

    notes = Dying()
    relay = Relay(notes, service="test")
    case_id = new_id()
    await Aggregates(cases, relay).save([opening(case_id, events_for(case_id, "a", 0))])
    for _ in range(2):
        with pytest.raises(Unavailable):
            await relay.flush()
    assert len(notes.published) == 2
    assert len(set(notes.ids())) == 1
    assert len((await stored(cases, case_id))["outbox"]) == 1


async def test_a_second_replica_publishes_earlier_events_of_the_case_first(cases) -> None:
    first_notes, second_notes = Notes(away=True), Notes()
    case_id = new_id()
    slow = Aggregates(cases, Relay(first_notes, service="slow"))
    first = events_for(case_id, "a", 0)
    await slow.save([opening(case_id, first)])
    relay = Relay(second_notes, service="quick")
    quick = Aggregates(cases, relay)
    base = (await quick.load([case_id]))[case_id]
    second = events_for(case_id, "b", 1)
    await quick.save([Save(case_id, base, {}, second, ["b"])])
    await relay.flush()
    assert second_notes.ids() == [first[0].id, second[0].id]


async def test_an_outage_of_the_broker_keeps_everything_for_later(cases) -> None:
    notes = Notes(away=True)
    relay = Relay(notes, service="test", poll=0.1)
    aggregates = Aggregates(cases, relay)
    running = asyncio.create_task(relay.run())
    ids = [new_id() for _ in range(50)]
    await aggregates.save([opening(i, events_for(i, "a", 0)) for i in ids])
    await asyncio.sleep(0.3)
    assert len((await stored(cases, ids[0]))["outbox"]) == 1
    notes.away = False
    await until(lambda: len(set(notes.ids())) == 50)
    running.cancel()


async def test_an_outage_does_not_queue_anew_what_is_queued(cases, caplog: pytest.LogCaptureFixture) -> None:
    relay = Relay(Notes(away=True), service="test", poll=0.1)
    changes = [opening(i, events_for(i, "a", 0)) for i in (new_id() for _ in range(20))]
    await Aggregates(cases, relay, AT_ONCE).save(changes)
    running = asyncio.create_task(relay.run())

    def queued() -> list[object]:
        return [vars(r)["count"] for r in caplog.records if r.getMessage() == "the outbox waits"]

    await until(lambda: len(queued()) >= 4)
    running.cancel()
    assert set(queued()) == {20}


async def test_a_change_while_earlier_events_are_on_their_way_publishes_none_of_them_twice(cases) -> None:
    notes = Notes()
    relay = Relay(notes, service="test")
    aggregates = Aggregates(cases, relay)
    case_id = new_id()
    events = events_for(case_id, "a", 0, 2)
    await aggregates.save([opening(case_id, events[:1])])
    base = (await aggregates.load([case_id]))[case_id]
    await aggregates.save([Save(case_id, base, {"note": "without an event"}, [], ["note"])])
    await relay.flush()
    await cleared(cases, case_id)
    base = (await aggregates.load([case_id]))[case_id]
    await aggregates.save([Save(case_id, base, {}, events[1:], ["b"])])
    await relay.flush()
    assert notes.ids() == [event.id for event in events]
    await cleared(cases, case_id)


async def test_what_another_replica_wrote_for_the_same_cause_is_published_as_it_is_stored(cases) -> None:
    dead = Aggregates(cases, Relay(Notes(), service="dead"))
    notes = Notes()
    relay = Relay(notes, service="alive")
    alive = Aggregates(cases, relay)
    case_id = new_id()
    await dead.save([opening(case_id, [])])
    base = (await alive.load([case_id]))[case_id]
    theirs = [*events_for(case_id, "a", 0), *events_for(case_id, "b", 1)]
    await dead.save([Save(case_id, base, {}, theirs, ["a", "b"])])
    await asyncio.sleep(0.01)
    ours = events_for(case_id, "a", 0)
    assert ours[0].id == theirs[0].id
    assert await alive.save([Save(case_id, base, {}, ours, ["a"])]) == set()
    await relay.flush()
    assert notes.ids() == [event.id for event in theirs]
    assert dict(notes.published[0].headers)["ce_time"] == rfc3339(theirs[0].time).encode()
    await cleared(cases, case_id)


async def test_a_write_that_may_not_last_is_no_success(cases) -> None:
    undurable = cases.with_options(write_concern=WriteConcern(w=2, wtimeout=100))
    notes = Notes()
    relay = Relay(notes, service="test")
    case_id = new_id()
    with pytest.raises(Unavailable):
        await Aggregates(undurable, relay).save([opening(case_id, events_for(case_id, "a", 0))])
    await relay.flush()
    assert notes.published == []


async def test_an_access_is_on_record_once_however_often_it_is_written(cases) -> None:
    notes = Notes()
    relay = Relay(notes, service="test")
    accesses = AccessLog("test", Aggregates(cases, relay))
    access = Access(
        NamesTried(count=1, purpose="sign_in"), Actor("service:test", "service"), now(), new_id(), fields={"a": 1}
    )
    await accesses.write([access])
    await accesses.write([access])
    await relay.flush()
    (message,) = notes.published
    assert (dict(message.headers)["ce_subject"], message.topic) == (f"access/{access.id}".encode(), "access")
    assert (await stored(cases, access.id))["a"] == 1


async def test_the_window_of_applied_causes_is_bounded(cases) -> None:
    aggregates = Aggregates(cases, Relay(Notes(), service="test"))
    case_id = new_id()
    await aggregates.save([opening(case_id, [])])
    for n in range(3):
        base = (await aggregates.load([case_id]))[case_id]
        causes = [f"{n}.{m}" for m in range(150)]
        assert await aggregates.save([Save(case_id, base, {}, [], causes)]) == set()
    assert len((await stored(cases, case_id))["applied"]) == APPLIED_WINDOW


async def test_the_poll_reads_from_an_index_that_holds_only_what_is_pending(cases) -> None:
    asked: list[tuple[object, ...]] = []

    class Overheard:
        """The collection, whose questions are noted."""

        def find(self, *question: object):
            asked.append(question)
            return cases.find(*question)

    await Aggregates(cases, Relay(Notes(), service="test")).save([opening(new_id(), []) for _ in range(100)])
    relay = Relay(Notes(), service="test", poll=0.05)
    relay.watch(Overheard())
    running = asyncio.create_task(relay.run())
    await until(lambda: asked)
    running.cancel()
    plan = await explained(cases.find(*asked[0]).sort("outbox_due").limit(5))
    assert "'indexName': 'outbox_due'" in str(plan["queryPlanner"]["winningPlan"])
    assert plan["executionStats"]["totalKeysExamined"] == 0


@pytest.mark.parametrize(
    "damage",
    [
        {"$set": {"outbox": [7]}},
        {"$set": {"outbox": ["told"], "version": "2"}},
        {"$unset": {"version": 1}},
        {"$unset": {"outbox.0.topic": 1}},
        {"$set": {"outbox.0.headers": "none"}},
        {"$set": {"outbox.0.at": "today"}},
        {"$set": {"outbox.0.value": 7}},
    ],
    ids=str,
)
async def test_an_outbox_that_is_damaged_holds_up_no_other(
    cases, damage: Document, caplog: pytest.LogCaptureFixture
) -> None:
    notes = Notes()
    damaged, whole = events_for("a", "a", 0), events_for("b", "b", 0)
    aggregates = Aggregates(cases, Relay(notes, service="gone"), AT_ONCE)
    await aggregates.save([opening("a", damaged)])
    await cases.update_one({"_id": "a"}, damage)
    await aggregates.save([opening("b", whole)])
    relay = Relay(notes, service="test", poll=0.05)
    relay.watch(cases)
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(5):
        await cleared(cases, "b")
    await asyncio.sleep(0.2)
    assert not running.done()
    running.cancel()
    assert notes.ids() == [event.id for event in whole]
    # It stays where it is, and the log tells of it once, without what it holds.
    assert (await stored(cases, "a"))["outbox"]
    (entry,) = [one for one in caplog.records if one.name == "shared.outbox"]
    assert entry.__dict__["reason"] == "cases"
