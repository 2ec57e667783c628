"""Decisions at the desk and by the API: a proposal, votes on it, and what is still missing, in words."""

from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape

import pytest

from services.triage.case.case import Case
from services.triage.watch import CaseWatch
from shared.access.principal import Principal
from shared.access.roster import Staff
from shared.parties import Parties
from shared.times import now
from tests.support.forms import hidden_fields
from tests.support.people import responder, sign_in
from tests.support.triage_rig import ALICE, COLLEAGUE, CORA, POLICY, TOKENS, Rig, appealed, make_rig

DORA = responder("d0d0d0d0", *POLICY.bodies)
BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}
NEXT_MONTH = f"{now() + timedelta(days=30):%Y-%m-%d}"
SUSPENSION = {"outcome": "temporary_suspension", "until": NEXT_MONTH, "scope": "community", "why": "It goes on."}


class Three:
    """Each handling body has these three people."""

    async def staff(self) -> Staff:
        return {body: [ALICE, COLLEAGUE, DORA] for body in POLICY.bodies}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig(staffing=Three()) as rig:
        yield rig


async def given(rig: Rig, case: Case, command: str, body: object = None, who: Principal = ALICE) -> None:
    answer = await rig.order(case, command, body, who)
    assert answer.status_code == 200, answer.text


async def investigated(rig: Rig) -> Case:
    case = await rig.open()
    for command in ("assign", "start"):
        await given(rig, case, command)
    return case


async def page_of(rig: Rig, case: Case, who: Principal = ALICE) -> str:
    await sign_in(rig.http, rig.sessions, "/desk", who)
    answer = await rig.http.get(f"/desk/cases/{case.code_name}", headers=BROWSER)
    assert answer.status_code == 200
    return unescape(answer.text)


async def test_a_suspension_is_proposed_seconded_and_decided(rig: Rig) -> None:
    case = await investigated(rig)
    await given(rig, case, "propose_decision", SUSPENSION)
    proposal = (await rig.shown(case))["proposal"]
    assert (proposal["outcome"], proposal["until"], proposal["scope"]) == (
        "temporary_suspension",
        NEXT_MONTH,
        "community",
    )
    assert (proposal["proposed_by"], proposal["may_vote"], proposal["needs"]) == (ALICE.ref, 3, ["second"])
    decide = {"outcome": "temporary_suspension", "reason": "It went on and on."}
    refused = await rig.order(case, "decide", decide)
    assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [("/outcome", "needs_second")]
    await given(rig, case, "second", who=COLLEAGUE)
    assert (await rig.shown(case))["proposal"]["needs"] == []
    await given(rig, case, "decide", decide)
    body = await rig.shown(case)
    assert (body["state"], body["outcome"], body["proposal"]) == ("decided", "temporary_suspension", None)
    decided = next(e.fact for e in rig.cases.events if e.fact.name == "case.decided")
    assert decided.in_favour == (ALICE.ref, COLLEAGUE.ref)


async def test_the_reasons_of_proposals_and_votes_are_in_the_vault_alone(rig: Rig) -> None:
    case = await investigated(rig)
    await given(rig, case, "propose_decision", {**SUSPENSION, "why": "Sekret one"})
    await given(rig, case, "object", {"why": "Sekret two"}, COLLEAGUE)
    assert sorted(text for _, text in rig.vault.statements.values()) == ["Sekret one", "Sekret two"]
    assert "Sekret" not in repr(rig.cases.events)
    page = await page_of(rig, case)
    assert "Sekret one" in page
    assert "Sekret two" in page


