"""A respondent reads what handlers told them, replies and appeals, by a receipt of their own."""

from datetime import timedelta
from typing import Any

import pytest

from services.intake.erasure.actions import Erasure
from services.intake.report.pseudonym import pseudonyms_for
from services.intake.vault.reads import Read
from shared.access.principal import Grant, Role
from shared.access.purposes import PURPOSES
from shared.events import (
    AppealDecided,
    AppealLodged,
    CaseDecided,
    CaseDisclosed,
    CaseFact,
    CaseMerged,
    CaseOpened,
    CaseReopened,
    CaseUnmerged,
    CategoryConfirmed,
    MeasureExpired,
    OutcomeFollowed,
    PartyAdded,
    ReportAppealed,
    ReportReceived,
    ReportReplied,
)
from tests.support.forms import SAME_ORIGIN, token_from
from tests.support.intake_rig import RESPONDER, SECRETS, START, Rig, case_event
from tests.support.people import COPIES, person

JANE, OTHER = "a" * 32, "b" * 32
INSIDE: dict[str, Any] = {"previous": "investigating", "state": "investigating"}
HELP = "welfare.self_harm"
"""A category that accuses nobody."""
TOLD = "You are said to have shouted at a person in room 3."


@pytest.fixture
def rig() -> Rig:
    return Rig()


def opening(report_id: str, *subjects: str) -> CaseOpened:
    return CaseOpened(
        previous=None, state="received", report_id=report_id, code_name="amber-harbour", community="enwiki",
        category="unclassified", setting="online", language="en", privacy="confidential", contactable=False,
        received_at=START, subjects=subjects,
    )  # fmt: skip


def disclosed(told_id: str | None, party: str = JANE) -> CaseDisclosed:
    return CaseDisclosed(**INSIDE, party=party, disclosure="given", told_id=told_id)


async def told(rig: Rig, *subjects: str, **said: str) -> tuple[str, str]:
    """The id of a report of which a respondent was told something, and the receipt that handlers pass on."""
    report_id = (await rig.post(narrative="Sekretnarrative of the reporter.", **said))["report_id"]
    await rig.statements.keep(report_id, "told-1", "told", TOLD)
    events = [
        case_event(report_id, 1, opening(report_id, *(subjects or (JANE,)))),
        case_event(report_id, 2, disclosed("told-1")),
    ]
    await rig.progress.project(events)
    receipt = await seen_by_handlers(rig, report_id)
    assert receipt is not None
    return report_id, receipt


async def seen_by_handlers(rig: Rig, report_id: str) -> str | None:
    """The receipt as the vault tells it to handlers."""
    reads = [Read(report_id, ("correspondence",))]
    (read,) = await rig.reader.read(reads, purpose=PURPOSES["review"], actor=RESPONDER)
    statements = read["sections"]["correspondence"]["statements"]
    return next((one["receipt"] for one in statements if "receipt" in one), None)


async def ask(rig: Rig, receipt: str, what: str = "", **said: str) -> tuple[int, dict[str, Any]]:
    async with rig.http() as http:
        answer = await http.post(f"/v1/respondent{what}", json={"receipt": receipt, **said})
    return answer.status_code, answer.json()


async def test_handlers_see_the_receipt_until_the_respondent_has_opened_it(rig: Rig) -> None:
    report_id, receipt = await told(rig)
    assert receipt not in repr(rig.store.reports)
    status, view = await ask(rig, receipt)
    assert (status, view["told"], view["replies"], view["outcome"]) == (200, TOLD, [], None)
    assert "Sekret" not in repr(view)
    assert await seen_by_handlers(rig, report_id) is None
    assert (await ask(rig, receipt))[0] == 200
    async with rig.http() as http:
        assert (await http.post("/v1/follow-up", json={"receipt": receipt})).status_code == 404


async def test_a_new_disclosure_ends_the_receipt_before(rig: Rig) -> None:
    report_id, receipt = await told(rig)
    await rig.statements.keep(report_id, "told-2", "told", "More of it.")
    assert (await ask(rig, receipt))[0] == 200
    await rig.progress.project([case_event(report_id, 3, disclosed("told-2"))])
    assert (await ask(rig, receipt))[0] == 404
    newer = await seen_by_handlers(rig, report_id)
    assert newer
    assert newer != receipt
    assert (await ask(rig, newer))[1]["told"] == "More of it."


