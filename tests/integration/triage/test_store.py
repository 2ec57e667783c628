"""Cases in a real MongoDB."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from services.triage.actions import Query
from services.triage.desk.queue import CommandRequest, Desk, VersionConflict
from services.triage.reports import ReportFollower
from services.triage.store import CASE_INDEXES, QUEUE_ORDER, MongoCases, filter_of
from shared.access.authorization import reaches
from shared.access.roster import Roster
from shared.aggregates import Aggregates
from shared.events import Message
from shared.mongo import connect
from shared.outbox import Relay
from shared.problems import Unavailable
from shared.times import now
from tests.suites.triage_store import CaseStoreSuite
from tests.support.people import MemoryCopies
from tests.support.triage_rig import ALICE, KEY, POLICY, MemoryVault, reported


class Nowhere:
    """A publisher that takes everything."""

    async def publish(self, messages: Sequence[Message]) -> None:
        return


@pytest.fixture
async def cases(mongo_uri: str, database_prefix: str) -> AsyncIterator[MongoCases]:
    client = connect(mongo_uri, service="test")
    collection = client[f"{database_prefix}triage"]["cases"]
    await collection.create_indexes(list(CASE_INDEXES))
    yield MongoCases(Aggregates(collection, Relay(Nowhere(), service="test")))
    client.close()


class TestMongoCases(CaseStoreSuite):
    pass


async def test_of_many_who_act_on_one_version_one_succeeds_and_the_others_learn_why(cases: MongoCases) -> None:
    event = reported()
    await ReportFollower(cases, POLICY).take([event])
    copies, colleagues = MemoryCopies(), [replace(ALICE, ref=f"person:{number:016x}") for number in range(8)]
    for colleague in colleagues:
        copies.enrol(colleague)
    desk = Desk(cases, MemoryVault(), POLICY, KEY, Roster(copies))

    async def take(number: int) -> str:
        order = CommandRequest("assign", {"assignee": colleagues[number].ref}, 2, f"order {number}")
        try:
            await desk.carry_out(ALICE, event.case_id, order)
        except VersionConflict as stale:
            return f"told {len(stale.changes)}"
        return "done"

    results = await asyncio.gather(*(take(number) for number in range(8)))
    assert sorted(results) == ["done", *["told 1"] * 7]


async def test_one_order_sent_many_times_at_once_is_carried_out_once(cases: MongoCases) -> None:
    event = reported()
    await ReportFollower(cases, POLICY).take([event])
    desk = Desk(cases, MemoryVault(), POLICY, KEY, Roster(MemoryCopies()))
    order = CommandRequest("assign", {}, 2, "the same order")
    outcomes = await asyncio.gather(*(desk.carry_out(ALICE, event.case_id, order) for _ in range(8)))
    assert {outcome.version for outcome in outcomes} == {3}
    assert (await desk.find(ALICE, event.case_id)).seq == 3


async def test_the_queue_is_read_from_its_index(cases: MongoCases, mongo_uri: str, database_prefix: str) -> None:
    await ReportFollower(cases, POLICY).take([reported() for _ in range(50)])
    client = connect(mongo_uri, service="test")
    query = Query(
        tuple(reaches(ALICE, "case.list", now())), ALICE.ref, frozenset({"pseudonym"}), ("triaged", "assigned")
    )
    found = client[f"{database_prefix}triage"]["cases"].find(filter_of(query))
    plan = await found.sort(QUEUE_ORDER).limit(25).explain()
    client.close()
    stages = str(plan["queryPlanner"]["winningPlan"])
    assert "SORT_MERGE" in stages
    assert "COLLSCAN" not in stages


async def test_a_database_that_is_away_is_said_to_be_unavailable() -> None:
    client = connect("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100", service="test")
    cases = MongoCases(Aggregates(client["none"]["cases"], Relay(Nowhere(), service="test")))
    for reading in (cases.load(["a"]), cases.find_by_code_name("b"), cases.taken(["c"])):
        with pytest.raises(Unavailable):
            await reading
    with pytest.raises(Unavailable):
        await ReportFollower(cases, POLICY).take([reported()])
    client.close()
