"""Measures from before Hearth are brought into the register: the good rows of a table, each once."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.triage.case.evolve.fold import fold
from services.triage.watch import CaseWatch
from shared.access.principal import Principal
from shared.events import CaseState, ReportParties
from shared.ids import case_id_of
from shared.parties import Parties
from shared.times import now
from tests.service.triage.test_decisions import Three
from tests.service.triage.test_measures import ELSEWHERE, EVE, HTML, day, listed
from tests.support.forms import hidden_fields
from tests.support.people import bearer, enforcer, sign_in
from tests.support.triage_rig import ALICE, COLLEAGUE, CORA, POLICY, TOKENS, Everywhere, Rig, from_intake, make_rig

FOR_ALL = enforcer("e4f0ace3")
NAMES = "id,kind,scope,community,body,begun_at,until,names,decided_on,reference"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig(staffing=Three()) as rig:
        yield rig


def measure(**changed: Any) -> dict[str, Any]:
    return {
        "id": "row-1", "kind": "temporary_suspension", "scope": "community", "community": "enwiki",
        "body": "enwiki_arbcom", "begun_at": "2026-09-01", "until": day(9), "names": ["Zebedee"],
        "decided_on": "2026-08-30", "reference": "AC-2026-17", **changed,
    }  # fmt: skip


async def send(rig: Rig, *measures: dict[str, Any], who: Principal = EVE) -> dict[str, Any]:
    answer = await rig.http.post("/v1/measures/import", json={"measures": measures}, headers=bearer(who))
    assert answer.status_code == 200, answer.text
    await tell_parties(rig)
    found: dict[str, Any] = answer.json()
    return found


async def send_csv(rig: Rig, text: str | bytes, who: Principal = EVE) -> httpx.Response:
    body = text if isinstance(text, bytes) else text.encode()
    headers = {**bearer(who), "content-type": "text/csv; charset=utf-8"}
    answer = await rig.http.post("/v1/measures/import", content=body, headers=headers)
    await tell_parties(rig)
    return answer


async def tell_parties(rig: Rig) -> None:
    """Intake tells who is named, as it does for each measure that it keeps."""
    for report_id in rig.vault.imported:
        await rig.parties.follow([from_intake(report_id, ReportParties(report_id=report_id, salt="0" * 32), 1)])


def only(rig: Rig) -> Any:
    (stored,) = rig.cases.stored.values()
    return stored.case


async def test_a_measure_is_brought_in_and_stands_in_the_register_with_its_name(rig: Rig) -> None:
    answer = await send(rig, measure())
    assert [answer[name] for name in ("added", "known", "refused")] == [1, 0, 0]
    case = only(rig)
    assert (case.state, case.body, case.deadlines) == (CaseState.CLOSED, "enwiki_arbcom", ())
    (item,) = (await rig.http.get("/v1/measures/export", headers=bearer(EVE))).json()["items"]
    assert (item["names"], item["until"], item["from_before"], item["decided_on"]) == (
        ["Zebedee"], day(9), True, "2026-08-30",
    )  # fmt: skip
    told = f"{rig.cases.events} {rig.cases.stored}"
    for words in ("Zebedee", "AC-2026-17", "row-1"):
        assert words not in told
    assert fold(rig.cases.events) == case


async def test_the_same_table_again_adds_nothing_and_another_row_under_a_key_is_refused(rig: Rig) -> None:
    await send(rig, measure())
    again = await send(rig, measure(), measure(id="row-2"))
    assert [item["result"] for item in again["items"]] == ["known", "added"]
    count = len(rig.cases.events)
    for changed in ({"until": day(10)}, {"names": ["Dougal"]}, {"reference": "other"}, {"body": "enwiki_admins"}):
        (item,) = (await send(rig, measure(**changed)))["items"]
        assert [fault["code"] for fault in item["errors"]] == ["key_reused"], changed
    assert len(rig.cases.events) == count
    # Another community has keys of its own.
    assert (await send(rig, measure(community="swwiki", body="swwiki_admins"), who=FOR_ALL))["added"] == 1


@pytest.mark.parametrize(
    ("changed", "pointer", "code"),
    [
        ({"kind": "warning"}, "/kind", "unknown_choice"),
        ({"kind": ""}, "/kind", "missing"),
        ({"scope": "moon"}, "/scope", "unknown_choice"),
        ({"community": "moonwiki"}, "/community", "unknown_choice"),
        ({"community": "swwiki"}, "/community", "out_of_reach"),
        ({"scope": "everywhere"}, "/scope", "out_of_reach"),
        ({"body": None}, "/body", "missing"),
        ({"body": "technical_conduct"}, "/body", "unknown_choice"),
        ({"body": "swwiki_admins"}, "/body", "unknown_choice"),
        ({"until": None}, "/until", "missing"),
        ({"until": "soon"}, "/until", "date_parsing"),
        ({"until": "2026-10-01"}, "/until", "in_the_past"),
        ({"kind": "permanent_ban"}, "/until", "not_timed"),
        ({"begun_at": "9998-01-01"}, "/begun_at", "future_date"),
        ({"names": ["Zebedee", "Dougal"]}, "/names", "one_person"),
        ({"names": ["Z" * 301]}, "/names", "string_too_long"),
        ({"names": []}, "/names", "missing"),
        ({"names": ["Zebedee\n\u3164"]}, "/names", "one_person"),
        ({"names": ["Z" + "\u0301" * 1000]}, "/names", "string_too_long"),
        ({"names": ["Z\ufffdb\ufffd"]}, "/names", "not_utf_8"),
        ({"reference": "N\ufffd 3"}, "/reference", "not_utf_8"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_bad_row_says_what_is_wrong_comes_back_whole_and_stops_no_other(
    rig: Rig, changed: dict[str, Any], pointer: str, code: str
) -> None:
    sent = measure(id="bad", **changed)
    answer = await send(rig, sent, measure())
    bad, good = answer["items"]
    assert (bad["result"], bad["line"]) == ("refused", 1)
    assert (pointer, code) in [(fault["pointer"], fault["code"]) for fault in bad["errors"]]
    assert bad["row"]["names"] == "\n".join(sent["names"])
    assert (good["result"], good["row"]) == ("added", None)
    assert len(rig.cases.stored) == 1


@pytest.mark.parametrize(
    "sign", ["%D9%85", "e\u0301\u0323", "\U0001f469\u200d\U0001f680", "z"], ids=["link", "marks", "joined", "z"]
)
async def test_rows_as_long_as_people_may_write_them_are_taken_by_the_vault(rig: Rig, sign: str) -> None:
    long = measure(id=sign * 100, names=[sign * min(300, 1000 // len(sign))], reference=sign * 300)
    (item,) = (await send(rig, long))["items"]
    assert item["result"] == "added", item["errors"]


async def test_an_export_comes_back_and_one_of_another_deployment_is_brought_in(rig: Rig) -> None:
    await send(rig, measure(names=["=Zebedee"]))
    table = (await rig.http.get("/v1/measures/export.csv", headers=bearer(EVE))).text
    assert (await send_csv(rig, table)).json()["known"] == 1
    async with make_rig() as other:
        answer = (await send_csv(other, table)).json()
        assert (answer["added"], answer["unread"]) == (1, [])
        assert [name for name, _ in other.vault.imported.values()] == ["=Zebedee"]
        assert (await send_csv(other, table)).json()["known"] == 1


@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
async def test_a_table_of_any_spreadsheet_is_read_with_the_lines_of_its_rows(rig: Rig, delimiter: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow([*NAMES.split(","), "Remarks"])
    row = measure()
    for number, changed in enumerate(({}, {"reference": "two\nlines"}, {"until": "soon"})):
        cells = {**row, "names": "Zebedee", "id": f"r{number}", **changed}
        writer.writerow([cells[name] for name in NAMES.split(",")] + ["a remark"])
    answer = (await send_csv(rig, "\ufeff" + out.getvalue())).json()
    assert [(item["line"], item["result"]) for item in answer["items"]] == [(2, "added"), (3, "added"), (5, "refused")]
    assert answer["unread"] == ["remarks"]
    assert answer["items"][2]["row"]["remarks"] == "a remark"


async def test_columns_without_a_name_come_back_with_their_cells(rig: Rig) -> None:
    cells = ["r1", "warning", "community", "enwiki", "enwiki_arbcom", "2026-09-01", "", "Zebedee", "", ""]
    answer = (await send_csv(rig, f"{NAMES},,\n{','.join(cells)},odd,even,third\n")).json()
    assert answer["unread"] == ["column 11", "column 12", "column 13"]
    row = answer["items"][0]["row"]
    assert [row[name] for name in answer["unread"]] == ["odd", "even", "third"]


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (b"id,kind\n1,2\n", "missing_column"),
        (b"", "missing_column"),
        (NAMES.encode() + b"\n", "no_rows"),
        (NAMES.encode() + b",note,Note\n1,2\n", "column_twice"),
        (NAMES.encode() + b'\n"open', "not_a_table"),
        (NAMES.encode() + b"\n\xff\xfe", "not_utf_8"),
        (NAMES.encode() + b"\n1,2" * 501, "too_many_rows"),
    ],
    ids=["columns", "empty", "no-rows", "twice", "quotes", "encoding", "many"],
)
async def test_what_is_no_table_is_refused_as_a_whole(rig: Rig, table: bytes, code: str) -> None:
    answer = await send_csv(rig, table)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)


async def test_only_people_who_enforce_measures_bring_them_in(rig: Rig) -> None:
    for who in (ALICE, CORA):
        answer = await rig.http.post("/v1/measures/import", json={"measures": [measure()]}, headers=bearer(who))
        assert answer.status_code == 403
    (item,) = (await send(rig, measure(), who=ELSEWHERE))["items"]
    assert item["errors"][0]["code"] == "out_of_reach"
    assert not rig.vault.imported
    assert (await send(rig, measure(scope="everywhere", body="stewards"), who=FOR_ALL))["added"] == 1


async def test_the_import_knows_the_same_reach_of_a_body_as_a_decision_does(rig: Rig) -> None:
    (item,) = (await send(rig, measure(scope="everywhere"), who=FOR_ALL))["items"]
    assert [(fault["pointer"], fault["code"]) for fault in item["errors"]] == [("/body", "unknown_choice")]
    for body in ("trust_safety", "enwiki_oversight"):
        assert (await send(rig, measure(id=body, body=body)))["added"] == 1


async def test_what_was_brought_in_ends_by_event_and_the_body_talks_with_the_person_before(rig: Rig) -> None:
    await send(rig, measure())
    case = only(rig)
    assert case.measures[0].return_at is not None
    stored = rig.cases.stored[case.id]
    soon = replace(case.measures[0], until=now() + timedelta(minutes=9), return_at=now() - timedelta(minutes=1))
    rig.cases.stored[case.id] = replace(stored, case=replace(case, measures=(soon,)))
    parties = Parties(rig.parties, patience=0.0)
    await CaseWatch(rig.cases, parties, Everywhere(), POLICY, TOKENS, every=1).look()
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    page = (await rig.http.get(f"/desk/cases/{case.code_name}", headers=HTML)).text
    assert "This measure ends soon. Talk with the person before that" in page
    assert "AC-2026-17" in page
    assert "by: Arbitration Committee" in page
    later = now() + timedelta(minutes=10)
    await CaseWatch(rig.cases, parties, Everywhere(), POLICY, TOKENS, every=1, clock=lambda: later).look()
    names = [event.fact.name for event in rig.cases.events]
    assert names == ["measure.imported", "measure.follow_up_set", "measure.return_due", "measure.expired"]
    assert await listed(rig) == []


async def test_the_body_that_decided_ends_a_measure_early_and_looks_into_it_again(rig: Rig) -> None:
    await send(rig, measure())
    case = only(rig)
    given = {"measure_id": case.measures[0].id, "why": "Peace is made."}
    for one in (ALICE, COLLEAGUE):
        assert case.measures[0].stands
        assert (await rig.order(case, "end_measure", given, one)).status_code == 200
        case = only(rig)
    assert not case.measures[0].stands
    assert (await send(rig, measure()))["known"] == 1
    assert (await rig.order(case, "reopen", {"why": "New evidence."})).status_code == 200
    assert (await rig.order(case, "start", {})).status_code == 200


async def test_a_body_brings_in_what_it_decided_as_a_stand_in_or_for_all_communities(rig: Rig) -> None:
    given = (
        measure(id="stand-in", body="u4c"),
        measure(id="all", body="trust_safety", scope="everywhere", kind="permanent_ban", until=None),
        measure(id="no-body-of-its-own", body="technical_conduct", community="mediawiki_code_review"),
    )
    assert (await send(rig, *given, who=FOR_ALL))["added"] == 3


@pytest.mark.parametrize("party", ["reporter", "respondent"])
async def test_a_party_appeals_against_a_measure_that_was_brought_in(rig: Rig, party: str) -> None:
    await send(rig, measure())
    case = only(rig)
    assert (case.outcome, case.decided_at) == ("temporary_suspension", case.received_at)
    appeal = {"party": party, "ground": "facts", "why": "It was not so."}
    assert (await rig.order(case, "appeal", appeal)).status_code == 200
    overturned = {"verdict": "overturned", "why": "It was not so."}
    assert (await rig.order(only(rig), "decide_appeal", overturned, COLLEAGUE)).status_code == 200
    case = only(rig)
    assert (case.state, case.outcome, case.measures[0].stands) == (CaseState.REOPENED, None, False)
    assert fold(event for event in rig.cases.events) == case


async def test_a_case_from_before_has_a_decision_deadline_once_it_is_reopened(rig: Rig) -> None:
    await send(rig, measure())
    assert (await rig.order(only(rig), "reopen", {"why": "New evidence."})).status_code == 200
    case = only(rig)
    running = {one.name for one in case.deadlines if one.is_running}
    assert "decision" in running
    assert running.isdisjoint({"emergency_action", "child_protection_action", "acknowledgement"})
    assert fold(event for event in rig.cases.events) == case


async def test_while_the_vault_is_away_nothing_is_brought_in_and_a_repetition_mends_it(rig: Rig) -> None:
    rig.vault.away = True
    answer = await rig.http.post("/v1/measures/import", json={"measures": [measure()]}, headers=bearer(EVE))
    assert (answer.status_code, rig.cases.stored) == (503, {})
    rig.vault.away = False
    rig.cases.away = True
    answer = await rig.http.post("/v1/measures/import", json={"measures": [measure()]}, headers=bearer(EVE))
    assert answer.status_code == 503
    rig.cases.away = False
    assert (await send(rig, measure()))["added"] == 1
    (report_id,) = rig.vault.imported
    assert only(rig).id == case_id_of(report_id)


async def test_the_page_brings_good_rows_in_and_gives_bad_ones_back_to_be_mended(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", EVE)
    page = (await rig.http.get("/desk/measures", headers=HTML)).text
    assert 'href="/desk/measures/import"' in page
    form = await rig.http.get("/desk/measures/import", headers=HTML)
    good = f"r1,temporary_suspension,community,enwiki,enwiki_arbcom,2026-09-01,{day(9)},Zebedee,,"
    bad = "r2,temporary_suspension,community,enwiki,enwiki_arbcom,2026-09-01,soon,Dougal & <co>,,AC-9"
    sent = {**hidden_fields(form.text), "table": f"{NAMES}\n{good}\n{bad}\n"}
    done = await rig.http.post("/desk/measures/import", data=sent, headers=HTML)
    assert done.status_code == 422
    assert "Line 3 of what you sent" in done.text
    assert "One measure was brought in" in done.text
    assert "Dougal &amp; &lt;co&gt;,,AC-9" in done.text
    assert "Zebedee" not in done.text
    for table, told in (
        ("id,kind,scope,community,body,begun_at\n", "these columns, too: names."),
        (f"{NAMES},note,note\n{good},1,2\n", "more than once: note."),
        (f"{NAMES}\n", "The table has no rows."),
        (f'{NAMES}\n{good}\n"open', "as a table from line 3 on"),
        ("z" * 60_001, "more than 60,000 characters"),
    ):
        sent["table"] = table
        assert told in (await rig.http.post("/desk/measures/import", data=sent, headers=HTML)).text
    sent["table"] = "no table"
    refused = await rig.http.post("/desk/measures/import", data=sent, headers=HTML)
    assert (refused.status_code, "no table</textarea>" in refused.text) == (422, True)
    rig.vault.away = True
    sent["table"] = f"{NAMES}\n{good}\n"
    away = await rig.http.post("/desk/measures/import", data=sent, headers=HTML)
    assert (away.status_code, "Send it again in a moment" in away.text, good in away.text) == (503, True, True)
