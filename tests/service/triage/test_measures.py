"""The register of measures: what is in force, for the people who enforce it, and for nobody else."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.triage.case.case import Case
from services.triage.case.extent import NOWHERE_ELSE
from services.triage.watch import CaseWatch
from shared.access.principal import Principal
from shared.parties import Parties
from shared.times import now
from tests.service.triage.test_sight import naming
from tests.support.browser_rig import serving
from tests.support.forms import SAME_ORIGIN, hidden_fields
from tests.support.people import COPIES, bearer, coordinator, enforcer, person, sign_in
from tests.support.triage_rig import ALICE, CORA, POLICY, TOKENS, Everywhere, Rig, make_rig, reported

JANE = "7" * 32
EVE = enforcer("e4f0ace0", communities=("enwiki",))
ELSEWHERE = enforcer("e4f0ace1", communities=("swwiki",))
HTML = {"accept": "text/html", **SAME_ORIGIN}


def day(days: int) -> str:
    return f"{now() + timedelta(days=days):%Y-%m-%d}"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        yield rig


async def restricted(
    rig: Rig, days: int = 9, scope: str = "pages", name: str = "Zebedee", names: Iterable[str] = ()
) -> Case:
    """A case with a restriction that was taken in an emergency. `names`: pseudonyms of people that its report names."""
    # A body of one community orders nothing that holds everywhere.
    flags = ("physical_violence",) if scope == "everywhere" else ()
    event = reported(subjects=(JANE,), parties_apart=True, flags=flags)
    await rig.parties.follow([naming(event, *names)])
    case = await rig.open(event)
    rig.vault.sections[case.report_id] = {"names": {"people": [{"party": JANE, "name": name}]}}
    given = {"measure": "restriction", "until": day(days), "scope": scope, "why": "It goes on."}
    answer = await rig.order(case, "act_in_emergency", given, Everywhere.two[0])
    assert answer.status_code == 200, answer.text
    return rig.cases.stored[case.id].case


async def listed(rig: Rig, who: Principal = EVE, query: str = "") -> list[str]:
    answer = await rig.http.get(f"/v1/measures{query}", headers=bearer(who))
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def measure_of(case: Case) -> str:
    return case.measures[0].id


async def test_what_is_in_force_is_listed_without_names_the_first_to_end_first(rig: Rig) -> None:
    later, sooner = await restricted(rig, 20), await restricted(rig, 10)
    answer = (await rig.http.get("/v1/measures", headers=bearer(EVE))).json()
    assert [item["id"] for item in answer["items"]] == [measure_of(sooner), measure_of(later)]
    item = answer["items"][0]
    assert (item["kind"], item["scope"], item["community"], item["until"]) == (
        "restriction", "pages", "enwiki", day(10),
    )  # fmt: skip
    assert sooner.id not in f"{answer}"
    assert sooner.code_name not in f"{answer}"
    assert "Zebedee" not in f"{answer}"
    assert not rig.vault.reads


async def test_each_community_sees_its_own_measures_and_those_that_hold_everywhere(rig: Rig) -> None:
    pages, everywhere = await restricted(rig), await restricted(rig, 30, "everywhere")
    assert await listed(rig) == [measure_of(pages), measure_of(everywhere)]
    assert await listed(rig, ELSEWHERE) == [measure_of(everywhere)]
    of_body = enforcer("e4f0ace2", "swwiki_admins")
    assert await listed(rig, of_body) == [measure_of(everywhere)]
    assert await listed(rig, enforcer("e4f0ace3")) == [measure_of(pages), measure_of(everywhere)]
    assert await listed(rig, query="?community=swwiki") == [measure_of(everywhere)]
    assert await listed(rig, query="?kind=permanent_ban") == []


async def test_the_people_of_a_measure_are_read_in_the_vault_for_one_purpose(rig: Rig) -> None:
    case = await restricted(rig)
    answer = await rig.http.get(f"/v1/measures/{measure_of(case)}", headers=bearer(EVE))
    assert (answer.json()["names"], answer.json()["erased"]) == (["Zebedee"], False)
    ((report_id, purpose, behalf),) = rig.vault.reads
    assert (report_id, purpose, behalf and (behalf.ref, behalf.role)) == (
        case.report_id, "enforce", (EVE.ref, "enforcer"),
    )  # fmt: skip
    assert "Zebedee" not in f"{rig.cases.events} {rig.cases.stored}"
    rig.vault.erased.add(case.report_id)
    answer = await rig.http.get(f"/v1/measures/{measure_of(case)}", headers=bearer(EVE))
    assert (answer.json()["names"], answer.json()["erased"]) == ([], True)


async def test_a_person_who_is_named_or_recused_sees_nothing_of_a_measure(rig: Rig) -> None:
    about = person("e4f0ace4", *EVE.grants)
    case = await restricted(rig, names=about.pseudonyms)
    answer = await rig.order(case, "recuse", {"person": EVE.ref, "ground": "involved"}, CORA)
    assert answer.status_code == 200
    for who in (about, EVE):
        assert await listed(rig, who) == []
        for address in (f"/v1/measures/{measure_of(case)}", "/v1/measures/no-such-measure"):
            assert (await rig.http.get(address, headers=bearer(who))).status_code == 404
        assert (await rig.http.get("/v1/measures/export", headers=bearer(who))).json()["items"] == []
    assert not rig.vault.reads


async def test_responders_have_no_register_and_coordinators_see_no_names(rig: Rig) -> None:
    case = await restricted(rig)
    assert (await rig.http.get("/v1/measures", headers=bearer(ALICE))).status_code == 403
    assert await listed(rig, CORA) == [measure_of(case)]
    assert await listed(rig, coordinator("c1c1c1c1", "swwiki_admins")) == []
    for address in (f"/v1/measures/{measure_of(case)}", "/v1/measures/export", "/v1/measures/export.csv"):
        assert (await rig.http.get(address, headers=bearer(CORA))).status_code == 403


async def test_a_measure_that_has_ended_is_in_no_list(rig: Rig) -> None:
    case = await restricted(rig)
    given = {"measure_id": measure_of(case), "review": "ended", "why": "Not needed."}
    assert (await rig.order(case, "review_emergency", given, person("d0d0d0d0", *ALICE.grants))).status_code == 200
    assert await listed(rig) == []
    assert (await rig.http.get(f"/v1/measures/{measure_of(case)}", headers=bearer(EVE))).status_code == 404


async def test_the_export_names_people_and_holds_no_formula(rig: Rig) -> None:
    cases = [await restricted(rig, 9 + n, name=name) for n, name in enumerate(("Zebedee", '=HYPERLINK("x")'))]
    answer = (await rig.http.get("/v1/measures/export", headers=bearer(EVE))).json()
    assert [(item["id"], item["names"]) for item in answer["items"]] == [
        (measure_of(cases[0]), ["Zebedee"]), (measure_of(cases[1]), ['=HYPERLINK("x")']),
    ]  # fmt: skip
    assert answer["next"] is None
    table = await rig.http.get("/v1/measures/export.csv", headers=bearer(EVE))
    assert table.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["names"] for row in rows] == ["Zebedee", '\'=HYPERLINK("x")']
    assert {purpose for _, purpose, _ in rig.vault.reads} == {"enforce"}
    rig.vault.away = True
    assert (await rig.http.get("/v1/measures/export", headers=bearer(EVE))).status_code == 503


async def test_the_table_has_the_whole_register_in_portions_and_breaks_off_where_one_fails(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.triage.measures.register.CASES_AT_ONCE", 2)
    monkeypatch.setattr("services.triage.measures.register.MOST_EXPORTED", 2)
    cases = [await restricted(rig, 9 + number, name=f"Zebedee {number}") for number in range(5)]
    for address, headers in (("/v1/measures/export.csv", bearer(EVE)), ("/desk/measures/export.csv", HTML)):
        if headers is HTML:
            await sign_in(rig.http, rig.sessions, "/desk", EVE)
        table = await rig.http.get(address, headers=headers)
        rows = list(csv.DictReader(io.StringIO(table.text)))
        assert [row["id"] for row in rows] == [measure_of(case) for case in cases]
        assert "hearth-next" not in table.headers
    short = (await rig.http.get("/v1/measures/export", headers=bearer(EVE))).json()
    assert (len(short["items"]), short["next"] is None) == (2, False)
    read = rig.vault.read

    async def away_later(report_ids: list[str], **asked: Any) -> Any:
        rig.vault.away = cases[2].report_id in report_ids
        return await read(report_ids, **asked)

    monkeypatch.setattr(rig.vault, "read", away_later)
    async with serving(rig.app) as address, httpx.AsyncClient() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"{address}/v1/measures/export.csv", headers=bearer(EVE))


@pytest.mark.parametrize("page", ["/v1/measures/export.csv", "/desk/measures/export.csv"])
async def test_a_table_breaks_off_once_its_reader_may_not_have_it_any_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setattr("services.triage.measures.register.CASES_AT_ONCE", 2)
    monkeypatch.setattr("shared.access.roster.LOOK_EVERY", 0.01)
    cases = [await restricted(rig, 9 + number, name=f"Zebedee {number}") for number in range(5)]
    await sign_in(rig.http, rig.sessions, "/desk", EVE)
    headers = bearer(EVE) if page.startswith("/v1") else HTML
    read = rig.vault.read

    async def ended(report_ids: list[str], **asked: Any) -> Any:
        COPIES.enrol(replace(EVE, grants=()))
        await asyncio.sleep(0.1)
        return await read(report_ids, **asked)

    monkeypatch.setattr(rig.vault, "read", ended)
    got = b""

    async def receive(answer: httpx.Response) -> None:
        nonlocal got
        async for some in answer.aiter_bytes():
            got += some

    async with (
        serving(rig.app) as address,
        httpx.AsyncClient(cookies=dict(rig.http.cookies)) as client,
        client.stream("GET", f"{address}{page}", headers=headers) as answer,
    ):
        with pytest.raises(httpx.RemoteProtocolError):
            await receive(answer)
    COPIES.enrol(EVE)
    assert measure_of(cases[1]).encode() in got
    assert measure_of(cases[2]).encode() not in got
    assert {report_id for report_id, _, _ in rig.vault.reads} == {case.report_id for case in cases[:2]}


@pytest.mark.parametrize(
    "changed", [{"subjects": (JANE, "8" * 32)}, {"absorbed": ("case-2",)}], ids=["two", "absorbed"]
)
async def test_where_several_people_may_be_meant_the_handlers_are_to_be_asked(
    rig: Rig, changed: dict[str, Any]
) -> None:
    case = await restricted(rig)
    stored = rig.cases.stored[case.id]
    # Those from before measures said for which person they hold.
    older = tuple(replace(measure, extent=NOWHERE_ELSE) for measure in case.measures)
    rig.cases.stored[case.id] = replace(stored, case=replace(case, measures=older, **changed))
    item = (await rig.http.get(f"/v1/measures/{measure_of(case)}", headers=bearer(EVE))).json()
    assert (item["names"], item["ask_handlers"]) == ([], True)
    table = (await rig.http.get("/v1/measures/export.csv", headers=bearer(EVE))).text
    (row,) = csv.DictReader(io.StringIO(table))
    assert (row["names"], row["ask_handlers"].lower()) == ("", "true")
    await sign_in(rig.http, rig.sessions, "/desk", EVE)
    page = (await rig.http.get(f"/desk/measures/{measure_of(case)}", headers=HTML)).text
    assert "Ask the handlers who is meant" in page
    assert "Zebedee" not in f"{page} {table} {item}"


async def test_the_pages_list_what_is_in_force_and_name_people_on_a_page_of_their_own(rig: Rig) -> None:
    case = await restricted(rig)
    await sign_in(rig.http, rig.sessions, "/desk", EVE)
    home = await rig.http.get("/desk", headers=HTML)
    assert (home.status_code, home.headers["location"]) == (303, "/desk/measures")
    page = (await rig.http.get("/desk/measures", headers=HTML)).text
    assert f"/desk/measures/{measure_of(case)}" in page
    assert day(9) in page
    assert "Zebedee" not in page
    one = await rig.http.get(f"/desk/measures/{measure_of(case)}", headers=HTML)
    assert "Zebedee" in one.text
    assert "Zebedee" in (await rig.http.get("/desk/measures/export.csv", headers=HTML)).text
    rig.vault.away = True
    one = await rig.http.get(f"/desk/measures/{measure_of(case)}", headers=HTML)
    assert (one.status_code, "Zebedee" in one.text) == (503, False)


async def test_a_measure_lapses_on_the_real_clock_and_leaves_the_register(rig: Rig) -> None:
    case = await restricted(rig)
    stored = rig.cases.stored[case.id]
    (measure,) = case.measures
    soon = replace(measure, until=now() + timedelta(seconds=0.2), review_by=None)
    rig.cases.stored[case.id] = replace(stored, case=replace(case, measures=(soon,)))
    parties = Parties(rig.parties, patience=0.0)
    watch = CaseWatch(rig.cases, parties, Everywhere(), POLICY, TOKENS, every=0.05)
    assert await listed(rig) == [measure.id]
    async with asyncio.timeout(20):
        while await listed(rig):
            await watch.look()
            await asyncio.sleep(0.05)
    assert [event.fact.name for event in rig.cases.events].count("measure.expired") == 1


async def test_handlers_note_the_conversation_before_a_suspension_ends(rig: Rig) -> None:
    case = await rig.open()
    given = {"measure": "temporary_suspension", "until": day(3), "scope": "community", "why": "It goes on."}
    assert (await rig.order(case, "act_in_emergency", given)).status_code == 200
    later = now() + timedelta(minutes=1)
    parties = Parties(rig.parties, patience=0.0)
    await CaseWatch(rig.cases, parties, Everywhere(), POLICY, TOKENS, every=1, clock=lambda: later).look()
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    address = f"/desk/cases/{case.code_name}"
    page = (await rig.http.get(address, headers=HTML)).text
    assert "This measure ends soon. Talk with the person before that" in page
    measure_id = rig.cases.stored[case.id].case.measures[0].id
    sent = {**hidden_fields(page), "measure_id": measure_id, "conversation": "skipped"}
    refused = await rig.http.post(f"{address}/note_return", data=sent, headers=HTML)
    assert refused.status_code == 422
    assert 'id="note_return-why-error"' in refused.text
    done = await rig.http.post(f"{address}/note_return", data={**sent, "why": "He is away."}, headers=HTML)
    assert done.status_code == 303
    page = (await rig.http.get(address, headers=HTML)).text
    assert "Talk with the person before that" not in page
    assert "He is away." in page
    assert "He is away." not in f"{rig.cases.events} {rig.cases.stored}"


async def test_a_decision_says_for_whom_it_is_and_where_and_the_register_tells_it(rig: Rig) -> None:
    other = "8" * 32
    event = reported(subjects=(JANE, other), parties_apart=True, flags=("physical_violence",))
    await rig.parties.follow([naming(event)])
    case = await rig.open(event)
    people = [{"party": JANE, "name": "Zebedee"}, {"party": other, "name": "Dougal"}]
    names: dict[str, object] = {"people": people}
    rig.vault.sections[case.report_id] = {"names": names, "reported": names}
    given = {"measure": "restriction", "until": day(9), "scope": "pages", "why": "It goes on."}
    wrong = await rig.order(case, "act_in_emergency", {**given, "respondents": ["9" * 32]})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/respondents")
    extent = {"respondents": [other], "project": "swwiki", "pages": "User:Zebedee"}
    acted = await rig.order(case, "act_in_emergency", {**given, **extent}, Everywhere.two[0])
    assert acted.status_code == 200
    (measure,) = rig.cases.stored[case.id].case.measures
    assert rig.vault.statements[case.report_id, measure.extent.pages_id or ""] == ("pages", "User:Zebedee")
    assert "Zebedee" not in f"{rig.cases.events} {rig.cases.stored}"
    # What intake hands out for this purpose, of the statement that it keeps.
    names["pages"] = [{"id": measure.extent.pages_id, "text": "User:Zebedee"}, {"id": "other", "text": "Talk:Other"}]
    assert (await listed(rig), await listed(rig, ELSEWHERE)) == ([], [measure.id])
    item = (await rig.http.get(f"/v1/measures/{measure.id}", headers=bearer(ELSEWHERE))).json()
    assert (item["names"], item["ask_handlers"], item["community"], item["pages"]) == (
        ["Dougal"], False, "swwiki", "User:Zebedee",
    )  # fmt: skip
    assert (await rig.http.get(f"/v1/measures/{measure.id}", headers=bearer(EVE))).status_code == 404
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    page = (await rig.http.get(f"/desk/cases/{case.code_name}", headers=HTML)).text
    assert "It is for: <bdi>Dougal</bdi>" in page
    assert "User:Zebedee" in page


@pytest.mark.parametrize("subjects", [(JANE,), ()], ids=["one respondent", "none"])
async def test_who_becomes_a_respondent_later_is_under_no_measure(rig: Rig, subjects: tuple[str, ...]) -> None:
    event = reported(subjects=subjects, parties_apart=True)
    await rig.parties.follow([naming(event)])
    case = await rig.open(event)
    given = {"measure": "restriction", "until": day(9), "scope": "pages", "why": "It goes on."}
    assert (await rig.order(case, "act_in_emergency", given)).status_code == 200
    added = await rig.order(case, "add_party", {"party_role": "respondent", "party_name": "Dougal"})
    assert added.status_code == 200, added.text
    stored = rig.cases.stored[case.id].case
    people = [{"party": token, "name": f"name {number}"} for number, token in enumerate(stored.respondents)]
    rig.vault.sections[case.report_id] = {"names": {"people": people}}
    item = (await rig.http.get(f"/v1/measures/{measure_of(stored)}", headers=bearer(EVE))).json()
    assert (item["names"], item["ask_handlers"]) == ((["name 0"], False) if subjects else ([], True))


@pytest.mark.parametrize("command", ["act_in_emergency", "propose_decision"])
@pytest.mark.parametrize(
    ("beyond", "pointer"),
    [({"scope": "everywhere"}, "/scope"), ({"scope": "pages", "project": "swwiki"}, "/project")],
    ids=["everywhere", "elsewhere"],
)
async def test_a_body_of_one_community_orders_nothing_beyond_it(
    rig: Rig, command: str, beyond: dict[str, str], pointer: str
) -> None:
    case, (one, _) = await rig.open(), Everywhere.two
    for start in ("claim", "start"):
        assert (await rig.order(case, start, {}, one)).status_code == 200
    given = {"until": day(9), "why": "So.", "measure" if command == "act_in_emergency" else "outcome": "restriction"}
    refused = await rig.order(case, command, {**given, **beyond}, one)
    assert [(fault["pointer"], fault["code"]) for fault in refused.json()["errors"]] == [(pointer, "out_of_reach")]
    form = next(form for form in (await rig.shown(case, one))["actions"] if form["command"] == command)
    offered = {field["name"]: field.get("options") for field in form["fields"]}
    assert (offered["scope"], offered["project"]) == (["contact", "pages", "community", "event"], ["enwiki"])
    await sign_in(rig.http, rig.sessions, "/desk", one)
    page = (await rig.http.get(f"/desk/cases/{case.code_name}", headers=HTML)).text
    assert 'value="everywhere"' not in page
    assert 'value="swwiki"' not in page
    sent = {**hidden_fields(page), **given, **beyond}
    answer = await rig.http.post(f"/desk/cases/{case.code_name}/{command}", data=sent, headers=HTML)
    assert (answer.status_code, "may order this there. Choose" in answer.text) == (422, True)
    assert (await rig.order(case, command, {**given, "scope": "pages", "project": "enwiki"}, one)).status_code == 200


async def test_what_is_proposed_for_one_respondent_is_decided_for_that_one(rig: Rig) -> None:
    event = reported(subjects=(JANE, "8" * 32), parties_apart=True, flags=("physical_violence",))
    await rig.parties.follow([naming(event)])
    case = await rig.open(event)
    one, two = Everywhere.two
    for command in ("claim", "start"):
        assert (await rig.order(case, command, {}, one)).status_code == 200
    extent = {"respondents": [JANE], "project": "swwiki", "pages": "Talk:Tea"}
    unfit = await rig.order(case, "propose_decision", {"outcome": "advice", "why": "Talk.", **extent}, one)
    assert {fault["pointer"] for fault in unfit.json()["errors"]} == {"/respondents", "/project", "/pages"}
    given = {"outcome": "restriction", "until": day(9), "scope": "pages", "why": "It goes on.", **extent}
    assert (await rig.order(case, "propose_decision", given, one)).status_code == 200
    shown = (await rig.shown(case))["proposal"]
    assert (shown["respondents"], shown["project"]) == ([JANE], "swwiki")
    assert (await rig.order(case, "second", {}, two)).status_code == 200
    assert (await rig.order(case, "decide", {"outcome": "restriction", "reason": "So."}, one)).status_code == 200
    (measure,) = rig.cases.stored[case.id].case.measures
    assert (measure.extent.respondents, measure.extent.project) == ((JANE,), "swwiki")
    assert measure.extent.pages_id == shown["pages_id"]
