"""The desk: pages that work without JavaScript, a session in a cookie, and forms that lose nothing."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from services.triage.case.case import Case
from shared.access.authorization import FRESH
from shared.access.principal import Leave, Principal, Role
from shared.access.roster import Staff
from shared.events import CaseState, MentionCleared
from shared.people_names import person_name
from shared.times import now, rfc3339
from tests.support.forms import hidden_fields
from tests.support.people import COPIES, come_back, responder, sign_in
from tests.support.triage_rig import ALICE, BOB, COLLEAGUE, CORA, Rig, answered, bearer, make_rig

BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}


@pytest.fixture
async def rig():
    async with make_rig() as rig:
        rig.http.headers.update(BROWSER)
        yield rig


async def signed_in(rig: Rig, who=ALICE, **session) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", who, **session)


async def page_of(rig: Rig, case: Case, status: int = 200) -> str:
    answer = await rig.http.get(f"/desk/cases/{case.code_name}")
    assert answer.status_code == status
    return unescape(answer.text)


def hidden(page: str) -> dict[str, str]:
    return {name: value for name, value in hidden_fields(page).items() if name in ("version", "key", "form_token")}


async def send(rig: Rig, case: Case, command: str, page: str | None = None, **values: str):
    page = page or await page_of(rig, case)
    return await rig.http.post(f"/desk/cases/{case.code_name}/{command}", data={**hidden(page), **values})


async def test_a_browser_without_a_session_is_led_to_the_sign_in_page_and_back(rig: Rig) -> None:
    case = await rig.open()
    answer = await rig.http.get(f"/desk/cases/{case.code_name}?done=ask")
    assert answer.status_code == 303
    sign_in = await rig.http.get(answer.headers["location"])
    assert re.search('name="next" value="([^"]+)"', sign_in.text)[1] == f"/desk/cases/{case.code_name}?done=ask"


async def test_a_decision_long_after_the_sign_in_asks_for_another_and_keeps_the_words(rig: Rig) -> None:
    await signed_in(rig, age=FRESH + timedelta(seconds=5))
    case = await rig.open()
    for command in ("assign", "start"):
        assert (await send(rig, case, command)).status_code == 303
    answer = await send(rig, case, "decide", outcome="warning", reason="The edits show it.")
    assert answer.status_code == 401
    assert "nothing you wrote is lost" in answer.text
    assert "The edits show it." not in answer.text
    assert rig.cases.stored[case.id].case.state == "investigating"
    await come_back(rig.http, rig.sessions, "/desk", ALICE, answer.text)
    back = await rig.http.get(f"/desk/cases/{case.code_name}/decide")
    assert back.status_code == 200
    assert "Nothing has been sent yet" in back.text
    assert "The edits show it." in back.text
    assert re.search('<option value="warning" selected>', back.text)
    assert "and yours is older" not in back.text
    again = await send(rig, case, "decide", back.text, outcome="warning", reason="The edits show it.")
    assert again.status_code == 303
    assert rig.cases.stored[case.id].case.state == "decided"


async def test_a_decision_says_first_that_it_needs_another_sign_in(rig: Rig) -> None:
    case = await rig.open()
    await signed_in(rig)
    for command in ("assign", "start"):
        await send(rig, case, command)
    age = timedelta(minutes=4)
    await signed_in(rig, age=age)
    began = min(session.authenticated_at for session in rig.sessions.sessions.values())
    page = (await rig.http.get(f"/desk/cases/{case.code_name}")).text
    assert "yours is older" not in page
    assert page.count(f'Your sign-in is new enough for this until <time datetime="{rfc3339(began + FRESH)}">') == 1
    await signed_in(rig, age=FRESH + timedelta(seconds=5))
    page = (await rig.http.get(f"/desk/cases/{case.code_name}")).text
    assert page.count("and yours is older") == 1
    assert page.index("and yours is older") < page.index('id="decide-reason"')
    assert f"/desk/sign-in?fresh=1&amp;next=%2Fdesk%2Fcases%2F{case.code_name}" in page


@pytest.mark.parametrize("ended", ["idle", "signed out"])
async def test_a_question_that_came_too_late_returns_after_the_sign_in(rig: Rig, ended: str) -> None:
    case = await rig.open()
    await signed_in(rig)
    for command in ("assign", "start"):
        await send(rig, case, command)
    page = await page_of(rig, case)
    if ended == "idle":
        await signed_in(rig, seen_at=now() - timedelta(minutes=31))
    else:
        rig.sessions.sessions.clear()
        rig.http.cookies.delete("__Host-hearth-desk")
    answer = await send(rig, case, "ask", page, question="When was it?\nAnd where?")
    assert answer.status_code == 401
    assert "Your session has ended" in answer.text
    # A colleague did something meanwhile.
    await rig.order(case, "assign", {"assignee": COLLEAGUE.ref})
    await come_back(rig.http, rig.sessions, "/desk", ALICE, answer.text)
    back = await rig.http.get(f"/desk/cases/{case.code_name}/ask")
    assert back.status_code == 412
    assert "When was it?\nAnd where?" in back.text
    assert "This case has changed meanwhile" in back.text
    again = await send(rig, case, "ask", back.text, question="When was it?")
    assert again.status_code == 303
    other = await rig.http.get(f"/desk/cases/{case.code_name}/recuse")
    assert (other.status_code, other.headers["location"]) == (303, f"/desk/cases/{case.code_name}")


async def test_who_recuses_themselves_is_led_away_and_never_sees_the_case_again(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    await send(rig, case, "assign")
    answer = await send(rig, case, "recuse", ground="related")
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk?done=recuse")
    assert "The recusal is recorded." in (await rig.http.get(answer.headers["location"])).text
    assert (await rig.http.get(f"/desk/cases/{case.code_name}")).status_code == 404
    after = rig.cases.stored[case.id].case
    assert (after.recused, after.assignee, after.state) == ((ALICE.ref,), None, "assigned")


async def test_a_pending_recusal_says_until_when_and_what_to_do(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    answer = await send(rig, case, "recuse", ground="related", person=COLLEAGUE.ref)
    assert answer.headers["location"] == f"/desk/cases/{case.code_name}?done=recuse"
    page, colleague = await page_of(rig, case), person_name(COLLEAGUE.ref)
    due = rig.cases.stored[case.id].case.lapses_at
    assert due
    assert f"You have recused Responder {colleague}. A second person or a coordinator must confirm it." in page
    assert f'datetime="{rfc3339(due)}"' in page
    assert "Why: Related or close" in page
    assert "Confirm the recusal" not in page
    assert page.count("Take the recusal back") == 1
    # To a second person it says what to do, and they do it.
    other = replace(ALICE, ref="person:5ec0d00000000000", pseudonyms=frozenset({"5ec0d0" * 5 + "00"}))
    COPIES.enrol(other)
    await signed_in(rig, other)
    page = await page_of(rig, case)
    assert f"Responder {person_name(ALICE.ref)} has recused Responder {colleague}. Confirm it if you see" in page
    done = await send(rig, case, "confirm", person=COLLEAGUE.ref)
    assert done.headers["location"] == f"/desk/cases/{case.code_name}?done=confirm"
    page = (await rig.http.get(done.headers["location"])).text
    assert "The recusal is confirmed." in page
    assert "and this holds." in page
    assert "Take the recusal back" not in page


async def test_a_recusal_is_taken_back_with_a_reason(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    await send(rig, case, "recuse", ground="related", person=COLLEAGUE.ref)
    refused = await send(rig, case, "withdraw", person=COLLEAGUE.ref)
    assert refused.status_code == 422
    assert 'href="#withdraw-withdrawal"' in refused.text
    assert 'id="withdraw-withdrawal"' in refused.text
    done = await send(rig, case, "withdraw", person=COLLEAGUE.ref, withdrawal="mistaken")
    assert done.status_code == 303
    page = (await rig.http.get(done.headers["location"])).text
    assert "The recusal is taken back." in page
    assert "Recusal taken back: Declared by mistake" in page
    assert rig.cases.stored[case.id].case.recused == ()


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "https://desk.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {},
    ],
)
async def test_a_form_on_another_site_is_not_taken(rig: Rig, headers: dict[str, str]) -> None:
    await signed_in(rig)
    case = await rig.open()
    form = hidden(await page_of(rig, case))
    del form["form_token"], rig.http.headers["sec-fetch-site"]
    answer = await rig.http.post(f"/desk/cases/{case.code_name}/assign", data=form, headers=headers)
    assert answer.status_code == 403
    assert rig.cases.stored[case.id].case == case


async def test_a_form_of_an_old_browser_is_taken_by_its_origin(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    form = hidden(await page_of(rig, case))
    del rig.http.headers["sec-fetch-site"]
    origin = {"origin": "https://desk.example"}
    answer = await rig.http.post(f"/desk/cases/{case.code_name}/assign", data=form, headers=origin)
    assert answer.status_code == 303


async def test_the_queue_shows_emergencies_first_and_marks_what_is_overdue(rig: Rig) -> None:
    await signed_in(rig)
    old = await rig.open(received_at=now() - timedelta(days=8))
    fresh = await rig.open()
    urgent = await rig.open(flags=("physical_violence",))
    foreign = await rig.open(community="swwiki")
    page = (await rig.http.get("/desk")).text
    places = [page.index(case.code_name) for case in (urgent, old, fresh)]
    assert places == sorted(places)
    assert re.findall(r'chip__text">Overdue<', page) == ['chip__text">Overdue<']
    assert foreign.code_name not in page


async def test_the_queue_is_filtered_and_paged(rig: Rig) -> None:
    await signed_in(rig)
    cases = [await rig.open() for _ in range(27)]
    await rig.order(cases[0], "assign")
    first = unescape((await rig.http.get("/desk")).text)
    more = re.search(r'href="(/desk\?cursor=[^"]+)"', first)[1]
    second = (await rig.http.get(more)).text
    assert [c.code_name in first or c.code_name in second for c in cases] == [True] * 27
    assert sum(c.code_name in first for c in cases) == 25
    assigned = (await rig.http.get("/desk", params={"state": "assigned"})).text
    assert [c for c in cases if c.code_name in assigned] == [cases[0]]


async def test_the_queue_can_be_filtered_by_each_state_in_which_cases_are_worked_on(rig: Rig) -> None:
    await signed_in(rig)
    page = (await rig.http.get("/desk")).text
    offered = {state for state in CaseState if f'<option value="{state}"' in page}
    assert offered == set(CaseState) - {CaseState.RECEIVED, CaseState.MERGED}


async def test_a_closed_case_leaves_the_queue_and_can_be_found_by_its_state(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    for command, body in (
        ("assign", {}), ("start", {}), ("decide", {"outcome": "advice", "reason": "So."}), ("close", {})
    ):  # fmt: skip
        assert (await rig.order(case, command, body)).status_code == 200
    assert case.code_name not in (await rig.http.get("/desk")).text
    assert case.code_name in (await rig.http.get("/desk?state=closed")).text


async def test_a_case_is_carried_from_new_to_closed_by_forms_alone(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    rig.vault.sections[case.report_id] = {"content": {"narrative": "They followed me."}}
    assert "They followed me." in await page_of(rig, case)
    for command, values in (
        ("assign", {}),
        ("start", {}),
        ("ask", {"question": "When was it?"}),
    ):
        done = await send(rig, case, command, **values)
        assert (done.status_code, done.headers["location"]) == (303, f"/desk/cases/{case.code_name}?done={command}")
    asked = rig.cases.stored[case.id].case.questions[0].id
    await rig.intake.take([answered(case.report_id, asked)])
    answers = {"answers": [{"question_id": asked, "text": "On Monday."}]}
    rig.vault.sections[case.report_id]["correspondence"] = answers
    page = await page_of(rig, case)
    assert "When was it?" in page
    assert "On Monday." in page
    await send(rig, case, "decide", outcome="warning", reason="The edits show it.")
    await send(rig, case, "close")
    page = await page_of(rig, case)
    assert "Close the case" not in page
    assert "Decided: Warning" in page
    assert rig.cases.stored[case.id].case.state == "closed"


async def test_a_paused_deadline_is_shown_with_the_time_that_is_left(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    for command, values in (("assign", {}), ("start", {}), ("ask", {"question": "When was it?"})):
        await send(rig, case, command, **values)
    page = await page_of(rig, case)
    assert "Paused; 27 days left" in page
    assert "Deadline paused: Decision" in page
    assert "What a deadline asked for was done: First response" in page
    await send(rig, case, "start")
    page = await page_of(rig, case)
    assert "Paused while" not in page
    assert "Deadline runs again: Decision" in page


async def test_less_than_an_hour_of_a_paused_deadline_is_told_in_minutes(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open(received_at=now() - timedelta(days=28) + timedelta(minutes=30, seconds=50))
    for command, values in (("assign", {}), ("start", {}), ("ask", {"question": "When was it?"})):
        await send(rig, case, command, **values)
    assert "Paused; 30 minutes left" in await page_of(rig, case)


async def test_every_view_of_the_content_is_read_on_behalf_of_the_reader(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    await page_of(rig, case)
    await page_of(rig, case)
    assert rig.vault.reads == [(case.report_id, "review", ALICE.actor(Role.RESPONDER))] * 2


async def test_who_reported_is_shown_once_the_policy_gives_it(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open(privacy="confidential")
    rig.vault.sections[case.report_id] = {"content": {"narrative": "x"}, "reporter": {"name": "Quixotina"}}
    await send(rig, case, "assign")
    assert "Quixotina" not in await page_of(rig, case)
    assert {purpose for _, purpose, _ in rig.vault.reads} == {"review"}
    await send(rig, case, "start")
    assert "Quixotina" in await page_of(rig, case)
    assert rig.vault.reads[-1] == (case.report_id, "identify", ALICE.actor(Role.RESPONDER))
    # A colleague of the same body does not have the case.
    await rig.order(case, "assign", {"assignee": COLLEAGUE.ref})
    page = await page_of(rig, case)
    assert "Quixotina" not in page
    assert "Only the responder who has the case sees the name" in page
    assert rig.vault.reads[-1][1] == "review"


async def test_without_the_vault_the_case_is_still_there(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    rig.vault.away = True
    page = await page_of(rig, case)
    assert "not available now" in page
    assert "First response" in page
    assert (await send(rig, case, "assign")).status_code == 303


async def test_a_changed_case_says_what_changed_and_keeps_what_was_typed(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    await rig.order(case, "assign")
    await rig.order(case, "start")
    page = await page_of(rig, case)
    await rig.order(case, "assign", {"assignee": COLLEAGUE.ref})
    conflict = await send(rig, case, "ask", page, question="Was it on a <talk> page?")
    text = unescape(conflict.text)
    assert conflict.status_code == 412
    assert "This case has changed meanwhile" in text
    assert f"Assigned: Responder {person_name(COLLEAGUE.ref)}" in text
    assert "Was it on a <talk> page?" in text
    assert "<talk>" not in conflict.text
    again = await send(rig, case, "ask", text, question="Was it on a <talk> page?")
    assert again.status_code == 303


async def test_words_without_a_form_to_go_back_into_are_shown(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    await rig.order(case, "assign")
    await rig.order(case, "start")
    page = await page_of(rig, case)
    await rig.order(case, "decide", {"outcome": "advice", "reason": "So."})
    conflict = await send(rig, case, "ask", page, question="Was it on Monday?")
    assert conflict.status_code == 412
    assert "Was it on Monday?" in conflict.text
    assert f'action="/desk/cases/{case.code_name}/ask"' not in conflict.text


async def test_a_form_sent_twice_is_done_once(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    page = await page_of(rig, case)
    first, second = await send(rig, case, "assign", page), await send(rig, case, "assign", page)
    assert (first.status_code, second.status_code) == (303, 303)
    assert rig.cases.stored[case.id].case.seq == 4


async def test_a_form_sent_again_with_other_words_says_that_the_first_ones_count(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    page = await page_of(rig, case)
    assert (await send(rig, case, "note", page, note="First.", visibility="shared")).status_code == 303
    back = await send(rig, case, "note", page, note="Second, an hour of work.", visibility="shared")
    assert back.status_code == 422
    assert "You sent this form before with something else in it, and that counts." in back.text
    assert "This cannot be done in the state" not in back.text
    assert "Second, an hour of work." in back.text
    again = await send(rig, case, "note", back.text, note="Second, an hour of work.", visibility="shared")
    assert again.status_code == 303
    assert len(rig.cases.stored[case.id].case.notes) == 2
    # Where there is no such form any more, it says so.
    for command in ("assign", "start"):
        await rig.order(case, command)
    page = await page_of(rig, case)
    assert (await send(rig, case, "decide", page, outcome="advice", reason="So.")).status_code == 303
    late = await send(rig, case, "decide", page, outcome="advice", reason="Because of that.")
    assert "This cannot be done in the state that the case is in now." in late.text
    assert "Because of that." in late.text


async def test_a_form_with_a_mistake_comes_back_with_what_was_typed(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    await rig.order(case, "assign")
    await rig.order(case, "start")
    answer = await send(rig, case, "decide", outcome="", reason="The edits show it.")
    assert answer.status_code == 422
    assert "Outcome: This field needs an answer." in answer.text
    assert "The edits show it." in answer.text
    away = await send(rig, case, "assign", assignee="Jane Doe")
    assert away.status_code == 422
    assert "person:5f2c81aa90b1c2d3" in away.text


async def test_a_form_to_give_a_case_away_that_names_nobody_gives_it_to_nobody(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    answer = await send(rig, case, "assign", assignee=" ")
    assert answer.status_code == 422
    assert 'href="#assign-assignee"' in answer.text
    assert rig.cases.stored[case.id].case.assignee is None
    assert (await send(rig, case, "assign")).status_code == 303
    assert rig.cases.stored[case.id].case.assignee == ALICE.ref


async def test_an_outage_of_the_vault_loses_no_question(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    await rig.order(case, "assign")
    await rig.order(case, "start")
    page = await page_of(rig, case)
    rig.vault.away = True
    answer = await send(rig, case, "ask", page, question="When was it?")
    assert answer.status_code == 503
    assert "When was it?" in answer.text
    assert rig.cases.stored[case.id].case.state == "investigating"


async def test_what_was_reported_is_never_markup(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    rig.vault.sections[case.report_id] = {
        "content": {"narrative": "<script>alert(1)</script>", "places": ["<b>here</b>"]},
        "reported": {"people": [{"name": "<i>x</i>", "details": "<u>y</u>"}]},
    }
    page = (await rig.http.get(f"/desk/cases/{case.code_name}")).text
    for tag in ("<script>", "<b>here", "<i>x", "<u>y"):
        assert tag not in page


async def test_everything_that_the_reporter_told_stands_on_the_page_once(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open(flags=("ongoing", "off_wiki"))
    diff = "https://en.wikipedia.org/w/index.php?diff=1&oldid=2"
    rig.vault.sections[case.report_id] = {
        "content": {
            "narrative": f"One line,\nand {diff}.",
            "places": [diff, "Talk:One"],
            "witnesses": ["Ada Witness"],
            "exposure": "yes",
            "occurred": {"from": "2026-11-20T22:15:00Z", "to": "2026-11-22T23:59:59.999000Z"},
        }
    }
    raw = (await rig.http.get(f"/desk/cases/{case.code_name}")).text
    page = unescape(raw)
    above, _, below = page.partition("What was reported")
    assert "would show who reported" in above
    assert "The reporter ticked:" in above
    assert above.index("would show who reported") < above.index("The reporter ticked:")
    assert "It is still going on" in above
    assert page.count("Ada Witness") == 1
    assert 'datetime="2026-11-20T22:15:00' in below
    assert 'datetime="2026-11-22T23:59:59' in below
    assert page.count(f'href="{diff}" rel="external nofollow noreferrer"') == 2
    assert 'hearth-quote" dir="auto">One line,\nand <a' in raw


async def test_the_reasons_of_a_decision_are_read_again_by_who_may_read_words(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    for command, values in (("assign", {}), ("start", {}), ("decide", {"outcome": "warning", "reason": "It\nshows."})):
        await rig.order(case, command, values)
    page = await page_of(rig, case)
    assert "Reasons for the outcome" in page
    assert "It\nshows." in page
    await signed_in(rig, CORA)
    assert "shows." not in await page_of(rig, case)


async def test_a_coordinator_sees_the_case_without_its_words(rig: Rig) -> None:
    await signed_in(rig, CORA)
    case = await rig.open()
    rig.vault.sections[case.report_id] = {"content": {"narrative": "They followed me."}}
    page = await page_of(rig, case)
    assert "They followed me." not in page
    assert not rig.vault.reads
    assert "Take this case" not in page
    assert (await send(rig, case, "assign", page, assignee=COLLEAGUE.ref)).status_code == 303


async def test_a_case_of_another_body_is_not_found(rig: Rig) -> None:
    await signed_in(rig, BOB)
    case = await rig.open()
    page = await page_of(rig, case, 404)
    assert case.code_name not in page


async def test_pages_are_not_kept_by_browsers_and_load_nothing_from_elsewhere(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    for address in ("/desk", f"/desk/cases/{case.code_name}", "/desk/sign-in"):
        answer = await rig.http.get(address)
        assert answer.headers["cache-control"] == "no-store"
        assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', answer.text)
        assert all(tag.startswith('<script src="/assets/') for tag in re.findall(r"<script[^>]*", answer.text))
        assert "⧼" not in answer.text


async def test_a_program_gets_a_problem_where_a_browser_is_led_on(rig: Rig) -> None:
    answer = await rig.http.get("/desk", headers={"accept": "application/json"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await rig.http.get("/desk", headers=bearer(ALICE))).status_code == 200


async def test_the_desk_offers_to_clear_words_that_mention_somebody_and_tells_nobody_whom(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    assert "/clear" not in await page_of(rig, case)
    mention = "0a" * 16
    rig.vault.sections[case.report_id] = {"mentions": {"items": [{"id": mention, "words": "will"}]}}
    page = await page_of(rig, case)
    assert f'<option value="{mention}">will</option>' in page
    assert (await send(rig, case, "clear", page, mention=mention)).status_code == 422
    given = {"mention": mention, "clearing": "common_word"}
    assert (await send(rig, case, "clear", page, **given)).status_code == 303
    assert (await send(rig, case, "clear", mention="will", clearing="other_person")).status_code == 422
    told = [event.fact for event in rig.cases.events if isinstance(event.fact, MentionCleared)]
    assert [(fact.mention, fact.clearing, fact.waits) for fact in told] == [(mention, "common_word", True)]
    page = await page_of(rig, case)
    assert "They are common words" in page
    assert "will (one person says that it means nobody on the roster" in page


async def test_handlers_see_who_was_named_and_confirm_it_by_the_token(rig: Rig) -> None:
    rig.entries.enrol(COLLEAGUE)
    case = await rig.open()
    given = {"person": COLLEAGUE.ref, "ground": "named"}
    assert (await rig.order(case, "recuse", given)).status_code == 200
    ((report_id, token, person),) = rig.vault.named
    assert (report_id, person) == (case.report_id, COLLEAGUE.ref)
    await signed_in(rig, CORA)
    page = await page_of(rig, case)
    assert person_name(COLLEAGUE.ref) in page
    assert "The case is about this person" in page
    assert (await send(rig, case, "confirm", page, person=token)).status_code == 303
    assert rig.cases.stored[case.id].case.lapses_at is None
    shown = (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(ALICE))).json()["recusals"]
    assert [(r["person"], r["stands_for"]) for r in shown] == [(token, COLLEAGUE.ref)]


async def test_nobody_names_oneself(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    assert (await send(rig, case, "recuse", ground="named")).status_code == 422
    assert rig.vault.named == []


async def test_the_page_takes_a_case_and_says_what_it_is(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    page = await page_of(rig, case)
    assert page.count("Take this case</button>") == 1
    assert "Put the case back" not in page
    assert "Nobody here has confirmed the category yet. A new report like this would come to the same place." in page
    assert '<option value="harassment.insults" selected>' in page
    assert (await send(rig, case, "claim", page)).status_code == 303
    page = await page_of(rig, case)
    assert "Take this case" not in page
    assert "Put the case back" in page
    assert (await send(rig, case, "set_flags", page, flags="physical_violence")).status_code == 303
    page = await page_of(rig, case)
    assert "A new report like this would go to: Trust & Safety, Emergency." in page
    assert "Marked:" in page
    assert (await send(rig, case, "confirm_category", page, category="harassment.other")).status_code == 422
    assert (await send(rig, case, "watch", page)).status_code == 303
    page = await page_of(rig, case)
    assert "One person follows this case." in page
    assert "Stop following this case" in page


async def test_the_page_says_that_another_person_took_the_case(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    await rig.order(case, "assign", {"assignee": COLLEAGUE.ref})
    page = await page_of(rig, case)
    assert "Take this case over" not in page
    refused = await send(rig, case, "claim", page)
    assert refused.status_code == 409
    assert "Another person has this case." in refused.text


async def test_the_page_shows_the_notes_that_are_for_the_reader(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    assert (await send(rig, case, "note", note="My own doubt.", visibility="mine")).status_code == 303
    assert (await send(rig, case, "note", note="Ask the clerks.", visibility="body")).status_code == 303
    page = await page_of(rig, case)
    assert page.index("Ask the clerks.") < page.index("My own doubt.")
    assert "Only I" in page
    await signed_in(rig, COLLEAGUE)
    page = await page_of(rig, case)
    assert "Ask the clerks." in page
    assert "My own doubt." not in page


async def test_the_page_pauses_a_case_and_puts_it_off(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open()
    await send(rig, case, "claim")
    day = (now() + timedelta(days=3)).date().isoformat()
    assert (await send(rig, case, "pause", pause="evidence", resume_on=day)).status_code == 303
    assert (await send(rig, case, "snooze", snooze_until="2020-01-01")).status_code == 422
    assert (await send(rig, case, "snooze", snooze_until=day)).status_code == 303
    page = await page_of(rig, case)
    assert "Paused: Evidence was asked of others" in page
    assert "You see this case behind your others until:" in page
    assert "put off" in unescape((await rig.http.get("/desk")).text)
    assert "End the pause now" in page
    assert (await send(rig, case, "unsnooze", page)).status_code == 303
    page = await page_of(rig, case)
    assert "You see this case behind your others" not in page
    assert "See it in its place again" not in page
    assert "End the pause now" in page
    assert (await send(rig, case, "resume", page)).status_code == 303
    assert "End the pause now" not in await page_of(rig, case)


async def test_pages_call_people_by_their_code_names_and_show_no_reference(rig: Rig) -> None:
    case = await rig.open()
    await rig.order(case, "assign", {"assignee": COLLEAGUE.ref})
    await signed_in(rig)
    for address in ("/desk", f"/desk/cases/{case.code_name}"):
        seen = re.sub(r"<[^>]*>", " ", (await rig.http.get(address)).text)
        assert person_name(COLLEAGUE.ref) in seen
        assert COLLEAGUE.ref[7:] not in seen


async def test_programs_are_told_references_and_code_names(rig: Rig) -> None:
    case = await rig.open()
    await rig.order(case, "assign", {"assignee": COLLEAGUE.ref})
    shown = await rig.shown(case)
    assert shown["assignee"] == COLLEAGUE.ref
    # Beside those of the history, these are the people that its forms offer.
    assert shown["people"].items() >= {ref: person_name(ref) for ref in (ALICE.ref, COLLEAGUE.ref)}.items()
    assert all(name == person_name(ref) for ref, name in shown["people"].items())
    (listed,) = [(await rig.http.get("/v1/cases", headers=bearer(ALICE))).json()]
    assert listed["people"] == {COLLEAGUE.ref: person_name(COLLEAGUE.ref)}


class Staffed:
    """A roster of these people, all of the same bodies."""

    def __init__(self, people: list[Principal]) -> None:
        self._people = people

    async def staff(self) -> Staff:
        return dict.fromkeys(("enwiki_admins", "enwiki_arbcom"), self._people)


def picks_in(page: str, field: str) -> dict[str, str]:
    """The people that a choice of the page offers, as it calls them, by their references."""
    (select,) = re.findall(rf'<select[^>]* id="{field}".*?</select>', page, re.DOTALL)
    return dict(re.findall(r'<option value="(person:\w+)"[^>]*>([^<]*)', select))


async def test_a_choice_of_people_counts_no_case_that_the_reader_may_not_see() -> None:
    async with make_rig(Staffed([ALICE, COLLEAGUE])) as rig:
        for _ in range(2):
            other = await rig.open()
            await rig.order(other, "assign", {"assignee": COLLEAGUE.ref})
        case = await rig.open()
        await rig.order(other, "recuse", {"ground": "related"})
        await signed_in(rig)
        told = f"{person_name(COLLEAGUE.ref)} · 1 open case · "
        assert picks_in(await page_of(rig, case), "assign-assignee")[COLLEAGUE.ref].startswith(told)
        assert told in (await rig.http.get("/desk")).text


async def test_a_case_is_given_to_a_person_who_is_chosen_and_not_typed() -> None:
    soon = replace(BOB, leaves=(Leave(now() + timedelta(days=3)),), grants=ALICE.grants)
    untrained = replace(responder("0a0a0a0a", "enwiki_arbcom"), trainings=())
    gone = replace(responder("0b0b0b0b", "enwiki_arbcom"), leaves=(Leave(now() - timedelta(days=3)),))
    staff = [ALICE, COLLEAGUE, soon, untrained, gone]
    async with make_rig(Staffed(staff)) as rig:
        other = await rig.open()
        await rig.order(other, "assign", {"assignee": COLLEAGUE.ref})
        case = await rig.open()
        await signed_in(rig)
        page = await page_of(rig, case)
        offered = picks_in(page, "assign-assignee")
        assert list(offered) == [*sorted((ALICE.ref, BOB.ref), key=person_name), COLLEAGUE.ref], "the idle come first"
        assert offered[ALICE.ref] == "You · no open cases · training A, B, C1, C2"
        assert offered[COLLEAGUE.ref].startswith(f"{person_name(COLLEAGUE.ref)} · 1 open case · ")
        assert "· on leave from " in offered[BOB.ref]
        # Who is recused may be a person that no list of handlers has, and the list tells nobody why.
        assert set(picks_in(page, "recuse-person")) == {person.ref for person in staff[1:]}
        assert "person:" not in re.sub(r"<[^>]*>", " ", page)


async def test_words_that_hurt_to_read_are_folded_and_a_reply_begins_a_text(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open(category="harassment.threats", contactable=True, language="fr-ca")
    rig.vault.sections[case.report_id] = {"content": {"narrative": "I will find you."}}
    await rig.order(case, "assign")
    await rig.order(case, "start")
    page = unescape(await page_of(rig, case))
    assert "Show the words of the report." in page.partition("I will find you.")[0]
    assert "Is a person in danger now?" in page
    await send(rig, case, "ask", page, question="", reply="which-edits")
    form = unescape(await page_of(rig, case)).partition('id="ask-question"')[2].partition("</textarea>")[0]
    assert "De quelles modifications" in form, "the reporter is asked in the reporter's language"
    assert "De quelles modifications" not in page


async def test_what_a_handler_wrote_who_lost_a_case_meanwhile_waits_for_them(rig: Rig) -> None:
    await signed_in(rig)
    case = await rig.open(contactable=True)
    await rig.order(case, "assign")
    await rig.order(case, "start")
    page = await page_of(rig, case)
    await rig.order(case, "recuse", {"person": ALICE.ref, "ground": "related"}, COLLEAGUE)
    lost = await send(rig, case, "ask", page, question="Was it on Monday, or later?")
    assert lost.status_code == 404
    assert "Was it on Monday, or later?" in lost.text
    withdrawn = {"person": ALICE.ref, "withdrawal": "mistaken"}
    assert (await rig.order(case, "withdraw", withdrawn, COLLEAGUE)).status_code == 200
    again = f"/desk/cases/{case.code_name}/ask"
    assert "Was it on Monday, or later?</textarea>" in await page_of(rig, case)
    assert "Was it on Monday, or later?" in (await rig.http.get(again)).text
