"""The reporter's mailbox: the case's events become a status; questions appear when they are asked, answers go back."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.intake.erasure.actions import Erasure
from services.intake.group_commit import GroupCommit
from services.intake.vault.reads import Read
from shared.access.purposes import PURPOSES
from shared.events import (
    APPEAL_GROUNDS,
    Actor,
    AppealDecided,
    AppealLodged,
    AppealRefused,
    CaseAssigned,
    CaseClosed,
    CaseDecided,
    CaseFact,
    CaseMerged,
    CaseOpened,
    CaseReopened,
    CaseTriaged,
    CheckInDue,
    CheckInKept,
    CheckInsEnded,
    DeadlineSet,
    Event,
    FollowUpBegun,
    InformationReceived,
    InformationRequested,
    InvestigationStarted,
    PartyAdded,
    ReportAnswered,
    ReportAppealed,
    ReportCheckedIn,
    ReporterTold,
    ReportParties,
    ReportReceived,
)
from shared.ids import case_id_of
from tests.support.intake_rig import RESPONDER, START, Rig, bearer, case_event

DAY = timedelta(days=1)
SUPPORT = {
    "name": "Peer Support Network",
    "languages": ["en", "fr", "es", "ar", "sw"],
    "region": None,
    "email": "talk@peer-support.example",
    "url": "https://peer-support.example/",
}


def the_way_of_a_case(report_id: str) -> list[Event]:
    opened = CaseOpened(
        previous=None, state="received", report_id=report_id, code_name="amber-harbour", community="enwiki",
        category="unclassified", setting="online", language="en", privacy="confidential", contactable=False,
        received_at=START,
    )  # fmt: skip
    deadlines = (
        DeadlineSet(name="acknowledgement", due_at=START + DAY),
        DeadlineSet(name="first_response", due_at=START + 7 * DAY),
        DeadlineSet(name="decision", due_at=START + 28 * DAY),
    )
    triaged = CaseTriaged(
        previous="received", state="triaged", category="unclassified", lane="standard", body="enwiki_arbcom",
        rule="one-wiki", deadlines=deadlines,
    )  # fmt: skip
    facts = [
        (0, opened),
        (0, triaged),
        (1, CaseAssigned(previous="triaged", state="assigned", assignee="responder:1")),
        (2, InvestigationStarted(previous="assigned", state="investigating")),
        (3, InformationRequested(previous="investigating", state="awaiting_information", question_id="q-1")),
        (
            4,
            InformationReceived(
                previous="awaiting_information", state="investigating", question_id="q-1", answer_id="a"
            ),
        ),
        (29, CaseDecided(previous="investigating", state="decided", outcome="warning", reason_id="r-1")),
        (30, CaseClosed(previous="decided", state="closed")),
    ]
    return [case_event(report_id, seq, fact, START + days * DAY) for seq, (days, fact) in enumerate(facts, 1)]


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
async def accepted(rig: Rig) -> dict[str, str]:
    return await rig.post()


async def follow(rig: Rig, receipt: str) -> dict[str, Any]:
    async with rig.http() as http:
        answer = await http.post("/v1/follow-up", json={"receipt": receipt})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def keep(rig: Rig, report_id: str, statement_id: str, kind: str, text: str) -> None:
    async with rig.http() as http:
        path = f"/v1/vault/reports/{report_id}/statements/{statement_id}"
        assert (
            await http.put(path, json={"kind": kind, "text": text}, headers=bearer("correspond"))
        ).status_code == 204


async def answer(rig: Rig, receipt: str, text: str, question_id: str = "q-1") -> int:
    async with rig.http() as http:
        body = {"receipt": receipt, "question_id": question_id, "text": text}
        return (await http.post("/v1/follow-up/answers", json=body)).status_code


async def test_a_receipt_opens_the_status_at_once(rig: Rig, accepted: dict[str, str]) -> None:
    view = await follow(rig, accepted["receipt"])
    assert view == {
        "state": "received",
        "received_at": "2026-11-24T12:00:00Z",
        "deadlines": [],
        "questions": [],
        "outcome": None,
        "reason": None,
        "updated_at": "2026-11-24T12:00:00Z",
        "erased_at": None,
        "body": None,
        "joined": [],
        "check_in": None,
        "check_in_to_stop": None,
        "consent": None,
        "may_consent": False,
        "recusal_asks": [],
        "may_ask_recusal": True,
        "appeals": [],
        "appeal": {"grounds": [], "until": None, "barred": "nothing", "next_body": None},
        "opened": [],
        "peer_support": [SUPPORT],
        "support_wanted": False,
        "parts": [],
        "messages": [],
    }


async def test_a_receipt_is_read_forgivingly(rig: Rig, accepted: dict[str, str]) -> None:
    sloppy = accepted["receipt"].lower().replace("-", "  ").replace("0", "o").replace("1", "l")
    assert await follow(rig, sloppy) == await follow(rig, accepted["receipt"])


@pytest.mark.parametrize(("receipt", "status"), [("0000-0000-0000-0000-0000", 404), ("short", 422), ("", 422)])
async def test_a_wrong_receipt_opens_nothing(rig: Rig, accepted: dict[str, str], receipt: str, status: int) -> None:
    async with rig.http() as http:
        refused = await http.post("/v1/follow-up", json={"receipt": receipt})
    assert refused.status_code == status
    assert receipt not in refused.text or not receipt


async def test_the_whole_way_is_seen(rig: Rig, accepted: dict[str, str]) -> None:
    await keep(rig, accepted["report_id"], "q-1", "question", "When was it?")
    await keep(rig, accepted["report_id"], "r-1", "reason", "Because of the rules.")
    await rig.progress.project(the_way_of_a_case(accepted["report_id"]))
    view = await follow(rig, accepted["receipt"])
    assert (view["state"], view["outcome"], view["reason"]) == ("closed", "warning", "Because of the rules.")
    assert view["updated_at"] == "2026-12-24T12:00:00Z"
    assert [(d["name"], d["met"]) for d in view["deadlines"]] == [
        ("acknowledgement", True),
        ("first_response", True),
        ("decision", False),
    ]
    assert [(q["question_id"], q["text"], q["answer"]) for q in view["questions"]] == [("q-1", "When was it?", None)]


async def test_a_message_of_the_handlers_is_read_by_the_receipt_alone(rig: Rig, accepted: dict[str, str]) -> None:
    await keep(rig, accepted["report_id"], "m-1", "message", "We wait for the logs.")
    opened, triaged = the_way_of_a_case(accepted["report_id"])[:2]
    assert (await follow(rig, accepted["receipt"]))["messages"] == []
    told = ReporterTold(previous="triaged", state="triaged", message_id="m-1")
    await rig.progress.project([opened, triaged, replace(triaged, id="told", case_seq=3, fact=told)])
    (message,) = (await follow(rig, accepted["receipt"]))["messages"]
    assert message["text"] == "We wait for the logs."


async def test_a_deadline_is_open_until_it_has_passed(rig: Rig, accepted: dict[str, str]) -> None:
    await rig.progress.project(the_way_of_a_case(accepted["report_id"])[:2])
    assert [d["met"] for d in (await follow(rig, accepted["receipt"]))["deadlines"]] == [True, None, None]
    rig.clock.pass_by(days=8)
    assert [d["met"] for d in (await follow(rig, accepted["receipt"]))["deadlines"]] == [True, False, None]


async def test_words_are_seen_only_when_the_case_says_so(rig: Rig, accepted: dict[str, str]) -> None:
    await keep(rig, accepted["report_id"], "q-1", "question", "When was it?")
    await keep(rig, accepted["report_id"], "r-1", "reason", "Because.")
    view = await follow(rig, accepted["receipt"])
    assert (view["questions"], view["reason"]) == ([], None)
    assert await answer(rig, accepted["receipt"], "Yesterday.") == 404


@pytest.mark.parametrize("split", range(1, 8))
async def test_redelivery_changes_nothing(rig: Rig, accepted: dict[str, str], split: int) -> None:
    events = the_way_of_a_case(accepted["report_id"])
    await rig.progress.project(events[:split])
    await rig.progress.project(events)
    once = rig.store.reports[accepted["report_id"]]
    status, version = once["status"], once["version"]
    await rig.progress.project(events[split - 1 :])
    await rig.progress.project(events + events)
    again = rig.store.reports[accepted["report_id"]]
    assert (again["status"], again["version"]) == (status, version)
    assert len(status["questions"]) == 1


async def test_a_batch_is_one_write(rig: Rig) -> None:
    accepted = [await rig.post() for _ in range(3)]
    rig.store.saved.clear()
    await rig.progress.project([e for a in accepted for e in the_way_of_a_case(a["report_id"])])
    assert rig.store.saved == [3]


async def test_a_case_without_a_report_here_is_passed_over(rig: Rig, accepted: dict[str, str]) -> None:
    await rig.progress.project([*the_way_of_a_case("unknown"), *the_way_of_a_case(accepted["report_id"])])
    assert (await follow(rig, accepted["receipt"]))["state"] == "closed"


async def test_an_answer_reaches_the_handlers_as_an_event_without_words(rig: Rig, accepted: dict[str, str]) -> None:
    report_id = accepted["report_id"]
    await keep(rig, report_id, "q-1", "question", "When was it?")
    await rig.progress.project(the_way_of_a_case(report_id)[:5])
    assert await answer(rig, accepted["receipt"], "Sekretanswer") == 202
    event = rig.store.reports[report_id]["outbox"][-1]
    assert isinstance(event.fact, ReportAnswered)
    assert (event.fact.report_id, event.fact.question_id, event.case_seq) == (report_id, "q-1", 2)
    assert "Sekretanswer" not in repr(rig.store.reports)
    assert (await follow(rig, accepted["receipt"]))["questions"][0]["answer"] == "Sekretanswer"


async def test_an_answer_counts_once(rig: Rig, accepted: dict[str, str]) -> None:
    await rig.progress.project(the_way_of_a_case(accepted["report_id"])[:5])
    assert await answer(rig, accepted["receipt"], "Yesterday.") == 202
    assert await answer(rig, accepted["receipt"], "Yesterday.") == 202
    assert await answer(rig, accepted["receipt"], "No, today.") == 409
    assert sum(isinstance(fact, ReportAnswered) for fact in rig.store.events()) == 1


CHECK_IN: dict[str, Any] = {"previous": "following_up", "state": "following_up", "number": 1, "due_at": START}
BEGUN = FollowUpBegun(previous="decided", state="following_up", consent="yes")
ASKED = CheckInDue(**CHECK_IN, attempt=1, again_at=START + 14 * DAY)
NOTED = CheckInKept(**CHECK_IN, answer="no_answer")
ENDED = CheckInsEnded(previous="following_up", state="following_up", why="no_answer")
SAID = {"number": 1, "choice": "answer", "answers": {"safe": "yes", "support": "no"}, "text": "Sekretwords"}


async def check_in(rig: Rig, receipt: str, said: Mapping[str, Any]) -> tuple[int, list[tuple[str, str]]]:
    async with rig.http() as http:
        answer = await http.post("/v1/follow-up/check-ins", json={"receipt": receipt, **said})
    errors = answer.json().get("errors", []) if answer.status_code >= 400 else []
    return answer.status_code, [(error["pointer"], error["code"]) for error in errors]


async def test_the_answers_of_a_check_in_stay_in_the_vault_and_count_once(rig: Rig, accepted: dict[str, str]) -> None:
    receipt, report_id = accepted["receipt"], accepted["report_id"]
    assert await check_in(rig, receipt, SAID) == (404, [("/number", "check_in_unknown")])
    await rig.progress.project([case_event(report_id, 1, BEGUN), case_event(report_id, 2, ASKED, START + DAY)])
    asked = (await follow(rig, receipt))["check_in"]
    assert (asked["number"], asked["asked_at"]) == (1, "2026-11-25T12:00:00Z")
    assert list(asked["questions"]) == ["safe", "treated_badly", "agreed_kept", "support"]
    assert await check_in(rig, receipt, SAID) == (202, [])
    assert (await follow(rig, receipt))["check_in"] is None
    event = rig.store.reports[report_id]["outbox"][-1]
    assert isinstance(event.fact, ReportCheckedIn)
    assert (event.fact.answer, event.fact.stop, event.fact.number) == ("answered", False, 1)
    assert "Sekretwords" not in repr(rig.store.reports)
    answers = {"choice", "safe", "support", "words"}
    assert {key.removeprefix(f"{event.fact.answer_id}-") for key in rig.store.reports[report_id]["answers"]} == answers
    await rig.progress.project([case_event(report_id, 3, NOTED)])
    assert await check_in(rig, receipt, SAID) == (202, [])
    assert (await check_in(rig, receipt, {**SAID, "text": "Other words"}))[0] == 409
    assert sum(isinstance(fact, ReportCheckedIn) for fact in rig.store.events()) == 1


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"number": 1, "choice": "decline"}, ("declined", False)),
        ({"number": 1, "choice": "stop"}, ("declined", True)),
        ({"number": 1, "choice": "stop", "answers": {"safe": "no"}}, ("answered", True)),
        ({"number": 1, "choice": "answer", "text": "Words alone."}, ("answered", False)),
        ({"number": 1, "choice": "answer"}, (422, "/answers", "missing")),
        ({"number": 1, "choice": "decline", "text": "No."}, (422, "/answers", "not_declined")),
        ({"number": 1, "choice": "perhaps"}, (422, "/choice", "literal_error")),
        ({"number": 0, "choice": "decline"}, (422, "/number", "greater_than_equal")),
        ({"number": 1, "choice": "answer", "answers": {"safe": "never"}}, (422, "/answers/safe", "literal_error")),
        ({"number": 1, "choice": "answer", "answers": {"name": "Ann"}}, (422, "/answers", "extra_forbidden")),
        ({"number": 2, "choice": "decline"}, (404, "/number", "check_in_unknown")),
    ],
)
async def test_each_answer_to_a_check_in_is_told_or_refused_in_its_place(
    rig: Rig, accepted: dict[str, str], said: Mapping[str, Any], told: tuple[Any, ...]
) -> None:
    events = [case_event(accepted["report_id"], seq, fact) for seq, fact in enumerate((BEGUN, ASKED), 1)]
    await rig.progress.project(events)
    status, errors = await check_in(rig, accepted["receipt"], said)
    facts = [fact for fact in rig.store.events() if isinstance(fact, ReportCheckedIn)]
    if status == 202:
        assert [(fact.answer, fact.stop) for fact in facts] == [told]
    else:
        assert ((status, *errors[0]), facts) == (told, [])


@pytest.mark.parametrize("last", [NOTED, ENDED], ids=["noted", "ended"])
async def test_nothing_is_asked_of_a_reporter_any_more(rig: Rig, accepted: dict[str, str], last: CaseFact) -> None:
    events = [case_event(accepted["report_id"], seq, fact) for seq, fact in enumerate((BEGUN, ASKED, last), 1)]
    await rig.progress.project(events)
    assert (await follow(rig, accepted["receipt"]))["check_in"] is None
    assert await check_in(rig, accepted["receipt"], SAID) == (409, [("/number", "check_in_over")])


ANSWERED = [{**SAID}, {"number": 1, "choice": "decline"}]


@pytest.mark.parametrize("said", ANSWERED, ids=["answered", "declined"])
async def test_a_reporter_who_has_answered_can_still_stop_the_asking(
    rig: Rig, accepted: dict[str, str], said: Mapping[str, Any]
) -> None:
    receipt, report_id = accepted["receipt"], accepted["report_id"]
    await rig.progress.project([case_event(report_id, 1, BEGUN), case_event(report_id, 2, ASKED)])
    assert await check_in(rig, receipt, said) == (202, [])
    assert (await follow(rig, receipt))["check_in_to_stop"] == 1
    stop = {"number": 1, "choice": "stop"}
    for _ in range(2):
        assert await check_in(rig, receipt, stop) == (202, [])
        assert await check_in(rig, receipt, said) == (202, [])
    assert (await check_in(rig, receipt, {**stop, "text": "More."}))[0] == 409
    assert (await follow(rig, receipt))["check_in_to_stop"] is None
    events = [event for event in rig.store.reports[report_id]["outbox"] if isinstance(event.fact, ReportCheckedIn)]
    answer = "answered" if said is ANSWERED[0] else "declined"
    assert [(event.fact.answer, event.fact.stop) for event in events] == [(answer, False), (answer, True)]
    assert len({event.id for event in events}) == 2
    assert len({event.fact.answer_id for event in events}) == 1


@pytest.mark.parametrize("last", [NOTED, ENDED], ids=["noted", "ended"])
async def test_who_is_not_asked_now_can_stop_the_asking(rig: Rig, accepted: dict[str, str], last: CaseFact) -> None:
    receipt, report_id = accepted["receipt"], accepted["report_id"]
    events = [case_event(report_id, seq, fact) for seq, fact in enumerate((BEGUN, ASKED, last), 1)]
    await rig.progress.project(events)
    assert (await follow(rig, receipt))["check_in_to_stop"] == 1
    assert await check_in(rig, receipt, {"number": 1, "choice": "stop"}) == (202, [])
    (fact,) = [fact for fact in rig.store.events() if isinstance(fact, ReportCheckedIn)]
    assert (fact.answer, fact.stop) == ("declined", True)
    assert (await follow(rig, receipt))["check_in_to_stop"] is None


CLOSED = CaseClosed(previous="following_up", state="closed")
LODGED = AppealLodged(
    previous="following_up", state="appealed", appeal_id="a", party="respondent", appeal_ground="facts", reason_id="r"
)
REOPENED = CaseReopened(previous="closed", state="reopened", reason_id="r")


@pytest.mark.parametrize("then", [(CLOSED,), (LODGED,), (CLOSED, REOPENED)], ids=["closed", "appealed", "reopened"])
async def test_what_was_asked_is_answered_and_stopped_whatever_becomes_of_the_case(
    rig: Rig, accepted: dict[str, str], then: tuple[CaseFact, ...]
) -> None:
    receipt, told = accepted["receipt"], (BEGUN, ASKED, *then)
    await rig.progress.project([case_event(accepted["report_id"], seq, fact) for seq, fact in enumerate(told, 1)])
    view = await follow(rig, receipt)
    assert (view["check_in"]["number"], view["check_in_to_stop"]) == (1, 1)
    assert await check_in(rig, receipt, SAID) == (202, [])
    assert await check_in(rig, receipt, {"number": 1, "choice": "stop"}) == (202, [])
    said = [fact for fact in rig.store.events() if isinstance(fact, ReportCheckedIn)]
    assert [(fact.answer, fact.stop) for fact in said] == [("answered", False), ("answered", True)]
    view = await follow(rig, receipt)
    assert (view["check_in"], view["check_in_to_stop"]) == (None, None)


async def test_a_check_in_of_an_erased_report_takes_no_answer(rig: Rig, accepted: dict[str, str]) -> None:
    events = [case_event(accepted["report_id"], seq, fact) for seq, fact in enumerate((BEGUN, ASKED), 1)]
    await rig.progress.project(events)
    await rig.erasing.erase([accepted["report_id"]], Erasure("requested", "r-1", Actor("operator:1", "operator")))
    for said in (SAID, {"number": 1, "choice": "decline"}, {"number": 1, "choice": "stop"}):
        assert (await check_in(rig, accepted["receipt"], said))[0] == 410
    assert not [fact for fact in rig.store.events() if isinstance(fact, ReportCheckedIn)]


async def test_an_answer_and_an_event_at_the_same_time_are_both_kept(rig: Rig, accepted: dict[str, str]) -> None:
    events = the_way_of_a_case(accepted["report_id"])
    await rig.progress.project(events[:5])
    load = rig.store.load

    async def load_then_be_overtaken(report_ids: Any) -> Any:
        documents = await load(report_ids)
        await rig.progress.project(events[5:6])
        return documents

    rig.store.load = load_then_be_overtaken  # type: ignore[method-assign]  # another replica is faster
    assert await answer(rig, accepted["receipt"], "Yesterday.") == 202
    document = rig.store.reports[accepted["report_id"]]
    assert document["status"]["seq"] == 6
    assert list(document["answers"]) == ["q-1"]


async def test_reports_still_work_through_the_group_commit() -> None:
    plain = Rig()
    commits = GroupCommit(plain.store.save)
    rig = Rig(store=plain.store, commits=commits)
    running = asyncio.create_task(commits.run())
    accepted = await asyncio.gather(*(rig.post(narrative=f"Report {n}") for n in range(20)))
    running.cancel()
    assert len(rig.store.reports) == len({a["receipt"] for a in accepted}) == 20
    assert max(rig.store.saved) > 1


UNTIL = START + 180 * DAY
DECIDED = CaseDecided(
    previous="investigating", state="decided", outcome="warning", reason_id="r-1", appeal_until=UNTIL
)  # fmt: skip


async def appeal(rig: Rig, receipt: str, ground: str = "facts", text: str = "Sekretappeal") -> tuple[int, Any]:
    async with rig.http() as http:
        body = {"receipt": receipt, "ground": ground, "text": text}
        answer = await http.post("/v1/follow-up/appeals", json=body)
    found = answer.json()
    if answer.status_code != 202:
        return answer.status_code, [(e["pointer"], e["code"]) for e in found["errors"]]
    return 202, found["appeal_id"]


async def tell(rig: Rig, report_id: str, *facts: CaseFact) -> None:
    """The case goes on by these facts, one a minute."""
    seq = rig.store.reports[report_id]["status"]["seq"]
    for n, fact in enumerate(facts, 1):
        await rig.progress.project([case_event(report_id, seq + n, fact, rig.clock())])
        rig.clock.pass_by(minutes=1)


def answer_of(fact: Any, refusal: str | None = None) -> CaseFact:
    """What triage says to an appeal."""
    told: dict[str, Any] = {"appeal_id": fact.appeal_id, "party": "reporter", "appeal_ground": fact.appeal_ground}
    if refusal:
        return AppealRefused(previous="decided", state="decided", refusal=refusal, **told)
    return AppealLodged(previous="decided", state="appealed", reason_id=fact.appeal_id, outcome="warning", **told)


def verdict_on(fact: Any, verdict: str, state: str) -> CaseFact:
    told: dict[str, Any] = {"appeal_id": fact.appeal_id, "party": "reporter", "verdict": verdict}
    return AppealDecided(previous="appealed", state=state, reason_id="inner", told_id="told", **told)


async def test_a_reporter_appeals_once_and_hears_the_verdict(rig: Rig, accepted: dict[str, str]) -> None:
    report_id, receipt = accepted["report_id"], accepted["receipt"]
    await rig.progress.project(the_way_of_a_case(report_id)[:2])
    await tell(rig, report_id, DECIDED)
    way = (await follow(rig, receipt))["appeal"]
    assert (way["grounds"], way["until"]) == (list(APPEAL_GROUNDS[1:]), "2027-05-23T12:00:00Z")
    # Nothing was missed: only the decision can be appealed.
    assert await appeal(rig, receipt, "inaction") == (409, [("/ground", "other_ground")])
    _, appeal_id = await appeal(rig, receipt)
    assert [await appeal(rig, receipt) for _ in range(2)] == [(202, appeal_id)] * 2
    assert await appeal(rig, receipt, text="Other words") == (409, [("/ground", "pending")])
    (sent,) = [event for event in rig.store.reports[report_id]["outbox"] if isinstance(event.fact, ReportAppealed)]
    assert (sent.fact.appeal_id, sent.actor.ref, sent.case_seq) == (appeal_id, "reporter", 2)
    assert "Sekretappeal" not in repr(rig.store.reports)
    assert [(a["standing"], a["text"]) for a in (await follow(rig, receipt))["appeals"]] == [("sent", "Sekretappeal")]

    await tell(rig, report_id, answer_of(sent.fact))
    view = await follow(rig, receipt)
    assert (view["appeals"][0]["standing"], view["appeal"]["barred"]) == ("lodged", "pending")
    assert await appeal(rig, receipt) == (202, appeal_id)
    for statement in ("inner", "told"):
        await keep(rig, report_id, statement, "reason", f"Words {statement}.")
    await tell(rig, report_id, verdict_on(sent.fact, "upheld", "decided"))
    view = await follow(rig, receipt)
    (shown,) = view["appeals"]
    # What others wrote for handlers stays theirs.
    assert (shown["standing"], shown["verdict"], shown["reason"]) == ("decided", "upheld", "Words told.")
    assert "inner" not in str(view)
    # The policy names another body for the reporter.
    assert (view["appeal"]["barred"], view["appeal"]["next_body"]) == ("once", "u4c")
    assert await appeal(rig, receipt, text="Other words") == (409, [("/ground", "once")])
    assert sum(isinstance(fact, ReportAppealed) for fact in rig.store.events()) == 1


async def test_a_refused_appeal_is_told_and_can_be_sent_again(rig: Rig, accepted: dict[str, str]) -> None:
    report_id, receipt = accepted["report_id"], accepted["receipt"]
    await tell(rig, report_id, DECIDED)
    _, first = await appeal(rig, receipt)
    sent = rig.store.reports[report_id]["outbox"][-1].fact
    await tell(rig, report_id, answer_of(sent, "not_now"))
    (shown,) = (await follow(rig, receipt))["appeals"]
    assert (shown["standing"], shown["refusal"], shown["text"]) == ("refused", "not_now", "Sekretappeal")
    status, second = await appeal(rig, receipt)
    assert (status, second != first) == (202, True)
    # After the decision is made anew, the same words are another appeal.
    await tell(rig, report_id, answer_of(rig.store.reports[report_id]["outbox"][-1].fact))
    again = rig.store.reports[report_id]["outbox"][-1].fact
    await tell(rig, report_id, verdict_on(again, "remanded", "reopened"))
    assert (await follow(rig, receipt))["outcome"] is None
    assert await appeal(rig, receipt, text="New") == (409, [("/ground", "nothing")])
    rig.clock.pass_by(days=1)
    await tell(rig, report_id, DECIDED)
    status, third = await appeal(rig, receipt)
    assert (status, third in (first, second)) == (202, False)


@pytest.mark.parametrize(
    ("state", "days", "grounds", "barred", "next_body"),
    [
        ("investigating", 1, [], "nothing", None),
        ("investigating", 8, ["inaction"], None, None),
        ("referred", 8, [], "busy", None),
        ("decided", 1, list(APPEAL_GROUNDS[1:]), None, None),
        ("appealed", 8, [], "busy", None),
        ("closed", 181, [], "over", "u4c"),
        ("closed", 179, list(APPEAL_GROUNDS[1:]), None, None),
    ],
)
async def test_what_can_be_appealed_follows_from_what_triage_told(
    rig: Rig,
    accepted: dict[str, str],
    state: str,
    days: int,
    grounds: list[str],
    barred: str | None,
    next_body: str | None,
) -> None:
    report_id, receipt = accepted["report_id"], accepted["receipt"]
    await rig.progress.project(the_way_of_a_case(report_id)[:2])
    is_decided = state not in ("investigating", "referred")
    last = InvestigationStarted(previous="decided", state=state)
    await tell(rig, report_id, *([DECIDED] if is_decided else []), last)
    rig.clock.pass_by(days=days)
    way = (await follow(rig, receipt))["appeal"]
    assert (way["grounds"], way["barred"], way["next_body"]) == (grounds, barred, next_body)
    if barred:
        assert await appeal(rig, receipt) == (409, [("/ground", barred)])


def sent_last(rig: Rig, report_id: str) -> Any:
    facts = [event.fact for event in rig.store.reports[report_id]["outbox"] if isinstance(event.fact, ReportAppealed)]
    return facts[-1]


@pytest.mark.parametrize("refusal", ["too_late", "appealed_before", "not_decided"])
async def test_a_ground_that_was_refused_is_offered_after_a_new_decision_only(
    rig: Rig, accepted: dict[str, str], refusal: str
) -> None:
    report_id, receipt = accepted["report_id"], accepted["receipt"]
    await tell(rig, report_id, DECIDED)
    _, first = await appeal(rig, receipt)
    await tell(rig, report_id, answer_of(sent_last(rig, report_id), refusal))
    way = (await follow(rig, receipt))["appeal"]
    assert (way["grounds"], way["barred"]) == ([], "refused")
    # A retry is no second appeal, and other grounds against the decision would be refused alike.
    assert await appeal(rig, receipt) == (202, first)
    assert await appeal(rig, receipt, "procedure") == (409, [("/ground", "refused")])
    await tell(rig, report_id, CaseReopened(previous="closed", state="reopened", reason_id="r"), DECIDED)
    assert (await appeal(rig, receipt))[1] != first


async def test_inaction_that_was_refused_is_offered_after_another_deadline_only(
    rig: Rig, accepted: dict[str, str]
) -> None:
    report_id, receipt = accepted["report_id"], accepted["receipt"]
    await rig.progress.project(the_way_of_a_case(report_id)[:2])
    rig.clock.pass_by(days=8)
    await appeal(rig, receipt, "inaction")
    await tell(rig, report_id, answer_of(sent_last(rig, report_id), "not_overdue"))
    assert await appeal(rig, receipt, "inaction", "Other words") == (409, [("/ground", "refused")])
    rig.clock.pass_by(days=30)
    assert (await appeal(rig, receipt, "inaction", "Other words"))[0] == 202


async def test_after_ten_refused_appeals_no_other_one_is_kept(rig: Rig, accepted: dict[str, str]) -> None:
    report_id, receipt = accepted["report_id"], accepted["receipt"]
    await tell(rig, report_id, DECIDED)
    for number in range(10):
        assert (await appeal(rig, receipt, text=f"Words {number}"))[0] == 202
        refused = answer_of(sent_last(rig, report_id), "not_now")
        await tell(rig, report_id, refused)
    assert await appeal(rig, receipt, text="Once more") == (409, [("/ground", "too_many")])
    assert len(rig.store.reports[report_id]["statements"]) == 10


async def test_a_retry_is_known_after_a_handler_took_down_an_appeal_in_between(
    rig: Rig, accepted: dict[str, str]
) -> None:
    report_id, receipt = accepted["report_id"], accepted["receipt"]
    await tell(rig, report_id, DECIDED)
    _, first = await appeal(rig, receipt)
    by_handler = AppealLodged(
        previous="decided", state="appealed", appeal_id="h1", party="reporter", appeal_ground="facts", reason_id="h1"
    )
    await tell(rig, report_id, by_handler)
    assert await appeal(rig, receipt) == (202, first)
    assert await appeal(rig, receipt, "procedure") == (409, [("/ground", "pending")])


async def test_an_appeal_that_handlers_took_down_bars_none_by_the_receipt(rig: Rig, accepted: dict[str, str]) -> None:
    report_id, receipt = accepted["report_id"], accepted["receipt"]
    by_handler = {"appeal_id": "h1", "party": "reporter"}
    lodged = AppealLodged(
        previous="decided", state="appealed", appeal_ground="facts", reason_id="h1", outcome="warning", **by_handler
    )
    ineligible = AppealDecided(previous="appealed", state="decided", verdict="ineligible", reason_id="v", **by_handler)
    for fact in (DECIDED, lodged, ineligible):
        await tell(rig, report_id, fact)
    assert [one["standing"] for one in (await follow(rig, receipt))["appeals"]] == ["decided"]
    assert (await appeal(rig, receipt))[0] == 202
    assert await appeal(rig, receipt, "procedure") == (409, [("/ground", "pending")])


async def test_a_merged_report_takes_no_appeal_and_says_no_more(rig: Rig, accepted: dict[str, str]) -> None:
    report_id, receipt = accepted["report_id"], accepted["receipt"]
    await rig.progress.project(the_way_of_a_case(report_id)[:2])
    rig.clock.pass_by(days=8)
    await appeal(rig, receipt, "inaction")
    told: dict[str, Any] = {"appeal_id": sent_last(rig, report_id).appeal_id, "party": "reporter"}
    merged = CaseMerged(previous="triaged", state="merged", other_case="c2")
    refused = AppealRefused(previous="merged", state="merged", appeal_ground="inaction", refusal="not_possible", **told)
    await tell(rig, report_id, merged, refused)
    assert await appeal(rig, receipt, "inaction", "Other words") == (409, [("/ground", "elsewhere")])
    view = await follow(rig, receipt)
    assert (view["state"], view["appeals"][0]["refusal"], view["appeal"]["grounds"]) == ("triaged", "not_possible", [])


async def test_of_two_appeals_at_once_one_is_kept(rig: Rig, accepted: dict[str, str]) -> None:
    report_id, receipt = accepted["report_id"], accepted["receipt"]
    await tell(rig, report_id, DECIDED)
    both = await asyncio.gather(appeal(rig, receipt, text="One"), appeal(rig, receipt, "procedure", "Two"))
    assert sorted(status for status, _ in both) == [202, 409]
    assert len(rig.store.reports[report_id]["statements"]) == 1


async def test_an_erased_report_takes_no_appeal(rig: Rig, accepted: dict[str, str]) -> None:
    await tell(rig, accepted["report_id"], DECIDED)
    await rig.erasing.erase([accepted["report_id"]], Erasure("requested", "r-1", Actor("operator:1", "operator")))
    async with rig.http() as http:
        body = {"receipt": accepted["receipt"], "ground": "facts", "text": "x"}
        assert (await http.post("/v1/follow-up/appeals", json=body)).status_code == 410


async def test_a_faulty_appeal_names_its_fields(rig: Rig) -> None:
    unknown = {"receipt": "0000-0000-0000-0000-0000", "ground": "facts", "text": "x"}
    async with rig.http() as http:
        bad = await http.post("/v1/follow-up/appeals", json={**unknown, "ground": "x", "text": " "})
        assert (await http.post("/v1/follow-up/appeals", json=unknown)).status_code == 404
    assert (bad.status_code, [e["pointer"] for e in bad.json()["errors"]]) == (422, ["/ground", "/text"])


BADLY = {
    "number": 1,
    "choice": "answer",
    "answers": {"safe": "no", "treated_badly": "yes"},
    "text": "Sekretwords of what came after.",
}


async def test_bad_treatment_for_a_report_becomes_a_report_of_its_own(rig: Rig) -> None:
    told = {"reported": [{"name": "Mallory"}], "reporter": {"name": "Rita", "email": "rita@example.org"}}
    first = await rig.post(**told, privacy="named", setting="in_person")
    await rig.progress.project([case_event(first["report_id"], 1, BEGUN), case_event(first["report_id"], 2, ASKED)])
    for _ in range(2):
        async with rig.http() as http:
            answer = await http.post("/v1/follow-up/check-ins", json={"receipt": first["receipt"], **BADLY})
        assert answer.status_code == 202
    (opened,) = (await follow(rig, first["receipt"]))["opened"]
    assert answer.json() == {"number": 1, "opened": opened}
    assert (await check_in(rig, first["receipt"], {**BADLY, "text": "Other words."}))[0] == 409
    assert (await follow(rig, opened))["state"] == "received"

    (second,) = (report for report in rig.store.reports if report != first["report_id"])
    facts = [event.fact for event in rig.store.reports[second]["outbox"]]
    received, parties = facts
    assert isinstance(received, ReportReceived)
    assert isinstance(parties, ReportParties)
    assert (received.flags, received.privacy, received.setting) == (("retaliation",), "named", "in_person")
    assert (received.contactable, received.community) == (True, "enwiki")
    assert parties.follows == case_id_of(first["report_id"])
    known = next(fact for fact in rig.store.events() if isinstance(fact, ReportParties))
    assert (set(parties.subjects), set(parties.reporter)) == (set(known.subjects), set(known.reporter))
    assert first["report_id"] not in received.model_dump_json()

    theirs, new = await rig.reader.read(
        [Read(i, ("content", "reporter", "reported", "correspondence")) for i in (first["report_id"], second)],
        purpose=PURPOSES["review"],
        actor=RESPONDER,
    )
    answers = {one["question_id"].rpartition("-")[2] for one in theirs["sections"]["correspondence"]["answers"]}
    assert answers == {"choice", "safe"}
    assert "Sekretwords" not in repr(theirs) + repr(rig.store.reports)
    assert new["sections"]["content"]["narrative"] == BADLY["text"]
    assert new["sections"]["reported"]["people"][0]["name"] == "Mallory"


async def test_an_answer_about_bad_treatment_alone_leaves_what_a_decline_leaves(rig: Rig) -> None:
    left = []
    for said in ({**BADLY, "answers": {"treated_badly": "yes"}}, {"number": 1, "choice": "decline"}):
        made = await rig.post()
        await rig.progress.project([case_event(made["report_id"], 1, BEGUN), case_event(made["report_id"], 2, ASKED)])
        assert (await check_in(rig, made["receipt"], said))[0] == 202
        reads = [Read(made["report_id"], ("correspondence",))]
        (read,) = await rig.reader.read(reads, purpose=PURPOSES["review"], actor=RESPONDER)
        answers = read["sections"]["correspondence"]["answers"]
        left.append([(one["question_id"].rpartition("-")[2], one["text"]) for one in answers])
    assert left == [[("choice", "decline")]] * 2


async def test_the_rest_of_an_answer_about_bad_treatment_is_no_retry_of_it(rig: Rig) -> None:
    made = await rig.post()
    await rig.progress.project([case_event(made["report_id"], 1, BEGUN), case_event(made["report_id"], 2, ASKED)])
    assert (await check_in(rig, made["receipt"], BADLY))[0] == 202
    assert (await check_in(rig, made["receipt"], {**BADLY, "answers": {"safe": "no"}, "text": ""}))[0] == 409
    assert (await check_in(rig, made["receipt"], BADLY))[0] == 202


async def test_a_report_of_bad_treatment_is_known_again_after_handlers_added_a_person(rig: Rig) -> None:
    made = await rig.post(reported=[{"name": "Mallory"}])
    report_id = made["report_id"]
    await rig.statements.keep(report_id, "p-1", "party", "Oscar")
    added = PartyAdded(previous="following_up", state="following_up", party="p-1", party_role="respondent")
    await rig.progress.project([case_event(report_id, 1, BEGUN), case_event(report_id, 2, ASKED)])
    assert (await check_in(rig, made["receipt"], BADLY))[0] == 202
    await rig.progress.project([case_event(report_id, 3, added)])
    assert (await check_in(rig, made["receipt"], BADLY))[0] == 202
    assert len(rig.store.reports) == 2


async def test_a_hundred_answers_of_bad_treatment_at_once_become_one_report(rig: Rig, accepted: dict[str, str]) -> None:
    first = accepted["report_id"]
    await rig.progress.project([case_event(first, 1, BEGUN), case_event(first, 2, ASKED)])
    said = [{**BADLY, "text": f"Words {number % 2}."} for number in range(100)]
    async with rig.http() as http:
        doors = (http.post("/v1/follow-up/check-ins", json={"receipt": accepted["receipt"], **one}) for one in said)
        answers = await asyncio.gather(*doors)
    assert {answer.status_code for answer in answers} == {202, 409}
    assert len({answer.json()["opened"] for answer in answers if answer.status_code == 202}) == 1
    assert len(rig.store.reports) == 2
    told = [fact for fact in rig.store.events() if isinstance(fact, (ReportCheckedIn, ReportReceived))]
    assert len(told) == 3


async def test_a_report_of_bad_treatment_is_erased_by_itself(rig: Rig, accepted: dict[str, str]) -> None:
    first = accepted["report_id"]
    await rig.progress.project([case_event(first, 1, BEGUN), case_event(first, 2, ASKED)])
    only = {"number": 1, "choice": "stop", "answers": {"treated_badly": "yes"}}
    assert await check_in(rig, accepted["receipt"], only) == (202, [])
    told = next(fact for fact in rig.store.events() if isinstance(fact, ReportCheckedIn))
    assert (told.answer, told.stop) == ("declined", True)
    (second,) = (report for report in rig.store.reports if report != first)
    erasure = Erasure("r-1", "request", RESPONDER)
    assert await rig.erasing.erase([first], erasure) == {first: "erased"}
    (opened,) = (await follow(rig, accepted["receipt"]))["opened"]
    assert (await follow(rig, opened))["erased_at"] is None
    assert await rig.erasing.erase([second], erasure) == {second: "erased"}
    assert rig.store.reports[second]["follows"] is None


async def test_a_reporter_who_wants_support_is_shown_first_who_is_there(rig: Rig, accepted: dict[str, str]) -> None:
    receipt, report_id = accepted["receipt"], accepted["report_id"]
    await rig.progress.project([case_event(report_id, 1, BEGUN), case_event(report_id, 2, ASKED)])
    assert await check_in(rig, receipt, {**SAID, "answers": {"support": "yes"}}) == (202, [])
    view = await follow(rig, receipt)
    assert (view["support_wanted"], view["peer_support"]) == (True, [SUPPORT])
