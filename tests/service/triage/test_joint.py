"""A case of several handling bodies: one leads, and another one joins once it accepts the invitation."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.triage.case.case import Case
from shared.access.principal import Principal
from tests.service.triage.test_sight import codes_in_queue
from tests.service.triage.test_watch import World, watch_of
from tests.support.forms import SAME_ORIGIN, hidden_fields
from tests.support.people import COPIES, bearer, coordinator, responder, sign_in
from tests.support.triage_rig import Rig, make_rig

ANN, BEN = (responder(name, "enwiki_arbcom") for name in ("91a1", "91b2"))
STEVE, STELLA = (responder(name, "stewards") for name in ("91c3", "91d4"))
CORA, STAN = coordinator("91e5", "enwiki_arbcom"), coordinator("91f6", "stewards")
UMA = responder("91a7", "u4c")
WHY = "The lighthouse account is theirs."


@pytest.fixture
def world() -> World:
    return World(ANN, BEN, STEVE, STELLA, CORA, STAN, UMA)


@pytest.fixture
async def rig(world: World) -> AsyncIterator[Rig]:
    for one in world.people:
        COPIES.enrol(one)
    async with make_rig(world) as rig:
        yield rig


async def give(rig: Rig, case: Case, who: Principal, command: str, **values: Any) -> None:
    answer = await rig.order(case, command, values, who)
    assert answer.status_code == 200, answer.text


async def refused(rig: Rig, case: Case, who: Principal, command: str, **values: Any) -> Any:
    answer = await rig.order(case, command, values, who)
    errors = answer.json().get("errors", ())
    return answer.status_code, errors[0]["code"] if errors else None


async def invited(rig: Rig, **changed: Any) -> Case:
    case = await rig.open(flags=("ongoing",), **changed)
    rig.vault.sections[case.report_id] = {"content": {"narrative": "the purple lighthouse"}}
    await give(rig, case, ANN, "assign")
    await give(rig, case, ANN, "start")
    await give(rig, case, ANN, "invite_body", body="stewards", explanation=WHY)
    return now(rig, case)


async def joint(rig: Rig, **changed: Any) -> Case:
    case = await invited(rig, **changed)
    await give(rig, case, STEVE, "accept_invitation")
    return now(rig, case)


def now(rig: Rig, case: Case) -> Case:
    return rig.cases.stored[case.id].case


async def shown(rig: Rig, case: Case, who: Principal, more: str = "") -> Any:
    return await rig.http.get(f"/v1/cases/{case.id}{more}", headers=bearer(who))


async def test_bodies_work_together_from_the_invitation_to_the_decision(rig: Rig) -> None:
    case = await joint(rig)
    assert (await shown(rig, case, STEVE, "/content")).json()["sections"]["content"]["narrative"]
    told = (await shown(rig, case, STEVE)).json()
    assert (told["body"], told["joined"], told["assignee"]) == ("enwiki_arbcom", ["stewards"], ANN.ref)
    await give(rig, case, STEVE, "note", note="Seen on five wikis.", visibility="shared")
    assert (await shown(rig, case, ANN)).json()["notes"][0]["by"] == STEVE.ref
    await give(rig, case, STEVE, "propose_decision", outcome="permanent_ban", scope="community", why="Hounding.")
    for who in (ANN, BEN):
        await give(rig, case, who, "object", why="Too much.")
    until = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
    suspended = {"outcome": "temporary_suspension", "scope": "community", "until": until}
    await give(rig, case, ANN, "propose_decision", **suspended, why="Hounding.")
    decision = {"outcome": "temporary_suspension", "reason": "So."}
    assert await refused(rig, case, ANN, "decide", **decision) == (422, "needs_second")
    await give(rig, case, STELLA, "second")
    assert (await refused(rig, case, STEVE, "decide", **decision))[0] == 404
    await give(rig, case, ANN, "decide", **decision)
    decided = (await shown(rig, case, STEVE)).json()
    assert (decided["state"], decided["outcome"], decided["body"]) == (
        "decided", "temporary_suspension", "enwiki_arbcom",
    )  # fmt: skip


async def test_what_holds_elsewhere_takes_a_person_of_a_body_that_may_order_it_there(rig: Rig) -> None:
    case = await joint(rig)
    given = {"scope": "everywhere", "until": (datetime.now(UTC).date() + timedelta(days=9)).isoformat(), "why": "So."}
    alone = {"measure": "restriction", **given}
    assert await refused(rig, case, ANN, "act_in_emergency", **alone) == (422, "out_of_reach")
    await give(rig, case, ANN, "propose_decision", outcome="restriction", **given)
    await give(rig, case, BEN, "second")
    decision = {"outcome": "restriction", "reason": "So."}
    assert await refused(rig, case, ANN, "decide", **decision) == (422, "needs_reach")
    await give(rig, case, STELLA, "second")
    # Who proposed it does not take that vote away. The body that may order it leaves before the decision.
    ended = {"body": "stewards", "explanation": "Enough."}
    assert await refused(rig, case, ANN, "end_joint", **ended) == (422, "proposal_stands")
    await give(rig, case, STELLA, "end_joint", **ended)
    assert await refused(rig, case, ANN, "decide", **decision) == (422, "needs_reach")
    await give(rig, case, ANN, "invite_body", body="stewards", explanation=WHY)
    await give(rig, case, STEVE, "accept_invitation")
    await give(rig, case, ANN, "decide", **decision)
    assert now(rig, case).measures[-1].scope == "everywhere"


async def test_the_invited_body_sees_an_outline_until_it_accepts(rig: Rig) -> None:
    case = await invited(rig)
    told = (await shown(rig, case, STEVE)).json()
    assert [action["command"] for action in told["actions"]] == ["accept_invitation", "decline_invitation"]
    assert (told["flags"], told["assignee"], told["referrals"][0]["joint"]) == ([], None, True)
    assert [step["event"] for step in told["history"]] == ["case.body_invited"]
    assert (await shown(rig, case, STEVE, "/content")).status_code == 404
    assert (await shown(rig, case, STEVE, "/referral")).json()["reason"] == WHY
    assert "purple" not in (await shown(rig, case, STEVE, "/referral")).text
    items = (await rig.http.get("/v1/cases", headers=bearer(STEVE))).json()["items"]
    assert [(item["code_name"], item["flags"], item["assignee"]) for item in items] == [(case.code_name, [], None)]
    for who, status in ((UMA, 404), (ANN, 200), (STAN, 200)):
        assert (await shown(rig, case, who)).status_code == status
    # What the leading body does meanwhile goes on.
    await give(rig, case, ANN, "note", note="Ours.", visibility="body")
    assert now(rig, case).state == "investigating"


async def test_only_the_invited_body_accepts_and_nobody_invites_and_accepts(rig: Rig) -> None:
    both = responder("91c9", "enwiki_arbcom", "stewards")
    COPIES.enrol(both)
    case = await rig.open()
    await give(rig, case, both, "invite_body", body="stewards", explanation=WHY)
    for who, status in ((ANN, 404), (CORA, 404), (UMA, 404), (both, 409), (STAN, 200)):
        assert (await rig.order(case, "accept_invitation", {}, who)).status_code == status
    assert now(rig, case).joined == ("stewards",)


async def test_bodies_that_cannot_join_are_refused_with_the_field(rig: Rig, world: World) -> None:
    case = await invited(rig)
    for body, code in (
        ("enwiki_arbcom", "own_body"),
        ("stewards", "asks_another"),
        ("u4c", "asks_another"),
        ("ended", "unknown_choice"),
    ):
        answer = await refused(rig, case, ANN, "invite_body", body=body, explanation=WHY)
        assert answer == (422, code)
    assert await refused(rig, case, ANN, "refer", body="u4c", explanation=WHY) == (422, "asks_another")
    await give(rig, case, STAN, "decline_invitation", explanation="Nothing of ours.")
    assert (await shown(rig, case, STEVE)).status_code == 404
    assert await refused(rig, case, ANN, "invite_body", body="stewards", explanation=WHY) == (422, "had_before")
    await give(rig, case, CORA, "invite_body", body="stewards", explanation=WHY)
    await give(rig, case, STEVE, "accept_invitation")
    assert await refused(rig, case, ANN, "invite_body", body="stewards", explanation=WHY) == (422, "own_body")
    # The body that joined asks nobody and gives nothing away.
    for command in ("invite_body", "refer"):
        assert (await refused(rig, case, STEVE, command, body="u4c", explanation=WHY))[0] == 404
    assert WHY not in f"{rig.cases.events} {rig.cases.stored}"


async def test_an_invitation_lapses_once(rig: Rig, world: World) -> None:
    case = await invited(rig)
    world.at += timedelta(hours=47)
    assert await watch_of(rig, world).look() == 0
    world.at += timedelta(hours=2)
    assert sorted([await watch_of(rig, world).look(), await watch_of(rig, world).look()]) == [0, 1]
    after = now(rig, case)
    assert (after.state, after.history[-1].fact, after.asked) == ("investigating", "case.invitation_lapsed", None)
    assert (await shown(rig, case, STEVE)).status_code == 404


async def test_who_is_named_or_recused_sees_nothing_in_the_joined_body_either(rig: Rig) -> None:
    named = await rig.open(subjects=tuple(STELLA.pseudonyms))
    assert await refused(rig, named, ANN, "invite_body", body="stewards", explanation=WHY) == (422, "cannot_take")
    case = await joint(rig)
    await give(rig, case, STAN, "recuse", person=STELLA.ref, ground="involved")
    for more in ("", "/content"):
        assert (await shown(rig, case, STELLA, more)).status_code == 404
    assert case.code_name not in await codes_in_queue(rig, STELLA, 1)
    assert (await refused(rig, case, STELLA, "note", note="x", visibility="shared"))[0] == 404
    # One of two is left: fewer than the quorum of the policy, so the body works on the case no more.
    assert now(rig, case).joined == ()
    assert now(rig, case).body == "enwiki_arbcom"
    assert (await shown(rig, case, STEVE)).status_code == 404


async def test_people_of_the_joined_body_get_the_case_only_from_the_lead(rig: Rig) -> None:
    case = await joint(rig)
    for command, values in (("claim", {}), ("assign", {"assignee": STEVE.ref}), ("close", {}), ("pause", {})):
        assert (await refused(rig, case, STEVE, command, **values))[0] == 404
    assert (await refused(rig, case, STAN, "release", why="Ours."))[0] == 404
    await give(rig, case, ANN, "assign", assignee=STEVE.ref)
    both = replace(STEVE, grants=(*STEVE.grants, *STAN.grants))
    COPIES.enrol(both)
    await give(rig, case, both, "release", why="Not this week.")
    await give(rig, case, ANN, "assign", assignee=STEVE.ref)
    # Who has it loses it with the joint work.
    await give(rig, case, STEVE, "end_joint", body="stewards", explanation="It is local after all.")
    after = now(rig, case)
    assert (after.assignee, after.joined, after.body, after.state) == (None, (), "enwiki_arbcom", "assigned")
    for who, status in ((STEVE, 404), (STAN, 404), (ANN, 200)):
        assert (await shown(rig, case, who)).status_code == status
    assert (await shown(rig, case, ANN)).json()["referrals"][0]["left_at"]


async def test_a_body_lets_itself_go_and_the_lead_any(rig: Rig) -> None:
    case = await joint(rig)
    await give(rig, case, ANN, "invite_body", body="u4c", explanation=WHY)
    await give(rig, case, UMA, "accept_invitation")
    assert now(rig, case).joined == ("stewards", "u4c")
    end = {"explanation": "It is over."}
    assert await refused(rig, case, STEVE, "end_joint", body="u4c", **end) == (422, "not_yours")
    assert await refused(rig, case, ANN, "end_joint", body="legal", **end) == (422, "not_joined")
    assert await refused(rig, case, ANN, "end_joint", body="u4c") == (422, "missing")
    await give(rig, case, ANN, "end_joint", body="u4c", **end)
    assert (await shown(rig, case, UMA)).status_code == 404
    assert now(rig, case).joined == ("stewards",)


async def test_people_of_a_joined_stand_in_cannot_shut_the_lead_out_and_have_the_case(rig: Rig, world: World) -> None:
    una = coordinator("91b8", "u4c")
    COPIES.enrol(una)
    world.people.append(una)
    case = await rig.open(flags=("ongoing",))
    await give(rig, case, ANN, "invite_body", body="u4c", explanation=WHY)
    await give(rig, case, UMA, "accept_invitation")
    for who in (ANN, BEN, CORA):
        await give(rig, case, una, "recuse", person=who.ref, ground="other")
    after = now(rig, case)
    assert (after.body, after.unattended) == ("enwiki_arbcom", True)
    assert all(recusal.confirm_by for recusal in after.recusals)
    assert await refused(rig, case, UMA, "confirm", person=ANN.ref) == (422, "lead_confirms")
    for command, values in (("decide", {"outcome": "no_violation", "reason": "So."}), ("close", {}), ("claim", {})):
        assert (await refused(rig, case, UMA, command, **values))[0] == 404
    await give(rig, case, UMA, "end_joint", body="u4c", explanation="Bye.")
    assert (await shown(rig, case, UMA)).status_code == 404
    world.at += timedelta(hours=25)
    await watch_of(rig, world).look()
    assert (now(rig, case).recused, now(rig, case).unattended) == ((), False)


async def test_the_lead_does_not_end_joint_work_to_be_rid_of_objections(rig: Rig) -> None:
    case = await joint(rig)
    await give(rig, case, ANN, "propose_decision", outcome="permanent_ban", scope="community", why="Hounding.")
    await give(rig, case, BEN, "second")
    for who in (STEVE, STELLA):
        await give(rig, case, who, "object", why="No evidence.")
    other = await rig.open()
    assert await refused(rig, case, ANN, "end_joint", body="stewards", explanation="Bye.") == (422, "objects")
    assert await refused(rig, case, ANN, "merge", other=other.code_name) == (422, "is_joint")
    decision = {"outcome": "permanent_ban", "reason": "So."}
    assert await refused(rig, case, ANN, "decide", **decision) == (422, "needs_majority")


async def test_notes_for_a_body_are_read_by_the_body_of_their_author(rig: Rig) -> None:
    case = await joint(rig)
    await give(rig, case, STEVE, "note", note="Among us.", visibility="body")
    assert [len((await shown(rig, case, who)).json()["notes"]) for who in (STELLA, ANN)] == [1, 0]


async def test_a_joined_body_that_takes_the_case_over_leads_alone(rig: Rig) -> None:
    case = await joint(rig)
    await give(rig, case, ANN, "refer", body="stewards", explanation=WHY)
    await give(rig, case, STELLA, "accept_referral")
    after = now(rig, case)
    assert (after.body, after.joined) == ("stewards", ())
    assert (await shown(rig, case, ANN)).status_code == 404


async def test_the_desk_invites_joins_marks_and_ends(rig: Rig) -> None:
    case, headers = await rig.open(), {"accept": "text/html", **SAME_ORIGIN}
    rig.vault.sections[case.report_id] = {"content": {"narrative": "the purple lighthouse"}}
    address = f"/desk/cases/{case.code_name}"

    async def post(command: str, **data: str) -> str:
        page = (await rig.http.get(address, headers=headers)).text
        sent = await rig.http.post(f"{address}/{command}", data={**hidden_fields(page), **data}, headers=headers)
        assert sent.status_code == 303, sent.text
        return (await rig.http.get(sent.headers["location"], headers=headers)).text

    await sign_in(rig.http, rig.sessions, "/desk", ANN)
    assert "You lead the case" in await post("invite_body", body="stewards", explanation=WHY)
    await sign_in(rig.http, rig.sessions, "/desk", STEVE)
    assert "You are invited" in (await rig.http.get("/desk", headers=headers)).text
    page = (await rig.http.get(address, headers=headers)).text
    assert WHY in page
    assert "purple" not in page
    page = await post("accept_invitation")
    assert "purple" in page
    assert "Works on it, too" in page
    assert f"{address}/decide" not in page
    queue = (await rig.http.get("/desk", headers=headers)).text
    assert "Joint case" in queue
    assert case.code_name in queue
    await sign_in(rig.http, rig.sessions, "/desk", ANN)
    page = await post("end_joint", body="stewards", explanation="Thank you.")
    assert "That handling body works on the case no more." in page
    assert "Thank you." in page
