"""The pages without a browser: a form, sent as browsers send it, becomes the report its reporter meant."""

import html
import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import httpx
import pytest
from starlette.requests import Request

from services.intake.erasure.actions import Erasure
from services.intake.pages import ReportForm, load_pages
from services.intake.report.submission import Section
from services.intake.sources.form_times import read_times, zones
from shared.events import (
    Actor,
    AppealDecided,
    AppealLodged,
    CaseClosed,
    CaseDecided,
    CaseFact,
    CaseTriaged,
    CheckInDue,
    CheckInKept,
    DeadlinePaused,
    DeadlineSet,
    FollowUpBegun,
    InformationRequested,
    InvestigationStarted,
    ReportReceived,
)
from shared.web.pages import STATIC
from tests.support.cases import cases, written
from tests.support.forms import SAME_ORIGIN, hidden_fields, token_from
from tests.support.intake_rig import POLICY, START, Rig, case_event

FORM = {
    "community": "enwiki",
    "narrative": "Something happened.\r\nTwice.",
    "nonce": "6b04d7ec-abcdefghijklmnopqrstuvwx",
}


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def send(rig: Rig, path: str = "/report", headers: dict[str, str] = SAME_ORIGIN, **fields: Any) -> httpx.Response:
    async with rig.http() as http:
        return await http.post(path, data=FORM | await token_from(http, path) | fields, headers=headers)


async def sections(rig: Rig) -> dict[str, Any]:
    (report,) = (await rig.store.load(rig.store.reports)).values()
    assert report.vault is not None
    sealed = {name: report.vault.section(name) for name in get_args(Section)}
    return {name: json.loads(rig.vault.open(f"{report.id}/{name}", s)) for name, s in sealed.items() if s is not None}


def received(rig: Rig) -> ReportReceived:
    (fact,) = [fact for fact in rig.store.events() if isinstance(fact, ReportReceived)]
    return fact


def receipt_in(page: httpx.Response) -> str:
    found = re.search(r'id="receipt"[^>]*>([0-9A-Z-]{24})<', page.text)
    assert found, page.text
    return found[1]


async def test_a_minimal_form_becomes_a_report_with_a_receipt(rig: Rig) -> None:
    page = await send(rig)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert receipt_in(page) not in str(page.url)
    assert received(rig).channel == "form"
    assert (await sections(rig))["content"]["narrative"] == "Something happened.\nTwice."


async def test_every_field_arrives(rig: Rig) -> None:
    await send(
        rig, category="harassment.hounding", flags=["ongoing", "off_wiki"], setting="in_person", harmed="me",
        places="Talk:One\r\n\r\n https://two.example ", room="Room 4", date="2026-11-20", time="14:30",
        reported="Some one", appearance="a red badge", witnesses="Two people", exposure="yes", noted_by="the desk",
        anything_else="No.", privacy="named", name="Me", email="me@mail.example",
    )  # fmt: skip
    fact = received(rig)
    assert (fact.category, fact.flags, fact.setting) == ("harassment.hounding", ("ongoing", "off_wiki"), "in_person")
    assert (fact.privacy, fact.contactable) == ("named", True)
    assert fact.occurred_at is not None
    assert fact.occurred_at.isoformat() == "2026-11-20T14:30:00+00:00"
    found = await sections(rig)
    assert found["content"]["places"] == ["Talk:One", "https://two.example", "Room 4"]
    assert found["reported"] == {"people": [{"name": "Some one", "details": "a red badge"}]}
    assert found["reporter"] == {"name": "Me", "email": "me@mail.example"}
    else_lines = found["content"]["anything_else"].splitlines()
    assert else_lines[0] == "No."
    assert "Taken down by: the desk" in else_lines
    assert "Two people" not in found["content"]["anything_else"]
    assert found["content"]["witnesses"] == ["Two people"]
    assert found["content"]["exposure"] == "yes"


async def test_an_appearance_without_a_name_is_kept_in_the_words(rig: Rig) -> None:
    await send(rig, appearance="a red badge")
    found = await sections(rig)
    assert "reported" not in found
    assert "a red badge" in found["content"]["anything_else"]
    assert received(rig).subjects == ()