async def test_a_disclosure_without_words_leaves_the_respondent_the_receipt(rig: Rig) -> None:
    report_id, receipt = await told(rig)
    await rig.progress.project([case_event(report_id, 3, disclosed(None))])
    assert await seen_by_handlers(rig, report_id) == receipt
    assert (await ask(rig, receipt))[1]["told"] == TOLD
    assert (await ask(rig, receipt, "/replies", text="That is not true."))[0] == 202


async def test_the_same_words_to_what_was_told_later_are_another_reply(rig: Rig) -> None:
    report_id, receipt = await told(rig)
    ids = [(await ask(rig, receipt, "/replies", text="That is not true."))[1]["reply_id"] for _ in range(2)]
    rig.clock.pass_by(days=9)
    await rig.statements.keep(report_id, "told-2", "told", "More of it.")
    await rig.progress.project([case_event(report_id, 3, disclosed("told-2"))])
    newer = await seen_by_handlers(rig, report_id)
    assert newer
    ids += [(await ask(rig, newer, "/replies", text="That is not true."))[1]["reply_id"] for _ in range(2)]
    assert [ids.index(one) for one in ids] == [0, 0, 2, 2]
    assert len((await ask(rig, newer))[1]["replies"]) == 2


async def test_a_receipt_opens_no_door_but_that_of_its_person(rig: Rig) -> None:
    report_id, stale = await told(rig, JANE, OTHER)
    reporter = (await rig.post(narrative="Another report."))["receipt"]
    await rig.statements.keep(report_id, "told-2", "told", "More of it.")
    await rig.progress.project([case_event(report_id, 3, disclosed("told-2"))])
    (read,) = await rig.reader.read([Read(report_id, ("correspondence",))], purpose=PURPOSES["review"], actor=RESPONDER)
    statements = read["sections"]["correspondence"]["statements"]
    (newer,) = (one["receipt"] for one in statements if one["id"] == "told-2")
    # What another respondent is told ends no receipt but that one's own.
    await rig.statements.keep(report_id, "told-3", "told", "For the other.")
    await rig.progress.project([case_event(report_id, 4, disclosed("told-3", OTHER))])
    words = {"": {}, "/replies": {"text": "No."}, "/appeals": {"ground": "facts", "text": "No."}}
    for receipt in (stale, reporter):
        assert [(await ask(rig, receipt, door, **said))[0] for door, said in words.items()] == [404] * 3
    doors: dict[str, dict[str, Any]] = {
        "": {},
        "/answers": {"question_id": "q-1", "text": "No."},
        "/check-ins": {"number": 1, "choice": "stop"},
        "/appeals": {"ground": "facts", "text": "No."},
    }
    async with rig.http() as http:
        for door, body in doors.items():
            answer = await http.post(f"/v1/follow-up{door}", json={"receipt": newer, **body})
            assert (door, answer.status_code) == (door, 404)
    assert (await ask(rig, newer))[1]["told"] == "More of it."
    assert not [fact for fact in rig.store.events() if isinstance(fact, (ReportReplied, ReportAppealed))]


async def test_a_reply_counts_once_and_its_words_stay_in_the_vault(rig: Rig) -> None:
    report_id, receipt = await told(rig)
    for _ in range(2):
        status, taken = await ask(rig, receipt, "/replies", text="Sekretreply")
        assert status == 202
    (fact,) = [fact for fact in rig.store.events() if isinstance(fact, ReportReplied)]
    assert (fact.report_id, fact.party, fact.reply_id) == (report_id, JANE, taken["reply_id"])
    assert "Sekretreply" not in repr(rig.store.reports)
    assert [reply["text"] for reply in (await ask(rig, receipt))[1]["replies"]] == ["Sekretreply"]
    for number in range(19):
        assert (await ask(rig, receipt, "/replies", text=f"Reply {number}"))[0] == 202
    status, problem = await ask(rig, receipt, "/replies", text="One more")
    assert (status, problem["type"]) == (409, "/errors/too-many-replies")


