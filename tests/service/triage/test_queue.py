"""The queue: what must happen next, tabs and filters with counts, for pages and programs."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from services.triage.case.case import Case
from services.triage.desk import queue
from shared.access.principal import Leave, Principal
from shared.events import CaseState
from shared.i18n.messages import write_day
from shared.people_names import person_name
from shared.times import now
from tests.service.triage.test_sight import NAMED, naming
from tests.support.forms import hidden_fields
from tests.support.people import bearer, sign_in
from tests.support.triage_rig import ALICE, BOB, COLLEAGUE, CORA, Rig, answered, make_rig, reported


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        rig.http.headers.update({"accept": "text/html", "sec-fetch-site": "same-origin"})
        yield rig


async def counts_for(rig: Rig, who: Principal = ALICE, query: str = "") -> dict[str, Any]:
    answer = await rig.http.get(f"/v1/cases?counts=true{query}", headers=bearer(who))
    return dict(answer.json()["counts"])


async def test_no_case_of_two_bodies_is_both_a_persons_and_nobodys(rig: Rig) -> None:
    wanted = queue.QueueFilter("unassigned", assignee=ALICE.ref)
    assert wanted.query(ALICE, ("enwiki_arbcom", "stewards"), now()).bodies == ()
    case = await rig.open()
    await rig.order(case, "assign")
    both = f"&tab=unassigned&assignee={ALICE.ref}"
    assert (await counts_for(rig, query=both))["choices"]["states"] == {}


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


async def test_a_closed_case_stands_there_until_a_person_reads_what_was_written_in_it(rig: Rig) -> None:
    told, other = await rig.open(), await rig.open()
    for case in (told, other):
        reasons = {"outcome": "advice", "reason": "So."}
        for command, body in (("assign", {}), ("start", {}), ("ask", {"question": "When?"}), ("start", {})):
            await rig.order(case, command, body)
        await rig.order(case, "decide", reasons)
        await rig.order(case, "close")
    question = rig.cases.stored[told.id].case.questions[0].id
    assert await tabs_for(rig) == {}
    await rig.intake.take([answered(told.report_id, question)])
    assert await tabs_for(rig) == {"mine": 1, "answered": 1}
    assert (await counts_for(rig, query="&tab=answered"))["choices"]["community"] == {"enwiki": 1}
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    for query in ("?tab=answered", "?tab=mine", f"?assignee={ALICE.ref}", "?tab=answered&community=enwiki"):
        page = await page_of(rig, query)
        assert "Read what was written" in page, query
        assert told.code_name in page
        assert other.code_name not in page
    for query in ("?tab=waiting", "?community=enwiki", "?community=enwiki&category=harassment.insults"):
        assert told.code_name not in (await page_of(rig, query)).partition("<tbody")[2], query
    assert await tabs_for(rig, BOB) == {}
    await rig.order(told, "note", {"note": "I called.", "visibility": "body"})
    assert await tabs_for(rig) == {}


async def test_each_person_finds_the_cases_that_they_follow(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    followed, other = [await rig.open() for _ in range(2)]
    await rig.order(followed, "watch")
    assert (await tabs_for(rig))["followed"] == 1
    assert "followed" not in await tabs_for(rig, COLLEAGUE)
    page = await page_of(rig, "?tab=followed")
    assert followed.code_name in page
    assert other.code_name not in page
    await rig.order(followed, "unwatch")
    assert "followed" not in await tabs_for(rig)


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


async def test_a_person_can_have_more_counted_and_no_hidden_case_is(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    monkeypatch.setattr(queue, "COUNTED", 2)
    monkeypatch.setattr(queue, "MOST_LOOKED_AT", 2)
    hidden = [await rig.open() for _ in range(3)]
    for case in hidden:
        await rig.order(case, "recuse", {"ground": "related"})
    for category in ("insults", "insults", "insults", "trolling"):
        await rig.open(category=f"harassment.{category}")
    assert (await counts_for(rig, query="&count_to=2"))["tabs"]["all"] == {"number": 2, "more": True}
    counted = await counts_for(rig, query="&count_to=4")
    assert counted["tabs"]["all"] == {"number": 4, "more": False}
    assert counted["choices"]["category"] == {"harassment.insults": 3, "harassment.trolling": 1}
    assert (await counts_for(rig, query="&count_to=3"))["tabs"]["all"] == {"number": 3, "more": True}
    page = await page_of(rig, "?lane=standard")
    (further,) = re.findall(r'href="/desk(\?[^"]+)">Count up to 1,000 cases<', page)
    assert "lane=standard" in further
    page = await page_of(rig, further)
    assert "Insults (3)" in page
    assert 'data-count="all">4<' in page
    assert "Count up to" not in page
    assert "count=further" in page.partition("data-live=")[2].partition(">")[0]


async def test_no_choice_is_said_to_have_no_case_where_not_all_are_counted(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    monkeypatch.setattr(queue, "COUNTED", 2)
    for category in ("insults", "insults", "insults", "trolling"):
        await rig.open(category=f"harassment.{category}", received_at=now() - timedelta(days=category == "insults"))
    token = hidden_fields(await page_of(rig, "?tab=mine"))["form_token"]
    view = {"form_token": token, "back": "category=harassment.trolling", "name": "Trolls"}
    assert (await rig.http.post("/desk/views", data=view)).status_code == 303
    page = await page_of(rig)
    assert "Insults (2+)" in page
    assert re.search(r">Trolling</option>", page)
    assert re.search(r"<bdi>Trolls</bdi></a>", page)
    assert "0+" not in page


async def test_a_count_tells_nothing_of_cases_that_are_hidden(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    monkeypatch.setattr(queue, "COUNTED", 2)
    hidden = [await rig.open() for _ in range(3)]
    for case in hidden:
        await rig.order(case, "recuse", {"ground": "related"})
    await rig.open()
    assert (await counts_for(rig))["tabs"]["all"] == {"number": 1, "more": False}
    for _ in range(2):
        await rig.open()
    assert (await counts_for(rig))["tabs"]["all"] == {"number": 2, "more": True}


async def test_a_filter_that_does_not_exist_is_left_out(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    case = await rig.open()
    assert case.code_name in await page_of(rig, "?tab=none&state=none&community=none&lane=none&assignee=none&body=none")


async def test_a_body_is_named_with_its_community(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    case = await rig.open()
    page = unescape((await rig.http.get(f"/desk/cases/{case.code_name}")).text)
    assert "Administrators · English Wikipedia" in page or "Arbitration Committee · English Wikipedia" in page


async def send_bulk(rig: Rig, page: str, cases: list[Case], **values: str) -> str:
    versions = dict(re.findall(r'name="case" value="([0-9a-f-]+):(\d+)"', page))
    form = {"case": [f"{case.id}:{versions[case.id]}" for case in cases], "key": hidden_fields(page)["key"], **values}
    form["form_token"] = hidden_fields(page)["form_token"]
    answer = await rig.http.post("/desk/bulk", data=form)
    assert answer.status_code == (200 if cases else 422)
    return unescape(answer.text)


async def test_several_cases_are_given_at_once_and_each_says_why_not(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    first, stale, third = [await rig.open() for _ in range(3)]
    recused = await rig.open()
    await rig.order(recused, "recuse", {"person": COLLEAGUE.ref, "ground": "related"})
    page = await page_of(rig, "?tab=unassigned")
    await rig.order(stale, "watch")
    values = {"command": "assign", "assignee": COLLEAGUE.ref, "back": "tab=unassigned"}
    told = await send_bulk(rig, page, [first, stale, third, recused], **values)
    assert "Done for 2 of 4 cases." in told
    assert "It has changed meanwhile. Open it to see what is new" in told
    assert "This person cannot have this case." in told
    assert 'href="/desk?tab=unassigned"' in told
    assert [rig.cases.stored[c.id].case.assignee for c in (first, stale, third, recused)] == [
        COLLEAGUE.ref, None, COLLEAGUE.ref, None
    ]  # fmt: skip
    # The same form once more does nothing twice.
    before = rig.cases.stored[first.id].case.seq
    assert "Done for 2 of 4 cases." in await send_bulk(rig, page, [first, stale, third, recused], **values)
    assert rig.cases.stored[first.id].case.seq == before
    told = await send_bulk(rig, page, [first], **{**values, "assignee": ALICE.ref})
    assert "You sent this form before with something else in it, and that counts." in told


async def test_several_cases_are_linked_to_another_one_at_once(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    first, second, main = [await rig.open() for _ in range(3)]
    page = await page_of(rig)
    told = await send_bulk(rig, page, [first, main], command="link", other=main.code_name, relation="same_people")
    assert "Done for 1 of 2 cases." in told
    assert "This is the same case. Choose another one." in told
    assert len(rig.cases.stored[main.id].case.links) == 1
    assert rig.cases.stored[second.id].case.links == ()


async def test_a_form_for_several_cases_reaches_none_of_other_people(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    own, foreign = await rig.open(), await rig.open(community="swwiki")
    page = await page_of(rig)
    page += f'name="case" value="{foreign.id}:{foreign.seq}"'
    told = await send_bulk(rig, page, [foreign, own], command="assign", assignee=ALICE.ref)
    assert "A case that you cannot see" in told
    assert foreign.code_name not in told
    assert rig.cases.stored[foreign.id].case.assignee is None


@pytest.mark.parametrize(
    ("values", "faulty"),
    [
        ({"command": "assign", "assignee": "", "other": "half-typed"}, ["assignee"]),
        ({"command": "link", "other": "half-typed", "relation": "same_people"}, ["other"]),
        ({"command": "link", "other": "", "relation": ""}, ["other", "relation"]),
    ],
    ids=["no-person", "no-such-case", "nothing-chosen"],
)
async def test_a_faulty_form_for_several_cases_comes_back_whole_and_does_nothing(
    rig: Rig, values: dict[str, str], faulty: list[str]
) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    first, gone, left = [await rig.open() for _ in range(3)]
    page = await page_of(rig, "?tab=unassigned")
    ticks = [f"{case.id}:{case.seq}" for case in (first, gone)]
    # A ticked case has left this part of the queue meanwhile.
    await rig.order(gone, "claim", None, COLLEAGUE)
    hidden = {"form_token": hidden_fields(page)["form_token"], "back": "tab=unassigned"}
    answer = await rig.http.post("/desk/bulk", data={**hidden, "case": ticks, **values})
    told = unescape(answer.text)
    assert answer.status_code == 422
    assert re.findall(r'href="#bulk-(\w+)"', told) == faulty
    assert re.findall(r'id="bulk-(\w+)-error"', told) == sorted(faulty)
    assert set(re.findall(r'name="case" value="([^"]+)" checked', told)) == set(ticks)
    assert f'value="{left.id}:{left.seq}">' in told
    assert all(f'value="{typed}"' in told for name, typed in values.items() if name == "other" and typed)
    assert ('value="same_people" selected' in told) == (values.get("relation") == "same_people")
    assert rig.cases.stored[first.id].case.seq == first.seq


async def test_nothing_is_done_where_no_case_is_ticked_or_the_command_is_no_such(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    case = await rig.open()
    page = await page_of(rig)
    assert "tick at least one case" in await send_bulk(rig, page, [], command="assign", assignee=ALICE.ref)
    form = {"form_token": hidden_fields(page)["form_token"], "case": f"{case.id}:{case.seq}", "command": "decide"}
    assert (await rig.http.post("/desk/bulk", data=form)).status_code == 422
    assert rig.cases.stored[case.id].case.seq == case.seq


async def test_coordinators_see_who_has_what_and_who_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    at = now()
    away = replace(COLLEAGUE, leaves=(Leave(at, at + timedelta(days=9)),))
    gone = replace(ALICE, grants=tuple(replace(grant, expires_at=at) for grant in ALICE.grants))

    class Staff:
        async def staff(self):
            return {"enwiki_admins": [gone, away], "enwiki_arbcom": [gone, away]}

    async with make_rig() as rig:
        late = await rig.open(received_at=at - timedelta(days=9))
        await rig.order(late, "assign")
        await rig.order(await rig.open(), "assign")
        stored = rig.cases
    async with make_rig(Staff()) as rig:
        rig.cases.stored.update(stored.stored)
        rig.http.headers.update({"accept": "text/html", "sec-fetch-site": "same-origin"})
        await sign_in(rig.http, rig.sessions, "/desk", CORA)
        page = unescape((await rig.http.get("/desk/load")).text)
        assert f"On leave until {write_day('en', at + timedelta(days=9))}" in page
        assert "No role any more" in page
        rows = re.findall(r'<tr role="row"><th scope="row".*?</tr>', page, re.DOTALL)
        assert [re.findall(r'data-label="(?:Open cases|Overdue)">(\d+)', row) for row in rows] == [
            ["2", "1"],
            ["0", "0"],
        ]
        # So many cases that each person's are looked at alone.
        monkeypatch.setattr(queue, "COUNTED", 1)
        monkeypatch.setattr(queue, "MOST_LOOKED_AT", 2)
        assert 'data-label="Open cases">1+' in (await rig.http.get("/desk/load")).text
        monkeypatch.undo()
        handing = await page_of(rig, f"?assignee={ALICE.ref}")
        assert handing.count(" checked>") == 2
        assert f"Cases of {person_name(ALICE.ref)}" in handing


async def test_the_empty_form_of_the_search_shows_what_is_first(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    case = await rig.open()
    assert case.code_name in (await rig.http.get("/desk/search")).text


async def test_who_is_no_coordinator_sees_no_load(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    assert (await rig.http.get("/desk/load")).status_code == 403


async def test_closed_cases_are_narrowed_by_community_and_category(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    trolling, insults, still = await rig.open(category="harassment.trolling"), await rig.open(), await rig.open()
    for case in (trolling, insults):
        stored = rig.cases.stored[case.id]
        rig.cases.stored[case.id] = replace(stored, case=replace(stored.case, state=CaseState.CLOSED))
    page = await page_of(rig, "?state=closed&category=harassment.trolling&community=enwiki")
    assert trolling.code_name in page
    assert insults.code_name not in page
    assert ">Trolling (1)</option>" in page
    everything = await page_of(rig, "?state=closed")
    assert {case.code_name for case in (trolling, insults)} <= set(re.findall(r"[a-z]+-[a-z]+", everything))
    assert still.code_name not in everything
    assert (await counts_for(rig, query="&state=closed&category=harassment.trolling"))["choices"]["category"] == {
        "harassment.trolling": 1
    }


async def test_choices_follow_from_the_policy_and_tell_of_no_case(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    before = re.findall(r'<option value="[a-z_.]+"', (await page_of(rig)).partition('id="category"')[2])
    case = await rig.open(category="harassment.doxing")
    await rig.order(case, "recuse", {"ground": "related"})
    assert re.findall(r'<option value="[a-z_.]+"', (await page_of(rig)).partition('id="category"')[2]) == before
    assert '<option value="harassment.doxing"' in before
    places = (await page_of(rig)).partition('id="community"')[2].partition("</select>")[0]
    assert 'value="enwiki"' in places
    assert 'value="swwiki"' not in places, "another body handles it"