@pytest.mark.parametrize(
    ("fields", "occurred"),
    [
        ({}, None),
        ({"date": "2026-11-20"}, {"from": "2026-11-20T00:00:00+00:00", "to": "2026-11-20T23:59:59.999000+00:00"}),
        (
            {"date": "2026-11-20", "until": "2026-11-22"},
            {"from": "2026-11-20T00:00:00+00:00", "to": "2026-11-22T23:59:59.999000+00:00"},
        ),
        (
            {"date": "2026-11-20", "time": "22:15", "until": "2026-11-22"},
            {"from": "2026-11-20T22:15:00+00:00", "to": "2026-11-22T23:59:59.999000+00:00"},
        ),
        # The nonce says that this copy of the form was opened at 11:52:28.
        (
            {"date": "2026-11-24", "nonce": "6b057a7c-abcdefghijklmnopqrstuvwx"},
            {"from": "2026-11-24T00:00:00+00:00", "to": "2026-11-24T11:52:28+00:00"},
        ),
        # It is tomorrow already in the east.
        (
            {"date": "2026-11-25", "nonce": "6b057a7c-abcdefghijklmnopqrstuvwx"},
            {"from": "2026-11-24T10:00:00+00:00", "to": "2026-11-24T11:52:28+00:00"},
        ),
    ],
)
async def test_days_are_ranges_that_do_not_reach_into_the_future(
    rig: Rig, fields: dict[str, Any], occurred: dict[str, str] | None
) -> None:
    await send(rig, **fields)
    (document,) = rig.store.reports.values()
    found = document["facts"]["occurred"]
    assert (found and {name: at.isoformat() for name, at in found.items()}) == occurred


JOINED = {"anything_else": 10_000, "circumstances": 3_000, "appearance": 1_000, "witnesses": 2_000, "noted_by": 300}
"""Fields that become one part of a report, and the characters that each may have."""


@pytest.mark.parametrize("case", cases("joined_fields"))
async def test_fields_that_are_joined_refuse_nothing_that_each_of_them_takes(rig: Rig, case: dict[str, Any]) -> None:
    words = {name: written(words) for name, words in case.items()}
    page = await send(
        rig, **words, exposure="unsure", reported="One\nTwo", places="\n".join("abcdefghijklmnopqrst"), room="R"
    )
    assert page.status_code == 200
    kept = (await sections(rig))["content"]
    assert all(text.strip() in kept["anything_else"] for text in words.values())
    assert kept["places"] == [*"abcdefghijklmnopqrst", "R"]


@pytest.mark.parametrize("case", cases("faults_of_forms"))
async def test_a_fault_stands_at_the_field_that_has_it(rig: Rig, case: dict[str, Any]) -> None:
    page = await send(rig, **{name: written(words) for name, words in case["fields"].items()})
    assert page.status_code == (422 if case["wrong"] else 200)
    assert re.findall(r'id="(\w+)-error"', page.text) == case["wrong"]


@pytest.mark.parametrize("case", cases("methods"))
async def test_a_method_is_answered_as_http_says(rig: Rig, case: dict[str, Any]) -> None:
    async with rig.http() as http:
        answer = await http.request(case["method"], case["path"])
    assert (answer.status_code, answer.headers.get("allow")) == (case["status"], case["allow"])
    assert case["method"] != "HEAD" or answer.content == b""


@pytest.mark.parametrize("field", JOINED)
async def test_a_joined_field_that_is_too_long_is_refused_where_it_was_typed(rig: Rig, field: str) -> None:
    page = await send(rig, **{field: "x" * (JOINED[field] + 1), "reported": "One"})
    assert page.status_code == 422
    assert set(re.findall(r'id="(\w+)-error"', page.text)) == {field}