async def test_the_appeal_of_one_respondent_is_none_of_another(rig: Rig) -> None:
    report_id, receipt = await told(rig, JANE, OTHER)
    decided = CaseDecided(
        previous="investigating", state="decided", outcome="warning", reason_id="r",
        appeal_until=START + timedelta(days=30),
    )  # fmt: skip
    lodged = AppealLodged(
        previous="decided", state="appealed", appeal_id="other", party="respondent", appeal_ground="facts",
        reason_id="other", respondent=OTHER,
    )  # fmt: skip
    await rig.progress.project([case_event(report_id, 3, decided), case_event(report_id, 4, lodged)])
    view = (await ask(rig, receipt))[1]
    assert (view["appeals"], view["appeal"]["barred"]) == ([], "busy")
    upheld = AppealDecided(
        previous="appealed", state="decided", appeal_id="other", party="respondent", verdict="upheld", reason_id="v",
        outcome="warning",
    )  # fmt: skip
    await rig.progress.project([case_event(report_id, 5, upheld)])
    assert (await ask(rig, receipt, "/appeals", ground="facts", text="I did not."))[0] == 202
    fact = next(fact for fact in rig.store.events() if isinstance(fact, ReportAppealed))
    assert fact.respondent == JANE


async def test_the_words_of_a_respondent_shut_nobody_out(rig: Rig) -> None:
    report_id, receipt = await told(rig)
    keys = pseudonyms_for(SECRETS.pseudonyms, ["Example Responder"], [])
    COPIES.enrol(person("acc05ed", Grant(Role.RESPONDER, ("enwiki_arbcom",)), pseudonyms=keys))
    assert (await ask(rig, receipt, "/replies", text="Example Responder hates me."))[0] == 202
    assert not (await rig.store.load([report_id]))[report_id].mentioned


async def test_a_respondent_who_only_writes_has_used_the_receipt(rig: Rig) -> None:
    report_id, receipt = await told(rig)
    assert (await ask(rig, receipt, "/replies", text="It was not me."))[0] == 202
    assert await seen_by_handlers(rig, report_id) is None


async def test_a_respondent_appeals_within_the_window_and_reads_the_verdict(rig: Rig) -> None:
    report_id, receipt = await told(rig)
    assert (await ask(rig, receipt, "/appeals", ground="facts", text="No."))[0] == 409
    decided = CaseDecided(
        previous="investigating",
        state="decided",
        outcome="warning",
        reason_id="r",
        appeal_until=START + timedelta(days=9),
    )
    await rig.progress.project([case_event(report_id, 3, decided)])
    view = (await ask(rig, receipt))[1]
    assert (view["outcome"], "facts" in view["appeal"]["grounds"]) == ("warning", True)
    for _ in range(2):
        status, taken = await ask(rig, receipt, "/appeals", ground="facts", text="It was another person.")
        assert status == 202
    (fact,) = [fact for fact in rig.store.events() if isinstance(fact, ReportAppealed)]
    assert (fact.party, fact.appeal_id) == ("respondent", taken["appeal_id"])
    assert (await ask(rig, receipt))[1]["appeals"][0]["standing"] == "sent"
    inside, later = {"appeal_id": fact.appeal_id, "party": "respondent"}, START + timedelta(days=1)
    lodged = AppealLodged(previous="decided", state="appealed", appeal_ground="facts", reason_id="x", **inside)
    verdict = AppealDecided(
        previous="appealed", state="decided", verdict="upheld", reason_id="y", told_id="t", **inside
    )
    await rig.statements.keep(report_id, "y", "reason", "Sekretreasons for the handlers.")
    await rig.statements.keep(report_id, "t", "reason", "We looked at the logs again.")
    await rig.progress.project([case_event(report_id, 4, lodged, later), case_event(report_id, 5, verdict, later)])
    view = (await ask(rig, receipt))[1]
    (seen,) = view["appeals"]
    assert (seen["standing"], seen["verdict"], seen["reason"]) == ("decided", "upheld", "We looked at the logs again.")
    assert "Sekretreasons" not in repr(view)
    assert view["appeal"]["barred"] == "once"


