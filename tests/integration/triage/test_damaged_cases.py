"""A document among the cases in a real MongoDB that is no case any more: it is set aside, and all others go on."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.triage.app import build_app
from services.triage.aside import Aside, DamagedCase
from services.triage.desk.live import Live
from services.triage.measures.store import IN_FORCE_INDEXES, MongoMeasures
from services.triage.patterns.breaches import MongoBreaches
from services.triage.reports import DigestEraser, ReportFollower
from services.triage.shadow.store import MongoRecentCases
from services.triage.sight import Sight
from services.triage.store import CASE_INDEXES, MongoCases
from services.triage.stored import CaseQuery
from services.triage.watch import CaseWatch
from shared.access.principal import Principal
from shared.aggregates import Aggregates
from shared.events import ReportConsented, ReportParties
from shared.ids import new_id
from shared.kept_policy import PolicyState
from shared.mongo import Database
from shared.outbox import Relay
from shared.parties import Parties
from shared.problems import Problem
from shared.times import now
from tests.fakes.memory_lookers import MemoryLookers
from tests.fakes.memory_marks import MemoryMarks
from tests.fakes.memory_parties import MemoryParties, nobody_named
from tests.fakes.memory_registries import MemoryRegistries
from tests.fakes.memory_sessions import MemorySessions
from tests.fakes.memory_ticks import MemoryTicks
from tests.fakes.memory_views import MemoryViews
from tests.support.people import COPIES, bearer, sign_in
from tests.support.stores import Nowhere, database_of
from tests.support.triage_rig import (
    ALICE,
    BOB,
    POLICY,
    TOKENS,
    Everywhere,
    MemoryEntries,
    MemoryVault,
    erased,
    from_intake,
    reported,
    settings_for,
)

THEIRS = ("enwiki_admins", "enwiki_arbcom")
DAMAGE: dict[str, dict[str, Any]] = {
    "a field is missing": {"$unset": {"report_id": 1}},
    "a place is missing": {"$unset": {"community": 1}},
    "the past is missing": {"$unset": {"history": 1}},
    "the past is empty words": {"$set": {"history": "none"}},
    "a text where a list was": {"$set": {"recused": "nobody", "deadlines": "soon", "notes": "none"}},
    "a number where a text was": {"$set": {"code_name": 7, "body": 7}},
    "a list where its body was": {"$set": {"body": ["enwiki_admins"], "notes.0.at": "today"}},
    "a document where a time was": {"$set": {"received_at": {"day": 1}, "due": {"day": 1}}},
    "a state of no version": {"$set": {"state": "forgotten"}},
    "a list where the state was": {"$set": {"state": ["triaged"]}},
    "a deadline without its name": {"$unset": {"deadlines.0.name": 1}},
    "a version in words": {"$set": {"version": "7"}},
    "no requests": {"$set": {"requests": "none", "applied": "none"}},
    "nothing of what was kept beside it": {
        "$unset": {"version": 1, "seq": 1, "outbox": 1, "applied": 1, "requests": 1}
    },
}


@dataclass
class Many:
    """Cases in a real MongoDB, the application over them, and what it set aside."""

    database: Database
    cases: MongoCases
    measures: MongoMeasures
    breaches: MongoBreaches
    recent: MongoRecentCases
    state: PolicyState
    watch: CaseWatch
    http: httpx.AsyncClient
    sessions: MemorySessions
    parties: MemoryParties
    aside: Aside
    ids: list[str]

    async def damage(self, update: dict[str, Any], number: int = 1) -> str:
        """Change one of the cases by hand."""
        await self.database["cases"].update_one({"_id": self.ids[number]}, update)
        return self.ids[number]

    async def order(self, number: int, command: str, **values: Any) -> httpx.Response:
        """Alice gives a command for one of the cases."""
        case_id = self.ids[number]
        version = (await self.cases.load([case_id]))[case_id].case.seq
        headers = {**bearer(ALICE), "if-match": f'"{version}"'}
        return await self.http.post(f"/v1/cases/{case_id}/{command}", json=values, headers=headers)

    async def get(self, address: str, who: Principal = ALICE) -> httpx.Response:
        return await self.http.get(address, headers=bearer(who))


@pytest.fixture
async def many(mongo_uri: str, database_prefix: str) -> AsyncIterator[Many]:
    async with database_of("triage", mongo_uri, database_prefix) as database:
        await database["cases"].create_indexes([*CASE_INDEXES, *IN_FORCE_INDEXES])
        state = PolicyState()
        aside = Aside(state)
        cases = MongoCases(Aggregates(database["cases"], Relay(Nowhere(), service="test")), aside)
        measures, breaches = MongoMeasures(database["cases"], aside), MongoBreaches(database["cases"], aside)
        recent, parties, sessions = MongoRecentCases(database["cases"], aside), MemoryParties(), MemorySessions()
        app: FastAPI = build_app(
            settings_for(), cases=cases, intake=MemoryVault(), copies=COPIES, sessions=sessions,
            entries=MemoryEntries(), parties=parties, marks=MemoryMarks(parties), staffing=Everywhere(),
            registries=MemoryRegistries(), measures=measures, breaches=breaches,
            live=Live(cases, MemoryLookers(), 0), recent=recent, views=MemoryViews(), ticks=MemoryTicks(),
        )  # fmt: skip
        watch = CaseWatch(
            cases, Parties(parties, patience=0.0), Everywhere(), POLICY, TOKENS, every=60, state=state, aside=aside
        )
        events = [reported() for _ in range(4)]
        await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take(events)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://desk.example") as http:
            http.headers.update({"sec-fetch-site": "same-origin"})
            ids = sorted(event.case_id for event in events)
            found = Many(database, cases, measures, breaches, recent, state, watch, http, sessions, parties, aside, ids)
            for number in range(len(ids)):
                answer = await found.order(number, "note", note="I called.", visibility="body")
                assert answer.status_code == 200
            yield found


async def pages_of_the_list(many: Many, address: str) -> list[str]:
    """The cases of a list, one page after the other, each with one case."""
    shown, after = list[str](), ""
    while True:
        answer = await many.get(f"{address}&limit=1{after}")
        assert answer.status_code == 200, answer.text
        shown += [one["id"] for one in answer.json()["items"]]
        if (cursor := answer.json()["next"]) is None:
            return shown
        after = f"&cursor={cursor}"


@pytest.mark.parametrize("kind", DAMAGE)
async def test_a_damaged_case_is_set_aside_and_holds_up_no_other(
    many: Many, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    names = {i: one.case.code_name for i, one in (await many.cases.load(many.ids)).items()}
    before = await many.database["cases"].find_one({"_id": many.ids[1]})
    assert before is not None
    damaged = await many.damage(DAMAGE[kind])
    others = [i for i in many.ids if i != damaged]
    # The look at all open cases comes to its end, also in small batches.
    found, after = list[str](), ""
    while batch := await many.cases.open_after(after, 1):
        found, after = [*found, batch[0].id], batch[0].id
    assert [i for i in found if i != damaged] == others
    await many.watch.look()
    for address in ("/v1/cases?tab=unassigned", "/v1/cases?community=enwiki", "/v1/cases?counts=true"):
        assert set(await pages_of_the_list(many, address)) >= set(others), address
    await sign_in(many.http, many.sessions, "/desk", ALICE)
    for address in ("/desk", "/desk?tab=unassigned", "/desk?community=enwiki"):
        answer = await many.http.get(address, headers={"accept": "text/html"})
        assert answer.status_code == 200, (address, answer.text)
    page = (await many.http.get("/desk", headers={"accept": "text/html"})).text
    assert all(names[i] in page for i in others)
    # So does what the search, the live pages, the register and previews are made of.
    found = [one.id for one in await many.cases.called_like(list(names.values()), THEIRS, 4)]
    assert set(others) <= set(found)
    assert set(others) <= set(await many.cases.noted_by(ALICE.ref, 9))
    assert set(others) <= (await many.cases.versions(many.ids)).keys()
    assert set(others) <= (await many.cases.load_whole(many.ids)).keys()
    assert set(others) <= {one.id async for one in many.recent.received_since(now() - timedelta(days=1))}
    await many.measures.place_measures()
    await many.cases.place_in_queues()
    # It is counted once, told without a word of what it holds, and its own page says what is wrong.
    await many.watch.look()
    with pytest.raises(DamagedCase):
        await many.cases.load([damaged])
    assert many.state.aside == 1
    assert "cases cannot be judged and are set aside (1)" in (many.state.notice or "")
    (entry,) = [one for one in caplog.records if one.name == "services.triage.aside"]
    assert entry.__dict__["case_id"] == damaged
    answer = await many.get(f"/v1/cases/{damaged}")
    assert (answer.status_code, answer.json()["type"]) in ((500, "/errors/case-damaged"), (404, "/errors/not-found"))
    assert (await many.get(f"/v1/cases/{damaged}", BOB)).status_code == 404
    # Once it is mended, nothing is left of that.
    await many.database["cases"].replace_one({"_id": damaged}, before)
    await many.watch.look()
    assert (many.state.aside, many.state.notice) == (0, None)
    assert set(await pages_of_the_list(many, "/v1/cases?tab=all")) == set(many.ids)


async def test_those_who_may_see_a_damaged_case_hear_what_is_wrong_and_nobody_else_that_it_is_there(many: Many) -> None:
    name = (await many.cases.load(many.ids))[many.ids[1]].case.code_name
    damaged = await many.damage({"$unset": {"report_id": 1}})
    answers = [await many.get(f"/v1/cases/{damaged}", who) for who in (ALICE, BOB)]
    assert [answer.status_code for answer in answers] == [500, 404]
    assert answers[0].json()["title"] == "This case cannot be read."
    order = {"headers": {**bearer(ALICE), "if-match": '"4"'}, "json": {}}
    assert (await many.http.post(f"/v1/cases/{damaged}/assign", **order)).json()["type"] == "/errors/case-damaged"
    await sign_in(many.http, many.sessions, "/desk", ALICE)
    page = await many.http.get(f"/desk/cases/{name}", headers={"accept": "text/html"})
    assert (page.status_code, "This case cannot be read" in page.text) == (500, True)
    # A person who is recused from it hears nothing of it.
    await many.damage({"$set": {"recused": [ALICE.ref]}})
    for address in (f"/v1/cases/{damaged}", f"/v1/cases/{new_id()}"):
        assert (await many.get(address)).json()["type"] == "/errors/not-found"
    assert (await many.http.post(f"/v1/cases/{damaged}/assign", **order)).json()["type"] == "/errors/not-found"
    # Nor does anybody where it cannot be read who is recused.
    await many.damage({"$set": {"recused": "nobody"}})
    assert (await many.get(f"/v1/cases/{damaged}")).status_code == 404


async def test_a_field_of_a_newer_version_damages_nothing(many: Many) -> None:
    newer = await many.damage({"$set": {"mood": {"of": ["a", "later", "version"]}, "deadlines.0.mood": "new"}})
    await many.watch.look()
    assert many.state.aside == 0
    assert (await many.get(f"/v1/cases/{newer}")).status_code == 200


async def test_a_queue_with_damaged_cases_gives_as_many_others_as_are_asked_for(many: Many) -> None:
    for number in (0, 1):
        await many.damage({"$unset": {"community": 1}}, number)
    query = CaseQuery(THEIRS, limit=2)
    assert {one.id for one in await many.cases.queue(query)} == set(many.ids[2:])
    (seen,) = await many.cases.glimpses([query])
    assert {one.id for one in seen} == set(many.ids[2:])
    assert [one.id for one in await many.cases.open_after("", 1)] == [many.ids[2]]


async def test_who_may_see_a_case_is_not_known_while_one_that_is_merged_with_it_cannot_be_read(many: Many) -> None:
    survivor, part = (await many.cases.load(many.ids[:1]))[many.ids[0]].case, many.ids[1]
    ref = TOKENS.ref_of(survivor.id, part)
    await many.damage({"$set": {"absorbed": [ref]}}, 0)
    (whole,) = (one.case for one in (await many.cases.load([survivor.id])).values())
    sight = Sight(nobody_named(), TOKENS, many.cases)
    assert survivor.id in await sight.shut_out_of_each([whole], ALICE.ref)
    await many.damage({"$unset": {"history": 1, "report_id": 1}})
    assert await sight.shut_out_of_each([whole], ALICE.ref) == {}
    assert (await many.get(f"/v1/cases/{survivor.id}")).status_code == 503


async def test_what_arrives_for_a_case_beside_a_damaged_one_fails_alone(many: Many) -> None:
    assert (await many.order(1, "merge", other=many.ids[0])).status_code == 200
    assert (await many.order(2, "link", other=many.ids[0], relation="related")).status_code == 200
    survivor = (await many.cases.load(many.ids[:1]))[many.ids[0]].case
    await many.damage({"$unset": {"report_id": 1}})
    # The page of a case that is only linked to the survivor leaves the survivor out.
    assert (await many.get(f"/v1/cases/{many.ids[2]}")).status_code == 200
    follower = ReportFollower(many.cases, POLICY, nobody_named(), Everywhere(), TOKENS)
    agreed = from_intake(survivor.report_id, ReportConsented(report_id=survivor.report_id, consent="yes"), 2)
    # No outage: a batch with it is taken one by one, and what fails becomes a dead letter.
    with pytest.raises(Problem) as caught:
        await follower.take([agreed])
    assert caught.value.code == "case-damaged"


async def test_a_matter_beside_a_damaged_one_keeps_its_timers_and_its_commands(many: Many) -> None:
    first, parties = many.ids[3], Parties(many.parties, patience=0.0)
    received = reported(category="harassment.doxing", parties_apart=True, channel="split")
    follows = ReportParties(report_id=received.fact.report_id, follows=first, salt="0" * 32)
    await many.parties.follow([from_intake(received.fact.report_id, follows, 1)])
    await ReportFollower(many.cases, POLICY, parties, Everywhere(), TOKENS).take([received])
    many.ids.append(received.case_id)
    before = await many.database["cases"].find_one({"_id": received.case_id})
    assert before is not None
    await many.damage({"$unset": {"report_id": 1}}, 4)
    day = (now() + timedelta(days=1)).date().isoformat()
    emergency = {"measure": "restriction", "until": day, "scope": "community", "why": "They go on."}
    assert (await many.order(3, "act_in_emergency", **emergency)).status_code == 200
    assert (await many.order(3, "claim")).status_code == 200
    await many.database["cases"].replace_one({"_id": received.case_id}, before)
    await many.damage({"$unset": {"report_id": 1}}, 3)
    await many.watch.look()
    assert (many.state.aside, first in many.aside, received.case_id in many.aside) == (1, True, False)


async def test_cases_are_counted_beside_documents_with_ids_of_other_kinds(many: Many) -> None:
    document = await many.database["cases"].find_one({"_id": many.ids[0]})
    assert document is not None
    strange = document | {"_id": 7, "code_name": "x-7"}
    await many.database["cases"].insert_one({name: value for name, value in strange.items() if name != "community"})
    await many.damage({"$unset": {"community": 1}})
    assert (await many.get("/v1/cases?counts=true")).status_code == 200


async def test_erasures_of_before_are_carried_out_beside_a_case_that_cannot_be_read(many: Many) -> None:
    reports = {i: one.case.report_id for i, one in (await many.cases.load(many.ids)).items()}
    damaged = await many.damage({"$unset": {"history": 1, "report_id": 1}})

    async def forget_drafts(_: str) -> None: ...

    eraser = DigestEraser(many.cases, POLICY, forget_drafts)
    assert await eraser.forget_readable([erased(reports[i]) for i in many.ids]) == 3
    with pytest.raises(DamagedCase):
        await eraser.take([erased(reports[damaged])])
