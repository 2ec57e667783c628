"""What a playbook says to see to: handlers tick it, and their colleagues see who did, and when."""

import re
from collections.abc import AsyncIterator
from html import unescape

import httpx
import pytest

from services.triage.case.case import Case
from shared.access.principal import Principal
from shared.people_names import person_name
from tests.support.forms import hidden_fields
from tests.support.people import sign_in
from tests.support.triage_rig import ALICE, BOB, COLLEAGUE, CORA, Rig, make_rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        rig.http.headers.update({"accept": "text/html", "sec-fetch-site": "same-origin"})
        yield rig


async def page_of(rig: Rig, case: Case, who: Principal = ALICE, more: str = "") -> str:
    rig.entries.enrol(who)
    await sign_in(rig.http, rig.sessions, "/desk", who)
    return unescape((await rig.http.get(f"/desk/cases/{case.code_name}{more}")).text)


async def send(rig: Rig, case: Case, page: str, **fields: str) -> httpx.Response:
    token = hidden_fields(page)["form_token"]
    return await rig.http.post(f"/desk/cases/{case.code_name}/checks", data={"form_token": token, **fields})


def checks_in(page: str, name: str) -> list[str]:
    return re.findall(rf'name="{name}" value="([0-9a-f]{{16}})"', page)


async def test_colleagues_see_who_has_seen_to_a_check_and_can_take_it_back(rig: Rig) -> None:
    case = await rig.open(category="harassment.threats")
    page = await page_of(rig, case)
    first, *others = checks_in(page, "tick")
    assert f"(0 of {len(others) + 1} seen to)" in page
    answer = await send(rig, case, page, tick=first)
    there = f"/desk/cases/{case.code_name}?checks=1#playbook"
    assert (answer.status_code, answer.headers["location"]) == (303, there)
    mine = await page_of(rig, case, more="?checks=1")
    assert "Seen to by You · " in mine
    assert 'id="playbook" open>' in mine
    theirs = await page_of(rig, case, COLLEAGUE)
    assert f"Seen to by Responder {person_name(ALICE.ref)} · " in theirs
    assert (checks_in(theirs, "untick"), checks_in(theirs, "tick")) == ([first], others)
    # A page from before ticks it once more: the first tick stands.
    await send(rig, case, theirs, tick=first)
    assert rig.ticks.stored[case.id, first].by == ALICE.ref
    await send(rig, case, theirs, untick=first)
    assert rig.ticks.stored == {}
    assert rig.cases.stored[case.id].case.seq == case.seq, "a tick is no step of the case"


async def test_a_check_that_the_playbook_does_not_have_is_passed_over(rig: Rig) -> None:
    case = await rig.open()
    page = await page_of(rig, case)
    assert (await send(rig, case, page, tick="no-check")).status_code == 303
    assert (await send(rig, case, page)).status_code == 303
    assert rig.ticks.stored == {}


async def test_who_does_not_handle_a_case_ticks_nothing_in_it(rig: Rig) -> None:
    case = await rig.open()
    page = await page_of(rig, case)
    (check, *_) = checks_in(page, "tick")
    seen = await page_of(rig, case, CORA)
    assert "seen to)" in seen
    assert checks_in(seen, "tick") == [], "a coordinator sees what is done"
    assert (await send(rig, case, seen, tick=check)).status_code == 403
    await rig.order(case, "recuse", {"ground": "related"})
    for who in (ALICE, BOB):
        await page_of(rig, case, who)
        search = (await rig.http.get("/desk/search")).text
        assert (await send(rig, case, search, tick=check)).status_code == 404
    assert rig.ticks.stored == {}