async def test_the_page_says_who_voted_how_and_what_is_missing(rig: Rig) -> None:
    case = await investigated(rig)
    await given(rig, case, "propose_decision", {"outcome": "permanent_ban", "scope": "community", "why": "Again."})
    page = await page_of(rig, case)
    for words in (
        "Permanent ban, proposed by: You",
        "Another person of the handling body has to agree.",
        "3 people may vote",
    ):
        assert words in page
    await given(rig, case, "object", {"why": "Too much."}, COLLEAGUE)
    await given(rig, case, "second", {}, DORA)
    page = await page_of(rig, case)
    assert "2 votes for it, 1 against it." in page
    assert "Nothing is missing" in page
    await given(rig, case, "recuse", {"ground": "related"}, DORA)
    page = await page_of(rig, case)
    assert "This vote does not count any more." in page
    assert "Two thirds of the votes have to be for it." in page


async def test_the_forms_of_the_desk_propose_and_vote(rig: Rig) -> None:
    case = await investigated(rig)
    address = f"/desk/cases/{case.code_name}"

    async def send(command: str, who: Principal, **values: str) -> int:
        page = await page_of(rig, case, who)
        answer = await rig.http.post(f"{address}/{command}", data={**hidden_fields(page), **values}, headers=BROWSER)
        return answer.status_code

    assert await send("propose_decision", ALICE, outcome="restriction", why="So.") == 422
    assert await send("propose_decision", ALICE, **SUSPENSION) == 303
    assert await send("second", ALICE) == 422
    assert await send("second", COLLEAGUE) == 303
    assert await send("decide", ALICE, outcome="temporary_suspension", reason="So.") == 303
    assert rig.cases.stored[case.id].case.outcome == "temporary_suspension"


async def test_each_choice_of_a_form_has_its_help(rig: Rig) -> None:
    page = await page_of(rig, await investigated(rig))
    for field in ("propose_decision-outcome", "act_in_emergency-measure", "note-visibility", "recuse-ground"):
        assert f'id="{field}-help"' in page
    assert "Some outcomes need the votes of others first." in page


async def test_two_who_decide_at_once_have_one_decision(rig: Rig) -> None:
    case = await investigated(rig)
    seen = f'"{rig.cases.stored[case.id].case.seq}"'
    answers = [
        await rig.order(case, "decide", {"outcome": outcome, "reason": "So."}, who, if_match=seen)
        for outcome, who in (("advice", ALICE), ("warning", COLLEAGUE))
    ]
    assert [answer.status_code for answer in answers] == [200, 412]
    assert rig.cases.stored[case.id].case.outcome == "advice"


async def test_an_appeal_is_decided_by_another_person_and_reopens_the_case(rig: Rig) -> None:
    case = await investigated(rig)
    await given(rig, case, "propose_decision", SUSPENSION)
    await given(rig, case, "second", who=COLLEAGUE)
    await given(rig, case, "decide", {"outcome": "temporary_suspension", "reason": "It went on."})
    await given(rig, case, "appeal", {"party": "reporter", "ground": "proportion", "why": "Sekret words."}, CORA)
    for who in (ALICE, COLLEAGUE):
        refused = await rig.order(case, "decide_appeal", {"verdict": "upheld", "why": "So."}, who)
        assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [("/verdict", "decided_before")]
    page = await page_of(rig, case)
    assert "The reporter appeals: The outcome is too hard or too mild" in page
    assert "Sekret words." in page
    assert "It waits for people who took no part" in page
    await given(rig, case, "decide_appeal", {"verdict": "overturned", "why": "Too hard."}, DORA)
    body = await rig.shown(case)
    assert (body["state"], body["outcome"]) == ("reopened", None)
    (appeal,) = body["appeals"]
    assert (appeal["verdict"], appeal["decided_by"]) == ("overturned", DORA.ref)
    assert "Too hard." in await page_of(rig, case)
    assert "Sekret" not in repr(rig.cases.events)
    assert "start" in [action["command"] for action in body["actions"]]


