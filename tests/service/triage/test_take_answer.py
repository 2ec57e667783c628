"""A handler takes down an answer that the reporter gave by another door."""

from collections.abc import AsyncIterator
from html import unescape

import pytest

from services.triage.case.case import Case
from shared.events import CaseState, ReportAnswered
from tests.support.forms import hidden_fields
from tests.support.people import sign_in
from tests.support.triage_rig import ALICE, CORA, Rig, from_intake, make_rig

BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}
WORDS = "It was on Tuesday, at the desk."


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        yield rig


async def asked(rig: Rig) -> tuple[Case, str]:
    case = await rig.open()
    for command, values in (("assign", None), ("start", None), ("ask", {"question": "Which day was it?"})):
        assert (await rig.order(case, command, values)).status_code == 200
    (question,) = (await rig.shown(case))["questions"]
    return case, question["question_id"]


async def test_it_counts_like_an_answer_from_the_page_of_the_report(rig: Rig) -> None:
    case, question = await asked(rig)
    standing = {d["name"]: d for d in (await rig.shown(case))["deadlines"]}
    assert standing["decision"]["remaining_seconds"] is not None
    done = await rig.order(case, "take_answer", {"question": question, "answer_given": WORDS})
    assert (done.status_code, done.json()["state"]) == (200, CaseState.INVESTIGATING)
    stored = rig.cases.stored[case.id].case
    assert len(stored.questions[0].answers) == 1
    assert all(deadline.remaining_seconds is None for deadline in stored.deadlines)
    assert rig.vault.statements[case.report_id, stored.questions[0].answers[0]] == ("answer", WORDS)
    assert not any("Tuesday" in event.fact.model_dump_json() for event in rig.cases.events)


async def test_the_reporter_can_still_answer_and_both_are_read(rig: Rig) -> None:
    case, question = await asked(rig)
    await rig.order(case, "take_answer", {"question": question, "answer_given": WORDS})
    fact = ReportAnswered(report_id=case.report_id, question_id=question, answer_id="0" * 32)
    await rig.intake.take([from_intake(case.report_id, fact, 2)])
    assert len(rig.cases.stored[case.id].case.questions[0].answers) == 2


@pytest.mark.parametrize("question", ["", "Which day?", "00000000-0000-4000-8000-000000000000"])
async def test_a_question_that_was_never_asked_is_refused_at_its_field(rig: Rig, question: str) -> None:
    case, _ = await asked(rig)
    refused = await rig.order(case, "take_answer", {"question": question, "answer_given": WORDS})
    assert (refused.status_code, [e["pointer"] for e in refused.json()["errors"]]) == (422, ["/question"])


async def test_only_the_people_who_look_into_the_case_take_it_down(rig: Rig) -> None:
    case, question = await asked(rig)
    refused = await rig.order(case, "take_answer", {"question": question, "answer_given": WORDS}, CORA)
    assert refused.status_code == 403


async def test_the_page_has_its_form_below_the_question_and_shows_the_answer(rig: Rig) -> None:
    case, question = await asked(rig)
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    address = f"/desk/cases/{case.code_name}"
    page = (await rig.http.get(address, headers=BROWSER)).text
    hidden = {**hidden_fields(page), "question": question}
    refused = await rig.http.post(f"{address}/take_answer", data={**hidden, "answer_given": " "}, headers=BROWSER)
    assert (refused.status_code, 'id="take_answer-answer_given"' in refused.text) == (422, True)
    sent = await rig.http.post(f"{address}/take_answer", data={**hidden, "answer_given": WORDS}, headers=BROWSER)
    assert sent.status_code == 303
    assert WORDS in unescape((await rig.http.get(address, headers=BROWSER)).text)


async def test_a_message_reaches_the_vault_alone_and_stands_among_what_was_said(rig: Rig) -> None:
    case, _ = await asked(rig)
    told = await rig.order(case, "tell", {"message": "The logs of the quay-x come on Monday."})
    assert (told.status_code, told.json()["state"]) == (200, CaseState.AWAITING_INFORMATION)
    (message,) = rig.cases.stored[case.id].case.messages
    assert rig.vault.statements[case.report_id, message.id] == ("message", "The logs of the quay-x come on Monday.")
    assert "quay-x" not in f"{rig.cases.events} {rig.cases.stored}"
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    page = (await rig.http.get(f"/desk/cases/{case.code_name}", headers=BROWSER)).text
    assert "The logs of the quay-x come on Monday." in page.partition("Questions and answers")[2]


async def test_nobody_is_told_anything_who_has_no_address_and_no_receipt(rig: Rig) -> None:
    case = await rig.open(channel="kafka", contactable=False)
    await rig.order(case, "assign")
    assert "tell" not in [action["command"] for action in (await rig.shown(case))["actions"]]
