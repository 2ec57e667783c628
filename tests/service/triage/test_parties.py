"""Parties and disclosures by the API and at the desk: names and reasons go to the vault, and to nothing else."""

from collections.abc import AsyncIterator

import pytest

from services.triage.case.case import Case
from shared.events import ReportAppealed, ReportRecusalAsked, ReportReplied
from tests.service.triage.test_sight import naming
from tests.support.forms import SAME_ORIGIN, hidden_fields
from tests.support.people import bearer, sign_in
from tests.support.triage_rig import ALICE, COLLEAGUE, CORA, Rig, from_intake, make_rig, reported

JANE = "7" * 32
HTML = {"accept": "text/html", **SAME_ORIGIN}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        yield rig


async def opened(rig: Rig) -> Case:
    event = reported(subjects=(JANE,), parties_apart=True)
    await rig.parties.follow([naming(event)])
    case = await rig.open(event)
    rig.vault.sections[case.report_id] = {
        "content": {"narrative": "They shouted."},
        "reported": {"people": [{"name": "Zebedee Thunderclap", "details": None, "party": JANE}]},
    }
    return case


async def test_the_name_of_a_party_goes_to_the_vault_and_comes_back_as_a_token(rig: Rig) -> None:
    case = await opened(rig)
    given = {"party_role": "respondent", "party_name": "Quixotina Marmalade"}
    assert (await rig.order(case, "add_party", given)).status_code == 200
    ((_, token),) = rig.vault.statements
    assert rig.vault.statements[(case.report_id, token)] == ("party", "Quixotina Marmalade")
    assert "Quixotina" not in f"{rig.cases.events} {rig.cases.stored}"
    assert [(p["party"], p["party_role"]) for p in (await rig.shown(case))["parties"]] == [
        (JANE, "respondent"), (token, "respondent"),
    ]  # fmt: skip


async def test_what_a_respondent_was_told_is_recorded_with_its_reasons(rig: Rig) -> None:
    case = await opened(rig)
    given = {"respondent": JANE, "disclosure": "withheld", "withheld_for": "danger", "why": "He has threatened her."}
    assert (await rig.order(case, "disclose", given)).status_code == 200
    (party,) = (await rig.shown(case))["parties"]
    assert (party["disclosure"], party["withheld_for"]) == ("withheld", "danger")
    assert rig.vault.statements[(case.report_id, party["reason_id"])] == ("disclosure", "He has threatened her.")
    assert "threatened" not in f"{rig.cases.events} {rig.cases.stored}"


async def test_what_a_party_asks_for_is_shown_with_its_words_and_answered_by_others(rig: Rig) -> None:
    case = await opened(rig)
    assert (await rig.order(case, "claim")).status_code == 200
    ask = "0" * 8 + "-0000-0000-0000-" + "0" * 12
    fact = ReportRecusalAsked(report_id=case.report_id, ask_id=ask)
    for _ in range(2):
        await rig.intake.take([from_intake(case.report_id, fact, 2)])
    shown = (await rig.shown(case))["recusal_asks"]
    assert [(one["ask_id"], one["party"], one["answer"]) for one in shown] == [(ask, "reporter", None)]
    rig.vault.statements[(case.report_id, ask)] = ("recusal_ask", "He is her cousin.")
    pages = await pages_for(rig, case)
    assert ["answer_recusal" in page for page in pages] == [False, True]
    assert ["He is her cousin." in page for page in pages] == [False, True]
    assert ["You do not read the words" in page for page in pages] == [True, False]
    given = {"ask": ask, "recusal_answer": "refused", "why_not": "They are not related."}
    refused = await rig.order(case, "answer_recusal", given)
    assert [error["code"] for error in refused.json()["errors"]] == ["had_part"]
    assert (await rig.order(case, "answer_recusal", given, COLLEAGUE)).status_code == 200
    (shown,) = (await rig.shown(case))["recusal_asks"]
    assert shown["answer"] == "refused"
    assert rig.vault.statements[(case.report_id, shown["told_id"])] == ("message", "They are not related.")
    assert "related" not in f"{rig.cases.events} {rig.cases.stored}"
    assert ["He is her cousin." in page for page in await pages_for(rig, case)] == [False, True]
    answers = [await rig.http.get(f"/v1/cases/{case.id}/content", headers=bearer(who)) for who in (ALICE, COLLEAGUE)]
    assert [(answer.status_code, "cousin" in answer.text) for answer in answers] == [(200, False), (200, True)]


async def test_who_has_the_survivor_reads_no_words_of_a_party_in_a_case_that_is_part_of_it(rig: Rig) -> None:
    case, _, ask = await asked_in_part(rig)
    rig.vault.statements[(case.report_id, ask)] = ("recusal_ask", "He is her cousin.")
    assert ["He is her cousin." in page for page in await pages_for(rig, case)] == [False, True]