async def test_a_respondent_appeals_while_the_measure_of_a_reopened_case_stands(rig: Rig) -> None:
    report_id, receipt = await told(rig)
    until = START + timedelta(days=9)
    decided = CaseDecided(
        previous="investigating", state="decided", outcome="permanent_ban", reason_id="r", appeal_until=until
    )
    reopened = CaseReopened(previous="closed", state="reopened", reason_id="s", still_imposed=True)
    await rig.progress.project([case_event(report_id, 3, decided), case_event(report_id, 4, reopened)])
    view = (await ask(rig, receipt))[1]
    assert (view["outcome"], view["decided_at"], "facts" in view["appeal"]["grounds"]) == (None, None, True)
    assert (await ask(rig, receipt, "/appeals", ground="facts", text="It was not me."))[0] == 202


@pytest.mark.parametrize(
    ("reported", "confirmed", "scope", "offered"),
    [
        (HELP, None, None, False),
        ("harassment.insults", HELP, None, False),
        (HELP, "harassment.insults", None, True),
        (HELP, None, "community", True),
        # From before measures were told.
        (HELP, None, "", True),
        ("harassment.insults", None, None, True),
    ],
)
async def test_a_respondent_is_offered_the_appeal_that_triage_takes_and_no_category(
    rig: Rig, reported: str, confirmed: str | None, scope: str | None, *, offered: bool
) -> None:
    report_id, receipt = await told(rig, category=reported)
    said = CategoryConfirmed(**INSIDE, previous_category=reported, category=confirmed or reported)
    decided = CaseDecided(
        previous="investigating", state="decided", outcome="advice" if scope is None else "permanent_ban",
        reason_id="d-1", scope=scope,
        appeal_until=START + timedelta(days=180),
    )  # fmt: skip
    ended = MeasureExpired(previous="decided", state="decided", measure_id="d-1", outcome="advice")
    facts = [*([said] if confirmed else []), decided, ended]
    await rig.progress.project([case_event(report_id, seq, fact) for seq, fact in enumerate(facts, 3)])
    way = (await ask(rig, receipt))[1]["appeal"]
    # What it says otherwise, it says in a merged case as well.
    assert (way["barred"], "facts" in way["grounds"]) == ((None, True) if offered else ("elsewhere", False))
    assert (await ask(rig, receipt, "/appeals", ground="facts", text="No."))[0] == (202 if offered else 409)
    async with rig.http() as http:
        form = {**await token_from(http, "/follow-up"), "receipt": receipt}
        page = (await http.post("/follow-up", data=form, headers={"Accept": "text/html", **SAME_ORIGIN})).text
    assert ("You cannot appeal on this page." in page) is not offered
    assert not any(word in page for word in ("self_harm", "welfare", "insult"))


async def test_of_several_respondents_none_reads_the_outcome_of_another(rig: Rig) -> None:
    report_id, receipt = await told(rig, JANE, OTHER)
    decided = CaseDecided(previous="investigating", state="decided", outcome="warning", reason_id="r")
    await rig.progress.project([case_event(report_id, 3, decided)])
    view = (await ask(rig, receipt))[1]
    assert (view["outcome"], view["decided_at"] is not None) == (None, True)


async def test_a_respondent_of_a_merged_case_reads_that_it_was_decided_and_not_how(rig: Rig) -> None:
    report_id, receipt = await told(rig)
    merged: dict[str, Any] = {"previous": "merged", "state": "merged"}
    facts: list[CaseFact] = [
        CaseMerged(previous="investigating", state="merged", other_case="x"),
        OutcomeFollowed(**merged, outcome="warning"),
        OutcomeFollowed(**merged, outcome=None),
        OutcomeFollowed(**merged, outcome="permanent_ban"),
        CaseUnmerged(previous="merged", state="investigating", other_case="x"),
    ]
    seen = []
    for seq, fact in enumerate(facts, start=3):
        await rig.progress.project([case_event(report_id, seq, fact)])
        seen.append((await ask(rig, receipt))[1])
    assert [view["decided_at"] is not None for view in seen] == [False, True, False, True, False]
    assert {view["outcome"] for view in seen} == {None}
    assert [view["appeal"]["barred"] for view in seen] == ["nothing", "elsewhere", "nothing", "elsewhere", "nothing"]


