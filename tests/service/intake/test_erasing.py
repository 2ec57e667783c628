"""An erased report is gone for everybody who could read it, told to whoever may ask, and never comes back."""

import asyncio
import copy
import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.actions import Submissions
from services.intake.erasure.actions import Erasing, Erasure
from services.intake.erasure.replay import Replay, ReplayBarrier
from services.intake.erasure.retention import RetentionSweeper
from services.intake.mailbox.actions import Mailbox
from services.intake.mailbox.statements import Statements
from services.intake.mailbox.words import StoredWords
from services.intake.report.submission import Submission
from services.intake.sources.api import SCOPE
from services.intake.sources.arrival import Arrival
from services.intake.vault.reads import Read, VaultReader
from shared.access.purposes import PURPOSES
from shared.access.roster import Roster
from shared.events import (
    Actor,
    CaseClosed,
    CaseDecided,
    Event,
    InformationRequested,
    ReportErased,
    ReportParties,
    encode,
)
from shared.ids import case_id_of, derive, new_id
from shared.kafka.records import Record
from shared.kafka.topics import RESTRICTED
from shared.problems import Problem, Unavailable
from shared.succession import STEP, Succession
from tests.support.examples import up_to
from tests.support.intake_rig import POLICY, RESPONDER, SECRETS, START, DirectCommit, Rig, case_event
from tests.support.people import COPIES

OPERATOR, REVIEW = Actor("operator:1", "operator"), PURPOSES["review"]
ERASURE = Erasure("requested", "7b1c0b1e-0000-4000-8000-000000000001", OPERATOR)
WORDS = {"narrative": "Sekret words", "reported": [{"name": "Sekret person"}], "reporter": {"email": "a@b.example"}}
DAY = timedelta(days=1)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def talked(rig: Rig) -> dict[str, str]:
    """A report with a question that was answered, another that was not, and a decision."""
    accepted = await rig.post(**WORDS, occurred={"at": "2026-11-01T10:00:00Z"})
    report_id = accepted["report_id"]
    for statement_id, kind in (("q-1", "question"), ("q-2", "question"), ("r-1", "reason")):
        await rig.statements.keep(report_id, statement_id, kind, f"Sekret {statement_id}")
    facts = [
        InformationRequested(previous="investigating", state="awaiting_information", question_id="q-1"),
        InformationRequested(previous="investigating", state="awaiting_information", question_id="q-2"),
        CaseDecided(previous="investigating", state="decided", outcome="warning", reason_id="r-1"),
    ]
    await rig.progress.project([case_event(report_id, seq, fact) for seq, fact in enumerate(facts, 1)])
    await rig.mailbox.answer(accepted["receipt"], "q-1", "Sekret answer")
    return accepted


async def send(http: httpx.AsyncClient, **fields: str) -> httpx.Response:
    """The form of the follow-up page, sent as a browser sends it."""
    form = await http.get("/follow-up")
    hidden = dict(re.findall(r'<input type="hidden" name="(form_token)" value="([^"]*)"', form.text))
    return await http.post("/follow-up", data={**hidden, **fields}, headers={"Sec-Fetch-Site": "same-origin"})


def erasures(rig: Rig, report_id: str) -> list[Event]:
    return [event for event in rig.store.reports[report_id]["outbox"] if isinstance(event.fact, ReportErased)]


async def test_nothing_sealed_and_no_key_is_left(rig: Rig) -> None:
    report_id = (await talked(rig))["report_id"]
    before = rig.store.reports[report_id]
    named = [*before["parties"]]
    keys = [sealed["key"] for sealed in before["vault"].values()]
    keys += [sealed["key"] for drawer in ("statements", "answers") for sealed in before[drawer].values()]
    assert len(keys) == 8
    assert await rig.erasing.erase([report_id], ERASURE) == {report_id: "erased"}
    after = repr(rig.store.reports)
    assert [key for key in keys if repr(key) in after] == []
    document = rig.store.reports[report_id]
    assert (document["vault"], document["statements"], document["answers"]) == (None, {}, {})
    assert document["facts"]["occurred"] is None
    # Not even the keys of the names are left, neither here nor where the last event of the report is read.
    assert (named != [], document["parties"], document.get("shut_out")) == (True, [], None)
    last = document["outbox"][-1].fact
    assert isinstance(last, ReportParties)
    assert (last.names, last.erased_at) == ({last.salt}, START + STEP)