async def asked_in_part(rig: Rig) -> tuple[Case, Case, str]:
    """A case of which a party asks for a recusal, the survivor of which it is a part, which ALICE has, and the ask."""
    case, survivor = await rig.open(), await rig.open()
    assert (await rig.order(survivor, "claim")).status_code == 200
    assert (await rig.order(case, "merge", {"other": survivor.code_name})).status_code == 200
    ask = "0" * 8 + "-0000-0000-0000-" + "0" * 12
    await rig.intake.take([from_intake(case.report_id, ReportRecusalAsked(report_id=case.report_id, ask_id=ask), 2)])
    return case, survivor, ask


async def test_who_may_answer_in_the_survivor_refuses_what_a_party_of_a_part_asks_for(rig: Rig) -> None:
    case, survivor, ask = await asked_in_part(rig)
    refusal = {"ask": ask, "recusal_answer": "refused", "why_not": "They are strangers."}
    answer = await rig.order(case, "answer_recusal", refusal, ALICE)
    assert [error["code"] for error in answer.json()["errors"]] == ["had_part"]
    page = (await pages_for(rig, case))[1]
    assert "Recuse in " + survivor.code_name in page
    assert "Nothing is left to do" not in page
    assert (await rig.order(case, "answer_recusal", refusal, COLLEAGUE)).status_code == 200
    part, whole = (rig.cases.stored[one.id].case for one in (case, survivor))
    assert (part.state, part.recusal_asks[0].answer, whole.recusal_asks) == ("merged", "refused", ())
    assert ("message", "They are strangers.") in rig.vault.statements.values()
    assert part.refusers == whole.refusers == {COLLEAGUE.ref}
    assert ask not in str([event.fact for event in rig.cases.events if event.case_id == survivor.id])
    answer = await rig.order(survivor, "assign", {"assignee": COLLEAGUE.ref}, ALICE)
    assert [error["code"] for error in answer.json()["errors"]] == ["cannot_have"]


async def test_what_a_party_of_a_part_asks_for_is_granted_once_a_person_is_recused_there(rig: Rig) -> None:
    case, survivor, ask = await asked_in_part(rig)
    grant = {"ask": ask, "recusal_answer": "granted", "why_not": "They are away."}
    answer = await rig.order(case, "answer_recusal", grant, COLLEAGUE)
    assert [error["code"] for error in answer.json()["errors"]] == ["nobody_recused"]
    said = {"person": ALICE.ref, "ground": "asked_by_party"}
    assert (await rig.order(survivor, "recuse", said, COLLEAGUE)).status_code == 200
    assert (await rig.order(survivor, "confirm", {"person": ALICE.ref}, CORA)).status_code == 200
    assert (await rig.order(case, "answer_recusal", grant, COLLEAGUE)).status_code == 200
    part, whole = (rig.cases.stored[one.id].case for one in (case, survivor))
    assert (part.recusal_asks[0].answer, part.refusers, whole.refusers) == ("granted", frozenset(), frozenset())


async def pages_for(rig: Rig, case: Case) -> list[str]:
    """The page of the case as the person sees it who has it, and a colleague."""
    pages = []
    for who in (ALICE, COLLEAGUE):
        await sign_in(rig.http, rig.sessions, "/desk", who)
        page = (await rig.http.get(f"/desk/cases/{case.code_name}", headers=HTML)).text
        assert "The reporter asks that a person does not handle this case" in page
        pages.append(page)
    return pages


async def test_a_respondent_is_told_words_of_their_own_and_replies(rig: Rig) -> None:
    case = await opened(rig)
    given = {"respondent": JANE, "disclosure": "given", "for_respondent": "You are said to have shouted."}
    assert (await rig.order(case, "disclose", given)).status_code == 200
    (party,) = (await rig.shown(case))["parties"]
    assert rig.vault.statements[(case.report_id, party["told_id"])] == ("told", "You are said to have shouted.")
    fact = ReportReplied(report_id=case.report_id, party=JANE, reply_id="reply-1")
    for _ in range(2):
        await rig.intake.take([from_intake(case.report_id, fact, 2)])
    (party,) = (await rig.shown(case))["parties"]
    assert [reply["reply_id"] for reply in party["replies"]] == ["reply-1"]
    refused = {**given, "disclosure": "withheld", "withheld_for": "danger", "why": "A threat."}
    answer = await rig.order(case, "disclose", refused)
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [("/for_respondent", "withheld")]


async def test_an_appeal_of_a_respondent_by_receipt_is_lodged_or_refused(rig: Rig) -> None:
    case = await opened(rig)
    early = ReportAppealed(report_id=case.report_id, appeal_id="a-1", appeal_ground="facts", party="respondent")
    await rig.intake.take([from_intake(case.report_id, early, 2)])
    assert rig.cases.stored[case.id].case.refused_appeals[0].party == "respondent"
    for command, values in (("claim", None), ("start", None), ("decide", {"outcome": "advice", "reason": "Heard."})):
        assert (await rig.order(case, command, values)).status_code == 200
    await rig.intake.take([from_intake(case.report_id, early.model_copy(update={"appeal_id": "a-2"}), 3)])
    appeal = rig.cases.stored[case.id].case.appeal
    assert appeal is not None
    assert (appeal.party, rig.cases.stored[case.id].case.state) == ("respondent", "appealed")


