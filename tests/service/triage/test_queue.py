"""The queue: what must happen next, tabs and filters with counts, for pages and programs."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from services.triage.desk import queue
from shared.access.principal import Principal
from shared.times import now
from tests.service.triage.test_sight import NAMED, naming
from tests.support.people import bearer, sign_in
from tests.support.triage_rig import ALICE, BOB, COLLEAGUE, Rig, answered, make_rig, reported


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        rig.http.headers.update({"accept": "text/html", "sec-fetch-site": "same-origin"})
        yield rig


async def counts_for(rig: Rig, who: Principal = ALICE, query: str = "") -> dict[str, Any]:
    answer = await rig.http.get(f"/v1/cases?counts=true{query}", headers=bearer(who))
    return dict(answer.json()["counts"])


async def tabs_for(rig: Rig, who: Principal = ALICE) -> dict[str, int]:
    return {tab: count["number"] for tab, count in (await counts_for(rig, who))["tabs"].items() if count["number"]}


async def page_of(rig: Rig, query: str = "") -> str:
    answer = await rig.http.get(f"/desk{query}")
    assert answer.status_code == 200
    return unescape(answer.text)


async def test_each_row_says_first_what_must_happen_next(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    case = await rig.open(received_at=now() - timedelta(days=4))
    await rig.order(case, "claim")
    await rig.order(case, "start")
    page = await page_of(rig)
    assert "Answer the reporter within 2 days" in page or "Answer the reporter within 3 days" in page
    late = await rig.open(received_at=now() - timedelta(days=9))
    page = await page_of(rig, "?tab=overdue")
    assert "Take the case now: 2 days late" in page
    assert late.code_name in page
    assert case.code_name not in page


async def test_tabs_hold_what_is_mine_free_waiting_answered_and_overdue(rig: Rig) -> None:
    mine, asked, told, _ = [await rig.open() for _ in range(4)]
    await rig.open(received_at=now() - timedelta(days=9))
    await rig.order(mine, "assign")
    for case in (asked, told):
        for command, body in (("assign", {}), ("start", {}), ("ask", {"question": "When?"})):
            await rig.order(case, command, body)
    await rig.intake.take([answered(told.report_id, rig.cases.stored[told.id].case.questions[0].id)])
    assert await tabs_for(rig) == {
        "mine": 3, "unassigned": 2, "waiting": 1, "answered": 1, "overdue": 1, "all": 5
    }  # fmt: skip
    assert await tabs_for(rig, COLLEAGUE) == {"unassigned": 2, "waiting": 1, "answered": 1, "overdue": 1, "all": 5}
    assert await tabs_for(rig, BOB) == {}
    found = await rig.http.get("/v1/cases?tab=answered", headers=bearer(ALICE))
    assert [item["id"] for item in found.json()["items"]] == [told.id]


async def test_nobody_can_tell_from_a_number_that_there_is_a_case_that_names_them(rig: Rig) -> None:
    received = reported(parties_apart=True)
    await rig.parties.follow([naming(received, *NAMED.pseudonyms)])
    await rig.open(received)
    recused = await rig.open()
    await rig.open()
    await rig.order(recused, "recuse", {"person": NAMED.ref, "ground": "related"}, COLLEAGUE)
    assert (await tabs_for(rig))["all"] == 3
    assert (await tabs_for(rig, NAMED))["all"] == 1
    assert (await counts_for(rig, NAMED))["choices"]["category"] == {"harassment.insults": 1}


async def test_a_case_that_is_offered_is_one_that_nobody_has(rig: Rig) -> None:
    case = await rig.open()
    await rig.order(case, "refer", {"body": "swwiki_admins", "explanation": "Theirs."})
    assert await tabs_for(rig, BOB) == {"unassigned": 1, "all": 1}
    await sign_in(rig.http, rig.sessions, "/desk", BOB)
    assert "Accept or decline it within 47 hours" in await page_of(rig)


async def test_filters_count_what_fits_the_other_filters(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    for category, flags in (
        ("harassment.insults", ()),
        ("harassment.insults", ("physical_violence",)),
        ("harassment.trolling", ()),
    ):
        await rig.open(category=category, flags=flags)
    choices = (await counts_for(rig, query="&category=harassment.insults"))["choices"]
    assert choices["category"] == {"harassment.insults": 2, "harassment.trolling": 1}
    assert choices["lane"] == {"standard": 1, "emergency": 1}
    page = await page_of(rig, "?category=harassment.trolling&lane=standard")
    assert len(re.findall(r'<li class="hearth-desk__row', page)) == 1
    assert "Trolling (1)" in page


async def test_more_than_can_be_counted_is_said_to_be_more(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    monkeypatch.setattr(queue, "COUNTED", 2)
    for _ in range(3):
        await rig.open()
    assert (await counts_for(rig))["tabs"]["all"] == {"number": 2, "more": True}
    assert "2+" in await page_of(rig)


async def test_a_filter_that_does_not_exist_is_left_out(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    case = await rig.open()
    assert case.code_name in await page_of(rig, "?tab=none&state=none&community=none&lane=none&assignee=none&body=none")


async def test_a_body_is_named_with_its_community(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    case = await rig.open()
    page = unescape((await rig.http.get(f"/desk/cases/{case.code_name}")).text)
    assert "Administrators · English Wikipedia" in page or "Arbitration Committee · English Wikipedia" in page
