"""The page of a case with many notes, parties and steps: the newest are shown, and the rest is one link away."""

from collections.abc import AsyncIterator

import pytest

from services.triage.case.case import Case
from services.triage.desk.portions import NEWEST
from shared.events import ReportReplied
from tests.support.forms import SAME_ORIGIN, hidden_fields
from tests.support.people import sign_in
from tests.support.triage_rig import ALICE, Rig, from_intake, make_rig

HTML = {"accept": "text/html", **SAME_ORIGIN}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        await sign_in(rig.http, rig.sessions, "/desk", ALICE)
        yield rig


async def page_of(rig: Rig, case: Case, query: str = "") -> str:
    page = await rig.http.get(f"/desk/cases/{case.code_name}{query}", headers=HTML)
    assert page.status_code == 200
    return page.text


async def add(rig: Rig, case: Case, role: str, name: str) -> None:
    answer = await rig.order(case, "add_party", {"party_role": role, "party_name": name})
    assert answer.status_code == 200


async def noted(rig: Rig, count: int) -> Case:
    case = await rig.open()
    for number in range(count):
        given = {"note": f"Note {number:02}.", "visibility": "shared"}
        assert (await rig.order(case, "note", given)).status_code == 200
    return case


async def test_the_newest_notes_are_shown_and_a_link_leads_to_all_of_them(rig: Rig) -> None:
    case = await noted(rig, NEWEST + 2)
    page = await page_of(rig, case)
    assert ["Note 00." in page, "Note 01." in page, "Note 02." in page] == [False, False, True]
    assert page.index("Note 21.") < page.index("Note 02.")
    assert f'<a href="/desk/cases/{case.code_name}?all=notes#notes-title">Show all 22 notes</a>' in page
    assert "Note 00." in await page_of(rig, case, "?all=notes")


async def test_a_list_that_is_short_enough_has_no_link(rig: Rig) -> None:
    page = await page_of(rig, await noted(rig, 2))
    assert "Show all" not in page


async def test_each_list_opens_beside_those_that_stand_open(rig: Rig) -> None:
    case = await noted(rig, NEWEST + 2)
    assert '?all=notes&amp;all=history#history-title"' in await page_of(rig, case, "?all=notes&all=%22%3E")
    page = await page_of(rig, case, "?all=history&all=notes")
    assert "Show all" not in page


async def test_a_refused_form_stands_on_the_whole_page_so_no_link_loses_what_was_typed(rig: Rig) -> None:
    case = await noted(rig, NEWEST + 2)
    sent = {**hidden_fields(await page_of(rig, case)), "note": "Typed words.", "visibility": "nobody"}
    page = await rig.http.post(f"/desk/cases/{case.code_name}/note", data=sent, headers=HTML)
    assert page.status_code == 422
    assert "Typed words." in page.text
    assert "Note 00." in page.text
    assert "Show all" not in page.text


async def listed_of(rig: Rig, case: Case) -> str:
    return (await page_of(rig, case)).partition('id="parties-title"')[2].partition("</section>")[0]


async def test_a_respondent_who_was_not_told_yet_stays_however_many_parties_come_later(rig: Rig) -> None:
    case = await rig.open()
    await add(rig, case, "respondent", "Untold One")
    for number in range(NEWEST + 2):
        await add(rig, case, "witness", f"Person {number:02}")
    listed = await listed_of(rig, case)
    assert [name in listed for name in ("Untold One", "Person 00", "Person 02")] == [True, False, True]
    first = rig.cases.stored[case.id].case.further_parties[0].token
    told = {"respondent": first, "disclosure": "withheld", "withheld_for": "reprisal", "why": "Not safe."}
    answer = await rig.order(case, "disclose", told)
    assert answer.status_code == 200, answer.text
    assert "Untold One" not in await listed_of(rig, case)


async def test_a_party_who_has_written_stays_among_the_newest(rig: Rig) -> None:
    case = await rig.open()
    await add(rig, case, "respondent", "Person 00")
    for number in range(1, NEWEST + 2):
        await add(rig, case, "witness", f"Person {number:02}")
    first = rig.cases.stored[case.id].case.further_parties[0].token
    told = {"respondent": first, "disclosure": "redacted", "why": "Without the place."}
    assert (await rig.order(case, "disclose", told)).status_code == 200
    reply = ReportReplied(report_id=case.report_id, party=first, reply_id="0" * 8 + "-0000-0000-0000-" + "0" * 12)
    await rig.intake.take([from_intake(case.report_id, reply, 2)])
    listed = await listed_of(rig, case)
    assert [f"Person {number:02}" in listed for number in (0, 1, 2, 21)] == [True, False, True, True]
    assert "Show all 22 parties" in listed