async def test_the_form_keeps_names_as_they_are_written() -> None:
    names = [parameter.values[0] for parameter in cases("names_in_scripts")]
    for some in (names[start : start + 20] for start in range(0, len(names), 20)):
        rig, lines, last = Rig(), "\n".join(some), some[-1]
        page = await send(rig, reported=lines, witnesses=f"\ufeff{lines}\n{last} x\u200b", name=f"\u200e{last}\u200e")
        assert page.status_code == 200
        kept = await sections(rig)
        assert [person["name"] for person in kept["reported"]["people"]] == some
        assert kept["reporter"]["name"] == last
        assert kept["content"]["witnesses"] == [*some, f"{last} x"]


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"narrative": " "}, "narrative", "This field needs an answer."),
        ({"community": ""}, "community", "Choose one"),
        ({"category": "made.up"}, "category", "Choose one of the entries in the list."),
        ({"date": "yesterday"}, "date", "Write a date such as 2026-11-24."),
        ({"date": "2026-12-24"}, "date", "This date is in the future."),
        ({"date": "2026-11-20", "time": "noon"}, "time", "Write a time such as 14:30."),
        ({"date": "2026-11-20", "until": "2026-11-19"}, "until", "The last day is before the first."),
        ({"until": "2026-11-19"}, "date", "Write a date such as 2026-11-24."),
        ({"email": "nobody"}, "email", "Write an e-mail address such as name@example.org."),
        ({"privacy": "anonymous", "name": "Me"}, "privacy", "empty your name and e-mail address"),
        ({"places": "x" * 1_001}, "places", "This is too long. Please shorten it."),
        ({"reported": "\n".join("abc" for _ in range(51))}, "reported", "These are too many."),
    ],
)
async def test_a_wrong_field_is_explained_and_nothing_is_lost(
    rig: Rig, fields: dict[str, Any], field: str, text: str
) -> None:
    page = await send(rig, **({"harmed": "my <b>typed</b> words"} | fields))
    assert page.status_code == 422
    assert f'<a class="cdx-link" href="#{field}">' in page.text
    assert text in html.unescape(page.text)
    assert f'id="{field}-error"' in page.text
    assert "my &lt;b&gt;typed&lt;/b&gt; words" in page.text
    assert FORM["nonce"] in page.text
    assert rig.store.reports == {}


async def test_a_double_click_is_one_report(rig: Rig) -> None:
    first, second = await send(rig, date="2026-11-24"), await send(rig, date="2026-11-24")
    assert receipt_in(first) == receipt_in(second)
    assert len(rig.store.reports) == 1


async def test_a_form_changed_after_sending_can_be_sent_as_another_report(rig: Rig) -> None:
    receipts = {receipt_in(await send(rig)), receipt_in(await send(rig, narrative="Something else."))}
    assert len(receipts) == len(rig.store.reports) == 2


async def test_a_form_whose_report_was_erased_can_be_sent_as_another_report(rig: Rig) -> None:
    receipt_in(await send(rig))
    (report_id,) = rig.store.reports
    await rig.erasing.erase([report_id], Erasure("requested", "r-1", Actor("operator:1", "operator")))
    again = await send(rig)
    assert (again.status_code, "that report has been erased" in again.text) == (410, True)
    nonce = re.search(r'name="nonce" value="([^"]+)"', again.text)
    assert nonce
    assert nonce[1] != FORM["nonce"]
    receipt_in(await send(rig, nonce=nonce[1]))
    assert len(rig.store.reports) == 2


async def test_the_address_may_name_the_community(rig: Rig) -> None:
    async with rig.http() as http:
        shown = await http.get("/report/swwiki")
        unknown = await http.get("/report/nowhere", headers={"Accept": "text/html"})
    assert 'name="community"' not in shown.text
    assert unknown.status_code == 404
    await send(rig, "/report/swwiki", community="enwiki")
    assert received(rig).community == "swwiki"


@pytest.mark.parametrize("fields", [{"category": "welfare.self_harm"}, {"flags": "physical_violence"}])
async def test_emergency_services_are_named_again_when_life_is_in_danger(rig: Rig, fields: dict[str, Any]) -> None:
    assert "emergency services" in (await send(rig, **fields)).text


async def test_emergency_services_are_named_before_anything_is_written(rig: Rig) -> None:
    async with rig.http() as http:
        assert "emergency services" in (await http.get("/report")).text
    assert "emergency services" not in (await send(rig)).text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://intake.example"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({}, 200),
    ],
)
async def test_forms_of_other_sites_are_refused(rig: Rig, headers: dict[str, str], status: int) -> None:
    for path in ("/report", "/follow-up"):
        answer = await send(rig, path, headers, receipt="")
        assert answer.status_code == (422 if path == "/follow-up" and status == 200 else status)


