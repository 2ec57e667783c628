"""The desk on a machine with a clock that is a month ahead of that of the database."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.triage.case.case import Case
from shared.access.actions import ACTIONS
from shared.access.authorization import FRESH
from shared.access.principal import Leave, Principal
from shared.bounded_clock import BoundedClock
from shared.policy.loader import PACKAGED
from shared.times import now
from shared.web.gate import GatedRoute
from tests.support.forms import hidden_fields
from tests.support.people import enforcer, sign_in
from tests.support.triage_rig import ALICE, CORA, Rig, bearer, make_rig, reported

BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}
AHEAD = timedelta(days=31)


def of_the_database(_: BoundedClock) -> datetime:
    return now() - AHEAD


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(BoundedClock, "or_own", of_the_database)
    async with make_rig() as rig:
        rig.http.headers.update(BROWSER)
        yield rig


async def started(rig: Rig) -> Case:
    case = await rig.open()
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    for command in ("assign", "start"):
        assert await send(rig, case, command) == 303
    return case


async def send(rig: Rig, case: Case, command: str, **values: str) -> int:
    address = f"/desk/cases/{case.code_name}"
    page = await rig.http.get(address)
    answer = await rig.http.post(f"{address}/{command}", data={**hidden_fields(page.text), **values})
    return answer.status_code


@pytest.mark.parametrize("age", [timedelta(), FRESH - timedelta(minutes=1), FRESH + timedelta(minutes=1)])
async def test_a_sign_in_is_fresh_by_the_clock_that_it_was_noted_by(rig: Rig, age: timedelta) -> None:
    case = await started(rig)
    await sign_in(rig.http, rig.sessions, "/desk", ALICE, age=age)
    page = (await rig.http.get(f"/desk/cases/{case.code_name}")).text
    assert ("and yours is older" in page) is (age > FRESH)
    await send(rig, case, "decide", outcome="warning", reason="The edits show it.")
    assert (rig.cases.stored[case.id].case.state == "decided") is (age <= FRESH)


async def test_no_gate_of_triage_judges_whether_a_sign_in_is_fresh(rig: Rig) -> None:
    routes = [route for route in rig.app.routes if isinstance(route, GatedRoute)]
    assert [route.path for route in routes if ACTIONS[route.action].fresh] == []
    assert len(routes) > 50


async def test_pages_and_answers_call_nothing_overdue_that_the_desk_holds_in_time(rig: Rig) -> None:
    case = await rig.open(reported(received_at=now() - AHEAD))
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    for address in (f"/desk/cases/{case.code_name}", "/desk"):
        page = (await rig.http.get(address)).text
        assert case.code_name in page
        # The tab and its key are called so, too.
        assert '__text">Overdue<' not in page
    assert case.code_name not in (await rig.http.get("/desk?tab=overdue")).text
    shown = [await rig.shown(case), *(await rig.http.get("/v1/cases", headers=bearer(ALICE))).json()["items"]]
    assert [deadline for one in shown for deadline in one["deadlines"] if deadline["overdue"]] == []


async def test_the_search_reads_no_words_that_the_page_of_the_case_keeps_from_its_reader(rig: Rig) -> None:
    """By the machine the person is trained; by the clock of the desk that is still to come."""
    done = tuple(replace(one, completed_at=now() - timedelta(days=9)) for one in ALICE.trainings)
    later = replace(ALICE, trainings=done)
    case = await rig.open()
    stored = rig.cases.stored[case.id]
    rig.cases.stored[case.id] = replace(stored, case=replace(stored.case, assignee=ALICE.ref))
    rig.vault.sections[case.report_id] = {"reported": {"people": [{"name": "Example User"}]}}
    await sign_in(rig.http, rig.sessions, "/desk", later)
    form = hidden_fields((await rig.http.get("/desk/search")).text)
    found = await rig.http.post("/desk/search", data={**form, "text": "example user", "words": "yes"})
    assert (found.status_code, case.code_name in found.text) == (200, False)
    assert (await rig.http.get(f"/desk/cases/{case.code_name}")).status_code in {403, 404}
    assert rig.vault.reads == []


@pytest.mark.parametrize(("what", "answer"), [("a role that has ended", 200), ("a leave that is over", 403)])
async def test_who_comes_in_is_judged_by_the_clock_of_the_desk(rig: Rig, what: str, answer: int) -> None:
    ended = tuple(replace(one, expires_at=now() - timedelta(days=1)) for one in CORA.grants)
    leave = Leave(now() - 2 * AHEAD, now() - timedelta(days=9))
    who = replace(CORA, grants=ended) if "role" in what else replace(CORA, leaves=(leave,))
    await sign_in(rig.http, rig.sessions, "/desk", who)
    pages = [await rig.http.get(page) for page in ("/desk", "/desk/measures", "/desk/roster")]
    listed = await rig.http.get("/v1/cases", headers=bearer(who))
    assert {one.status_code for one in (*pages, listed)} == {answer}


@pytest.mark.parametrize("page", ["/desk", "/desk/search", "/desk/measures", "/desk/policy"])
async def test_a_page_leads_to_the_rooms_of_a_role_that_runs_by_the_desk(rig: Rig, page: str) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", coordinating())
    shown = await rig.http.get(page)
    assert (shown.status_code, 'href="/desk/roster"' in shown.text) == (200, True)
    assert ("Try a change" in shown.text) is (page == "/desk/policy")


@pytest.mark.parametrize("page", ["/desk/roster", "/desk/me", "/desk/baseline", "/desk/baseline/enwiki"])
async def test_no_page_leads_to_rooms_that_are_shut_by_the_clock_of_the_desk(rig: Rig, page: str) -> None:
    """By the machine the leave is over; by the clock of the desk it lasts."""
    on_leave = replace(CORA, leaves=(Leave(now() - 2 * AHEAD, now() - timedelta(days=9)),))
    await sign_in(rig.http, rig.sessions, "/desk", on_leave)
    shown = await rig.http.get(page)
    assert shown.status_code in {200, 403}
    assert 'href="/desk/measures"' not in shown.text


async def test_a_change_of_the_policy_is_compared_by_the_clock_of_the_desk(rig: Rig) -> None:
    """By the machine, the case came in more than 90 days ago."""
    case = await rig.open(received_at=now() - AHEAD - timedelta(days=80))
    await sign_in(rig.http, rig.sessions, "/desk", CORA)
    form = hidden_fields((await rig.http.get("/desk/policy")).text)
    text = (PACKAGED / "routing.toml").read_text(encoding="utf-8")
    changed = text.replace('to = ["local.arbcom", "local.admins"]', 'to = ["local.admins"]')
    tried = await rig.http.post("/desk/policy", data={**form, "file": "routing.toml", "text": changed})
    assert f'href="/desk/cases/{case.code_name}"' in tried.text


def coordinating() -> Principal:
    """A responder and enforcer who is a coordinator as well; by the machine, that role has ended."""
    ended = (replace(grant, expires_at=now() - timedelta(days=1)) for grant in CORA.grants)
    return replace(CORA, grants=(*ALICE.grants, *enforcer("e4f", "trust_safety").grants, *ended))
