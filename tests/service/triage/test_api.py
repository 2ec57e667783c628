"""The API of cases: versions, repetition, permitted actions, and words that are safe before any fact names them."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.triage.case.evolve.fold import fold
from shared.access.principal import Principal, Role
from shared.input.texts import trim_line
from shared.times import now, rfc3339
from tests.support.cases import cases
from tests.support.people import coordinator
from tests.support.triage_rig import ALICE, BOB, COLLEAGUE, CORA, Rig, answered, bearer, make_rig, reported

KEY = {"idempotency-key": "5f0c9a1e-retry"}


@pytest.fixture
async def rig():
    async with make_rig() as rig:
        yield rig


async def led_to(rig: Rig, *commands: str):
    case = await rig.open()
    bodies = {"ask": {"question": "When?"}, "decide": {"outcome": "advice", "reason": "Because."}}
    bodies["refer"] = {"body": "stewards", "explanation": "Theirs."}
    for command in commands:
        answer = await rig.order(case, command, bodies.get(command))
        assert answer.status_code == 200, answer.text
    return rig.cases.stored[case.id].case


async def test_of_two_requests_at_once_under_one_id_one_is_refused(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    case, load = await led_to(rig, "assign", "start"), rig.cases.load

    async def slow(ids):
        found = await load(ids)
        await asyncio.sleep(0.01)
        return found

    monkeypatch.setattr(rig.cases, "load", slow)
    answers = await asyncio.gather(*(rig.order(case, "ask", {"question": q}, idempotency_key="k" * 16) for q in "ab"))
    assert sorted(answer.status_code for answer in answers) == [200, 422]
    same = await asyncio.gather(*(rig.order(case, "resume", idempotency_key="r" * 16) for _ in range(2)))
    assert [answer.status_code for answer in same] == [200, 200]


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize(
    ("command", "field", "body"),
    [
        ("pause", "resume_on", {"pause": "evidence"}),
        ("snooze", "snooze_until", {}),
        ("act_in_emergency", "until", {"measure": "restriction", "scope": "pages", "why": "So."}),
        ("propose_decision", "until", {"outcome": "restriction", "scope": "pages", "why": "So."}),
        ("propose_decision", "until", {"outcome": "permanent_ban", "scope": "pages", "why": "So."}),
        ("agree", "by_when", {"what": "So.", "who": "reporter"}),
    ],
)
async def test_no_command_takes_a_day_at_an_end_of_the_calendar(
    rig: Rig, command: str, field: str, body: dict[str, str], day: str
) -> None:
    case = await rig.open()
    decided = [("decide", {"outcome": "advice", "reason": "So."})] if command == "agree" else []
    for order, values in (("assign", {}), ("start", {}), *decided):
        assert (await rig.order(case, order, values)).status_code == 200
    answer = await rig.order(case, command, {**body, field: day})
    assert answer.status_code == 422
    assert ("/" + field, "date_parsing") in [(e["pointer"], e["code"]) for e in answer.json()["errors"]]


async def test_a_case_shows_exactly_the_commands_permitted_now(rig: Rig) -> None:
    sort, always = ["confirm_category", "set_flags", "split"], ["recuse", "clear", "link", "note", "watch"]
    wait, later = [*always[:-1], "pause", "watch", "merge", "act_in_emergency"], [*always[:-1], "snooze", "watch"]
    mine = [*always[:-1], "pause", "snooze", "watch", "merge", "act_in_emergency"]
    expected = {
        (): ["assign", "claim", *sort, "refer", "invite_body", "tell", "add_party", *wait],
        ("assign",): ["assign", "release", *sort, "refer", "invite_body", "start", "tell", "add_party", *mine],
        ("assign", "start"): ["assign", "release", *sort, "refer", "invite_body", "ask", "tell", "add_party",
            "propose_decision", "decide", *mine],
        ("assign", "start", "ask"): [
            "assign", "release", *sort, "refer", "invite_body", "start", "tell", "take_answer", "add_party", *mine,
        ],
        ("assign", "refer"): [
            "assign", "release", "recall_referral", "tell", "add_party", *always, "act_in_emergency",
        ],
        ("assign", "start", "decide"): [
            "assign", "release", "invite_body", "tell", "add_party", *later,
            "follow_up", "agree", "close", "act_in_emergency", "appeal",
        ],
        ("assign", "start", "decide", "close"): ["add_party", *always, "appeal", "reopen"],
    }  # fmt: skip
    for commands, permitted in expected.items():
        body = await rig.shown(await led_to(rig, *commands))
        assert [action["command"] for action in body["actions"]] == permitted


async def test_whatever_is_not_shown_as_permitted_is_refused_with_what_is(rig: Rig) -> None:
    case = await led_to(rig, "assign")
    answer = await rig.order(case, "decide", {"outcome": "advice", "reason": "Because."})
    assert answer.status_code == 409
    assert answer.json()["type"] == "/errors/command-not-permitted"
    assert "permitted now: assign, claim" in answer.json()["detail"]
    assert not rig.vault.statements


async def test_a_command_without_if_match_is_refused(rig: Rig) -> None:
    case = await rig.open()
    answer = await rig.http.post(f"/v1/cases/{case.id}/assign", json={}, headers=bearer(ALICE))
    assert answer.status_code == 428


@pytest.mark.parametrize("version", ["", "*", "two", '"-1"', '"1", "2"', '"²"'])
async def test_a_version_that_is_none_is_refused(rig: Rig, version: str) -> None:
    case = await rig.open()
    headers = [(k.encode(), v.encode()) for k, v in {**bearer(ALICE), "if-match": version}.items()]
    answer = await rig.http.post(f"/v1/cases/{case.id}/assign", json={}, headers=headers)
    assert answer.status_code == 400


async def test_an_old_version_is_told_what_changed_meanwhile(rig: Rig) -> None:
    case = await rig.open()
    await rig.order(case, "assign")
    await rig.order(case, "start")
    answer = await rig.order(case, "assign", {"assignee": COLLEAGUE.ref}, if_match='"3"')
    problem = answer.json()
    assert answer.status_code == 412
    assert problem["version"] == 5
    assert [c["event"] for c in problem["changes"]] == ["case.assigned", "case.investigation_started"]
    assert problem["changes"][0]["actor"] == ALICE.ref
    assert problem["changes"][0]["detail"] == ALICE.ref
    assert rig.cases.stored[case.id].case.seq == 5


async def test_the_etag_of_an_answer_is_good_for_the_next_command(rig: Rig) -> None:
    case = await rig.open()
    first = await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(ALICE))
    second = await rig.order(case, "assign", if_match=first.headers["etag"])
    third = await rig.order(case, "start", if_match=second.headers["etag"])
    assert third.json() == {
        "id": case.id,
        "code_name": case.code_name,
        "command": "start",
        "state": "investigating",
        "version": 5,
    }


async def test_the_same_key_with_the_same_body_gives_the_same_answer_and_one_event(rig: Rig) -> None:
    case = await led_to(rig, "assign", "start")
    first = await rig.order(case, "ask", {"question": "When?"}, idempotency_key="question-one", if_match='"5"')
    await rig.order(case, "start")
    again = await rig.order(case, "ask", {"question": "When?"}, idempotency_key="question-one", if_match='"5"')
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert [e.fact.name for e in rig.cases.events].count("case.information_requested") == 1
    assert len(rig.vault.statements) == 1


async def test_the_same_key_with_another_body_is_refused(rig: Rig) -> None:
    case = await led_to(rig, "assign", "start")
    await rig.order(case, "ask", {"question": "When?"}, idempotency_key="question-one")
    other = await rig.order(case, "ask", {"question": "Where?"}, idempotency_key="question-one")
    assert other.status_code == 422
    assert other.json()["type"] == "/errors/idempotency-key-reused"


async def test_a_key_of_one_person_is_not_the_key_of_another(rig: Rig) -> None:
    case = await rig.open()
    other = COLLEAGUE
    assert (await rig.order(case, "watch", idempotency_key="same-key")).json()["version"] == 4
    assert (await rig.order(case, "watch", who=other, idempotency_key="same-key")).json()["version"] == 5
    assert set(rig.cases.stored[case.id].case.watchers) == {ALICE.ref, other.ref}


async def test_without_a_key_each_request_counts_whatever_id_it_says_it_has(rig: Rig) -> None:
    case = await rig.open()
    done = [await rig.order(case, command, x_request_id="the-same-request") for command in ("assign", "start")]
    assert [answer.json()["version"] for answer in done] == [4, 5]


async def test_the_words_are_in_the_vault_before_the_event_that_names_them(rig: Rig) -> None:
    case = await led_to(rig, "assign", "start")
    rig.vault.away = True
    answer = await rig.order(case, "ask", {"question": "When?"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert rig.cases.stored[case.id].case.seq == 5
    rig.vault.away = False
    await rig.order(case, "ask", {"question": "When?"})
    asked = next(e.fact for e in rig.cases.events if e.fact.name == "case.information_requested")
    assert rig.vault.statements == {(case.report_id, asked.question_id): ("question", "When?")}


@pytest.mark.parametrize("tag", cases("changed_etags"))
async def test_a_command_takes_a_version_whose_tag_a_proxy_changed(rig: Rig, tag: str) -> None:
    case = await led_to(rig, "assign")
    seen = rig.cases.stored[case.id].case.seq
    answer = await rig.order(case, "start", if_match=tag.replace("3", str(seen)))
    assert answer.status_code == 200


@pytest.mark.parametrize("case", cases("marks_of_copying"))
async def test_marks_of_copying_cost_no_command(rig: Rig, case: tuple[str, str]) -> None:
    typed = case[0].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    begun = await led_to(rig, "assign", "start")
    assert (await rig.order(begun, "ask", {"question": typed})).status_code == 200
    ((_, kept),) = rig.vault.statements.values()
    assert trim_line(kept) == case[1].replace("\ud83d", "\ufffd")


async def test_no_word_of_a_question_or_reason_is_in_any_event_or_stored_case(rig: Rig) -> None:
    case = await led_to(rig, "assign", "start")
    await rig.order(case, "ask", {"question": "Was it at the quay-x?"})
    await rig.order(case, "start")
    await rig.order(case, "decide", {"outcome": "warning", "reason": "The quay-x was seen."})
    everything = f"{rig.cases.events} {rig.cases.stored}"
    assert "quay-x" not in everything
    assert {text for _, text in rig.vault.statements.values()} == {"Was it at the quay-x?", "The quay-x was seen."}


async def test_the_reporters_answer_brings_the_case_back(rig: Rig) -> None:
    case = await led_to(rig, "assign", "start", "ask")
    await rig.intake.take([answered(case.report_id, case.questions[0].id)])
    body = await rig.shown(case)
    assert body["state"] == "investigating"
    assert body["questions"][0]["answers"] == ["answer-1"]
    steps = [(step["event"], step["actor"]) for step in body["history"][-2:]]
    assert steps == [("deadline.resumed", "service:triage"), ("deadline.started", "service:triage")]


async def test_the_events_of_all_commands_fold_to_the_stored_case(rig: Rig) -> None:
    case = await led_to(rig, "assign", "start", "ask", "start", "decide", "close")
    assert fold(e for e in rig.cases.events if e.case_id == case.id) == case
    decided = next(e for e in rig.cases.events if e.fact.name == "case.decided")
    assert decided.policy_version == case.policy_version
    assert (decided.fact.previous, decided.fact.state) == ("investigating", "decided")
    assert decided.actor == ALICE.actor(Role.RESPONDER)


@pytest.mark.parametrize(
    ("command", "body", "pointer", "code"),
    [
        ("ask", {}, "/question", "missing"),
        ("ask", {"question": "  \n"}, "/question", "missing"),
        ("ask", {"question": 7}, "/question", "string_type"),
        ("ask", {"question": "x" * 5001}, "/question", "string_too_long"),
        ("ask", {"question": "When?", "urgent/": "yes"}, "", "extra_forbidden"),
        ("decide", {"outcome": "pillory", "reason": "Because."}, "/outcome", "unknown_choice"),
        ("decide", {"outcome": "advice"}, "/reason", "missing"),
        ("assign", {"assignee": "Jane Doe"}, "/assignee", "not_a_reference"),
        ("assign", {"assignee": "person:Jane"}, "/assignee", "not_a_reference"),
        ("assign", {"assignee": ["person:0ddba11000000000"]}, "/assignee", "string_type"),
    ],
)
async def test_a_wrong_field_is_pointed_at(rig: Rig, command: str, body: object, pointer: str, code: str) -> None:
    case = await led_to(rig, "assign", "start")
    answer = await rig.order(case, command, body)
    assert answer.status_code == 422
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(pointer, code)]
    assert rig.cases.stored[case.id].case.seq == 5


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b'{"question": "\xff"}', 400), (b"[]", 422), (b"7", 422)])
async def test_a_body_that_is_no_object_is_refused(rig: Rig, body: bytes, status: int) -> None:
    case = await led_to(rig, "assign", "start")
    headers = {**bearer(ALICE), "if-match": '"5"'}
    answer = await rig.http.post(f"/v1/cases/{case.id}/ask", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_coordinator_says_who_takes_the_case(rig: Rig) -> None:
    case = await rig.open()
    nobody = await rig.order(case, "assign", who=CORA)
    assert [e["pointer"] for e in nobody.json()["errors"]] == ["/assignee"]
    given = await rig.order(case, "assign", {"assignee": COLLEAGUE.ref}, who=CORA)
    assert given.status_code == 200
    assert rig.cases.events[-1].actor == CORA.actor(Role.COORDINATOR)


async def test_the_list_is_sorted_by_urgency_and_paged_without_gaps(rig: Rig) -> None:
    for number in range(7):
        flags = ("physical_violence",) if number in (3, 5) else ()
        await rig.open(flags=flags)
    await rig.open(community="swwiki")
    seen, cursor = [], None
    while True:
        query = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (await rig.http.get("/v1/cases", params=query, headers=bearer(ALICE))).json()
        assert len(page["items"]) <= 3
        seen += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert len({item["id"] for item in seen}) == len(seen) == 7
    assert [item["lane"] for item in seen[:3]] == ["emergency", "emergency", "standard"]
    due = [item["deadlines"][1]["due_at"] for item in seen[2:]]
    assert due == sorted(due)


async def test_the_list_is_filtered_by_state_and_body(rig: Rig) -> None:
    taken = await led_to(rig, "assign")
    await rig.open(flags=("physical_violence",))

    async def ids(**query: str) -> list[str]:
        page = await rig.http.get("/v1/cases", params=query, headers=bearer(ALICE))
        return [item["id"] for item in page.json()["items"]]

    assert await ids(state="assigned") == [taken.id]
    assert taken.id not in await ids(body="trust_safety")
    assert len(await ids(body="trust_safety")) == 1
    assert await ids(body="stewards") == []


@pytest.mark.parametrize("query", [{"cursor": "?"}, {"cursor": "bnVsbA"}, {"state": "lost"}, {"limit": "0"}])
async def test_a_query_that_cannot_be_is_refused(rig: Rig, query: dict[str, str]) -> None:
    assert (await rig.http.get("/v1/cases", params=query, headers=bearer(ALICE))).status_code == 422


async def test_content_comes_from_the_vault_on_behalf_of_the_reader(rig: Rig) -> None:
    case = await rig.open()
    rig.vault.sections[case.report_id] = {"content": {"narrative": "It happened."}}
    answer = await rig.http.get(f"/v1/cases/{case.id}/content", headers=bearer(ALICE))
    assert answer.json()["sections"]["content"] == {"narrative": "It happened."}
    assert answer.headers["cache-control"] == "no-store"
    assert rig.vault.reads == [(case.report_id, "review", ALICE.actor(Role.RESPONDER))]


async def test_unknown_fields_are_shown_to_a_handler_who_asks_for_them(rig: Rig) -> None:
    case = await rig.open()
    rig.vault.sections[case.report_id] = {"content": {"narrative": "It happened."}, "unknown": {"/page_id": 7}}
    path = f"/v1/cases/{case.id}/content"
    answer = await rig.http.get(path, headers=bearer(ALICE))
    assert "unknown" not in answer.json()["sections"]
    answer = await rig.http.get(path, params={"also": "unknown"}, headers=bearer(ALICE))
    assert answer.json()["sections"]["unknown"] == {"/page_id": 7}
    assert (await rig.http.get(path, params={"also": "reporter"}, headers=bearer(ALICE))).status_code == 422


async def test_content_of_an_erased_report_says_so(rig: Rig) -> None:
    case = await rig.open()
    rig.vault.erased.add(case.report_id)
    answer = await rig.http.get(f"/v1/cases/{case.id}/content", headers=bearer(ALICE))
    assert (answer.json()["erased"], answer.json()["sections"]) == (True, {})


async def test_a_case_whose_report_is_erased_is_ended_without_words(rig: Rig) -> None:
    case = await rig.open()
    await rig.order(case, "assign", {"assignee": ALICE.ref})
    await rig.order(case, "start")
    rig.vault.erased.add(case.report_id)
    asked = await rig.order(case, "ask", {"question": "When?"})
    assert (asked.status_code, asked.json()["type"]) == (410, "/errors/report-erased")
    decided = await rig.order(
        case, "decide", {"outcome": "advice", "reason": "Sekret"}, idempotency_key="decide-it", if_match='"5"'
    )
    again = await rig.order(
        case, "decide", {"outcome": "advice", "reason": "Sekret"}, idempotency_key="decide-it", if_match='"5"'
    )
    assert (decided.status_code, decided.json()["state"], again.json()) == (200, "decided", decided.json())
    assert (await rig.order(case, "close")).json()["state"] == "closed"
    assert rig.vault.statements == {}
    # Not even a digest of the reason, which somebody with the key could try words against.
    assert len(rig.cases.stored[case.id].requests) == 3


async def test_an_unreachable_store_is_a_503(rig: Rig) -> None:
    case = await rig.open()
    rig.cases.away = True
    answer = await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(ALICE))
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


async def test_times_are_utc_and_deadlines_say_whether_they_are_overdue(rig: Rig) -> None:
    case = await rig.open()
    body = await rig.shown(case)
    assert body["received_at"] == rfc3339(case.received_at)
    assert body["received_at"].endswith("Z")
    assert {d["name"]: d["overdue"] for d in body["deadlines"]}["decision"] is False


async def test_a_paused_deadline_says_how_much_time_is_left(rig: Rig) -> None:
    case = await led_to(rig, "assign", "start", "ask")
    deadlines = {d["name"]: d for d in (await rig.shown(case))["deadlines"]}
    paused, kept = deadlines["decision"], deadlines["first_response"]
    assert (paused["met_at"], paused["overdue"], kept["remaining_seconds"]) == (None, False, None)
    assert timedelta(days=27) < timedelta(seconds=paused["remaining_seconds"]) < timedelta(days=28)
    # As if the clock ran again now, so that programs that sort by it need not know of pauses.
    left = datetime.fromisoformat(paused["due_at"]) - now()
    assert abs(left - timedelta(seconds=paused["remaining_seconds"])) < timedelta(seconds=10)
    await rig.order(case, "start")
    assert {d["name"]: d["remaining_seconds"] for d in (await rig.shown(case))["deadlines"]}["decision"] is None


async def test_the_steps_of_deadlines_count_in_the_version_of_a_case(rig: Rig) -> None:
    case = await led_to(rig, "assign", "start")
    asked = await rig.order(case, "ask", {"question": "When?"}, if_match='"5"')
    assert asked.json()["version"] == 9
    history = [step["event"] for step in (await rig.shown(case))["history"]]
    assert history[5:] == ["case.information_requested", "deadline.met", "deadline.paused", "deadline.met"]
    assert (await rig.order(case, "start", if_match='"6"')).status_code == 412
    assert (await rig.order(case, "start", if_match=asked.headers["etag"])).status_code == 200


async def test_a_case_of_another_body_does_not_exist_for_this_responder(rig: Rig) -> None:
    case = await rig.open()
    missing = await rig.http.get("/v1/cases/00000000-0000-0000-0000-000000000000", headers=bearer(BOB))
    foreign = await rig.http.get(f"/v1/cases/{case.id}", headers=bearer(BOB))
    assert foreign.status_code == missing.status_code == 404
    assert {**foreign.json(), "request_id": ""} == {**missing.json(), "request_id": ""}
    for command in ("assign", "start", "ask", "decide", "close"):
        assert (await rig.order(case, command, who=BOB)).status_code == 404


async def test_a_report_delivered_again_changes_nothing(rig: Rig) -> None:
    event = reported()
    case = await rig.open(event)
    await rig.intake.take([event, event])
    assert rig.cases.stored[case.id].case == case
    assert len(rig.cases.events) == 3


async def test_of_two_who_claim_a_case_one_gets_it(rig: Rig) -> None:
    case = await rig.open()
    first, second = [
        await rig.order(case, "claim", who=who, if_match='"3"', idempotency_key=f"claim-{who.ref}")
        for who in (ALICE, COLLEAGUE)
    ]
    assert (first.status_code, second.status_code) == (200, 412)
    late = await rig.order(case, "claim", who=COLLEAGUE)
    assert (late.status_code, late.json()["type"]) == (409, "/errors/case-taken")
    taken = await rig.order(case, "assign", who=COLLEAGUE)
    assert (taken.status_code, taken.json()["type"]) == (409, "/errors/case-taken")
    assert "assign" not in {action["command"] for action in (await rig.shown(case, COLLEAGUE))["actions"]}
    assert rig.cases.stored[case.id].case.assignee == ALICE.ref
    assert (await rig.order(case, "release", {"why": "I am away."}, COLLEAGUE)).json()["type"] == "/errors/case-taken"
    assert not rig.vault.statements
    assert (await rig.order(case, "release", {"why": "Alice is away."}, CORA)).json()["state"] == "triaged"
    assert (await rig.order(case, "claim", who=COLLEAGUE)).status_code == 200


async def test_a_coordinator_who_is_a_responder_as_well_takes_a_case_from_a_person_on_leave(rig: Rig) -> None:
    cora = coordinator("dd11", *CORA.grants[0].bodies)
    both = replace(cora, grants=(*ALICE.grants, *cora.grants))
    for how in ({}, {"assignee": both.ref}):
        case = await rig.open()
        await rig.order(case, "claim")
        taken = await rig.order(case, "assign", how, both)
        assert taken.status_code == 200, taken.text
        assert rig.cases.stored[case.id].case.assignee == both.ref
        assert (await rig.shown(case))["history"][-1]["role"] == "coordinator"
        await rig.order(case, "assign", {"assignee": ALICE.ref}, both)
        assert (await rig.order(case, "release", {"why": "She is on leave."}, both)).status_code == 200
    assert (await rig.order(case, "assign", {}, CORA)).json()["errors"][0]["code"] == "missing"
    # Who is a responder elsewhere alone does not get the case.
    there = replace(cora, ref="person:dd12000000000000", grants=(*BOB.grants, *cora.grants))
    assert (await rig.order(case, "assign", {}, there)).status_code == 422


async def test_a_correction_says_what_the_policy_would_do_now(rig: Rig) -> None:
    case = await rig.open()
    assert (await rig.order(case, "set_flags", {})).json()["errors"][0]["pointer"] == "/flags"
    answer = await rig.order(case, "set_flags", {"flags": ["physical_violence"]})
    way = {"rule": "danger-to-life", "body": "trust_safety", "lane": "emergency"}
    assert answer.json()["policy_now"] == way
    body = await rig.shown(case)
    assert (body["policy_now"], body["lane"], body["body"]) == (way, "emergency", case.body)
    assert "emergency_action" in {deadline["name"] for deadline in body["deadlines"]}
    refused = await rig.order(case, "confirm_category", {"category": "harassment.doxing"})
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/why"]
    given = {"category": "harassment.doxing", "why": "They wrote an address."}
    assert (await rig.order(case, "confirm_category", given)).json()["policy_now"] == way
    assert (await rig.shown(case))["category_confirmed"] is True
    assert "address" not in f"{rig.cases.events} {rig.cases.stored}"


async def test_the_record_tells_that_a_person_follows_a_case(rig: Rig) -> None:
    case = await rig.open()
    assert (await rig.order(case, "watch")).status_code == 200
    assert (await rig.shown(case))["watchers"] == [ALICE.ref]
    assert (await rig.order(case, "unwatch")).status_code == 200
    assert (await rig.shown(case))["watchers"] == []


async def test_a_note_is_read_by_those_whom_its_author_chose(rig: Rig) -> None:
    case = await rig.open()
    for visibility in ("mine", "body", "shared"):
        answer = await rig.order(case, "note", {"note": f"A heron, {visibility}.", "visibility": visibility})
        assert answer.status_code == 200
    assert "heron" not in f"{rig.cases.events} {rig.cases.stored}"
    assert {kind for kind, _ in rig.vault.statements.values()} == {"note"}

    async def read_by(who: Principal) -> tuple[list[str], list[str]]:
        contents = await rig.http.get(f"/v1/cases/{case.id}/content", headers=bearer(who))
        said = contents.json()["sections"]["correspondence"]["statements"]
        return [note["visibility"] for note in (await rig.shown(case, who))["notes"]], [one["text"] for one in said]

    assert await read_by(ALICE) == (
        ["mine", "body", "shared"],
        ["A heron, mine.", "A heron, body.", "A heron, shared."],
    )
    assert await read_by(COLLEAGUE) == (["body", "shared"], ["A heron, body.", "A heron, shared."])
    assert (await rig.shown(case, CORA))["notes"] == []
    assert (await rig.order(case, "note", {"note": "A heron.", "visibility": "mine"}, CORA)).status_code == 403
    wrong = await rig.order(case, "note", {"note": " ", "visibility": "reporter"})
    assert [error["pointer"] for error in wrong.json()["errors"]] == ["/note", "/visibility"]


async def test_a_snoozed_case_stands_last_for_the_person_who_has_it_only(rig: Rig) -> None:
    # Of two cases of one millisecond, the id says which one is first.
    first, second = await rig.open(received_at=now() - timedelta(hours=1)), await rig.open()
    await rig.order(first, "claim")
    day = (now() + timedelta(days=3)).date().isoformat()
    assert (await rig.order(first, "snooze", {"snooze_until": day}, COLLEAGUE)).json()["type"] == "/errors/case-taken"
    assert (await rig.order(first, "snooze", {})).json()["errors"][0]["pointer"] == "/snooze_until"
    assert (await rig.order(first, "snooze", {"snooze_until": day})).status_code == 200
    assert (await rig.shown(first))["snooze"] == {"person": ALICE.ref, "until": f"{day}T00:00:00.000Z"}

    async def queue_of(who: Principal, query: str = "") -> list[str]:
        answer = await rig.http.get(f"/v1/cases{query}", headers=bearer(who))
        return [item["id"] for item in answer.json()["items"]]

    assert await queue_of(ALICE) == [second.id, first.id]
    assert await queue_of(COLLEAGUE) == [first.id, second.id]
    page = (await rig.http.get("/v1/cases?limit=1", headers=bearer(ALICE))).json()
    assert await queue_of(ALICE, f"?limit=1&cursor={page['next']}") == [first.id]
    assert (await rig.order(first, "unsnooze")).status_code == 200
    assert await queue_of(ALICE) == [first.id, second.id]


async def test_a_pause_tells_why_and_until_when(rig: Rig) -> None:
    case = await rig.open()
    day = (now() + timedelta(days=3)).date().isoformat()
    wrong = await rig.order(case, "pause", {"pause": "holidays", "resume_on": "2020-01-01"})
    assert [error["pointer"] for error in wrong.json()["errors"]] == ["/pause", "/resume_on"]
    assert (await rig.order(case, "pause", {"pause": "other_authority", "resume_on": day})).status_code == 200
    body = await rig.shown(case)
    assert body["pause"] == {"reason": "other_authority", "until": f"{day}T00:00:00.000Z"}
    assert [d["name"] for d in body["deadlines"] if d["remaining_seconds"]] == ["decision", "update"]
    assert "resume" in [action["command"] for action in body["actions"]]