@pytest.mark.parametrize("body", [b"narrative=%ff%fe", b"narrative=\xff", b"&".join([b"a=1"] * 101)])
async def test_a_form_that_cannot_be_read_is_refused(rig: Rig, body: bytes) -> None:
    headers = SAME_ORIGIN | {"Content-Type": "application/x-www-form-urlencoded"}
    async with rig.http() as http:
        assert (await http.post("/report", content=body, headers=headers)).status_code == 400
        assert (await http.post("/report", files={"narrative": b"x"}, headers=SAME_ORIGIN)).status_code == 415


async def test_the_status_is_shown_for_a_receipt_and_a_question_answered(rig: Rig) -> None:
    receipt = receipt_in(await send(rig))
    (report_id,) = rig.store.reports
    await rig.statements.keep(report_id, "q-1", "question", "When <was> it?")
    asked = InformationRequested(previous="investigating", state="awaiting_information", question_id="q-1")
    await rig.progress.project([case_event(report_id, 1, asked)])
    shown = await send(rig, "/follow-up", receipt=receipt)
    assert "When &lt;was&gt; it?" in shown.text
    assert "Waiting for an answer" in shown.text

    empty = await send(rig, "/follow-up", receipt=receipt, question_id="q-1", answer=" ")
    assert (empty.status_code, 'id="answer-q-1-error"' in empty.text) == (422, True)
    done = await send(rig, "/follow-up", receipt=receipt, question_id="q-1", answer="Yesterday.")
    assert "Your answer has arrived." in done.text
    assert "Yesterday." in done.text
    other = await send(rig, "/follow-up", receipt=receipt, question_id="q-1", answer="Today.")
    assert other.status_code == 422
    assert "answered this question already" in other.text


async def test_the_reporter_appeals_on_the_page_and_reads_the_verdict_there(rig: Rig) -> None:
    receipt = receipt_in(await send(rig))
    (report_id,) = rig.store.reports

    async def tell(*facts: CaseFact) -> None:
        seq = rig.store.reports[report_id]["status"]["seq"]
        await rig.progress.project(
            [case_event(report_id, seq + n, fact, rig.clock()) for n, fact in enumerate(facts, 1)]
        )
        rig.clock.pass_by(minutes=1)

    async def sent(**fields: str) -> tuple[int, str]:
        page = await send(rig, "/follow-up", receipt=receipt, **fields)
        return page.status_code, html.unescape(page.text)

    assert "If you do not agree" not in (await sent())[1]
    until = rig.clock() + timedelta(days=180)
    triaged = CaseTriaged(
        previous="received", state="triaged", category="unclassified", lane="standard", body="enwiki_arbcom",
        rule="one-wiki", deadlines=(), deadlines_told=True,
    )  # fmt: skip
    step = {"previous": "investigating", "state": "decided"}
    await tell(triaged, CaseDecided(**step, outcome="advice", reason_id="r-1", appeal_until=until))
    page = (await sent())[1]
    assert "People who took no part in the decision look at the case again." in page
    assert "Nothing was done in time" not in page
    status, page = await sent(appealing="1", appeal=" ")
    assert (status, "Why you appeal: " in page, "What should be looked at again: " in page) == (422, True, True)
    status, page = await sent(appealing="1", appeal="You <asked> nobody.")
    assert (status, "You <asked> nobody.</textarea>" in page) == (422, True)
    for _ in range(2):
        status, page = await sent(appealing="1", appeal_ground="facts", appeal="You asked nobody.")
        assert (status, "Your appeal has arrived." in page, "Send the appeal" in page) == (200, True, False)
    status, page = await sent(appealing="1", appeal_ground="facts", appeal="Something else.")
    assert (status, "Your words were not sent" in page, "Something else." in page) == (422, True, True)

    appeal = rig.store.reports[report_id]["outbox"][-1].fact
    told = {"appeal_id": appeal.appeal_id, "party": "reporter"}
    await tell(AppealLodged(previous="decided", state="appealed", appeal_ground="facts", reason_id="a", **told))
    assert "People who took no part before decide on it." in (await sent())[1]
    await rig.statements.keep(report_id, "v-1", "reason", "We asked again.")
    verdict = {"verdict": "upheld", "reason_id": "v-0", "told_id": "v-1", "outcome": "advice"}
    await tell(AppealDecided(previous="appealed", state="decided", **verdict, **told))
    page = (await sent())[1]
    for words in ("it stays as it was", "We asked again.", "You have appealed against this before", "this body: "):
        assert words in page
    rig.clock.pass_by(days=181)
    page = (await sent())[1]
    assert ("The time for an appeal ended at" in page, "Universal Code of Conduct" in page) == (True, True)


