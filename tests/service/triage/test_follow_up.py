"""Following a case up at the desk and by the API: check-ins, and agreements of repair."""

from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape

import pytest

from services.triage.case.case import Case
from shared.events import ReportCheckedIn
from tests.support.forms import hidden_fields
from tests.support.people import sign_in
from tests.support.triage_rig import ALICE, CORA, Rig, from_intake, make_rig

BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}
AGREEMENT = {"what": "They take the page down.", "who": "reported", "by_when": "2999-12-24"}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        yield rig


async def decided(rig: Rig) -> Case:
    case = await rig.open()
    orders: tuple[tuple[str, object], ...] = (
        ("assign", None), ("start", None), ("decide", {"outcome": "advice", "reason": "Both were heard."}),
    )  # fmt: skip
    for command, values in orders:
        assert (await rig.order(case, command, values)).status_code == 200
    return case


async def test_the_api_follows_a_case_up_and_tells_when_the_reporter_is_asked(rig: Rig) -> None:
    case = await decided(rig)
    refused = await rig.order(case, "follow_up", {"consent": "perhaps"})
    assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [("/consent", "unknown_choice")]
    assert (await rig.order(case, "follow_up", {"consent": "yes"}, CORA)).status_code == 403
    assert (await rig.order(case, "follow_up", {"consent": "yes"})).json()["state"] == "following_up"
    body = await rig.shown(case)
    assert (body["consent"], [one["number"] for one in body["check_ins"]]) == ("yes", [1, 2, 3])
    assert {one["due"] for one in body["check_ins"]} == {False}
    assert "check_in" not in {action["command"] for action in body["actions"]}


async def test_all_faults_of_an_agreement_are_told_in_one_round(rig: Rig) -> None:
    case = await decided(rig)
    refused = await rig.order(case, "agree", {"what": " ", "who": "Ann Example", "by_when": "2020-01-01"})
    assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [
        ("/what", "missing"), ("/who", "unknown_choice"), ("/by_when", "in_the_past"),
    ]  # fmt: skip


async def test_words_of_an_agreement_stand_in_the_vault_and_in_no_event(rig: Rig) -> None:
    case = await decided(rig)
    assert (await rig.order(case, "agree", AGREEMENT)).status_code == 200
    (agreement,) = (await rig.shown(case))["agreements"]
    kept = rig.vault.statements[case.report_id, agreement["agreement_id"]]
    assert kept == ("agreement", AGREEMENT["what"])
    assert not any(AGREEMENT["what"] in event.fact.model_dump_json() for event in rig.cases.events)


async def test_the_page_shows_an_agreement_and_notes_whether_it_is_kept(rig: Rig) -> None:
    case = await decided(rig)
    await rig.order(case, "agree", AGREEMENT)
    await rig.order(case, "follow_up", {"consent": "no"})
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    address = f"/desk/cases/{case.code_name}"
    page = unescape((await rig.http.get(address, headers=BROWSER)).text)
    for text in (AGREEMENT["what"], "The person reported, by 2999-12-24", "The reporter is not asked again."):
        assert text in page
    (agreement,) = (await rig.shown(case))["agreements"]
    hidden = {**hidden_fields(page), "agreement": agreement["agreement_id"]}
    refused = await rig.http.post(f"{address}/check_agreement", data=hidden, headers=BROWSER)
    assert (refused.status_code, "check_agreement-kept" in refused.text) == (422, True)
    sent = await rig.http.post(f"{address}/check_agreement", data={**hidden, "kept": "partly"}, headers=BROWSER)
    assert sent.status_code == 303
    page = unescape((await rig.http.get(address, headers=BROWSER)).text)
    assert "Is it kept? In part · You" in page
    assert (await rig.shown(case))["agreements"][0]["checked_by"] == ALICE.ref


async def test_the_page_shows_what_the_reporter_answered_to_a_check_in(rig: Rig) -> None:
    case = await decided(rig)
    await rig.order(case, "follow_up", {"consent": "yes"})
    stored = rig.cases.stored[case.id]
    first, *others = stored.case.check_ins
    asked = replace(first, told_at=first.due_at, attempt=1)
    rig.cases.stored[case.id] = replace(stored, case=replace(stored.case, check_ins=(asked, *others)))
    fact = ReportCheckedIn(
        report_id=case.report_id, number=1, due_at=first.due_at, answer="answered", stop=True, answer_id="a-1"
    )
    told = from_intake(case.report_id, fact, 2)
    await rig.intake.take([told, told])
    words = {"choice": "answer", "safe": "no", "agreed_kept": "partly", "words": "It goes on.", "stop": "stop"}
    given = [{"question_id": f"a-1-{name}", "at": "2026-11-24T12:00:00Z", "text": text} for name, text in words.items()]
    rig.vault.sections.setdefault(case.report_id, {})["correspondence"] = {"answers": given}
    body = await rig.shown(case)
    assert (body["unasked_for"], body["check_ins"][0]["answer"], body["check_ins"][0]["answer_id"]) == (
        "stopped", "answered", "a-1",
    )  # fmt: skip
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    page = unescape((await rig.http.get(f"/desk/cases/{case.code_name}", headers=BROWSER)).text)
    for text in ("The reporter does not want to be asked again.", "Are you safe?", "In part", "It goes on."):
        assert text in page
    assert "To come" not in page