async def test_the_event_tells_which_request_and_why_and_no_words(rig: Rig) -> None:
    report_id = (await talked(rig))["report_id"]
    await rig.erasing.erase([report_id], ERASURE)
    (event,) = erasures(rig, report_id)
    assert event.fact == ReportErased(report_id=report_id, reason="requested", request_id=ERASURE.request_id)
    assert (event.case_id, event.actor, event.case_seq) == (case_id_of(report_id), OPERATOR, 3)
    assert encode(event).topic == "erasures"


async def test_one_request_erases_once_and_another_is_told_so(rig: Rig) -> None:
    report_id = (await rig.post())["report_id"]
    assert await rig.erasing.erase([report_id, report_id], ERASURE) == {report_id: "erased"}
    assert await rig.erasing.erase([report_id], ERASURE) == {report_id: "erased"}
    other = Erasure("court_order", new_id(), OPERATOR)
    assert await rig.erasing.erase([report_id, "nobody"], other) == {report_id: "already", "nobody": "unknown"}
    assert len(erasures(rig, report_id)) == 1
    assert rig.store.reports[report_id]["erased"]["reason"] == "requested"


async def test_many_are_written_in_few_writes(rig: Rig) -> None:
    ids = [(await rig.post())["report_id"] for _ in range(450)]
    rig.store.saved.clear()
    assert set((await rig.erasing.erase(ids, ERASURE)).values()) == {"erased"}
    assert rig.store.saved == [200, 200, 50]


async def test_the_vault_says_erased(rig: Rig) -> None:
    report_id = (await talked(rig))["report_id"]
    await rig.erasing.erase([report_id], ERASURE)
    reads = [Read(report_id, ("content", "reported", "reporter", "correspondence"))]
    assert await rig.reader.read(reads, purpose=REVIEW, actor=RESPONDER) == [{"report_id": report_id, "erased": True}]
    assert rig.store.accesses == {}


async def test_the_reporter_is_told_and_sees_what_became_of_it_without_words(rig: Rig) -> None:
    accepted = await talked(rig)
    rig.clock.pass_by(days=2)
    await rig.erasing.erase([accepted["report_id"]], ERASURE)
    async with rig.http() as http:
        view = (await http.post("/v1/follow-up", json={"receipt": accepted["receipt"]})).json()
        page = await send(http, receipt=accepted["receipt"])
    assert view["erased_at"] == "2026-11-26T12:00:00Z"
    assert (view["state"], view["outcome"], view["reason"], view["questions"]) == ("decided", "warning", None, [])
    assert page.status_code == 200
    assert "This report has been erased." in page.text
    assert "<textarea" not in page.text


async def test_answers_and_words_of_handlers_are_refused(rig: Rig) -> None:
    accepted = await talked(rig)
    await rig.erasing.erase([accepted["report_id"]], ERASURE)
    body = {"receipt": accepted["receipt"], "question_id": "q-2", "text": "Sekret late answer"}
    async with rig.http() as http:
        refused = await http.post("/v1/follow-up/answers", json=body)
        page = await send(http, **body, answer=body["text"])
    assert (refused.status_code, refused.json()["type"]) == (410, "/errors/report-erased")
    assert (page.status_code, "This report has been erased." in page.text) == (422, True)
    with pytest.raises(Problem) as caught:
        await rig.statements.keep(accepted["report_id"], "q-3", "question", "Sekret")
    assert caught.value.status == 410
    assert "Sekret" not in repr(rig.store.reports)
    assert rig.store.reports[accepted["report_id"]]["answers"] == {}


async def test_the_case_goes_on_without_its_words(rig: Rig) -> None:
    accepted = await talked(rig)
    await rig.erasing.erase([accepted["report_id"]], ERASURE)
    closed = case_event(accepted["report_id"], 4, CaseClosed(previous="decided", state="closed"))
    await rig.progress.project([closed])
    document = rig.store.reports[accepted["report_id"]]
    assert (document["status"]["state"], document["vault"]) == ("closed", None)


