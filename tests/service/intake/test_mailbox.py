"""The reporter's mailbox: the case's events become a status; questions appear when they are asked, answers go back."""

from datetime import timedelta
from typing import Any

import pytest

from services.intake.group_commit import GroupCommit
from shared.events import (
    CaseAssigned,
    CaseClosed,
    CaseDecided,
    CaseOpened,
    CaseTriaged,
    DeadlineSet,
    Event,
    InformationReceived,
    InformationRequested,
    InvestigationStarted,
    ReportAnswered,
)
from tests.support.intake_rig import START, Rig, bearer, case_event

DAY = timedelta(days=1)


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
    await rig.mailbox.project(the_way_of_a_case(accepted["report_id"]))
    view = await follow(rig, accepted["receipt"])
    assert (view["state"], view["outcome"], view["reason"]) == ("closed", "warning", "Because of the rules.")
    assert view["updated_at"] == "2026-12-24T12:00:00Z"
    assert [(d["name"], d["met"]) for d in view["deadlines"]] == [
        ("acknowledgement", True),
        ("first_response", True),
        ("decision", False),
    ]
    assert [(q["question_id"], q["text"], q["answer"]) for q in view["questions"]] == [("q-1", "When was it?", None)]


async def test_a_deadline_is_open_until_it_has_passed(rig: Rig, accepted: dict[str, str]) -> None:
    await rig.mailbox.project(the_way_of_a_case(accepted["report_id"])[:2])
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
    await rig.mailbox.project(events[:split])
    await rig.mailbox.project(events)
    once = rig.store.reports[accepted["report_id"]]
    status, version = once["status"], once["version"]
    await rig.mailbox.project(events[split - 1 :])
    await rig.mailbox.project(events + events)
    again = rig.store.reports[accepted["report_id"]]
    assert (again["status"], again["version"]) == (status, version)
    assert len(status["questions"]) == 1


async def test_a_batch_is_one_write(rig: Rig) -> None:
    accepted = [await rig.post() for _ in range(3)]
    rig.store.saved.clear()
    await rig.mailbox.project([e for a in accepted for e in the_way_of_a_case(a["report_id"])])
    assert rig.store.saved == [3]


async def test_a_case_without_a_report_here_is_passed_over(rig: Rig, accepted: dict[str, str]) -> None:
    await rig.mailbox.project([*the_way_of_a_case("unknown"), *the_way_of_a_case(accepted["report_id"])])
    assert (await follow(rig, accepted["receipt"]))["state"] == "closed"


async def test_an_answer_reaches_the_handlers_as_an_event_without_words(rig: Rig, accepted: dict[str, str]) -> None:
    report_id = accepted["report_id"]
    await keep(rig, report_id, "q-1", "question", "When was it?")
    await rig.mailbox.project(the_way_of_a_case(report_id)[:5])
    assert await answer(rig, accepted["receipt"], "Sekretanswer") == 202
    event = rig.store.reports[report_id]["outbox"][-1]
    assert isinstance(event.fact, ReportAnswered)
    assert (event.fact.report_id, event.fact.question_id, event.case_seq) == (report_id, "q-1", 2)
    assert "Sekretanswer" not in repr(rig.store.reports)
    assert (await follow(rig, accepted["receipt"]))["questions"][0]["answer"] == "Sekretanswer"


async def test_an_answer_counts_once(rig: Rig, accepted: dict[str, str]) -> None:
    await rig.mailbox.project(the_way_of_a_case(accepted["report_id"])[:5])
    assert await answer(rig, accepted["receipt"], "Yesterday.") == 202
    assert await answer(rig, accepted["receipt"], "Yesterday.") == 202
    assert await answer(rig, accepted["receipt"], "No, today.") == 409
    assert sum(isinstance(fact, ReportAnswered) for fact in rig.store.events()) == 1


async def test_an_answer_and_an_event_at_the_same_time_are_both_kept(rig: Rig, accepted: dict[str, str]) -> None:
    events = the_way_of_a_case(accepted["report_id"])
    await rig.mailbox.project(events[:5])
    load = rig.store.load

    async def load_then_be_overtaken(report_ids: Any) -> Any:
        documents = await load(report_ids)
        await rig.mailbox.project(events[5:6])
        return documents

    rig.store.load = load_then_be_overtaken  # type: ignore[method-assign]  # another replica is faster
    assert await answer(rig, accepted["receipt"], "Yesterday.") == 202
    document = rig.store.reports[accepted["report_id"]]
    assert document["status"]["seq"] == 6
    assert list(document["answers"]) == ["q-1"]


async def test_reports_still_work_through_the_group_commit() -> None:
    import asyncio

    plain = Rig()
    commits = GroupCommit(plain.store.save)
    rig = Rig(store=plain.store, commits=commits)
    running = asyncio.create_task(commits.run())
    accepted = await asyncio.gather(*(rig.post(narrative=f"Report {n}") for n in range(20)))
    running.cancel()
    assert len(rig.store.reports) == len({a["receipt"] for a in accepted}) == 20
    assert max(rig.store.saved) > 1
