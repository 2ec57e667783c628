"""Similar cases, on the API and on the page of a case: with reasons, and only those that the reader may see."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from services.triage.case.case import Case
from services.triage.patterns.actions import LOOKED_AT, SHOWN
from shared.events import ReportParties
from shared.ids import new_id
from shared.times import now
from tests.support.people import bearer
from tests.support.triage_rig import ALICE, BOB, COLLEAGUE, CORA, Rig, from_intake, make_rig, reported

VIC, PAGE, SAM = "0a" * 16, "0b" * 16, "0c" * 16


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        yield rig


async def open_case(
    rig: Rig,
    *people: str,
    hours: float = 0,
    pages: Sequence[str] = (),
    source: str | None = None,
    program: str | None = None,
    witnesses: Sequence[str] = (),
    **changed: Any,
) -> Case:
    """A case of a report that names these people, so many hours ago; of a reporter (`source`) or of a `program`."""
    report_id, at = new_id(), now() - timedelta(hours=hours)
    fact = ReportParties(
        report_id=report_id, subjects=people, witnesses=tuple(witnesses), reporter=(source,) if source else (),
        pages=tuple(pages), source=source or program, reported_at=at, salt="0" * 32,
    )  # fmt: skip
    await rig.parties.follow([from_intake(report_id, fact, 1)])
    return await rig.open(reported(report_id, at, parties_apart=True, **changed))


async def similar(rig: Rig, case: Case, who: Any = ALICE) -> dict[str, Any]:
    return dict((await rig.shown(case, who))["similar"])


async def test_a_case_shows_similar_ones_and_why_the_most_similar_first(rig: Rig) -> None:
    case = await open_case(rig, VIC, pages=[PAGE])
    same_page = await open_case(rig, "ff" * 16, pages=[PAGE], hours=90)
    both = await open_case(rig, "fe" * 16, VIC, pages=[PAGE], hours=1)
    await open_case(rig, "fd" * 16)
    found = await similar(rig, case)
    assert found == {
        "cases": [
            {"id": both.id, "code_name": both.code_name, "reasons": ["same_person", "same_page", "close_in_time"]},
            {"id": same_page.id, "code_name": same_page.code_name, "reasons": ["same_page"]},
        ],
        "more": False,
        "elsewhere": None,
    }


async def test_the_page_says_why_in_words_and_links_with_one_click(rig: Rig) -> None:
    case, other = await open_case(rig, VIC), await open_case(rig, VIC, hours=60)
    headers = bearer(ALICE)
    page = (await rig.http.get(f"/desk/cases/{case.code_name}", headers=headers)).text
    assert "Similar cases" in page
    assert "Same person reported" in page
    assert f"Link with {other.code_name}" in page
    done = await rig.order(case, "link", {"other": other.code_name, "relation": "same_people"})
    assert done.status_code == 200
    page = (await rig.http.get(f"/desk/cases/{case.code_name}", headers=headers)).text
    assert f"Link with {other.code_name}" not in page
    assert VIC not in page


async def test_nobody_learns_of_a_similar_case_of_others(rig: Rig) -> None:
    case = await open_case(rig, VIC)
    hidden = await open_case(rig, VIC, community="swwiki")
    assert (await similar(rig, case))["cases"] == []
    page = (await rig.http.get(f"/desk/cases/{case.code_name}", headers=bearer(ALICE))).text
    assert "Similar cases" not in page
    assert hidden.code_name not in page


async def test_a_person_who_is_named_in_a_similar_case_does_not_see_it(rig: Rig) -> None:
    case = await open_case(rig, VIC)
    named = await open_case(rig, VIC, witnesses=sorted(ALICE.pseudonyms))
    assert (await similar(rig, case))["cases"] == []
    assert [one["id"] for one in (await similar(rig, case, COLLEAGUE))["cases"]] == [named.id]


async def test_a_recused_person_does_not_see_a_similar_case(rig: Rig) -> None:
    case, other = await open_case(rig, VIC), await open_case(rig, VIC)
    assert (await rig.order(other, "recuse", {"ground": "involved"})).status_code == 200
    assert (await similar(rig, case))["cases"] == []


async def test_the_same_source_is_told_without_who_and_only_at_the_same_privacy(rig: Rig) -> None:
    case = await open_case(rig, VIC, source=SAM)
    alike = await open_case(rig, "ff" * 16, source=SAM)
    await open_case(rig, "fe" * 16, source=SAM, privacy="named")
    found = await similar(rig, case)
    assert [(one["id"], one["reasons"]) for one in found["cases"]] == [(alike.id, ["same_source", "close_in_time"])]
    assert SAM not in str(await rig.shown(case))


async def test_so_many_are_shown_and_it_is_said_that_there_are_more(rig: Rig) -> None:
    case = await open_case(rig, VIC)
    for number in range(SHOWN + 1):
        await open_case(rig, VIC, hours=number)
    rig.cases.looked_at.clear()
    found = await similar(rig, case)
    assert (len(found["cases"]), found["more"]) == (SHOWN, True)
    assert len(rig.cases.looked_at) <= LOOKED_AT + 5


async def test_a_coordinator_learns_that_there_are_reports_elsewhere_from_a_number_on(rig: Rig) -> None:
    case = await open_case(rig, VIC)
    for community in ("swwiki", "arwiki"):
        await open_case(rig, VIC, community=community)
    assert (await similar(rig, case, CORA))["elsewhere"] is None
    await open_case(rig, VIC, community="wmxx")
    assert (await similar(rig, case, CORA))["elsewhere"] == 3
    assert (await similar(rig, case, ALICE))["elsewhere"] is None
    page = (await rig.http.get(f"/desk/cases/{case.code_name}", headers=bearer(CORA))).text
    assert "The same person is reported in at least 3 other communities" in page
    section = page.partition('id="similar-title"')[2].partition("</section>")[0]
    assert "Kiswahili" not in section


async def test_reports_elsewhere_that_name_the_coordinator_are_not_counted(rig: Rig) -> None:
    case, own = await open_case(rig, VIC), sorted(CORA.pseudonyms)
    for community in ("swwiki", "arwiki", "wmxx"):
        await open_case(rig, VIC, community=community, witnesses=own)
    assert (await similar(rig, case, CORA))["elsewhere"] is None


async def test_who_is_only_asked_to_take_a_case_over_learns_of_no_other(rig: Rig) -> None:
    case = await open_case(rig, VIC)
    await open_case(rig, VIC, community="swwiki")
    assert (await rig.order(case, "refer", {"body": "swwiki_admins", "explanation": "Theirs."})).status_code == 200
    assert (await similar(rig, case, BOB))["cases"] == []


async def test_a_case_of_which_nothing_is_known_has_no_similar_ones(rig: Rig) -> None:
    assert await similar(rig, await rig.open()) == {"cases": [], "more": False, "elsewhere": None}