async def test_a_closed_case_is_reopened_with_a_reason(rig: Rig) -> None:
    case = await investigated(rig)
    await given(rig, case, "decide", {"outcome": "advice", "reason": "So."})
    await given(rig, case, "close")
    refused = await rig.order(case, "reopen", {"why": " "})
    assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [("/why", "missing")]
    await given(rig, case, "reopen", {"why": "They went on."})
    body = await rig.shown(case)
    assert (body["state"], body["outcome"]) == ("reopened", None)
    assert all(d["met_at"] is None for d in body["deadlines"] if d["name"] not in ("acknowledgement", "after_decision"))
    assert {(d["name"], d["missed"], d["met_at"] is None) for d in body["earlier_deadlines"]} == {
        ("first_response", False, False), ("decision", False, False), ("update", False, False),
    }  # fmt: skip
    assert "Before the clocks started anew" in await page_of(rig, case)


ACT = {"measure": "temporary_suspension", "until": NEXT_MONTH, "scope": "event", "why": "Sekret danger."}


async def test_one_person_acts_in_an_emergency_and_another_reviews_it(rig: Rig) -> None:
    case = await rig.open()
    await given(rig, case, "act_in_emergency", ACT)
    (measure,) = (await rig.shown(case))["measures"]
    assert {name: measure[name] for name in ("until", "scope", "why") if name in measure}.items() <= ACT.items()
    assert (measure["state"], measure["emergency"], measure["taken_by"]) == ("standing", True, ALICE.ref)
    review = {"measure_id": measure["measure_id"], "review": "confirmed", "why": "Rightly so."}
    refused = await rig.order(case, "review_emergency", review)
    assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [("/measure_id", "own_measure")]
    assert "Review this measure" not in await page_of(rig, case)
    page = await page_of(rig, case, COLLEAGUE)
    for words in (
        "Sekret danger.",
        "Temporary suspension",
        "Review this measure",
        "End this measure early",
        "lapses at:",
    ):
        assert words in page
    await given(rig, case, "review_emergency", review, COLLEAGUE)
    (measure,) = (await rig.shown(case))["measures"]
    assert (measure["state"], measure["review_by"]) == ("standing", None)
    await given(rig, case, "end_measure", {"measure_id": measure["measure_id"], "why": "It is over."}, COLLEAGUE)
    (shown,) = (await rig.shown(case))["measures"]
    assert (shown["state"], shown["end_by"]) == ("standing", COLLEAGUE.ref)
    page = await page_of(rig, case)
    assert "It is over." in page
    assert "End this measure early" in page
    assert "End this measure early" not in await page_of(rig, case, COLLEAGUE)
    await given(rig, case, "end_measure", {"measure_id": measure["measure_id"], "why": "Yes, Sekret."})
    assert (await rig.shown(case))["measures"][0]["state"] == "ended"
    assert "Sekret" not in repr(rig.cases.events)


async def test_the_forms_of_the_desk_review_and_end_measures(rig: Rig) -> None:
    case = await rig.open()
    await given(rig, case, "act_in_emergency", ACT)
    (measure,) = rig.cases.stored[case.id].case.measures

    async def send(command: str, **values: str) -> tuple[int, str]:
        page = await page_of(rig, case, COLLEAGUE)
        address, data = f"/desk/cases/{case.code_name}/{command}", {**hidden_fields(page), **values}
        answer = await rig.http.post(address, data=data, headers=BROWSER)
        return answer.status_code, unescape(answer.text)

    status, page = await send("review_emergency", measure_id=measure.id, review="confirmed", why="")
    assert status == 422
    assert "This field needs an answer" in page or "Please" in page
    assert (await send("end_measure", measure_id=measure.id, why="So."))[0] == 303
    assert rig.cases.stored[case.id].case.measures[0].state == "ended"


async def test_a_measure_that_nobody_reviews_lapses_when_the_watch_looks(rig: Rig) -> None:
    case = await rig.open()
    await given(rig, case, "act_in_emergency", ACT)
    later = now() + timedelta(hours=25)
    watch = CaseWatch(
        rig.cases, Parties(rig.parties, patience=0.0), Three(), POLICY, TOKENS, every=1, clock=lambda: later
    )
    await watch.look()
    assert rig.cases.stored[case.id].case.measures[0].state == "lapsed"
    lapsed = next(event for event in rig.cases.events if event.fact.name == "measure.lapsed")
    assert lapsed.actor.role == "service"