@pytest.mark.parametrize(
    ("receipt", "text"), [("0000-0000-0000-0000-0000", "No report belongs"), ("<nonsense>", "20 letters and digits")]
)
async def test_a_wrong_receipt_is_explained(rig: Rig, receipt: str, text: str) -> None:
    page = await send(rig, "/follow-up", receipt=receipt)
    assert page.status_code == 422
    assert text in page.text
    assert html.escape(receipt) in page.text


async def test_a_deadline_that_stands_still_is_shown_in_words_without_a_date(rig: Rig) -> None:
    receipt = receipt_in(await send(rig))
    (report_id,) = rig.store.reports
    due = START + timedelta(days=28)
    step = {"previous": "awaiting_information", "state": "awaiting_information"}
    triaged = CaseTriaged(
        previous="received", state="triaged", category="unclassified", lane="standard", body="enwiki_arbcom",
        rule="one-wiki", deadlines=(DeadlineSet(name="decision", due_at=due),), deadlines_told=True,
    )  # fmt: skip
    paused = DeadlinePaused(**step, deadline="decision", due_at=due, remaining_seconds=3600)
    await rig.progress.project([case_event(report_id, seq, fact) for seq, fact in enumerate((triaged, paused), 1)])
    shown = await send(rig, "/follow-up", receipt=receipt)
    assert "the clock stands still while we wait for your answer" in shown.text
    assert "2026-12-22" not in shown.text
    async with rig.http() as http:
        (deadline,) = (await http.post("/v1/follow-up", json={"receipt": receipt})).json()["deadlines"]
    assert (deadline["standing"], deadline["met"]) == ("paused", None)


@pytest.mark.parametrize(
    ("state", "lead"),
    [
        ("following_up", "You need not answer."),
        ("referred", "It stays with them until the others say yes."),
        ("appealed", "People look at your report again."),
        ("reopened", "People look at your report again."),
        ("investigating", "The people who handle your report have to act now."),
        ("closed", "The people who handle your report have to act now."),
    ],
)
async def test_each_state_tells_the_reporter_who_has_to_act(rig: Rig, state: str, lead: str) -> None:
    receipt = receipt_in(await send(rig))
    (report_id,) = rig.store.reports
    await rig.progress.project([case_event(report_id, 1, InvestigationStarted(previous="assigned", state=state))])
    shown = html.unescape((await send(rig, "/follow-up", receipt=receipt)).text)
    assert lead in shown
    assert "In progress" not in shown


async def test_a_state_without_a_name_here_is_told_as_in_progress(rig: Rig) -> None:
    receipt = receipt_in(await send(rig))
    (report_id,) = rig.store.reports
    later = CaseClosed(previous="decided", state="sent_to_the_moon")
    await rig.progress.project([case_event(report_id, 1, later)])
    shown = await send(rig, "/follow-up", receipt=receipt)
    assert "In progress" in shown.text
    assert "moon" not in shown.text


async def test_the_summary_stands_first_names_the_fields_and_takes_the_focus(rig: Rig) -> None:
    page = html.unescape((await send(rig, narrative="", email="nobody", time="noon", date="2026-11-20")).text)
    assert "<title>Error: Report something" in page
    assert page.index("autofocus") < page.index("<h1>")
    listed = re.findall(r'<li><a class="cdx-link" href="#(\w+)">([^<]+)</a>', page)
    assert [field for field, _ in listed] == ["narrative", "time", "email"]
    assert all(text.startswith(f"{label}: ") for (_, text), label in zip(listed, LABELS, strict=True))


LABELS = ("What happened?", "Time", "Your e-mail address")


async def test_a_page_without_a_fault_has_no_error_in_its_title(rig: Rig) -> None:
    async with rig.http() as http:
        page = (await http.get("/report")).text
    assert "<title>Report something" in page
    assert "autofocus" not in page