async def test_the_same_report_sent_again_does_not_come_back(rig: Rig) -> None:
    body = {"community": "enwiki", **WORDS}
    key = {"Idempotency-Key": "5f6c1b52-7d0e-4c1a-9b1e-3a52c0ffee01"}
    for headers in (key, key | {"Authorization": f"Bearer {COPIES.token()}"}):
        async with rig.http() as http:
            first = await http.post("/v1/reports", json=body, headers=headers)
            await rig.erasing.erase([first.json()["report_id"]], ERASURE)
            again = await http.post("/v1/reports", json=body, headers=headers)
        assert (again.status_code, again.json()["type"]) == (410, "/errors/report-erased")
        assert first.json()["receipt"] not in again.text

    submission = Submission(community="enwiki", narrative="x")
    arrival = Arrival("kafka", submission, "kafka", "there\x1f1")
    assert [taken.is_new for taken in await rig.submissions.take_in([arrival])] == [True]
    by_kafka = next(i for i, d in rig.store.reports.items() if d["facts"]["channel"] == "kafka")
    await rig.erasing.erase([by_kafka], ERASURE)
    assert [taken.is_new for taken in await rig.submissions.take_in([arrival])] == [False]
    assert [d["vault"] for d in rig.store.reports.values()] == [None, None, None]


async def test_an_answer_that_comes_between_is_erased_too(rig: Rig) -> None:
    accepted = await talked(rig)
    load = rig.store.load

    async def load_then_be_overtaken(report_ids: Any) -> Any:
        documents = await load(report_ids)
        rig.store.load = load  # type: ignore[method-assign]  # overtaken once
        await rig.mailbox.answer(accepted["receipt"], "q-2", "Sekret late answer")
        return documents

    rig.store.load = load_then_be_overtaken  # type: ignore[method-assign]  # the reporter is faster
    assert await rig.erasing.erase([accepted["report_id"]], ERASURE) == {accepted["report_id"]: "erased"}
    assert rig.store.reports[accepted["report_id"]]["answers"] == {}
    assert len(erasures(rig, accepted["report_id"])) == 1


async def test_an_erasure_that_comes_between_refuses_the_answer(rig: Rig) -> None:
    accepted = await talked(rig)
    load = rig.store.load

    async def load_then_be_overtaken(report_ids: Any) -> Any:
        documents = await load(report_ids)
        rig.store.load = load  # type: ignore[method-assign]  # overtaken once
        await rig.erasing.erase([accepted["report_id"]], ERASURE)
        return documents

    rig.store.load = load_then_be_overtaken  # type: ignore[method-assign]  # the erasure is faster
    with pytest.raises(Problem) as caught:
        await rig.mailbox.answer(accepted["receipt"], "q-2", "Sekret late answer")
    assert caught.value.status == 410
    assert rig.store.reports[accepted["report_id"]]["answers"] == {}


STEPS = ("erase", "answer", "state", "read", "repeat")


@up_to(60)
@given(order=st.lists(st.sampled_from(STEPS), max_size=8))
def test_in_any_order_once_erased_is_erased(order: list[str]) -> None:
    async def run() -> None:
        rig = Rig()
        accepted = await talked(rig)
        report_id, erased = accepted["report_id"], False
        refused = []
        for number, step in enumerate(order):
            try:
                match step:
                    case "erase":
                        await rig.erasing.erase([report_id], Erasure("requested", f"r-{number}", OPERATOR))
                        erased = True
                    case "answer":
                        await rig.mailbox.answer(accepted["receipt"], "q-2", "Sekret")
                    case "state":
                        await rig.statements.keep(report_id, f"s-{number}", "reason", "Sekret")
                    case "read":
                        (item,) = await rig.reader.read([Read(report_id, ("content",))], purpose=REVIEW, actor=OPERATOR)
                        assert item.get("erased", False) == erased
                    case "repeat":
                        await rig.progress.project(
                            [case_event(report_id, 4, CaseClosed(previous="decided", state="closed"))]
                        )
            except Problem as problem:
                refused.append((problem.status, erased))
        assert set(refused) <= {(410, True)}
        document = rig.store.reports[report_id]
        assert (document["vault"] is None) == erased
        assert len(erasures(rig, report_id)) == erased
        shown = [event for event in document["outbox"] if event.fact.topic not in RESTRICTED]
        assert [event.case_seq for event in shown] == list(range(1, document["seq"] + 1))
        if erased:
            assert (document["statements"], document["answers"]) == ({}, {})

    asyncio.run(run())