@pytest.mark.parametrize("more", [0, 1], ids=["stored before", "one more since"])
async def test_where_nobody_knows_how_many_there_are_no_outcome_is_told(rig: Rig, more: int) -> None:
    report_id, receipt = await told(rig, JANE, OTHER)
    # A document from before respondents were counted.
    del rig.store.reports[report_id]["status"]["respondents"]
    added = PartyAdded(**INSIDE, party="c" * 32, party_role="respondent")
    decided = CaseDecided(previous="investigating", state="decided", outcome="warning", reason_id="r")
    facts = [added] * more + [decided]
    await rig.progress.project([case_event(report_id, seq, fact) for seq, fact in enumerate(facts, start=3)])
    view = (await ask(rig, receipt))[1]
    assert (view["outcome"], view["decided_at"] is not None) == (None, True)


@pytest.mark.parametrize(
    ("fields", "known"),
    [
        ({}, True),
        ({"setting": "in_person"}, False),
        ({"setting": "hybrid"}, False),
        ({"flags": ["off_wiki"]}, False),
        ({"community": "mediawiki_code_review"}, False),
        ({"community": "wikimedia_examplia"}, False),
    ],
    ids=["wiki", "in_person", "hybrid", "off_wiki", "code_review", "affiliate"],
)
async def test_people_are_one_because_of_their_names_on_wikis_alone(
    rig: Rig, fields: dict[str, Any], *, known: bool
) -> None:
    lines = [{"name": "Zed"}, {"name": "User:Zed"}]
    report_id = (await rig.post(reported=lines, **fields))["report_id"]
    (received,) = (fact for fact in rig.store.events() if isinstance(fact, ReportReceived))
    assert len(received.subjects) == (1 if known else 2)
    reads = [Read(report_id, ("reported",))]
    (told,) = await rig.reader.read(reads, purpose=PURPOSES["review"], actor=RESPONDER)
    people = told["sections"]["reported"]["people"]
    assert [one["name"] for one in people] == ["Zed", "User:Zed"]
    assert {one["party"] for one in people} == set(received.subjects)


async def test_a_report_from_before_keeps_the_tokens_of_its_lines(rig: Rig) -> None:
    report_id = (await rig.post(reported=[{"name": "Zed"}, {"name": "User:Zed"}]))["report_id"]
    del rig.store.reports[report_id]["by_person"]
    reads = [Read(report_id, ("reported",))]
    (told,) = await rig.reader.read(reads, purpose=PURPOSES["review"], actor=RESPONDER)
    first, second = (one["party"] for one in told["sections"]["reported"]["people"])
    assert first != second
    await rig.statements.keep(report_id, "told-1", "told", TOLD)
    decided = CaseDecided(previous="investigating", state="decided", outcome="warning", reason_id="r")
    facts = [opening(report_id, first, second), disclosed("told-1", first), decided]
    await rig.progress.project([case_event(report_id, seq, fact) for seq, fact in enumerate(facts, start=1)])
    receipt = await seen_by_handlers(rig, report_id)
    assert receipt
    assert (await ask(rig, receipt))[1]["outcome"] == "warning"


async def test_an_erased_report_opens_nothing_to_a_respondent(rig: Rig) -> None:
    report_id, receipt = await told(rig)
    await rig.erasing.erase([report_id], Erasure("r-1", "request", RESPONDER))
    assert (await ask(rig, receipt))[0] == 404
    assert (await ask(rig, receipt, "/replies", text="No."))[0] == 404


async def test_the_follow_up_page_takes_the_receipt_of_a_respondent(rig: Rig) -> None:
    _, receipt = await told(rig)
    html = {"Accept": "text/html", **SAME_ORIGIN}
    async with rig.http() as http:
        token = await token_from(http, "/follow-up")
        page = await http.post("/follow-up", data={**token, "receipt": receipt}, headers=html)
        assert (page.status_code, TOLD in page.text, "Sekret" in page.text) == (200, True, False)
        sent = {**token, "receipt": receipt, "replying": "1"}
        empty = await http.post("/follow-up", data={**sent, "reply": " "}, headers=html)
        assert (empty.status_code, "reply-error" in empty.text) == (422, True)
        page = await http.post("/follow-up", data={**sent, "reply": "My side."}, headers=html)
        assert (page.status_code, "Your reply has arrived." in page.text, "My side." in page.text) == (200, True, True)
        appeal = {**token, "receipt": receipt, "appealing": "1", "appeal_ground": "facts", "appeal": "My words."}
        page = await http.post("/follow-up", data=appeal, headers=html)
        assert page.status_code == 422