async def test_no_field_cuts_what_is_pasted_and_none_is_filled_by_the_browser(rig: Rig) -> None:
    async with rig.http() as http:
        page = (await http.get("/report")).text
    assert "maxlength" not in page
    assert set(re.findall(r'autocomplete="(\w+)"', page)) == {"off"}


@pytest.mark.parametrize("case", cases("times_in_zones"))
async def test_times_are_read_by_the_clock_of_the_zone(rig: Rig, case: dict[str, Any]) -> None:
    rig.clock.at = datetime.fromisoformat(case["now"])
    nonce = f"{int(rig.clock.at.timestamp()):08x}-{'x' * 24}"
    page = await send(rig, nonce=nonce, **case["fields"])
    assert page.status_code == 200
    (document,) = rig.store.reports.values()
    found = document["facts"]["occurred"]
    assert {name: at.isoformat().replace("+00:00", "Z") for name, at in found.items()} == case["occurred"]


async def test_the_present_is_never_refused_in_any_zone(rig: Rig) -> None:
    for hour in range(0, 24, 5):
        rig.clock.at = START + timedelta(hours=hour, minutes=59)
        for name in sorted(zones()):
            here = rig.clock.at.astimezone(ZoneInfo(name))
            for zone in (name, ""):
                fields = {"date": f"{here:%Y-%m-%d}", "time": f"{here:%H:%M}", "zone": zone, "until": ""}
                times = read_times(fields.__getitem__, rig.clock.at, rig.clock.at)
                assert times.faults == {}
                assert times.occurred
                assert max(times.occurred.values()) <= rig.clock.at, (name, fields)


async def test_all_faults_are_said_at_once(rig: Rig) -> None:
    page = await send(
        rig, community="nowhere", narrative=" ", flags="made-up", date="soon", time="noon", until="then",
        zone="Mars/Olympus", privacy="anonymous", name="Me", email="nobody", witnesses="x" * 2_001,
    )  # fmt: skip
    wrong = ["community", "narrative", "flags", "date", "time", "until", "zone", "witnesses", "privacy", "email"]
    assert re.findall(r'<li><a class="cdx-link" href="#(\w+)">', page.text) == wrong


async def test_the_form_says_who_is_told_the_name_and_who_is_kept_out(rig: Rig) -> None:
    async with rig.http() as http:
        page = (await http.get("/report")).text
    assert "while they look into what happened" in page
    assert "No person who handles the report sees it." in page
    assert page.count("that person does not get to see yours") == 2


async def test_a_policy_that_tells_nobody_promises_that_nobody_is_told(rig: Rig) -> None:
    policy = replace(POLICY, identities={})
    form = ReportForm(rig.submissions, policy, load_pages(), rig.clock)
    page = form.show(
        Request({"type": "http", "method": "GET", "path": "/report", "headers": [], "query_string": b""}), None
    )
    assert bytes(page.body).decode().count("No person who handles the report is told your name.") == 2


async def test_the_names_that_were_understood_are_shown(rig: Rig) -> None:
    fields = {"reported": "Some <one>\nUser:Two", "witnesses": f"Three\n{'a man who ' * 40}"}
    refused = await send(rig, **fields, narrative="")
    assert "Read as names: \u2068Some &lt;one&gt;\u2069; \u2068User:Two\u2069." in refused.text
    assert "Read as names: \u2068Three\u2069." in refused.text
    taken = await send(rig, **fields)
    assert re.findall("<li><bdi>(.*?)</bdi></li>", taken.text) == ["Some &lt;one&gt;", "User:Two", "Three"]


async def test_the_names_can_be_checked_before_anything_is_sent(rig: Rig) -> None:
    fields = {"reported": "Some <one>\nUser:Two", "witnesses": "Three", "narrative": "They followed me."}
    checked = await send(rig, **fields, check="1")
    assert checked.status_code == 200
    assert "Nothing has been sent yet.</strong> We read these names:" in checked.text
    assert re.findall("<li><bdi>(.*?)</bdi></li>", checked.text) == ["Some &lt;one&gt;", "User:Two", "Three"]
    assert "They followed me.</textarea>" in checked.text
    assert checked.text.count("Send the report</button>") == 2
    assert rig.store.reports == {}
    nonce = hidden_fields(checked.text)["nonce"]
    sent = [await send(rig, **fields, nonce=nonce) for _ in range(2)]
    assert [page.status_code for page in sent] == [200, 200]
    assert len(rig.store.reports) == 1
    assert (await send(rig, **fields, nonce=nonce, check="1")).status_code == 200


