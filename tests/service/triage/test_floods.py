"""A flood of reports hides no other report: the queue keeps the first of each source before it, and drops none."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from services.triage.case.case import Case
from shared.events import CaseGrouped, ReportParties
from shared.ids import new_id
from shared.times import now
from tests.service.triage.test_similar import VIC, open_case
from tests.support.people import bearer, responder
from tests.support.triage_rig import ALICE, Rig, from_intake, make_rig, reported

MALLORY, ANN, BOT = "0d" * 16, "0e" * 16, "0f" * 16
EVE = responder("e0e0e0e0", "trust_safety")
URGENT = {"category": "harassment.threats", "flags": ("physical_violence",)}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        yield rig


async def urgent(rig: Rig, minutes: int, person: str, source: str | None) -> Case:
    """An emergency, reported so many minutes ago."""
    of = {"program": source} if source == BOT else {"source": source}
    return await open_case(rig, person, hours=minutes / 60, **of, **URGENT)


async def queue(rig: Rig, **query: Any) -> list[str]:
    answer = await rig.http.get("/v1/cases", params={"limit": 200, **query}, headers=bearer(EVE))
    return [one["id"] for one in answer.json()["items"]]


async def test_a_flood_stays_behind_single_reports_and_in_its_lane(rig: Rig) -> None:
    flood = [await urgent(rig, 100 - number, VIC, BOT) for number in range(15)]
    about_another = await urgent(rig, 30, "ff" * 16, ANN)
    about_the_same = await urgent(rig, 20, VIC, ANN)
    again = await urgent(rig, 10, VIC, ANN)
    standard = await open_case(rig, "fe" * 16, hours=90, category="harassment.threats", flags=(), body=None)
    order = await queue(rig)
    # The report that made the flood one, and those before it, have their place by their clock.
    ahead = [case.id for case in flood[:9]]
    assert order[: len(ahead) + 3] == [*ahead, about_another.id, about_the_same.id, again.id]
    assert order[len(ahead) + 3 : len(ahead) + 9] == [case.id for case in flood[9:]]
    assert standard.id not in order[: len(flood) + 3]
    cases = {i: stored.case for i, stored in rig.cases.stored.items()}
    assert {cases[case.id].lane for case in flood} == {"emergency"}
    assert all(cases[case.id].deadlines for case in flood)
    assert [cases[case.id].grouped for case in (about_another,)] == [None]
    assert (grouped := cases[about_the_same.id].grouped) is not None
    assert not grouped.behind


async def test_reports_under_the_address_of_another_person_cost_that_person_no_place(rig: Rig) -> None:
    for number in range(12):
        await open_case(rig, VIC, hours=1 - number / 60, source=ANN, category="content_abuse.vandalism", flags=())
        await urgent(rig, 40 - number, f"{number:032}", ANN)
    own = await urgent(rig, 20, VIC, ANN)
    stranger = await urgent(rig, 10, "ff" * 16, MALLORY)
    order = await queue(rig)
    assert order.index(own.id) < order.index(stranger.id)
    assert (grouped := rig.cases.stored[own.id].case.grouped) is not None
    assert not grouped.behind
    assert "One of many" in (await rig.http.get("/desk", headers=bearer(EVE))).text


async def test_only_reports_of_the_same_lane_use_up_the_places_of_a_program(rig: Rig) -> None:
    for number in range(12):
        await open_case(rig, VIC, hours=1 - number / 60, program=BOT, category="content_abuse.vandalism", flags=())
    emergencies = [await urgent(rig, 20 - number, VIC, BOT) for number in range(3)]
    grouped = [rig.cases.stored[case.id].case.grouped for case in emergencies]
    assert [one and one.behind for one in grouped] == [False, False, True]


async def test_reports_of_one_batch_count_in_their_lanes(rig: Rig) -> None:
    at, ids = now() - timedelta(hours=1), [new_id() for _ in range(12)]
    for number, report_id in enumerate(ids):
        fact = ReportParties(
            report_id=report_id, subjects=(VIC,), source=BOT, reported_at=at + timedelta(minutes=number), salt="0" * 32
        )
        await rig.parties.follow([from_intake(report_id, fact, 1)])
    reports = [reported(report_id, parties_apart=True, **URGENT) for report_id in ids]
    await rig.intake.take(reports)
    grouped = [rig.cases.stored[report.case_id].case.grouped for report in reports]
    assert [one and one.behind for one in grouped] == [None] * 9 + [True] * 3


async def test_the_fact_tells_no_number_and_no_other_case(rig: Rig) -> None:
    flood = [await urgent(rig, 100 - number, VIC, BOT) for number in range(11)]
    told = [event.fact for event in rig.cases.events if isinstance(event.fact, CaseGrouped)]
    assert [(fact.rule, fact.behind) for fact in told] == [("same-person", True)] * 2
    assert not any(case.id in str(fact) or VIC in str(fact) for fact in told for case in flood)


async def test_the_queue_and_the_page_mark_a_case_of_a_flood(rig: Rig) -> None:
    flood = [await urgent(rig, 100 - number, VIC, BOT) for number in range(11)]
    page = (await rig.http.get("/desk", headers=bearer(EVE))).text
    assert page.count("One of many") == 2
    page = (await rig.http.get(f"/desk/cases/{flood[-1].code_name}", headers=bearer(EVE))).text
    assert "It stands behind the single reports of its lane" in page
    assert "11 reports up to this one came from one source" in page
    listed = page.partition("The 10 other cases")[2].partition("</details>")[0]
    assert re.findall(r'href="/desk/cases/([a-z-]+)"', listed) == [case.code_name for case in reversed(flood[:-1])]


async def test_a_flood_in_the_standard_lane_keeps_the_order_of_its_clocks(rig: Rig) -> None:
    flood = [await open_case(rig, VIC, hours=1 - number / 60, source=MALLORY) for number in range(12)]
    later = await open_case(rig, "ff" * 16)
    assert now() - later.received_at < timedelta(minutes=5)
    grouped = [rig.cases.stored[case.id].case.grouped for case in flood]
    assert [one is not None for one in grouped] == [False] * 9 + [True] * 3
    assert max(rig.cases.stored[case.id].case.place for case in flood) < later.place


async def test_only_who_sees_a_flood_hears_of_it(rig: Rig) -> None:
    """Ten reports in another community, which ALICE may not see, make a case of her own one of many."""
    for number in range(10):
        await open_case(rig, VIC, hours=1 - number / 60, source=MALLORY, community="swwiki")
    case = await open_case(rig, VIC, source=MALLORY)
    assert rig.cases.stored[case.id].case.grouped
    everybody = responder("e0e0e0e0", "trust_safety", "enwiki_admins", "swwiki_admins")
    for who, told in ((ALICE, False), (everybody, True)):
        page = (await rig.http.get("/desk", headers=bearer(who))).text
        assert ("One of many" in page) is told
        page = (await rig.http.get(f"/desk/cases/{case.code_name}", headers=bearer(who))).text
        assert ("This is one of many reports" in page) is told
        assert ("One of many" in page) is told
        assert ("11 reports up to this one" in page) is told
        # Nor does the playbook tell of it.
        assert ("Read one report of each source" in page) is told
        assert "case.grouped" not in str(await rig.shown(case, who))
