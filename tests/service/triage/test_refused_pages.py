"""A person who is refused at the desk reads why and who can help, and finds the way on and out."""

from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from services.triage.case.case import Case
from shared.access.principal import Grant, Leave, Principal, Role
from shared.times import now
from tests.service.triage.test_measures import EVE
from tests.support.forms import hidden_fields
from tests.support.people import COPIES, LONG_AGO, TRAINED, auditor, come_back, person, sign_in
from tests.support.rosters import refresh_rosters
from tests.support.triage_rig import ALICE, BOB, Rig, make_rig

BACK = now() + timedelta(days=3)
AUDREY = auditor("a0d17000")


@pytest.fixture
async def rig():
    async with make_rig() as rig:
        rig.http.headers.update({"accept": "text/html", "sec-fetch-site": "same-origin"})
        yield rig


@pytest.mark.parametrize(
    ("who", "says"),
    [
        (replace(ALICE, leaves=(Leave(LONG_AGO, BACK),)), "You are on leave until "),
        (replace(ALICE, leaves=(Leave(LONG_AGO),)), "You are on leave, and no end of it is noted."),
        (replace(ALICE, confidential_until=None), "No confidentiality agreement of yours is noted"),
        (replace(ALICE, trainings=()), "asks for the training modules A, B. They are not noted for you"),
        (
            replace(ALICE, trainings=TRAINED[:1]),
            "asks for the training module B. It is not noted for you",
        ),
        (person("e1", Grant(Role.RESPONDER, ("enwiki_admins",), expires_at=LONG_AGO)), "Your role here has ended."),
        (person("e2", Grant(Role.OPERATOR)), "Your role does not include this."),
        (replace(ALICE, named=False), "Hearth does not know your user name"),
    ],
    ids=[
        "on leave",
        "on leave without end",
        "no agreement",
        "untrained",
        "half trained",
        "ended",
        "other role",
        "no name",
    ],
)
async def test_each_refusal_says_the_reason_and_the_way_out(rig: Rig, who: Principal, says: str) -> None:
    case = await rig.open()
    await sign_in(rig.http, rig.sessions, "/desk", who)
    answer = await rig.http.get(f"/desk/cases/{case.code_name}")
    page = unescape(answer.text)
    assert answer.status_code == 403
    assert says in page
    assert 'action="/desk/sign-out"' in page
    assert 'href="/desk/sessions"' in page or who.named is False
    if "role" in says and "include" in says:
        assert "Operator" in page


async def open_question_form(rig: Rig) -> tuple[Case, dict[str, str]]:
    """A case that ALICE works on, and what the form of a question holds beside her words."""
    case = await rig.open()
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    for command in ("assign", "start"):
        await rig.order(case, command)
    page = (await rig.http.get(f"/desk/cases/{case.code_name}")).text
    return case, {n: v for n, v in hidden_fields(page).items() if n in ("version", "key", "form_token")}


@pytest.mark.parametrize(
    "refused",
    [
        replace(ALICE, leaves=(Leave(LONG_AGO, BACK),)),
        replace(ALICE, confidential_until=None),
        replace(ALICE, trainings=()),
        replace(ALICE, grants=tuple(replace(grant, expires_at=LONG_AGO) for grant in ALICE.grants)),
    ],
    ids=["on leave", "no agreement", "untrained", "ended"],
)
async def test_words_of_a_refused_person_stand_in_the_form_once_the_reason_has_passed(
    rig: Rig, refused: Principal
) -> None:
    case, kept = await open_question_form(rig)
    form = f"/desk/cases/{case.code_name}/ask"
    COPIES.enrol(refused)
    await refresh_rosters(rig.app)
    answer = await rig.http.post(form, data={**kept, "question": "When was it, and where?"})
    assert answer.status_code == 403
    assert "kept sealed, for up to 14 days" in answer.text
    assert f'href="{form}"' in answer.text
    still = await rig.http.get(form)
    assert (still.status_code, "kept sealed" in still.text, "When was it" in still.text) == (403, True, False)
    assert "kept sealed" not in (await rig.http.get(f"/desk/cases/{case.code_name}")).text
    COPIES.enrol(ALICE)
    await refresh_rosters(rig.app)
    back = await rig.http.get(form)
    assert (back.status_code, "When was it, and where?" in back.text) == (200, True)
    sent = {n: v for n, v in hidden_fields(back.text).items() if n in ("version", "key", "form_token")}
    wrong = await rig.http.post(form, data={**sent, "question": ""})
    assert wrong.status_code == 422
    assert (await rig.http.get(form)).status_code == 200
    done = await rig.http.post(form, data={**sent, "question": "When was it, and where?"})
    assert done.status_code == 303
    # What was sent waits for nobody any more.
    assert (await rig.http.get(form)).status_code == 303
    assert rig.sessions.drafts == {}


