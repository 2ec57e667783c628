"""Bad input at the desk: what an earlier policy knew, forged forms, things of other cases, and clocks that jump."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.triage.case.case import Case
from services.triage.case.values import Measure
from shared.events import CaseSplit, CaseState, Event
from shared.problems import Malformed
from shared.times import now
from tests.service.triage.test_watch import World, watch_of
from tests.support.forms import hidden_fields
from tests.support.people import responder, sign_in
from tests.support.triage_rig import ALICE, COLLEAGUE, POLICY, Rig, answered, make_rig, reported

GONE = "a_body_that_has_ended"
BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        yield rig


def put(rig: Rig, case: Case, **changed: Any) -> None:
    """The case is as an earlier policy left it."""
    stored = rig.cases.stored[case.id]
    rig.cases.stored[case.id] = replace(stored, case=replace(stored.case, **changed))


def pointers(answer: Any) -> tuple[int, list[str]]:
    return answer.status_code, [error["pointer"] for error in answer.json().get("errors", ())]


async def test_a_report_of_what_the_policy_does_not_know_has_a_body_and_says_why(rig: Rig) -> None:
    case = await rig.open(community="atlantis", category="lost.category", flags=("lost_flag",))
    assert (case.body in POLICY.bodies, case.rule) == (True, "anywhere-else")


async def test_people_read_that_no_body_is_named_for_such_a_report(rig: Rig) -> None:
    case, other = await rig.open(community="atlantis"), await rig.open(community="enwiki")
    assert case.body == POLICY.rules[-1].to[0]
    steward = responder("5e5e", "stewards", "enwiki_arbcom")
    rig.entries.enrol(steward)
    shown = [(await rig.shown(one, steward))["nobody_named"] for one in (case, other)]
    assert shown == [True, False]
    await sign_in(rig.http, rig.sessions, "/desk", steward)
    said = "The policy names no handling body for such a report in this community."
    for one, is_said in ((case, True), (other, False)):
        page = (await rig.http.get(f"/desk/cases/{one.code_name}", headers=BROWSER)).text
        assert (said in page, "No body named" in page) == (is_said, is_said)
    assert (await rig.http.get("/desk", headers=BROWSER)).text.count("No body named") == 1
    # A body that has taken it over is named, and nobody waits for one once the case has ended.
    for changed in ({"body": "enwiki_arbcom"}, {"body": case.body, "state": CaseState.CLOSED}):
        put(rig, case, **changed)
        assert (await rig.shown(case, steward))["nobody_named"] is False
        assert "No body named" not in (await rig.http.get(f"/desk/cases/{case.code_name}", headers=BROWSER)).text
        assert "No body named" not in (await rig.http.get("/desk", headers=BROWSER)).text


async def test_a_case_of_what_the_policy_lost_goes_on(rig: Rig) -> None:
    case = await rig.open()
    for command in ("claim", "start"):
        await rig.order(case, command)
    put(rig, case, category="lost.category", flags=("lost_flag",), community="lostwiki", rule="lost-rule")
    assert (await rig.shown(case))["category"] == "lost.category"
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    assert (await rig.http.get(f"/desk/cases/{case.code_name}", headers=BROWSER)).status_code == 200
    assert (await rig.order(case, "ask", {"question": "When?"})).status_code == 200


async def test_a_referral_to_a_body_that_ended_returns_to_its_sender(rig: Rig) -> None:
    case = await rig.open()
    await rig.order(case, "claim")
    assert (await rig.order(case, "refer", {"body": "stewards", "explanation": "Yours."})).status_code == 200
    (asked,) = rig.cases.stored[case.id].case.referrals
    put(rig, case, referrals=(replace(asked, to_body=GONE),))
    assert (await rig.shown(case))["state"] == "referred"
    world = World(ALICE, COLLEAGUE)
    world.at = asked.accept_by
    assert await watch_of(rig, world).wake()
    back = rig.cases.stored[case.id].case
    assert (back.state, back.body, back.assignee, back.referral) == (CaseState.ASSIGNED, case.body, ALICE.ref, None)


async def test_a_case_of_a_body_that_ended_passes_to_people_who_can_act(rig: Rig) -> None:
    case = await rig.open()
    put(rig, case, body=GONE, own_body=GONE)
    people = (responder(f"{number}f2a", body) for number, body in enumerate(POLICY.bodies, 1))
    assert await watch_of(rig, World(*people)).look()
    assert rig.cases.stored[case.id].case.body in POLICY.bodies


async def test_of_a_batch_in_any_order_and_twice_what_fits_no_case_is_named(rig: Rig) -> None:
    first = reported()
    report_id = first.fact.report_id  # type: ignore[attr-defined]  # of the report
    for early in ([answered(report_id, "q-1")], [answered(report_id, "q-1"), first]):
        with pytest.raises(Malformed) as caught:
            await rig.intake.take(early)
        assert caught.value.code == "unknown_case"
    assert rig.cases.stored == {}
    case = await rig.open(first)
    await rig.intake.take([first, reported(), first])
    assert rig.cases.stored[case.id].case == case


async def test_forged_versions_in_a_form_for_several_cases_change_none(rig: Rig) -> None:
    forged = {"-1", "٣", "1e3", "9" * 400, "", "1:2", "99"}
    cases = {version: await rig.open() for version in forged}
    right = await rig.open()
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    hidden = hidden_fields((await rig.http.get("/desk", headers=BROWSER)).text)
    form = {name: hidden[name] for name in ("form_token", "key")} | {"command": "assign", "assignee": ALICE.ref}
    ticked = [f"{case.id}:{version}" for version, case in cases.items()]
    ticked += [f"{right.id}:{right.seq}", f"{right.id}:{right.seq + 7}", "../x:1", ":", "\u202e:1"]
    done = await rig.http.post("/desk/bulk", data={**form, "case": ticked}, headers=BROWSER)
    assert done.status_code == 200
    assert [rig.cases.stored[case.id].case.assignee for case in cases.values()] == [None] * len(forged)
    assert rig.cases.stored[right.id].case.assignee == ALICE.ref
    many = [f"{number:08x}-0000-4000-8000-000000000000:1" for number in range(10_000)]
    assert (await rig.http.post("/desk/bulk", data={**form, "case": many}, headers=BROWSER)).status_code == 400


async def test_things_of_another_case_are_unknown_at_their_field(rig: Rig) -> None:
    first, other = await rig.open(), await rig.open()
    for case in (first, other):
        for command, values in (("claim", None), ("start", None), ("ask", {"question": "When?"})):
            assert (await rig.order(case, command, values)).status_code == 200
    question = rig.cases.stored[other.id].case.questions[0].id
    given = {"question": question, "answer_given": "On Monday."}
    assert pointers(await rig.order(first, "take_answer", given)) == (422, ["/question"])
    soon = now() + timedelta(days=3)
    measure = Measure("m-1", "temporary_suspension", "project", now(), soon, ALICE.ref, "r-1", return_at=soon)
    put(rig, other, measures=(replace(measure, id=question),))
    noted = {"measure_id": question, "conversation": "held"}
    assert pointers(await rig.order(first, "note_return", noted)) == (422, ["/measure_id"])
    assert (await rig.order(other, "note_return", noted)).status_code == 200


async def test_a_split_with_one_key_is_one_and_with_other_words_refused(rig: Rig) -> None:
    case = await rig.open()
    matter = {"matter": "An address.", "category": "harassment.doxing", "flags": []}
    same = {"idempotency_key": "split-one-two", "if_match": f'"{case.seq}"'}
    first, again = [await rig.order(case, "split", matter, **same) for _ in range(2)]
    assert (first.status_code, again.json()) == (200, first.json())
    other = await rig.order(case, "split", {**matter, "matter": "Another."}, **same)
    assert other.status_code == 422
    assert sum(isinstance(event.fact, CaseSplit) for event in rig.cases.events) == 1
    assert pointers(await rig.order(case, "split", {**matter, "category": "lost.category"})) == (422, ["/category"])


async def test_a_merged_case_is_merged_no_further_and_takes_none_in(rig: Rig) -> None:
    a, b, c = [await rig.open() for _ in range(3)]
    assert (await rig.order(a, "merge", {"other": b.code_name})).status_code == 200
    assert (await rig.order(a, "merge", {"other": c.code_name})).status_code == 409
    assert pointers(await rig.order(c, "merge", {"other": a.code_name})) == (422, ["/other"])
    # The survivor goes on, but does not disappear in a third case with the case that it took in.
    assert pointers(await rig.order(b, "merge", {"other": c.code_name})) == (422, ["/other"])
    assert (await rig.order(c, "merge", {"other": b.code_name})).status_code == 200


def told(events: list[Event]) -> Counter[tuple[str, str | None]]:
    return Counter((event.fact.name, getattr(event.fact, "deadline", None)) for event in events)


@pytest.mark.parametrize("hours", [(365 * 24, 0), (365 * 24, -1), (-1, 0)], ids=str)
async def test_clocks_that_jump_and_differ_tell_nothing_twice(rig: Rig, hours: tuple[int, int]) -> None:
    case = await rig.open(received_at=now() - timedelta(days=6))
    await rig.order(case, "claim")
    jumping, steady = World(ALICE, COLLEAGUE), World(ALICE, COLLEAGUE)
    first, second, at = watch_of(rig, jumping), watch_of(rig, steady), now()
    for ahead in hours:
        jumping.at = at + timedelta(hours=ahead)
        for watch in (first, second, first):
            await watch.look()
    assert set(told(rig.cases.events).values()) == {1}
    assert [event.case_seq for event in rig.cases.events] == list(range(1, len(rig.cases.events) + 1))
    assert (await rig.order(case, "start")).status_code == 200