# Retention


def retention(rig: Rig) -> RetentionSweeper:
    return RetentionSweeper(rig.store, rig.erasing, POLICY, every=1, pause=0, clock=rig.clock)


async def closed(rig: Rig, outcome: str = "no_violation", at: datetime = START) -> str:
    report_id = (await rig.post(**WORDS))["report_id"]
    facts = [
        CaseDecided(previous="investigating", state="decided", outcome=outcome, reason_id="r-1"),
        CaseClosed(previous="decided", state="closed"),
    ]
    await rig.progress.project([case_event(report_id, seq, fact, at) for seq, fact in enumerate(facts, 1)])
    return report_id


async def test_retention_erases_what_is_due_and_nothing_else(rig: Rig) -> None:
    due = [await closed(rig) for _ in range(230)]
    kept = await closed(rig, "warning")
    later = await closed(rig, at=START + DAY)
    still_open = (await rig.post())["report_id"]
    rig.clock.pass_by(days=180)
    done = await retention(rig).sweep()
    assert (done.erased, done.kept, done.held) == (230, 1, 0)
    standing = {i for i, document in rig.store.reports.items() if document["vault"] is not None}
    assert standing == {kept, later, still_open}
    (event,) = erasures(rig, due[0])
    assert isinstance(event.fact, ReportErased)
    assert (event.fact.reason, event.fact.rule, event.fact.request_id) == (
        "retention",
        "nothing-found",
        done.request_id,
    )
    assert (event.actor.ref, event.policy_version) == ("service:intake", POLICY.version)
    assert (await retention(rig).sweep()).erased == 0


async def test_retention_never_erases_an_open_case(rig: Rig) -> None:
    await rig.post()
    rig.clock.pass_by(days=20_000)
    assert (await retention(rig).sweep()).erased == 0


async def test_a_case_that_is_opened_again_meanwhile_is_left_alone(rig: Rig) -> None:
    report_id = await closed(rig)
    rig.clock.pass_by(days=180)
    load = rig.store.load

    async def reopen_then_load(report_ids: Any) -> Any:
        rig.store.reports[report_id]["status"]["state"] = "investigating"
        return await load(report_ids)

    rig.store.load = reopen_then_load  # type: ignore[method-assign]  # triage is faster
    assert (await retention(rig).sweep()).erased == 0
    assert rig.store.reports[report_id]["vault"] is not None


# Replay


def replay(rig: Rig, events: Sequence[Event | None], barrier: ReplayBarrier, batch: int = 50) -> Replay:
    records = [_record(offset, event) for offset, event in enumerate(events)]

    async def read() -> AsyncIterator[Sequence[Record]]:
        for start in range(0, len(records), batch):
            yield records[start : start + batch]

    return Replay(read, rig.store, barrier, Roster(COPIES))


def _record(offset: int, event: Event | None) -> Record:
    if event is None:
        return Record("erasures", 0, offset, 0, None, (("ce_type", b"hearth.report.erased.v1"),), b"?")
    message = encode(event)
    return Record("erasures", 0, offset, 0, message.key, message.headers, message.value)


async def test_a_restored_database_is_erased_again_without_a_second_event(rig: Rig) -> None:
    ids = [(await talked(rig))["report_id"] for _ in range(5)]
    backup = copy.deepcopy(rig.store.reports)
    await rig.erasing.erase(ids[:3], ERASURE)
    told = [event for report_id in ids[:3] for event in erasures(rig, report_id)]
    at = {report_id: rig.store.reports[report_id]["erased"] for report_id in ids[:3]}
    rig.store.reports = backup

    barrier = ReplayBarrier(rig.store)
    await replay(rig, [told[0], None, *told], barrier, batch=2).run()
    assert barrier.is_open
    for report_id in ids[:3]:
        document = rig.store.reports[report_id]
        assert (document["vault"], document["answers"], document["erased"]) == (None, {}, at[report_id])
        assert erasures(rig, report_id) == []
    assert all(rig.store.reports[report_id]["vault"] for report_id in ids[3:])