async def test_a_check_tells_what_is_wrong_and_that_nobody_was_named(rig: Rig) -> None:
    refused = await send(rig, narrative="", email="nobody", check="1")
    assert refused.status_code == 422
    assert refused.text.count("cdx-field__validation-message") == 2
    assert "We read no names in your report." in (await send(rig, check="1")).text
    assert rig.store.reports == {}


async def test_nothing_but_the_way_out_leads_away_above_a_form(rig: Rig) -> None:
    async with rig.http() as http:
        for path in ("/report", "/follow-up"):
            page = (await http.get(path)).text
            above = page[page.index("<body>") : page.index(f'action="{path}"')]
            assert re.findall(r'(?:href|action)="([^"]+)"', above) == ["#content", "/exit"]


async def test_an_empty_form_is_compressed_and_nothing_that_repeats_words_is(rig: Rig) -> None:
    async with rig.http() as http:
        for path in ("/report", "/report/enwiki", "/follow-up"):
            page = await http.get(path, headers={"Accept-Encoding": "br, gzip;q=0.8"})
            assert page.headers["content-encoding"] == "gzip"
            assert "Accept-Encoding" in page.headers["vary"]
            for refused in ("identity", "gzip;q=0", "br, gzip; q=0.00"):
                assert "content-encoding" not in (await http.get(path, headers={"Accept-Encoding": refused})).headers
    receipt = receipt_in(taken := await send(rig))
    for page in (
        taken, await send(rig, narrative=""), await send(rig, "/follow-up", receipt=receipt),
        await send(rig, "/follow-up", receipt="0" * 20), await send(rig, form_token="wrong"),
    ):  # fmt: skip
        assert "content-encoding" not in page.headers


async def status_page(rig: Rig, *facts: CaseFact, **fields: str) -> httpx.Response:
    """The status of a new report after these facts, once the fields were sent."""
    receipt = receipt_in(await send(rig))
    (report_id,) = rig.store.reports
    await rig.progress.project([case_event(report_id, seq, fact) for seq, fact in enumerate(facts, 1)])
    return await send(rig, "/follow-up", receipt=receipt, **fields)


TRIAGED = CaseTriaged(
    previous="received", state="triaged", category="unclassified", lane="standard", body="enwiki_arbcom",
    rule="one-wiki", deadlines=(DeadlineSet(name="decision", due_at=START),), deadlines_told=True,
)  # fmt: skip
ASKED = InformationRequested(previous="triaged", state="awaiting_information", question_id="q-1")


FOLLOWED = FollowUpBegun(previous="decided", state="following_up", consent="yes")
HOW_IS_IT = CheckInDue(previous="following_up", state="following_up", number=1, due_at=START)


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({}, 200, "We ask you how things go."),
        ({"check_in": "answer", "check-in-safe": "no"}, 200, "Your answers have arrived."),
        ({"check_in": "answer", "check-in-words": "Some <words>."}, 200, "Your answers have arrived."),
        ({"check_in": "decline", "check-in-safe": "no"}, 200, "you would rather not answer this time"),
        ({"check_in": "stop"}, 200, "We will not ask you again."),
        ({"check_in": "answer"}, 422, "Answer at least one question"),
        ({"check_in": "answer", "check-in-safe": "Ann"}, 422, "Answer at least one question"),
        ({"check_in": "answer", "check-in-words": "x" * 20_001}, 422, 'id="check-in-words-error"'),
        ({"check_in": "answer", "check_in_number": "2", "check-in-words": "Mine"}, 422, "can no longer be answered"),
        ({"check_in": "answer", "check_in_number": "-1"}, 200, "We ask you how things go."),
    ],
)
async def test_the_page_asks_how_it_goes_and_takes_what_is_answered(
    rig: Rig, fields: dict[str, str], status: int, told: str
) -> None:
    fields = {"check_in_number": "1", **fields} if fields else {}
    page = await status_page(rig, TRIAGED, FOLLOWED, HOW_IS_IT, **fields)
    text = html.unescape(page.text)
    assert (page.status_code, told in text) == (status, True)
    is_open = status == 422 or told.startswith("We ask")
    assert ("Has anyone treated you badly because of the report?" in text) is is_open
    if status == 422 and "Mine" in fields.values():
        assert ">\nMine</textarea>" in page.text