async def test_a_refusal_that_does_not_pass_keeps_nothing(rig: Rig) -> None:
    case = await rig.open()
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    page = (await rig.http.get(f"/desk/cases/{case.code_name}")).text
    kept = {n: v for n, v in hidden_fields(page).items() if n in ("version", "key", "form_token")}
    await sign_in(rig.http, rig.sessions, "/desk", replace(BOB, leaves=(Leave(LONG_AGO),)))
    await refresh_rosters(rig.app)
    answer = await rig.http.post(f"/desk/cases/{case.code_name}/ask", data={**kept, "question": "When was it?"})
    assert answer.status_code == 403
    assert rig.sessions.drafts == {}


async def test_who_went_on_leave_while_writing_reads_the_words_again(rig: Rig) -> None:
    case = await rig.open()
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    for command in ("assign", "start"):
        await rig.order(case, command)
    page = (await rig.http.get(f"/desk/cases/{case.code_name}")).text
    COPIES.enrol(replace(ALICE, leaves=(Leave(LONG_AGO, BACK),)))
    await refresh_rosters(rig.app)
    kept = {n: v for n, v in hidden_fields(page).items() if n in ("version", "key", "form_token")}
    sent = {**kept, "question": "When was it,\nand <where>?"}
    answer = await rig.http.post(f"/desk/cases/{case.code_name}/ask", data=sent)
    assert answer.status_code == 403
    assert "You are on leave until" in answer.text
    assert "When was it,\nand &lt;where&gt;?" in answer.text
    # And when the person signs in after that, only the sign-in is missing.
    rig.http.cookies.delete("__Host-hearth-desk")
    COPIES.enrol(ALICE)
    await refresh_rosters(rig.app)
    asked = await rig.http.post(f"/desk/cases/{case.code_name}/ask", data=sent)
    await come_back(rig.http, rig.sessions, "/desk", ALICE, asked.text)
    assert "and &lt;where&gt;?" in (await rig.http.get(f"/desk/cases/{case.code_name}/ask")).text


async def test_a_store_that_is_away_loses_no_words(rig: Rig) -> None:
    case, kept = await open_question_form(rig)
    rig.cases.away = True
    sent = {**kept, "question": "When was it, and where?"}
    answer = await rig.http.post(f"/desk/cases/{case.code_name}/ask", data=sent)
    assert answer.status_code == 503
    assert '<div class="hearth-quote" dir="auto">When was it, and where?</div>' in answer.text
    assert "Send it again" in answer.text
    rig.cases.away = False
    again = {n: v for n, v in hidden_fields(answer.text).items() if n in ("version", "key", "form_token", "question")}
    done = await rig.http.post(f"/desk/cases/{case.code_name}/ask", data=again)
    assert done.status_code == 303


async def test_an_auditor_who_asks_for_a_case_finds_the_way_to_the_baseline(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", AUDREY)
    answer = await rig.http.get("/desk/cases/amber-otter-1")
    assert answer.status_code == 403
    assert 'href="/desk/baseline"' in answer.text
    assert "Auditor" in answer.text


async def test_a_sign_in_after_several_cases_were_ticked_leads_to_the_queue(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    case = await rig.open()
    ticked = await rig.http.get("/desk/bulk")
    assert (ticked.status_code, case.code_name in ticked.text) == (200, True)


async def test_a_form_without_words_takes_no_words_away(rig: Rig) -> None:
    case, kept = await open_question_form(rig)
    COPIES.enrol(replace(ALICE, leaves=(Leave(LONG_AGO, BACK),)))
    await refresh_rosters(rig.app)
    form = f"/desk/cases/{case.code_name}/ask"
    await rig.http.post(form, data={**kept, "question": "When was it, and where?"})
    COPIES.enrol(ALICE)
    await refresh_rosters(rig.app)
    claimed = await rig.http.post("/desk/cases/never-there/assign", data={**kept, "assignee": ALICE.ref})
    assert claimed.status_code == 404
    assert "When was it, and where?" in (await rig.http.get(form)).text


async def test_a_table_of_measures_that_had_to_wait_is_forgotten_once_it_is_sent(rig: Rig) -> None:
    form = "/desk/measures/import"
    await sign_in(rig.http, rig.sessions, "/desk", EVE)
    kept = {n: v for n, v in hidden_fields((await rig.http.get(form)).text).items() if n == "form_token"}
    COPIES.enrol(replace(EVE, leaves=(Leave(LONG_AGO, BACK),)))
    await refresh_rosters(rig.app)
    table = "id,kind,scope,community,body,begun_at,until,names\nr1,warning,community,enwiki,x,,,Zebedee\n"
    assert (await rig.http.post(form, data={**kept, "table": table})).status_code == 403
    COPIES.enrol(EVE)
    await refresh_rosters(rig.app)
    assert "Zebedee" in (await rig.http.get(form)).text
    assert "Zebedee" in (await rig.http.post(form, data={**kept, "table": table})).text
    assert rig.sessions.drafts == {}
    assert "Zebedee" not in (await rig.http.get(form)).text