async def test_all_faults_come_in_one_round_and_coordinators_do_neither(rig: Rig) -> None:
    case = await opened(rig)
    answer = await rig.order(case, "disclose", {"respondent": "Zebedee", "disclosure": "withheld"})
    assert {(e["pointer"], e["code"]) for e in answer.json()["errors"]} == {
        ("/respondent", "unknown_choice"), ("/withheld_for", "missing"), ("/why", "missing"),
    }  # fmt: skip
    answer = await rig.order(case, "add_party", {"party_role": "judge", "party_name": "x" * 201})
    assert {(e["pointer"], e["code"]) for e in answer.json()["errors"]} == {
        ("/party_role", "unknown_choice"), ("/party_name", "string_too_long"),
    }  # fmt: skip
    for command in ("add_party", "disclose"):
        assert (await rig.order(case, command, {}, CORA)).status_code == 403
    assert not rig.vault.statements


async def test_the_desk_offers_respondents_by_name_and_shows_what_is_recorded(rig: Rig) -> None:
    case = await opened(rig)
    address = f"/desk/cases/{case.code_name}"
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    page = (await rig.http.get(address, headers=HTML)).text
    added = {**hidden_fields(page), "party_role": "witness", "party_name": "Wilhelmina Foghorn"}
    assert (await rig.http.post(f"{address}/add_party", data=added, headers=HTML)).status_code == 303
    page = (await rig.http.get(address, headers=HTML)).text
    assert f'<option value="{JANE}">Zebedee Thunderclap</option>' in page
    assert "Wilhelmina Foghorn" in page
    told = {**hidden_fields(page), "respondent": JANE, "disclosure": "redacted", "why": "Without the place."}
    assert (await rig.http.post(f"{address}/disclose", data=told, headers=HTML)).status_code == 303
    page = (await rig.http.get(address, headers=HTML)).text
    assert "Got a part of the particulars" in page
    assert "Without the place." in page


async def test_the_desk_asks_which_of_several_respondents_appeals_and_nothing_of_one(rig: Rig) -> None:
    case = await opened(rig)
    for command, values in (("claim", None), ("start", None), ("decide", {"outcome": "advice", "reason": "Heard."})):
        assert (await rig.order(case, command, values)).status_code == 200
    address = f"/desk/cases/{case.code_name}"
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    assert 'id="appeal-respondent"' not in (await rig.http.get(address, headers=HTML)).text
    given = {"party_role": "respondent", "party_name": "Quixotina Marmalade"}
    assert (await rig.order(case, "add_party", given)).status_code == 200
    page = (await rig.http.get(address, headers=HTML)).text
    assert 'id="appeal-respondent"' in page
    sent = {**hidden_fields(page), "party": "respondent", "ground": "facts", "why": "On paper."}
    unsaid = await rig.http.post(f"{address}/appeal", data=sent, headers=HTML)
    assert (unsaid.status_code, 'href="#appeal-respondent"' in unsaid.text) == (422, True)
    said = {**sent, **hidden_fields(unsaid.text), "respondent": JANE}
    assert (await rig.http.post(f"{address}/appeal", data=said, headers=HTML)).status_code == 303
    assert [one.respondent for one in rig.cases.stored[case.id].case.appeals] == [JANE]


async def test_the_desk_asks_which_of_several_who_suffered_it_appeals(rig: Rig) -> None:
    case = await opened(rig)
    for command, values in (("claim", None), ("start", None), ("decide", {"outcome": "advice", "reason": "Heard."})):
        assert (await rig.order(case, command, values)).status_code == 200
    address = f"/desk/cases/{case.code_name}"
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    for name, asks in (("Quixotina Marmalade", False), ("Wilhelmina Foghorn", True)):
        given = {"party_role": "target", "party_name": name}
        assert (await rig.order(case, "add_party", given)).status_code == 200
        page = (await rig.http.get(address, headers=HTML)).text
        assert ('id="appeal-target"' in page, 'id="appeal-respondent"' in page) == (asks, False)
    token = rig.cases.stored[case.id].case.targets[1]
    assert f'<option value="{token}">Wilhelmina Foghorn</option>' in page
    sent = {**hidden_fields(page), "party": "target", "ground": "facts", "why": "On the phone.", "target": token}
    assert (await rig.http.post(f"{address}/appeal", data=sent, headers=HTML)).status_code == 303
    assert [one.target for one in rig.cases.stored[case.id].case.appeals] == [token]
    assert "The person who suffered it appeals" in (await rig.http.get(address, headers=HTML)).text