async def test_a_question_of_handlers_goes_before_how_it_goes(rig: Rig) -> None:
    page = html.unescape((await status_page(rig, TRIAGED, FOLLOWED, HOW_IS_IT, ASKED)).text)
    assert ("We wait for your answer." in page, "How are things now?" in page) == (True, True)


async def test_the_way_to_stop_the_asking_stays_on_the_page_alone(rig: Rig) -> None:
    noted = CheckInKept(previous="following_up", state="following_up", number=1, due_at=START, answer="answered")
    page = html.unescape((await status_page(rig, TRIAGED, FOLLOWED, HOW_IS_IT, noted)).text)
    assert ("Do not ask me again" in page, "How are things now?" in page) == (True, False)
    receipt = receipt_in(await send(rig))
    stopped = await send(rig, "/follow-up", receipt=receipt, check_in="stop", check_in_number="1")
    assert "We will not ask you again." in stopped.text
    assert "Do not ask me again" not in stopped.text


@pytest.mark.parametrize("outcome", POLICY.outcomes)
async def test_a_decision_is_told_in_a_sentence(rig: Rig, outcome: str) -> None:
    decided = CaseDecided(previous="investigating", state="decided", outcome=outcome, reason_id="r-1")
    page = (await status_page(rig, TRIAGED, ASKED, decided)).text
    assert "We wait for your answer." not in page
    assert re.search(r"<p><strong>[A-Z][^<]+ [^<]+\.</strong></p>", page)
    assert "If something new happens, send a new report." in page


async def test_the_status_says_who_handles_the_report_and_who_has_to_act(rig: Rig) -> None:
    page = html.unescape((await status_page(rig, TRIAGED)).text)
    assert load_pages().text("en", POLICY.bodies["enwiki_arbcom"].name_key) in page
    assert "The people who handle your report have to act now." in page


async def test_the_reporter_reads_that_an_answer_is_awaited_and_that_it_came(rig: Rig) -> None:
    assert "We wait for your answer." in (await status_page(rig, TRIAGED, ASKED)).text
    answered = await send(rig, "/follow-up", receipt=receipt_in(await send(rig)), question_id="q-1", answer="Yes.\nNo.")
    assert "We have your answers." in answered.text
    assert '<p class="hearth-words" dir="auto">Yes.\nNo.</p>' in answered.text
    assert re.search(r"\.hearth-words \{[^}]*white-space: pre-wrap", (STATIC / "hearth.css").read_text())


async def test_an_answer_to_a_question_that_is_gone_keeps_its_words(rig: Rig) -> None:
    page = await status_page(rig, TRIAGED, ASKED, question_id="q-2", answer="My <long> answer.")
    assert page.status_code == 422
    assert "My &lt;long&gt; answer." in page.text
    assert '<a class="cdx-link" href="#unsent">' in page.text
    await send(rig, "/follow-up", receipt=receipt_in(await send(rig)), question_id="q-1", answer="One answer.")
    other = await send(rig, "/follow-up", receipt=receipt_in(await send(rig)), question_id="q-1", answer="Another one.")
    assert "Another one." in other.text


async def test_a_report_that_was_erased_offers_nothing_and_keeps_the_words(rig: Rig) -> None:
    await status_page(rig, TRIAGED, ASKED)
    (report_id,) = rig.store.reports
    receipt = receipt_in(await send(rig))
    await rig.erasing.erase([report_id], Erasure("requested", "r-1", Actor("operator:1", "operator")))
    page = await send(rig, "/follow-up", receipt=receipt, question_id="q-1", answer="Too late.")
    assert "There is nothing that you can or need to do here any more." in page.text
    assert "Too late." in page.text
    assert "What we owe you" not in page.text
    assert 'action="/follow-up"' not in page.text
