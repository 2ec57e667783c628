"""Cases in a real MongoDB."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import chain, product

import pytest

from services.triage.actions import Desk
from services.triage.case.case import ENDED
from services.triage.case.facets import OPEN_STATES, UNASSIGNED
from services.triage.case.in_force import InForcePlace
from services.triage.case.standing import reached
from services.triage.desk.queue import TABS, QueueFilter
from services.triage.measures.store import IN_FORCE_ORDER, InForceQuery, MongoMeasures, in_force_of
from services.triage.patterns.actions import Patterns
from services.triage.patterns.breaches import BREACH_INDEX, TOLD_INDEX, breached, hinted
from services.triage.reports import ReportFollower
from services.triage.requests import CommandRequest, VersionConflict
from services.triage.shadow.store import SHADOW_INDEXES, received_since
from services.triage.sight import Sight
from services.triage.store import (
    DUE_ORDER,
    MOST_SCANS,
    MongoCases,
    called_like,
    case_of,
    due_by,
    outside_of,
    ranges_of,
    wanted_by,
    where_of,
)
from services.triage.stored import CaseQuery
from shared.access.roster import Roster
from shared.aggregates import Aggregates
from shared.code_words import ADJECTIVES
from shared.events import CaseState
from shared.mongo import Database, connect
from shared.outbox import Relay
from shared.problems import Unavailable
from shared.times import now
from tests.fakes.memory_marks import MemoryMarks
from tests.fakes.memory_parties import nobody_named
from tests.support.people import MemoryCopies
from tests.support.plans import explained
from tests.support.stores import Nowhere, database_of, mongo_cases
from tests.support.triage_rig import ALICE, KEY, POLICY, TOKENS, Everywhere, MemoryVault, reported


@pytest.fixture
async def database(mongo_uri: str, database_prefix: str) -> AsyncIterator[Database]:
    async with database_of("triage", mongo_uri, database_prefix) as database:
        yield database


@pytest.fixture
async def cases(database: Database) -> MongoCases:
    return await mongo_cases(database)


def desk_over(cases: MongoCases, copies: MemoryCopies | None = None) -> Desk:
    """The desk over these cases."""
    sight = Sight(nobody_named(), TOKENS, cases)
    patterns, roster = Patterns(MemoryMarks(), cases, sight, POLICY), Roster(copies or MemoryCopies())
    return Desk(cases, MemoryVault(), POLICY, KEY, roster, sight, Everywhere(), TOKENS, patterns)


async def test_of_many_who_act_on_one_version_one_succeeds_and_the_others_learn_why(cases: MongoCases) -> None:
    event = reported()
    await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take([event])
    copies, colleagues = MemoryCopies(), [replace(ALICE, ref=f"person:{number:016x}") for number in range(8)]
    for colleague in colleagues:
        copies.enrol(colleague)
    desk = desk_over(cases, copies)

    async def take(number: int) -> str:
        order = CommandRequest("assign", {"assignee": colleagues[number].ref}, 3, f"order {number}")
        try:
            await desk.carry_out(ALICE, event.case_id, order)
        except VersionConflict as stale:
            return f"told {len(stale.steps)}"
        return "done"

    results = await asyncio.gather(*(take(number) for number in range(8)))
    assert sorted(results) == ["done", *["told 1"] * 7]


async def test_one_order_sent_many_times_at_once_is_carried_out_once(cases: MongoCases) -> None:
    event = reported()
    await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take([event])
    desk = desk_over(cases)
    order = CommandRequest("assign", {}, 3, "the same order")
    outcomes = await asyncio.gather(*(desk.carry_out(ALICE, event.case_id, order) for _ in range(8)))
    assert {outcome.version for outcome in outcomes} == {4}
    assert (await desk.find(ALICE, event.case_id)).seq == 4


async def test_the_queue_is_read_from_its_indexes(cases: MongoCases, database: Database) -> None:
    await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take([reported() for _ in range(50)])
    for states in (OPEN_STATES, (), (CaseState.TRIAGED, CaseState.CLOSED)):
        ((part,),) = ranges_of(CaseQuery(("enwiki_admins", "enwiki_arbcom"), states))
        plan = await explained(database["cases"].find(part.wanted).sort(part.order).limit(25))
        stages = str(plan["queryPlanner"]["winningPlan"])
        assert "SORT_MERGE" in stages
        assert "'indexName': 'queues'" in stages
        assert "COLLSCAN" not in stages


async def test_each_tab_of_the_queue_is_read_in_order_from_an_index(cases: MongoCases, database: Database) -> None:
    late = now() - timedelta(days=9)
    opener = ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS)
    await opener.take([reported(received_at=late) for _ in range(50)])
    bodies = ("enwiki_admins", "enwiki_arbcom", "swwiki_admins")
    for tab in TABS:
        for more in ({}, {"category": "harassment.insults"}):
            query = QueueFilter(tab, states=OPEN_STATES, **more).query(ALICE, bodies, now())
            for part in chain.from_iterable(ranges_of(query)):
                plan = await explained(database["cases"].find(part.wanted).sort(part.order).limit(25))
                stages = str(plan["queryPlanner"]["winningPlan"])
                assert "'SORT'" not in stages, (tab, part, stages)
                assert "COLLSCAN" not in stages
            plan = await explained(database["cases"].find(wanted_by(query)).limit(25))
            assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
            assert plan["executionStats"]["totalDocsExamined"] <= 25


@pytest.mark.parametrize(
    "narrow", [{"community": "enwiki"}, {"category": "harassment.doxing"}], ids=["place", "category"]
)
async def test_closed_cases_are_narrowed_from_an_index(
    cases: MongoCases, database: Database, narrow: dict[str, str]
) -> None:
    follower = ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS)
    await follower.take([reported(community="swwiki") for _ in range(50)])
    await follower.take([reported(community="enwiki", category="harassment.doxing") for _ in range(3)])
    closed = {"$set": {"state": "closed", "body": "enwiki_arbcom"}, "$unset": {"queues": ""}}
    await database["cases"].update_many({}, closed)
    await cases.place_in_queues()
    query = QueueFilter(states=(CaseState.CLOSED,), **narrow).query(ALICE, ("enwiki_admins", "enwiki_arbcom"), now())
    assert len(await cases.queue(query)) == 3
    for part in chain.from_iterable(ranges_of(query)):
        plan = await explained(database["cases"].find(part.wanted).sort(part.order).limit(25))
        stages = str(plan["queryPlanner"]["winningPlan"])
        assert "'SORT'" not in stages, (part, stages)
        assert "COLLSCAN" not in stages
        assert plan["executionStats"]["totalDocsExamined"] <= 3
    plan = await explained(database["cases"].find(wanted_by(query)).limit(25))
    assert plan["executionStats"]["totalDocsExamined"] <= 3


async def test_the_register_is_read_from_its_index(cases: MongoCases, database: Database) -> None:
    measures = MongoMeasures(database["cases"])
    follower = ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS)
    await follower.take([reported() for _ in range(50)])
    document = await database["cases"].find_one({})
    assert document
    ends = now() + timedelta(days=9)
    held = [{"in_force": ["*", f"community {n % 3}"], "in_force_until": ends + timedelta(n // 2)} for n in range(60)]
    await database["cases"].insert_many(
        document | {"_id": f"held-{n:02}", "code_name": f"held-{n}"} | one for n, one in enumerate(held)
    )
    for keys in (("*",), ("community 0", "community 2", "scope everywhere")):
        for after in (None, InForcePlace(ends + timedelta(10), "held-20")):
            wanted = in_force_of(InForceQuery(keys, after, 10))
            plan = await explained(database["cases"].find(wanted).sort(IN_FORCE_ORDER).limit(10))
            stages = str(plan["queryPlanner"]["winningPlan"])
            assert "'indexName': 'in_force'" in stages
            assert "COLLSCAN" not in stages
            assert "'SORT'" not in stages
            assert plan["executionStats"]["totalDocsExamined"] <= 12
            found = await measures.in_force(InForceQuery(keys, after, 10))
            assert len(found) == 10
            assert after is None or found[0].id == "held-21"
    plan = await explained(database["cases"].find({"measures.id": {"$eq": "none", "$gt": ""}}))
    assert "'indexName': 'measures'" in str(plan["queryPlanner"]["winningPlan"])


async def test_missed_deadlines_of_a_community_are_read_from_their_index(cases: MongoCases, database: Database) -> None:
    await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take([reported() for _ in range(50)])
    await database["cases"].create_indexes([BREACH_INDEX, TOLD_INDEX])
    document = await database["cases"].find_one({})
    assert document
    since = now()
    await database["cases"].insert_many(
        document
        | {"_id": f"missed-{n:02}", "code_name": f"missed-{n}", "community": ("enwiki", "swwiki")[n % 2]}
        | {"deadlines": [{**document["deadlines"][0], "breached_at": since + timedelta(days=n - 10)}]}
        for n in range(20)
    )
    plan = await explained(database["cases"].find(breached("enwiki", since, [document["body"]])))
    assert "'indexName': 'breaches'" in str(plan["queryPlanner"]["winningPlan"])
    assert plan["executionStats"]["totalDocsExamined"] == 5
    plan = await explained(database["cases"].find(hinted("enwiki", "systemic_failure", since)))
    assert "'indexName': 'systemic'" in str(plan["queryPlanner"]["winningPlan"])
    assert plan["executionStats"]["totalDocsExamined"] == 0


async def test_cases_from_before_the_register_get_their_place(cases: MongoCases, database: Database) -> None:
    measures = MongoMeasures(database["cases"])
    event = reported()
    await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take([event])
    desk = desk_over(cases)
    values = {
        "measure": "restriction",
        "until": f"{now() + timedelta(days=9):%Y-%m-%d}",
        "scope": "pages",
        "why": "So.",
    }
    await desk.carry_out(ALICE, event.case_id, CommandRequest("act_in_emergency", values, 3, "taken"))
    await database["cases"].update_one({"_id": event.case_id}, {"$unset": {"in_force": "", "in_force_until": ""}})
    assert await measures.in_force(InForceQuery(("*",))) == []
    await measures.place_measures()
    assert [case.id for case in await measures.in_force(InForceQuery(("*",)))] == [event.case_id]


async def test_cases_from_before_the_queues_are_placed_in_them(cases: MongoCases, database: Database) -> None:
    events = [reported() for _ in range(3)]
    await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take(events)
    await database["cases"].update_many({}, {"$unset": {"queues": "", "wakes_at": ""}})
    late = now() + timedelta(days=400)
    assert await cases.waking(late, 9) == []
    unassigned = CaseQuery(tuple(POLICY.bodies), OPEN_STATES, facets=(UNASSIGNED,))
    assert await cases.queue(unassigned) == []
    await cases.place_in_queues()
    placed = {event.case_id for event in events}
    assert {case.id for case in await cases.queue(unassigned)} == placed
    assert {one.id for one in await cases.waking(late, 9)} == placed


async def test_a_case_that_an_earlier_version_has_moved_is_placed_by_the_first_sweep(
    cases: MongoCases, database: Database
) -> None:
    await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take([reported() for _ in range(3)])
    await database["cases"].update_many({}, {"$set": {"body": "u4c"}})
    moved = CaseQuery(("u4c",), OPEN_STATES)
    assert await cases.queue(moved) == []
    assert len(await cases.open_after("", 9)) == len(await cases.queue(moved)) == 3


async def test_a_search_reads_cases_from_indexes(cases: MongoCases, database: Database) -> None:
    await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take([reported()])
    document = await database["cases"].find_one({})
    assert document
    others = (document | {"_id": f"other-{n}", "code_name": f"other-{n:03}"} for n in range(500))
    await database["cases"].insert_many(others)
    named = called_like([f"{word}-harbour" for word in ADJECTIVES], POLICY.bodies)
    for wanted, order in ((named, [("code_name", 1)]), ({"notes.by": ALICE.ref}, [])):
        found = database["cases"].find(wanted).limit(25)
        plan = await explained(found.sort(order) if order else found)
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
        assert plan["executionStats"]["totalDocsExamined"] <= 25
        # A look for each beginning, and not one at each name that there is.
        assert plan["executionStats"]["totalKeysExamined"] <= 2 * len(ADJECTIVES) + 25


async def test_cases_of_bodies_that_the_policy_lost_are_counted_without_a_look_at_others(
    cases: MongoCases, database: Database
) -> None:
    await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take([reported()])
    document = await database["cases"].find_one({})
    assert document
    changed = [{}] * 500 + [{"body": "gone"}, {"body": "gone", "own_body": "gone"}, {"body": "gone", "own_body": None}]
    others = ({**document, "_id": f"other-{n}", "code_name": f"o-{n}", **new} for n, new in enumerate(changed))
    await database["cases"].insert_many(others)
    plan = await explained(database["cases"].find(outside_of(POLICY.bodies)))
    assert "'indexName': 'own_body'" in str(plan["queryPlanner"]["winningPlan"])
    assert plan["executionStats"]["totalKeysExamined"] <= 50
    assert await cases.outside(POLICY.bodies) == {"gone": 3}


async def test_a_referred_case_is_in_the_queues_of_both_bodies_once(cases: MongoCases) -> None:
    event = reported()
    await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take([event])
    desk = desk_over(cases)
    values = {"body": "stewards", "explanation": "Theirs."}
    await desk.carry_out(ALICE, event.case_id, CommandRequest("refer", values, 3, "referred"))
    own = (await desk.find(ALICE, event.case_id)).body or ""
    for bodies in ((own,), ("stewards",), (own, "stewards")):
        assert [case.id for case in await cases.queue(CaseQuery(bodies))] == [event.case_id]
    assert await cases.queue(CaseQuery(("stewards",), (CaseState.TRIAGED,))) == []
    assert await cases.queue(CaseQuery(("u4c",))) == []


async def test_the_cases_that_are_due_are_read_from_their_index(cases: MongoCases, database: Database) -> None:
    await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take([reported() for _ in range(50)])
    late = sorted([case_of(found) async for found in database["cases"].find({})], key=lambda case: case.id)[:3]
    past = now() - timedelta(days=1)
    await database["cases"].update_many({"_id": {"$in": [case.id for case in late]}}, {"$set": {"wakes_at": past}})
    found = await cases.waking(now(), 500)
    assert [one.id for one in found] == [case.id for case in late]
    for after in (None, found[0]):
        plan = await explained(database["cases"].find(due_by(now(), after)).sort(DUE_ORDER).limit(500))
        assert "SORT" not in str(plan["queryPlanner"]["winningPlan"])
        assert plan["executionStats"]["totalDocsExamined"] == 3


async def test_the_cases_where_people_have_changed_are_read_from_indexes(cases: MongoCases, database: Database) -> None:
    await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take([reported()])
    document = await database["cases"].find_one({})
    assert document
    del document["queues"]
    bodies = ("enwiki_admins", "enwiki_arbcom", "u4c", "ombuds_commission", "swwiki_admins")
    kinds = list(product((*bodies, None), bodies, ("triaged", "decided", "closed"), (False, True)))
    await database["cases"].insert_many(
        document | {"_id": f"c-{n}", "code_name": f"c-{n}", "own_body": own, "body": body, "state": state}
        | {"unattended": alone}
        for n, (own, body, state, alone) in enumerate(kinds)
    )  # fmt: skip
    # A flood that no change of the last resort reaches.
    await database["cases"].insert_many(
        document | {"_id": f"flood-{n}", "code_name": f"flood-{n}", "own_body": "u4c", "body": "u4c"}
        for n in range(2_000)
    )  # fmt: skip
    await cases.place_in_queues()
    every = [case_of(found) async for found in database["cases"].find({})]
    for changed in (("u4c",), ("enwiki_arbcom", "swwiki_admins"), ("ombuds_commission",), ("a body of before",)):
        those = reached(changed, POLICY)
        wanted = sorted(case.id for case in every if those.have(case))
        assert sorted([case.id async for case in cases.where(those)]) == wanted
        plan = await explained(database["cases"].find(where_of(those)))
        assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
        # What a branch has examined, the last stage counts once more.
        assert plan["executionStats"]["totalDocsExamined"] <= 2 * len(wanted) + len(kinds)
    open_ones = [case for case in every if case.unattended and case.state not in ENDED]
    assert await cases.unattended() == len(open_ones)


@pytest.mark.slow
async def test_a_look_at_a_long_queue_examines_no_more_than_it_reads(cases: MongoCases, database: Database) -> None:
    opener = ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS)
    await opener.take([reported()])
    document = await database["cases"].find_one({})
    assert document
    due = document["due"]
    # Twenty times what is read shows what is examined.
    await database["cases"].insert_many(
        document | {"_id": f"flood-{n:06}", "code_name": f"flood-{n}", "recused": [ALICE.ref]}
        | {"due": due + timedelta(seconds=n // 2_000)}
        for n in range(10_000)
    )  # fmt: skip
    own_body, many = (document["body"],), (document["body"], *(f"body_{n}" for n in range(1, 40)))
    places = (None, (document["lane_rank"], due + timedelta(seconds=2), "flood-005000"))
    for own, after in product((own_body, many), places):
        for states in ((), OPEN_STATES):
            for part in chain.from_iterable(ranges_of(CaseQuery(own, states, after))):
                plan = await explained(database["cases"].find(part.wanted).sort(part.order).limit(500))
                stats = plan["executionStats"]
                assert stats["nReturned"] in (0, 500)
                assert stats["totalDocsExamined"] <= 500
                # A look into each scan, and what it returns.
                assert stats["totalKeysExamined"] <= 500 + 2 * MOST_SCANS
        read = [case.id for case in await cases.queue(CaseQuery(own, (), after, 500))]
        assert read == [f"flood-{n:06}" for n in range(5_001, 5_501)] if after else read[-1] == "flood-000498"


async def test_a_database_that_is_away_is_said_to_be_unavailable() -> None:
    client = connect("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100", service="test")
    cases = MongoCases(Aggregates(client["none"]["cases"], Relay(Nowhere(), service="test")))
    for reading in (cases.load(["a"]), cases.find_by_code_name("b"), cases.taken(["c"])):
        with pytest.raises(Unavailable):
            await reading
    with pytest.raises(Unavailable):
        await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take([reported()])
    client.close()


async def test_recent_cases_are_read_by_their_index_and_no_other_case_is(database: Database) -> None:
    cases, at = database["cases"], now()
    await cases.create_indexes(list(SHADOW_INDEXES))
    await cases.insert_many(
        [{"_id": str(n), "received_at": at - timedelta(days=n), "body": f"body{n % 3}"} for n in range(300)]
    )
    for bodies, expected in ((None, 30), ({"body1"}, 10)):
        plan = await explained(cases.find(received_since(at - timedelta(days=29), bodies)).sort("received_at", -1))
        stats = plan["executionStats"]
        assert (stats["nReturned"], stats["totalDocsExamined"]) == (expected, expected)
        assert stats["totalKeysExamined"] <= 60