async def test_the_reporters_appeal_is_shown_with_its_words_and_others_answer_it(rig: Rig) -> None:
    case = await investigated(rig)
    await given(rig, case, "decide", {"outcome": "advice", "reason": "So."})
    await rig.intake.take([appealed(case.report_id, "p1")])
    body = await rig.shown(case)
    (lodged,) = body["appeals"]
    assert (body["state"], lodged["party"], lodged["reason_id"]) == ("appealed", "reporter", "p1")
    assert [s["actor"] for s in body["history"] if s["event"] == "appeal.lodged"] == ["reporter"]
    rig.vault.statements[case.report_id, "p1"] = ("appeal", "You never asked the witness.")
    assert "You never asked the witness." in await page_of(rig, case, DORA)
    verdict = {"verdict": "remanded", "why": "For us.", "told": "We ask the witness."}
    refused = await rig.order(case, "decide_appeal", verdict)
    assert [e["code"] for e in refused.json()["errors"]] == ["decided_before"]
    await given(rig, case, "decide_appeal", verdict, DORA)
    told = next(e.fact for e in rig.cases.events if e.fact.name == "appeal.decided")
    assert rig.vault.statements[case.report_id, told.told_id] == ("reason", "We ask the witness.")
    # An appeal that comes too late for this is refused, and the history says so.
    await rig.intake.take([appealed(case.report_id, "p2")])
    assert (await rig.shown(case))["history"][-1]["detail"] == "not_decided"
    # Those who may read the report read the words of that one, too, and nobody else does.
    rig.vault.statements[case.report_id, "p2"] = ("appeal", "You forgot her again.")
    page = await page_of(rig, case, DORA)
    assert "could not be taken: Nothing was decided" in page
    assert "The reporter appeals: What was found is wrong" in page
    assert ("It was not taken: Nothing was decided." in page, "You forgot her again." in page) == (True, True)
    assert "You forgot her again." not in await page_of(rig, case, CORA)


async def test_the_desk_leads_through_the_hearing_of_the_reporter(rig: Rig) -> None:
    case = await rig.open(category="harassment.hounding")
    for command in ("assign", "start"):
        await given(rig, case, command)
    await given(rig, case, "propose_decision", {"outcome": "mediation", "why": "Both want to talk."})
    assert "Ask the reporter about the proposal" in await page_of(rig, case)
    early = await rig.order(case, "decide", {"outcome": "mediation", "reason": "So."})
    assert [e["code"] for e in early.json()["errors"]] == ["needs_reporter"]
    await given(rig, case, "ask", {"question": "What do you think of mediation?"})
    assert "Wait for what the reporter says to the proposal within 6 days" in await page_of(rig, case)
    (question,) = (await rig.shown(case))["questions"]
    assert question["answer_by"] is not None
    await given(rig, case, "start")
    waits = await rig.order(case, "decide", {"outcome": "mediation", "reason": "So."})
    assert [e["code"] for e in waits.json()["errors"]] == ["needs_answer"]
    assert (await rig.shown(case))["proposal"]["needs"] == ["answer"]
    await given(rig, case, "take_answer", {"question": question["question_id"], "answer_given": "Yes, I would."})
    assert "Another person reads the answer that you noted, and decides" in await page_of(rig, case)
    own = await rig.order(case, "decide", {"outcome": "mediation", "reason": "So."})
    assert [e["code"] for e in own.json()["errors"]] == ["own_note"]
    assert "Decide on the proposal" in await page_of(rig, case, COLLEAGUE)
    await given(rig, case, "decide", {"outcome": "mediation", "reason": "So."}, COLLEAGUE)
