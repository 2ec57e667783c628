"""One suite for the store in memory and the one on real MongoDB: what the fake promises, the real one keeps."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from services.notification.delivery import Delivery, DeliveryState, Failed, Sent, settle
from services.notification.routing.plan import plan
from services.notification.store import FIRST_WAITING, INDEXES, DeliveryPlace, MongoStore, page_filter, to_document
from shared.aggregates import Aggregates
from shared.events import Message
from shared.mongo import connect
from shared.outbox import Relay
from shared.policy import load_policy
from shared.times import now
from tests.fakes.notification_fakes import MemoryStore
from tests.support.notification_world import ROUTES, Story, summary_of
from tests.support.plans import explained

POLICY = load_policy()
LEASE = timedelta(seconds=30)


@dataclass
class Notes:
    """A publisher that keeps what it is given."""

    published: list[Message] = field(default_factory=list)

    async def publish(self, messages: Sequence[Message]) -> None:
        self.published += messages


@dataclass
class Rig:
    """A store under test and how to see the events it let out."""

    store: MemoryStore | MongoStore
    relay: Relay | None = None
    notes: Notes = field(default_factory=Notes)

    async def event_ids(self) -> list[str]:
        if isinstance(self.store, MemoryStore):
            return [event.id for event in self.store.events]
        assert self.relay
        await self.relay.flush()
        return [dict(m.headers)["ce_id"].decode() for m in self.notes.published]  # type: ignore[union-attr]  # ce_id is set


@pytest.fixture(params=["memory", "mongo"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    if request.param == "memory":
        yield Rig(MemoryStore())
        return
    uri, prefix = request.getfixturevalue("mongo_uri"), request.getfixturevalue("database_prefix")
    client = connect(uri, service="test")
    database = client[f"{prefix}notification"]
    notes = Notes()
    relay = Relay(notes, service="test")
    aggregates = Aggregates(database["deliveries"], relay)
    await aggregates.collection.create_indexes(INDEXES)
    yield Rig(MongoStore(database, aggregates), relay, notes)
    client.close()


@pytest.fixture
def store(rig: Rig) -> MemoryStore | MongoStore:
    return rig.store


def delivery(notice: str = "received", at: datetime | None = None, **story: object) -> Delivery:
    told = Story(**story)  # type: ignore[arg-type]  # only fields of Story are given
    ((_, planned),) = plan(getattr(told, notice)(), summary_of(told.opened()), ROUTES, POLICY, at or now())
    return planned


async def test_an_address_has_one_turn_until_it_ends_and_its_delivery_may_take_it_again(store: MongoStore) -> None:
    at = now().replace(microsecond=0)
    until = at + LEASE
    assert await store.take_turns({"one": "a", "two": "a", "three": "b"}, at, until) == {"one", "three"}
    assert await store.take_turns({"two": "a", "one": "a"}, at, until + LEASE) == {"one"}
    assert await store.take_turns({"two": "a"}, until, until) == set()
    assert await store.take_turns({"two": "a"}, until + LEASE, until + 2 * LEASE) == {"two"}
    tries = [store.take_turns({f"d{n}": "c"}, at, until) for n in range(20)]
    assert sum(map(len, await asyncio.gather(*tries))) == 1


async def test_two_replicas_with_one_delivery_both_have_its_turn(store: MongoStore) -> None:
    at = now().replace(microsecond=0)
    wanted = [{f"delivery {n}": f"address {n}"} for n in range(200)]
    took = await asyncio.gather(*(store.take_turns(one, at, at + LEASE) for one in wanted for _ in range(3)))
    assert [set(one) for one in wanted for _ in range(3)] == took


async def test_a_delivery_is_read_back_as_it_was_added(store: MongoStore) -> None:
    at = now()
    added = [delivery().send_at_once(at), delivery("triaged").wait_until(at + LEASE)]
    assert await store.add(added) == {d.id for d in added}
    read = await store.read_page(None, None, 10)
    assert sorted(read, key=lambda d: d.id) == sorted(added, key=lambda d: d.id)


async def test_adding_twice_adds_once(store: MongoStore) -> None:
    first, second = delivery().send_at_once(now()), delivery().send_at_once(now())
    await store.add([first])
    assert await store.add([first, second]) == {second.id}
    assert await store.add([first, second]) == set()


async def test_replicas_adding_at_once_add_once(store: MongoStore) -> None:
    deliveries = [delivery().send_at_once(now()) for _ in range(20)]
    added = await asyncio.gather(*(store.add(deliveries) for _ in range(4)))
    assert sorted(i for ids in added for i in ids) == sorted(d.id for d in deliveries)


async def test_summaries_of_cases_are_kept_as_of_the_latest_fact(store: MongoStore) -> None:
    story = Story()
    opened, triaged = summary_of(story.opened()), summary_of(story.opened(), story.triaged())
    other = replace(triaged, id="x")
    await store.keep_summaries([opened], [])
    await store.keep_summaries([replace(opened, code_name="another"), other], [])
    assert await store.read_summaries([opened.id, "x", "never-opened"]) == {opened.id: opened, "x": other}
    await store.keep_summaries([], [triaged, other])
    await store.keep_summaries([opened], [replace(opened, code_name="another")])
    assert await store.read_summaries([opened.id]) == {opened.id: triaged}


async def test_of_replicas_that_learn_of_a_case_at_once_the_latest_fact_wins(store: MongoStore) -> None:
    story = Story()
    steps = [story.opened(), story.triaged(), story.recused("person:ann"), story.assigned("person:bob")]
    known = [summary_of(*steps[:number]) for number in (1, 2, 3, 4)]
    await asyncio.gather(*(store.keep_summaries([summary], []) for summary in (*known, *reversed(known))))
    assert await store.read_summaries([story.case_id]) == {story.case_id: known[-1]}


async def test_only_what_is_due_is_claimed_and_only_once(store: MongoStore) -> None:
    at = now()
    due, later = delivery().send_at_once(at), delivery().send_at_once(at + LEASE)
    await store.add([due, later])
    claimed = await asyncio.gather(*(store.claim(at, at + LEASE, 10) for _ in range(5)))
    assert [d for ds in claimed for d in ds] == [replace(due, due_at=at + LEASE)]
    assert await store.claim(at, at + LEASE, 10) == []


async def test_replicas_claiming_at_once_share_the_work_without_overlap(store: MongoStore) -> None:
    at = now()
    deliveries = [delivery().send_at_once(at) for _ in range(60)]
    await store.add(deliveries)
    claims = [
        d.id
        for _ in range(8)
        for ds in await asyncio.gather(*(store.claim(at, at + LEASE, 10) for _ in range(4)))
        for d in ds
    ]
    assert sorted(claims) == sorted(d.id for d in deliveries)


async def test_a_lease_that_ran_out_is_claimed_again(store: MongoStore) -> None:
    at = now()
    await store.add([delivery().send_at_once(at)])
    assert len(await store.claim(at, at + LEASE, 10)) == 1
    assert len(await store.claim(at + LEASE, at + 2 * LEASE, 10)) == 1


async def test_a_gathered_mail_is_claimed_whole_by_one_replica(store: MongoStore) -> None:
    at = now()
    await store.add([delivery("triaged").wait_until(at) for _ in range(30)])
    gathered = await store.gather("body:enwiki_arbcom", "mail-1", at, 100)
    assert len(gathered) == 30
    assert {d.mail for d in gathered} == {"mail-1"}
    claims = await asyncio.gather(*(store.claim(at, at + LEASE, 3) for _ in range(5)))
    assert sorted(len(claim) for claim in claims) == [0, 0, 0, 0, 30]


async def test_what_is_gathered_waits_no_longer_and_belongs_to_one_mail(store: MongoStore) -> None:
    at = now()
    await store.add([delivery("triaged").wait_until(at) for _ in range(10)])
    await store.add([delivery("triaged", body="u4c").wait_until(at), delivery().send_at_once(at + LEASE)])
    assert sorted(await store.waiting(at)) == ["body:enwiki_arbcom", "body:u4c"]
    assert await store.waiting(at - timedelta(seconds=1)) == []
    gathered = await asyncio.gather(
        *(store.gather("body:enwiki_arbcom", f"mail-{n}", at + LEASE, 100) for n in range(3))
    )
    ids = [d.id for mail in gathered for d in mail]
    assert len(ids) == len(set(ids)) == 10
    assert await store.waiting(at) == ["body:u4c"]


async def test_a_digest_takes_the_oldest_notices_and_the_others_wait_for_the_next(store: MongoStore) -> None:
    at = now()
    later = [delivery("triaged").wait_until(at) for _ in range(3)]
    older = [delivery("triaged").wait_until(at - timedelta(seconds=1)) for _ in range(2)]
    await store.add([*later, *older])
    first = await store.gather("body:enwiki_arbcom", "mail-1", at + LEASE, 3)
    assert {d.id for d in first} >= {d.id for d in older}
    assert await store.waiting(at) == ["body:enwiki_arbcom"]
    second = await store.gather("body:enwiki_arbcom", "mail-2", at + LEASE, 3)
    assert (len(first), len(second), await store.waiting(at)) == (3, 2, [])
    assert {d.id for d in [*first, *second]} == {d.id for d in [*later, *older]}


async def test_a_settled_delivery_keeps_its_first_end_and_has_one_event(rig: Rig) -> None:
    store = rig.store
    added = delivery().send_at_once(now())
    await store.add([added])
    sent = settle(added, Sent("1@host"), now())
    await store.settle([sent])
    await store.settle([settle(added, Failed("smtp_550"), now())])
    assert await store.read_page(None, None, 10) == [sent.delivery]
    assert await rig.event_ids() == [sent.event.id]
    await store.postpone([added.postpone(now())])
    assert await store.read_page(DeliveryState.SENT, None, 10) == [sent.delivery]
    assert await store.claim(now() + 100 * LEASE, now() + 200 * LEASE, 10) == []


async def test_what_is_put_off_comes_back_when_it_is_due(store: MongoStore) -> None:
    at = now()
    added = delivery().send_at_once(at + LEASE)
    await store.add([added])
    later = added.postpone(at)
    await store.postpone([later])
    assert later.due_at
    assert await store.claim(later.due_at - timedelta(milliseconds=1), at + LEASE, 10) == []
    (claimed,) = await store.claim(later.due_at, at + 2 * LEASE, 10)
    assert claimed.attempts == 1


async def test_of_all_who_ask_at_once_one_may_send(store: MongoStore) -> None:
    at = now()
    answers = await asyncio.gather(*(store.open_window("body:u4c", at, at + LEASE) for _ in range(8)))
    assert sorted(answers, key=str) == [*[at + LEASE] * 7, None]
    assert await store.open_window("body:legal", at, at + LEASE) is None
    assert await store.open_window("body:u4c", at + LEASE, at + 2 * LEASE) is None


async def test_pages_are_newest_first_and_counts_have_a_bound(store: MongoStore) -> None:
    at = now()
    stored = [delivery(at=at - timedelta(seconds=n // 2)).send_at_once(at) for n in range(9)]
    await store.add(stored)
    expected = sorted(stored, key=lambda d: (d.planned_at, d.id), reverse=True)
    first = await store.read_page(DeliveryState.PLANNED, None, 4)
    rest = await store.read_page(None, DeliveryPlace(first[-1].planned_at, first[-1].id), 10)
    assert [d.id for d in (*first, *rest)] == [d.id for d in expected]
    assert await store.read_page(DeliveryState.FAILED, None, 4) == []
    read = await store.read_listed(DeliveryState.PLANNED, None, 5)
    assert [(d.place.id, d.case_id) for d in read] == [(d.id, d.case_id) for d in expected[:5]]
    assert await store.read_listed(DeliveryState.SENT, None, 5) == []


async def test_the_polls_of_the_real_store_use_its_indexes(mongo_uri: str, database_prefix: str) -> None:
    client = connect(mongo_uri, service="test")
    collection = client[f"{database_prefix}notification"]["deliveries"]
    await collection.create_indexes(INDEXES)
    at = now()
    for query in (
        {"state": "planned", "due_at": {"$lte": at}},
        {"state": "planned", "mail": {"$in": ["x"]}},
        {"recipient": "body:u4c", "gather_at": {"$exists": True}},
        {"state": "failed"},
    ):
        plan_of = await explained(collection.find(query))
        assert "COLLSCAN" not in str(plan_of["queryPlanner"]["winningPlan"]), query
    client.close()


async def test_to_find_who_waits_the_real_store_reads_one_key_of_each(mongo_uri: str, database_prefix: str) -> None:
    client = connect(mongo_uri, service="test")
    database = client[f"{database_prefix}notification"]
    await database["deliveries"].create_indexes(INDEXES)
    at = now()
    waiting = [delivery("triaged", body=body).wait_until(at) for body in ("u4c", "stewards", "ts") for _ in range(300)]
    await database["deliveries"].insert_many({**to_document(one), "_id": one.id} for one in waiting)
    look = {"aggregate": "deliveries", "pipeline": FIRST_WAITING, "cursor": {}}
    stages = str(await database.command("explain", look, verbosity="executionStats"))
    assert "DISTINCT_SCAN" in stages
    assert max(int(count) for count in re.findall(r"'(?:totalKeys|totalDocs|keys)Examined': (\d+)", stages)) <= 10
    client.close()


@pytest.mark.slow
async def test_a_look_at_a_long_outbox_examines_no_more_than_it_reads(mongo_uri: str, database_prefix: str) -> None:
    client = connect(mongo_uri, service="test")
    collection = client[f"{database_prefix}notification"]["deliveries"]
    await collection.create_indexes(INDEXES)
    at = now()
    document = to_document(delivery(at=at).send_at_once(at)) | {"shuts_out": ["person:ann"]}
    for first in range(0, 100_000, 10_000):
        await collection.insert_many(
            document | {"_id": f"flood-{n:06}", "planned_at": at + timedelta(seconds=n // 20_000)}
            for n in range(first, first + 10_000)
        )
    places = (None, DeliveryPlace(at + timedelta(seconds=2), "flood-050000"))
    for state, after in itertools.product((None, DeliveryState.PLANNED), places):
        found = collection.find(page_filter(state, after)).sort([("planned_at", -1), ("_id", -1)])
        stats = (await explained(found.limit(500)))["executionStats"]
        assert stats["nReturned"] == 500
        assert stats["totalDocsExamined"] <= 500
        assert stats["totalKeysExamined"] <= 510
    client.close()
