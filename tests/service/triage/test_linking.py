"""Cases that have to do with each other: by the API and on the desk, and only for those who may see both."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from services.triage.case.case import Case
from services.triage.case.commands.linking import RELATIONS
from services.triage.case.evolve.fold import fold
from services.triage.sight import together
from shared.access.principal import Principal
from shared.access.roster import Staff
from shared.events import CaseUnmerged, encode, mark_noted
from tests.support.forms import hidden_fields
from tests.support.people import bearer, sign_in
from tests.support.triage_rig import ALICE, BOB, COLLEAGUE, CORA, POLICY, Everywhere, Rig, answered, make_rig

BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}
NAMED = replace(COLLEAGUE, ref="person:4a3ed00000000000", pseudonyms=frozenset({"4" * 32}))


class WithAlice:
    """Staff of every handling body: the two of the rig, and the person who gives the commands."""

    async def staff(self) -> Staff:
        return dict.fromkeys(POLICY.bodies, (ALICE, *Everywhere.two))


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig(WithAlice()) as rig:
        yield rig


async def two(rig: Rig) -> tuple[Case, Case]:
    """A case, and one that names a person who may see the first."""
    return await rig.open(), await rig.open(subjects=tuple(NAMED.pseudonyms))


@pytest.mark.parametrize("relation", RELATIONS)
async def test_both_cases_show_a_link_and_both_records_fold_to_them(rig: Rig, relation: str) -> None:
    a, b = await two(rig)
    answer = await rig.order(a, "link", {"other": b.code_name, "relation": relation, "link_note": "The same words."})
    assert answer.status_code == 200, answer.text
    (note,) = rig.vault.statements.items()
    assert (note[0][0], note[1]) == (a.report_id, ("link", "The same words."))
    assert (await rig.shown(a))["links"] == [
        {"id": b.id, "code_name": b.code_name, "relation": relation, "note_id": note[0][1]}
    ]
    assert (await rig.shown(b))["links"] == [
        {"id": a.id, "code_name": a.code_name, "relation": relation, "note_id": None}
    ]
    for case in (a, b):
        assert fold(e for e in rig.cases.events if e.case_id == case.id) == rig.cases.stored[case.id].case
        step = (await rig.shown(case))["history"][-1]
        assert (step["event"], step["detail"], step["actor"]) == ("case.linked", relation, ALICE.ref)


async def test_no_event_says_which_other_case_it_is(rig: Rig) -> None:
    a, b = await two(rig)
    await rig.order(a, "link", {"other": b.id, "relation": "related"})
    for event in rig.cases.events:
        other = b if event.case_id == a.id else a
        message = encode(event)
        told = b"".join([message.value or b"", *(value or b"" for _, value in message.headers)]).decode()
        assert not [part for part in (other.id, other.code_name, other.report_id) if part in told]


async def test_a_link_comes_and_goes_once_in_both_directions(rig: Rig) -> None:
    a, b = await two(rig)
    related = {"relation": "duplicate"}
    for case, other in ((a, b), (a, b), (b, a)):
        assert (await rig.order(case, "link", {"other": other.code_name, **related})).status_code == 200
    assert [e.fact.name for e in rig.cases.events].count("case.linked") == 2
    for case, other in ((b, a), (b, a), (a, b)):
        assert (await rig.order(case, "unlink", {"other": other.id, "why": "They differ."})).status_code == 200
    assert [e.fact.name for e in rig.cases.events].count("case.unlinked") == 2
    assert [(await rig.shown(case))["links"] for case in (a, b)] == [[], []]


async def test_a_repeated_request_links_once(rig: Rig) -> None:
    a, b = await two(rig)
    request = {"other": b.code_name, "relation": "follows"}
    seen = f'"{a.seq}"'
    first, again = [
        await rig.order(a, "link", request, idempotency_key="link-one-two", if_match=seen) for _ in range(2)
    ]
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert rig.cases.stored[b.id].case.seq == b.seq + 1


@pytest.mark.parametrize(
    "other", ["never-was", "Never Was", "x" * 500, "5f0c9a1e-0000-4000-8000-000000000000", "🦊", 7, None, ""]
)
async def test_a_case_that_is_not_there_is_a_fault_of_the_field(rig: Rig, other: object) -> None:
    a, _ = await two(rig)
    for command in ("link", "unlink"):
        answer = await rig.order(
            a, command, {"other": other, "relation": "pals"} if command == "link" else {"other": other}
        )
        assert answer.status_code == 422
        pointers = {error["pointer"] for error in answer.json()["errors"]}
        assert pointers == ({"/other", "/relation"} if command == "link" else {"/other", "/why"})
    assert rig.cases.stored[a.id].case == a


async def test_a_hidden_case_is_answered_like_one_that_is_not_there(rig: Rig) -> None:
    a, b = await two(rig)
    elsewhere = await rig.open(community="swwiki")
    asked = {"relation": "related"}
    answers = [
        (await rig.order(a, "link", {"other": other, **asked}, who)).json()
        for who, other in ((NAMED, b.code_name), (NAMED, b.id), (ALICE, elsewhere.id), (ALICE, "never-was"))
    ]
    assert {str(answer["errors"]) for answer in answers} == {str(answers[-1]["errors"])}
    assert answers[-1]["errors"] == [{"pointer": "/other", "code": "unknown_case", "detail": "There is no such case."}]
    assert (await rig.order(elsewhere, "link", {"other": a.id, **asked}, BOB)).status_code == 422


async def test_a_case_is_not_linked_to_itself(rig: Rig) -> None:
    a, _ = await two(rig)
    answer = await rig.order(a, "link", {"other": a.code_name, "relation": "related"})
    assert [error["code"] for error in answer.json()["errors"]] == ["same_case"]


async def test_a_reader_who_may_not_see_the_other_case_is_shown_nothing_of_it(rig: Rig) -> None:
    a, b = await two(rig)
    before = await rig.shown(a, NAMED)
    note = {"link_note": "They are in both."}
    for relation in ("related", "duplicate"):
        await rig.order(a, "link", {"other": b.code_name, "relation": relation, **note})
    after = await rig.shown(a, NAMED)
    assert after["links"] == []
    assert after["history"] == before["history"]
    content = (await rig.http.get(f"/v1/cases/{a.id}/content", headers=bearer(NAMED))).text
    assert "They are in both." not in content
    assert "They are in both." in (await rig.http.get(f"/v1/cases/{a.id}/content", headers=bearer(ALICE))).text
    stale = await rig.order(a, "start", who=NAMED, if_match=f'"{a.seq}"')
    assert (stale.status_code, stale.json()["changes"]) == (412, [])
    await sign_in(rig.http, rig.sessions, "/desk", NAMED)
    page = (await rig.http.get(f"/desk/cases/{a.code_name}", headers=BROWSER)).text
    assert not [
        words
        for words in (b.code_name, b.id, "Other cases", "Linked to another case", "They are in both")
        if words in page
    ]


async def test_a_coordinator_links_cases_and_reads_no_words(rig: Rig) -> None:
    a, b = await two(rig)
    answer = await rig.order(a, "link", {"other": b.code_name, "relation": "same_people"}, CORA)
    assert answer.status_code == 200
    assert [link["id"] for link in (await rig.shown(a, CORA))["links"]] == [b.id]


async def test_the_desk_links_shows_and_unlinks(rig: Rig) -> None:
    a, b = await two(rig)
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    address = f"/desk/cases/{a.code_name}"

    async def send(command: str, **values: str) -> Any:
        page = (await rig.http.get(address, headers=BROWSER)).text
        return await rig.http.post(f"{address}/{command}", data={**hidden_fields(page), **values}, headers=BROWSER)

    wrong = await send("link", other="no-such", relation="", link_note="Kept while I look.")
    assert wrong.status_code == 422
    assert "There is no such case, or you cannot do this to it." in wrong.text
    assert "Kept while I look." in wrong.text
    done = await send("link", other=b.code_name, relation="duplicate", link_note="The same words.")
    assert (done.status_code, done.headers["location"]) == (303, f"{address}?done=link")
    page = (await rig.http.get(address, headers=BROWSER)).text
    assert f'href="/desk/cases/{b.code_name}"' in page
    assert "Both report the same" in page
    assert "The same words." in page
    assert "Linked to another case" in page
    other = (await rig.http.get(f"/desk/cases/{b.code_name}", headers=BROWSER)).text
    assert f'href="{address}"' in other
    assert "The same words." not in other
    assert (await send("unlink", other=b.code_name, why="They differ.")).status_code == 303
    page = (await rig.http.get(address, headers=BROWSER)).text
    assert f'href="/desk/cases/{b.code_name}"' not in page
    assert f"Link to another case taken back: {b.code_name}" in page
    assert "They differ." in page
    assert "They differ." not in (await rig.http.get(f"/desk/cases/{b.code_name}", headers=BROWSER)).text


async def test_an_outage_links_neither_case(rig: Rig) -> None:
    a, b = await two(rig)
    rig.vault.away = True
    given = {"other": b.code_name, "relation": "related", "link_note": "Because."}
    assert (await rig.order(a, "link", given)).status_code == 503
    assert [rig.cases.stored[case.id].case for case in (a, b)] == [a, b]


async def test_a_merged_case_and_its_survivor_show_each_other(rig: Rig) -> None:
    a, b = await two(rig)
    answer = await rig.order(a, "merge", {"other": b.code_name, "link_note": "It is the same."})
    assert (answer.status_code, answer.json()["state"]) == (200, "merged"), answer.text
    merged, survivor = await rig.shown(a), await rig.shown(b)
    assert merged["merged_into"] == {"id": b.id, "code_name": b.code_name}
    assert survivor["absorbed"] == [{"id": a.id, "code_name": a.code_name, "answers_since": 0}]
    assert [action["command"] for action in merged["actions"]] == ["tell", "unmerge"]
    assert "It is the same." in (await rig.http.get(f"/v1/cases/{a.id}/content", headers=bearer(ALICE))).text
    for case in (a, b):
        assert fold(e for e in rig.cases.events if e.case_id == case.id) == rig.cases.stored[case.id].case
    assert (await rig.order(a, "unmerge", {"other": b.code_name, "why": "They differ."})).status_code == 200
    assert (await rig.shown(a))["state"] == "triaged"
    assert (await rig.shown(b))["absorbed"] == []


async def test_a_repeated_merger_is_one(rig: Rig) -> None:
    a, b = await two(rig)
    given = {"other": b.code_name}
    answers = [
        await rig.order(a, "merge", given, idempotency_key="merge-one-two", if_match=f'"{a.seq}"') for _ in range(2)
    ]
    assert [answer.json() for answer in answers] == [answers[0].json()] * 2
    assert [e.fact.name for e in rig.cases.events].count("case.absorbed") == 1


async def test_of_two_merged_cases_both_are_hidden_from_the_people_of_either(rig: Rig) -> None:
    a, b = await two(rig)
    for case in (a, b):
        status = (await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(NAMED))).status_code
        assert status == (200 if case is a else 404)
    for case, other in ((a, b), (b, a)):
        assert (await rig.order(case, "merge", {"other": other.code_name})).status_code == 200
        for one in (a, b):
            for path in (f"/v1/cases/{one.id}", f"/v1/cases/{one.id}/content"):
                assert (await rig.http.get(path, headers=bearer(NAMED))).status_code == 404
                assert (await rig.http.get(path, headers=bearer(ALICE))).status_code == 200
            assert (await rig.order(one, "start", who=NAMED)).status_code == 404
        listed = (await rig.http.get("/v1/cases", headers=bearer(NAMED))).json()["items"]
        assert listed == []
        assert (await rig.order(case, "unmerge", {"other": other.code_name, "why": "They differ."})).status_code == 200
        assert (await rig.http.get(f"/v1/cases/{a.id}", headers=bearer(NAMED))).status_code == 200


async def test_a_person_named_in_the_merged_case_loses_the_survivor(rig: Rig) -> None:
    a, b = await two(rig)
    rig.entries.enrol(NAMED)
    assert (await rig.order(a, "assign", {"assignee": NAMED.ref})).status_code == 200
    assert (await rig.order(b, "merge", {"other": a.code_name})).status_code == 200
    assert rig.cases.stored[a.id].case.assignee is None
    assert (await rig.order(a, "assign", {"assignee": NAMED.ref})).status_code == 422


def test_of_merged_cases_only_what_handlers_say_in_all_of_them_is_marked_so() -> None:
    by_handlers, by_reporter = frozenset({"k", mark_noted("k")}), frozenset({"k"})
    assert together(by_handlers, frozenset({"other"})) == by_handlers | {"other"}
    assert together(by_handlers, by_handlers) == by_handlers
    assert together(by_handlers, by_reporter) == together(by_reporter, by_handlers) == by_reporter


async def test_a_survivor_that_is_hidden_is_no_case(rig: Rig) -> None:
    a, b = await two(rig)
    answer = await rig.order(a, "merge", {"other": b.code_name}, NAMED)
    assert [error["code"] for error in answer.json()["errors"]] == ["unknown_case"]


async def test_an_answer_to_a_merged_case_is_shown_at_its_survivor(rig: Rig) -> None:
    a, b = await two(rig)
    for command, values in (("assign", {}), ("start", {}), ("ask", {"question": "When?"})):
        assert (await rig.order(a, command, values)).status_code == 200
    question = rig.cases.stored[a.id].case.questions[0].id
    assert (await rig.order(a, "merge", {"other": b.code_name})).status_code == 200
    await rig.intake.take([answered(a.report_id, question)])
    assert (await rig.shown(b))["absorbed"][0]["answers_since"] == 1
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    page = (await rig.http.get(f"/desk/cases/{b.code_name}", headers=BROWSER)).text
    assert "the reporter has sent an answer since" in page
    page = (await rig.http.get(f"/desk/cases/{a.code_name}", headers=BROWSER)).text
    assert f'href="/desk/cases/{b.code_name}"' in page
    given = {name: value for name, value in hidden_fields(page).items() if name != "question"}
    refused = await rig.http.post(f"/desk/cases/{a.code_name}/unmerge", data=given, headers=BROWSER)
    assert (refused.status_code, 'id="unmerge-why-error"' in refused.text) == (422, True)
    given |= {"why": "Two different people did it."}
    sent = await rig.http.post(f"/desk/cases/{a.code_name}/unmerge", data=given, headers=BROWSER)
    assert sent.status_code == 303
    assert "Two different people did it." in [text for _, text in rig.vault.statements.values()]
    (parted,) = [event.fact for event in rig.cases.events if isinstance(event.fact, CaseUnmerged)]
    assert (a.report_id, parted.reason_id) in rig.vault.statements
    assert rig.cases.stored[a.id].case.state == "investigating"


async def test_a_merged_case_tells_the_outcome_of_its_survivor_until_it_is_parted(rig: Rig) -> None:
    a, b = await two(rig)
    assert (await rig.order(a, "merge", {"other": b.code_name})).status_code == 200
    decision = {"outcome": "advice", "reason": "Both were heard."}
    for command, values in (("assign", {}), ("start", {}), ("decide", decision)):
        assert (await rig.order(b, command, values)).status_code == 200
    part = rig.cases.stored[a.id].case
    assert (part.outcome_there, part.outcome, part.state) == ("advice", None, "merged")
    assert [e.fact.name for e in rig.cases.events if e.case_id == a.id].count("case.outcome_followed") == 1
    assert fold(e for e in rig.cases.events if e.case_id == a.id) == part
    # What the reporter of the first case hears names neither the other case nor its words.
    told = next(e.fact for e in rig.cases.events if e.fact.name == "case.outcome_followed")
    assert set(told.model_dump()) == {"previous", "state", "outcome"}
    assert (await rig.order(a, "unmerge", {"other": b.code_name, "why": "They differ."})).status_code == 200
    assert rig.cases.stored[a.id].case.outcome_there is None


async def test_a_merge_follows_the_rules_of_recusal_there_and_back(rig: Rig) -> None:
    a, b = await two(rig)
    recused = {"person": BOB.ref, "ground": "involved"}
    for case in (b, a):
        assert (await rig.order(case, "recuse", recused)).status_code == 200
    assert (await rig.order(b, "withdraw", {"person": BOB.ref, "withdrawal": "mistaken"})).status_code == 200
    answer = await rig.order(a, "merge", {"other": b.code_name})
    assert (answer.status_code, [error["code"] for error in answer.json()["errors"]]) == (422, ["takes_two"])
    assert (await rig.order(b, "recuse", recused, CORA)).status_code == 200
    assert (await rig.order(a, "merge", {"other": b.code_name})).status_code == 200
    assert (await rig.order(b, "recuse", {**recused, "person": COLLEAGUE.ref}, CORA)).status_code == 200
    assert (await rig.order(a, "unmerge", {"other": b.code_name, "why": "They differ."})).status_code == 200
    recusals = rig.cases.stored[a.id].case.recusals
    told = [(one.person, one.by, one.role) for one in recusals]
    assert told == [(BOB.ref, ALICE.ref, "responder"), (COLLEAGUE.ref, CORA.ref, "coordinator")]
    assert (await rig.http.get(f"/v1/cases/{a.id}", headers=bearer(COLLEAGUE))).status_code == 404


async def test_what_was_wrong_of_an_erased_report_is_undone_without_words(rig: Rig) -> None:
    a, b = await two(rig)
    await rig.order(a, "link", {"other": b.code_name, "relation": "related"})
    await rig.order(a, "set_flags", {"flags": ["physical_violence"]})
    c, d = await rig.open(), await rig.open()
    await rig.order(c, "merge", {"other": d.code_name})
    rig.vault.erased |= {a.report_id, c.report_id}
    why = {"why": "It was wrong."}
    flags, unlinked, unmerged = [
        await rig.order(a, "set_flags", {"flags": [], **why}),
        await rig.order(a, "unlink", {"other": b.code_name, **why}),
        await rig.order(c, "unmerge", {"other": d.code_name, **why}),
    ]
    assert [answer.status_code for answer in (flags, unlinked, unmerged)] == [200, 200, 200]
    assert (rig.vault.statements, (await rig.shown(a))["links"]) == ({}, [])
    # It still takes a reason, as for every case.
    await rig.order(a, "set_flags", {"flags": ["physical_violence"]})
    assert (await rig.order(a, "set_flags", {"flags": []})).status_code == 422


@pytest.mark.parametrize("bind", ["link", "merge"])
async def test_why_a_link_or_merge_was_taken_back_is_read_by_those_who_may_see_both(rig: Rig, bind: str) -> None:
    a, b = await two(rig)
    other = {"other": b.code_name}
    await rig.order(a, bind, {**other, "link_note": "Alike.", **({"relation": "related"} if bind == "link" else {})})
    assert (await rig.order(a, f"un{bind}", {**other, "why": "They differ."})).status_code == 200
    parted = f"case.un{bind.rstrip('e')}ed"

    async def words(who: Principal) -> list[str]:
        sections = (await rig.http.get(f"/v1/cases/{a.id}/content", headers=bearer(who))).json()["sections"]
        return [one["text"] for one in sections.get("correspondence", {"statements": []})["statements"]]

    assert (await words(ALICE), await words(NAMED)) == (["They differ."], [])
    told = {step["event"]: step["reason_id"] for step in (await rig.shown(a))["history"]}
    assert (a.report_id, told[parted]) in rig.vault.statements
    assert parted not in {step["event"] for step in (await rig.shown(a, NAMED))["history"]}