async def test_a_report_younger_than_the_backup_stays_erased(rig: Rig) -> None:
    key = {"Idempotency-Key": "5f6c1b52-7d0e-4c1a-9b1e-3a52c0ffee01"}
    async with rig.http() as http:
        first = (await http.post("/v1/reports", json={"community": "enwiki", **WORDS}, headers=key)).json()
        await rig.erasing.erase([first["report_id"]], ERASURE)
        told = erasures(rig, first["report_id"])
        rig.store.reports.clear()

        await replay(rig, told, ReplayBarrier(rig.store)).run()
        again = await http.post("/v1/reports", json={"community": "enwiki", **WORDS}, headers=key)
        assert again.status_code == 410
    assert rig.store.reports[first["report_id"]]["vault"] is None
    items = await rig.reader.read([Read(first["report_id"], ("content",))], purpose=PURPOSES["notify"], actor=OPERATOR)
    assert items == [{"report_id": first["report_id"], "erased": True}]


async def test_until_the_erasures_are_replayed_nothing_is_read(rig: Rig) -> None:
    accepted = await talked(rig)
    barrier, words = ReplayBarrier(rig.store), StoredWords(rig.vault)
    mailbox = Mailbox(barrier, words, SECRETS, rig.mentions, rig.further, POLICY, rig.clock)
    reader = VaultReader(barrier, rig.vault, rig.mentions, rig.access_log, rig.identities, rig.clock)
    reads = [Read(accepted["report_id"], ("content",))]
    for attempt in (
        mailbox.follow_up(accepted["receipt"]),
        mailbox.answer(accepted["receipt"], "q-2", "Yes."),
        Statements(barrier, words, SECRETS, rig.mentions, rig.further).keep(
            accepted["report_id"], "q-9", "question", "Why?"
        ),
        reader.read(reads, purpose=REVIEW, actor=RESPONDER),
        Erasing(barrier, Roster(COPIES), Succession()).erase([accepted["report_id"]], ERASURE),
    ):
        with pytest.raises(Unavailable):
            await attempt
    await replay(rig, [], barrier).run()
    assert (await mailbox.follow_up(accepted["receipt"])).state == "decided"
    (item,) = await reader.read(reads, purpose=REVIEW, actor=RESPONDER)
    assert item["sections"]["content"]["narrative"] == "Sekret words"


@pytest.mark.parametrize("words", ["Sekret words", "Other words"])
async def test_until_the_erasures_are_replayed_nothing_is_compared_with_a_report(rig: Rig, words: str) -> None:
    barrier = ReplayBarrier(rig.store)
    submissions = Submissions(
        barrier, DirectCommit(rig.store), rig.vault, POLICY, SECRETS, rig.mentions, rig.succession, rig.clock
    )

    async def hand_in(words: str, key: str) -> str:
        submission = Submission(community="enwiki", narrative=words)
        return (await submissions.submit(Arrival("http", submission, SCOPE, key), owner="integrator:1")).report_id

    report_id = await hand_in("Sekret words", "5f6c1b52-7d0e-4c1a-9b1e-3a52c0ffee01")
    with pytest.raises(Unavailable):
        await hand_in(words, "5f6c1b52-7d0e-4c1a-9b1e-3a52c0ffee01")
    assert await hand_in(words, "another-key") != report_id
    await rig.erasing.erase([report_id], ERASURE)
    await replay(rig, erasures(rig, report_id), barrier).run()
    with pytest.raises(Problem, match="report-erased"):
        await hand_in(words, "5f6c1b52-7d0e-4c1a-9b1e-3a52c0ffee01")


async def test_while_the_topic_cannot_be_read_the_door_stays_shut(rig: Rig) -> None:
    async def read() -> AsyncIterator[Sequence[Record]]:
        raise Unavailable("kafka: away")
        yield ()

    barrier = ReplayBarrier(rig.store)
    with pytest.raises(Unavailable):
        await Replay(read, rig.store, barrier, Roster(COPIES)).run()
    assert not barrier.is_open


async def test_what_is_erased_already_is_not_written_again(rig: Rig) -> None:
    ids = [(await rig.post())["report_id"] for _ in range(3)]
    await rig.erasing.erase(ids, ERASURE)
    rig.store.saved.clear()
    await replay(rig, [event for i in ids for event in erasures(rig, i)], ReplayBarrier(rig.store)).run()
    assert rig.store.saved == []


def test_the_cause_of_an_erasure_follows_from_its_request() -> None:
    assert derive("erase", "r", "a") != derive("erase", "r", "b")
