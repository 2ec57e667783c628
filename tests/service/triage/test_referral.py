"""A case is referred to another body: what that body sees before it accepts, and what each side can do."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from services.triage import consequences as consequences_module
from services.triage.case.case import Case
from services.triage.case.clocks_there import absorptions
from services.triage.case.evolve.fold import fold
from services.triage.case.values import Step
from services.triage.consequences import Consequences
from services.triage.sight import Sight
from services.triage.stored import CaseChange
from shared.access.principal import Principal
from shared.parties import Parties
from shared.problems import Unavailable
from shared.times import now
from tests.service.triage.test_sight import codes_in_queue
from tests.service.triage.test_watch import World, watch_of
from tests.support.forms import SAME_ORIGIN, hidden_fields
from tests.support.people import COPIES, bearer, coordinator, responder, sign_in
from tests.support.triage_rig import POLICY, TOKENS, Everywhere, Rig, make_rig

ANN, BEN = (responder(name, "enwiki_arbcom") for name in ("81a1", "81b2"))
STEVE, STELLA = (responder(name, "stewards") for name in ("81c3", "81d4"))
CORA, STAN = coordinator("81e5", "enwiki_arbcom"), coordinator("81f6", "stewards")
UMA = responder("81a7", "u4c")
WHY = "They know the account called lighthouse."


@pytest.fixture
def world() -> World:
    return World(ANN, BEN, STEVE, STELLA, CORA, STAN, UMA)


@pytest.fixture
async def rig(world: World) -> AsyncIterator[Rig]:
    for one in world.people:
        COPIES.enrol(one)
    async with make_rig(world) as rig:
        yield rig


async def referred(rig: Rig, **changed: Any) -> Case:
    case = await rig.open(flags=("ongoing",), **changed)
    rig.vault.sections[case.report_id] = {"content": {"narrative": "the purple lighthouse"}}
    for command, body in (("assign", {}), ("start", {}), ("refer", {"body": "stewards", "explanation": WHY})):
        answer = await rig.order(case, command, body, ANN)
        assert answer.status_code == 200, answer.text
    return rig.cases.stored[case.id].case


async def shown(rig: Rig, case: Case, who: Principal, more: str = "") -> Any:
    return await rig.http.get(f"/v1/cases/{case.id}{more}", headers=bearer(who))


async def test_the_body_that_is_asked_sees_that_the_case_waits_and_nothing_of_it(rig: Rig) -> None:
    case = await referred(rig)
    told = (await shown(rig, case, STEVE)).json()
    for name in ("code_name", "category", "community", "lane", "body", "state", "version", "deadlines"):
        assert told[name] == (await shown(rig, case, ANN)).json()[name]
    assert told["referrals"][0]["to_body"] == "stewards"
    assert [action["command"] for action in told["actions"]] == ["accept_referral", "decline_referral"]
    empty = {"flags": [], "assignee": None, "recusals": [], "questions": [], "setting": "", "language": "",
             "privacy": "", "contactable": False, "rule": None, "outcome": None, "reason_id": None}  # fmt: skip
    assert {name: told[name] for name in empty} == empty
    assert [step["event"] for step in told["history"]] == ["case.referred"]
    assert (await shown(rig, case, STEVE, "/content")).status_code == 404
    assert "purple" not in (await shown(rig, case, STEVE, "/referral")).text


async def test_a_person_of_both_bodies_does_not_move_a_case_alone(rig: Rig) -> None:
    both = responder("81e5", "enwiki_arbcom", "stewards")
    COPIES.enrol(both)
    case = await rig.open()
    assert (await rig.order(case, "refer", {"body": "stewards", "explanation": "Theirs."}, both)).status_code == 200
    shown = (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(both))).json()
    assert "accept_referral" not in [action["command"] for action in shown["actions"]]
    assert (await rig.order(case, "accept_referral", {}, both)).status_code == 409
    assert (await rig.order(case, "accept_referral", {}, STEVE)).status_code == 200


async def test_the_queue_of_the_asked_body_has_the_outline(rig: Rig) -> None:
    case = await referred(rig)
    items = (await rig.http.get("/v1/cases", headers=bearer(STEVE))).json()["items"]
    assert [(item["code_name"], item["flags"], item["assignee"]) for item in items] == [(case.code_name, [], None)]
    for who, found in ((STELLA, True), (STAN, True), (ANN, True), (UMA, False)):
        assert (case.code_name in await codes_in_queue(rig, who, 1)) is found


async def test_responders_of_the_asked_body_read_the_reasons_and_coordinators_do_not(rig: Rig) -> None:
    case = await referred(rig)
    reads = len(rig.vault.reads)
    answer = await shown(rig, case, STEVE, "/referral")
    assert (answer.status_code, answer.json()["reason"]) == (200, WHY)
    assert [(purpose, actor.ref) for _, purpose, actor in rig.vault.reads[reads:] if actor] == [("refer", STEVE.ref)]
    # Of coordinators nobody reads words; ANN's body is not the one that is asked, and UMA's has nothing to do with it.
    for who, status in ((STAN, 403), (CORA, 403), (ANN, 404), (UMA, 404)):
        assert (await shown(rig, case, who, "/referral")).status_code == status
    rig.vault.away = True
    assert (await shown(rig, case, STEVE, "/referral")).status_code == 503


async def test_only_the_asked_body_accepts_and_then_has_all_of_it(rig: Rig) -> None:
    case = await referred(rig)
    for who in (ANN, CORA, UMA):
        assert (await rig.order(case, "accept_referral", {}, who)).status_code == 404
    key = {"idempotency_key": "accepted-once"}
    for _ in range(2):
        answer = await rig.order(case, "accept_referral", {}, STEVE, **key)
        assert (answer.status_code, answer.json()["state"]) == (200, "triaged")
    for who, status in ((STEVE, 200), (STELLA, 200), (ANN, 404), (BEN, 404)):
        assert (await shown(rig, case, who, "/content")).status_code == status
    after = (await shown(rig, case, STEVE)).json()
    assert (after["body"], after["assignee"], after["flags"]) == ("stewards", None, ["ongoing"])
    again = await rig.order(case, "refer", {"body": "enwiki_arbcom", "explanation": "Back."}, STEVE)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "had_before")


async def test_what_is_declined_is_hidden_again_and_goes_on_with_its_sender(rig: Rig) -> None:
    case = await referred(rig)
    no = {"explanation": "It is nothing for us."}
    assert (await rig.order(case, "decline_referral", no, ANN)).status_code == 404
    assert (await rig.order(case, "decline_referral", no, STAN)).status_code == 200
    after = rig.cases.stored[case.id].case
    assert (after.state, after.body, after.assignee) == ("investigating", "enwiki_arbcom", ANN.ref)
    for who, status in ((STEVE, 404), (STAN, 404), (ANN, 200)):
        assert (await shown(rig, case, who)).status_code == status
    assert {kind for kind, _ in rig.vault.statements.values()} == {"referral"}
    assert "nothing for us" not in f"{rig.cases.events} {rig.cases.stored}"


async def test_the_sender_alone_recalls_a_referral_and_the_other_body_is_asked_no_longer(rig: Rig) -> None:
    case = await referred(rig)
    why = {"explanation": "It was the wrong case."}
    assert (await rig.order(case, "recall_referral", why, STEVE)).status_code == 404
    assert (await rig.order(case, "recall_referral", why, BEN)).status_code == 200
    after = rig.cases.stored[case.id].case
    assert (after.state, after.body, after.assignee) == ("investigating", "enwiki_arbcom", ANN.ref)
    told = (await shown(rig, case, ANN)).json()["referrals"][-1]
    assert (told["ended"], told["answer_id"] in {i for _, i in rig.vault.statements}) == ("recalled", True)
    for who, status in ((STEVE, 404), (STAN, 404), (ANN, 200)):
        assert (await shown(rig, case, who)).status_code == status
    assert "wrong case" not in f"{rig.cases.events} {rig.cases.stored}"


async def test_the_referral_of_an_erased_report_is_recalled_without_words(rig: Rig) -> None:
    case = await referred(rig)
    kept = dict(rig.vault.statements)
    rig.vault.erased.add(case.report_id)
    assert (await rig.order(case, "recall_referral", {"explanation": "It is gone."}, BEN)).status_code == 200
    after = rig.cases.stored[case.id].case
    assert (after.state, after.referrals[-1].ended, rig.vault.statements) == ("investigating", "recalled", kept)


async def test_what_nobody_accepts_is_over_once_whichever_replica_is_there(rig: Rig, world: World) -> None:
    case = await referred(rig)
    world.at += timedelta(hours=47)
    assert await watch_of(rig, world).look() == 0
    world.at += timedelta(hours=2)
    assert sorted([await watch_of(rig, world).look(), await watch_of(rig, world).look()]) == [0, 1]
    after = rig.cases.stored[case.id].case
    assert (after.state, after.history[-1].fact, after.history[-1].actor) == (
        "investigating", "case.referral_returned", "service:triage",
    )  # fmt: skip
    assert (await shown(rig, case, STEVE)).status_code == 404


async def test_the_sender_keeps_the_case_meanwhile_and_of_two_who_refer_it_one_is_told_so(rig: Rig) -> None:
    case = await referred(rig)
    assert (await rig.order(case, "assign", {"assignee": BEN.ref}, ANN)).status_code == 200
    assert (await shown(rig, case, BEN, "/content")).status_code == 200
    there = await rig.open()
    given = {"body": "stewards", "explanation": WHY}
    answers = [await rig.order(there, "refer", given, who, if_match='"3"') for who in (ANN, BEN)]
    assert [answer.status_code for answer in answers] == [200, 412]
    assert (await rig.order(there, "refer", given, BEN)).status_code == 409


async def test_all_faults_of_a_referral_come_in_one_round(rig: Rig) -> None:
    case = await rig.open()
    for body, code in (("enwiki_arbcom", "own_body"), ("legal", "cannot_take"), ("ended", "unknown_choice")):
        answer = await rig.order(case, "refer", {"body": body}, ANN)
        assert {(e["pointer"], e["code"]) for e in answer.json()["errors"]} == {
            ("/body", code), ("/explanation", "missing"),
        }  # fmt: skip
    assert not rig.vault.statements


async def test_who_is_named_or_recused_hears_of_no_referral(rig: Rig, world: World) -> None:
    case = await rig.open(subjects=tuple(STELLA.pseudonyms))
    answer = await rig.order(case, "refer", {"body": "stewards", "explanation": WHY}, ANN)
    assert answer.json()["errors"][0]["code"] == "cannot_take"
    other = await referred(rig)
    assert (await rig.order(other, "recuse", {"person": STELLA.ref, "ground": "involved"}, CORA)).status_code == 200
    assert (await shown(rig, other, STELLA)).status_code == 404
    assert other.code_name not in await codes_in_queue(rig, STELLA, 1)
    assert (await rig.order(other, "accept_referral", {}, STELLA)).status_code == 404
    assert (await rig.order(other, "accept_referral", {}, STEVE)).status_code == 409


async def test_the_desk_offers_it_shows_why_and_takes_the_answer(rig: Rig) -> None:
    case, headers = await rig.open(), {"accept": "text/html", **SAME_ORIGIN}
    rig.vault.sections[case.report_id] = {"content": {"narrative": "the purple lighthouse"}}
    address = f"/desk/cases/{case.code_name}"
    await sign_in(rig.http, rig.sessions, "/desk", ANN)
    page = (await rig.http.get(address, headers=headers)).text
    sent = await rig.http.post(
        f"{address}/refer",
        data={**hidden_fields(page), "body": "stewards", "explanation": WHY},
        headers=headers,
    )
    assert sent.status_code == 303
    assert WHY in (await rig.http.get(address, headers=headers)).text
    await sign_in(rig.http, rig.sessions, "/desk", STEVE)
    assert "Offered to you" in (await rig.http.get("/desk", headers=headers)).text
    page = (await rig.http.get(address, headers=headers)).text
    assert WHY in page
    assert "purple" not in page
    assert ANN.ref not in page
    sent = await rig.http.post(f"{address}/accept_referral", data=hidden_fields(page), headers=headers)
    assert (sent.status_code, sent.headers["location"]) == (303, f"{address}?done=accept_referral")
    page = (await rig.http.get(sent.headers["location"], headers=headers)).text
    assert "Your handling body has the case now." in page
    assert "purple" in page


async def merged(rig: Rig, **changed: Any) -> tuple[Case, Case]:
    """A case, and the one of which it is a part."""
    part, survivor = await rig.open(**changed), await rig.open()
    rig.vault.sections[part.report_id] = {"content": {"narrative": "the purple lighthouse"}}
    assert (await rig.order(part, "merge", {"other": survivor.code_name}, ANN)).status_code == 200
    return part, survivor


async def test_merged_cases_follow_a_case_that_another_body_accepts_and_are_parted_there(rig: Rig) -> None:
    part, survivor = await merged(rig)
    assert (await rig.order(survivor, "refer", {"body": "stewards", "explanation": WHY}, ANN)).status_code == 200
    assert (await shown(rig, part, STEVE)).status_code == 404
    assert (await rig.order(survivor, "accept_referral", {}, STEVE)).status_code == 200
    told = (await shown(rig, part, STEVE, "/content")).json()
    assert told["sections"]["content"]["narrative"] == "the purple lighthouse"
    for case in (part, survivor):
        assert (await shown(rig, case, ANN)).status_code == 404
        stored = rig.cases.stored[case.id].case
        assert (stored.body, stored.own_body, stored.assignee) == ("stewards", "stewards", None)
        assert fold(event for event in rig.cases.events if event.case_id == case.id) == stored
    assert (
        await rig.order(part, "unmerge", {"other": survivor.code_name, "why": "They differ."}, STEVE)
    ).status_code == 200
    assert rig.cases.stored[part.id].case.state == "triaged"
    # Once it is a case for itself, it stays where it is.
    assert (await rig.order(survivor, "refer", {"body": "u4c", "explanation": WHY}, STEVE)).status_code == 200
    assert (await rig.order(survivor, "accept_referral", {}, UMA)).status_code == 200
    assert rig.cases.stored[part.id].case.body == "stewards"


async def test_a_case_goes_to_no_body_of_a_person_named_in_a_merged_case(rig: Rig) -> None:
    _, survivor = await merged(rig, subjects=tuple(STELLA.pseudonyms))
    answer = await rig.order(survivor, "refer", {"body": "stewards", "explanation": WHY}, ANN)
    assert answer.json()["errors"][0]["code"] == "cannot_take"


async def test_merged_cases_that_were_left_behind_follow_at_the_next_start(
    rig: Rig, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, survivor = await merged(rig)
    assert (await rig.order(survivor, "refer", {"body": "stewards", "explanation": WHY}, ANN)).status_code == 200

    async def end(*_: object) -> None:
        raise Unavailable("it ends here")

    with monkeypatch.context() as stopped:
        stopped.setattr(Consequences, "of", end)
        assert (await rig.order(survivor, "accept_referral", {}, STEVE)).status_code == 503
    assert (rig.cases.stored[survivor.id].case.body, rig.cases.stored[part.id].case.body) == (
        "stewards", "enwiki_arbcom",
    )  # fmt: skip
    assert await watch_of(rig, world).look() == 1
    assert rig.cases.stored[part.id].case.body == "stewards"
    assert await watch_of(rig, world).look() == 0


async def test_the_parts_of_a_case_ask_for_it_once_and_again_after_a_lost_race(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, survivor = await merged(rig)
    other = await rig.open()
    assert (await rig.order(other, "merge", {"other": survivor.code_name}, ANN)).status_code == 200
    behind = {one.id: rig.cases.stored[one.id] for one in (part, other)}
    assert (await rig.order(survivor, "refer", {"body": "stewards", "explanation": WHY}, ANN)).status_code == 200
    assert (await rig.order(survivor, "accept_referral", {}, STEVE)).status_code == 200
    save, sight = rig.cases.save, Sight(Parties(rig.parties), TOKENS, rig.cases)
    consequences = Consequences(rig.cases, sight, Everywhere(), TOKENS, POLICY, now)

    async def lose(changes: Sequence[CaseChange]) -> set[str]:
        monkeypatch.setattr(rig.cases, "save", save)
        return {one.case.id for one in changes}

    for is_lost, asked in ((False, 1), (True, 2)):
        rig.cases.stored |= behind
        rig.cases.looked_at.clear()
        if is_lost:
            monkeypatch.setattr(rig.cases, "save", lose)
        assert await consequences.on([rig.cases.stored[survivor.id].case]) == 2
        assert rig.cases.looked_at.count(survivor.id) == asked
        assert {rig.cases.stored[one].case.body for one in behind} == {"stewards"}


async def test_the_parts_of_a_case_follow_in_portions_and_its_history_is_read_once_for_each(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, survivor = await merged(rig)
    parts = [part, *[await rig.open() for _ in range(3)]]
    for other in parts[1:]:
        assert (await rig.order(other, "merge", {"other": survivor.code_name}, ANN)).status_code == 200
    monkeypatch.setattr(consequences_module, "PORTION", 2)
    read, written, save = list[str](), list[set[str]](), rig.cases.save

    def counted(case: Case) -> dict[str, tuple[Step, int]]:
        read.append(case.id)
        return absorptions(case)

    async def note(changes: Sequence[CaseChange]) -> set[str]:
        written.append({one.case.id for one in changes})
        return await save(changes)

    monkeypatch.setattr(consequences_module, "absorptions", counted)
    monkeypatch.setattr(rig.cases, "save", note)
    assert (await rig.order(survivor, "tell", {"message": "We look into it."}, ANN)).status_code == 200
    assert [len(some) for some in written] == [1, 2, 2]
    assert set().union(*written[1:]) == {one.id for one in parts}
    assert read == [survivor.id] * 2
    assert {rig.cases.stored[one.id].case.told_there for one in parts} == {1}
