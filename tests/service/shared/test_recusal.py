"""What somebody who is shut out could still count, page through, repeat or have done by others: nothing of the case."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.triage.desk.queue import QueuePlace
from shared.access.principal import Grant, Leave, Principal, Role
from shared.events import Actor
from shared.web.paging import Cursors
from tests.support.one_report import BODY, COMMUNITY, HTML, NAMES, WORDS, OneReport, hand_in, pseudonyms_of, send
from tests.support.people import COPIES, LONG_AGO, SCOPES, bearer, person
from tests.support.service_keys import call_of
from tests.support.triage_rig import KEY, Rig, make_rig, reported

ROLES = tuple(
    Grant(role, (BODY,), scopes=SCOPES if role is Role.AUDITOR else ())
    for role in (Role.RESPONDER, Role.COORDINATOR, Role.AUDITOR, Role.OPERATOR)
)
RECUSED = person("dec1a4ed", *ROLES)
UNRELATED = person("0b1ec71e", *ROLES)
SHUT_OUT = {"recused": RECUSED} | {
    who: person(f"{number}0{number}", *ROLES, pseudonyms=pseudonyms_of(who)) for number, who in enumerate(NAMES, 1)
}


@pytest.fixture
async def report() -> OneReport:
    # Before the report: a replica looks at the roster again only after a while.
    for who in (*SHUT_OUT.values(), UNRELATED):
        COPIES.enrol(who)
    return await hand_in([RECUSED])


async def get(report: OneReport, service: str, path: str, who: Principal) -> str:
    answer = await send(report.apps[service], "GET", path, {**bearer(who), "X-Request-Id": "asked-twice"})
    return f"{answer.status_code} {answer.text}"


LISTS = [
    ("triage", "/v1/cases"),
    ("triage", "/desk"),
    ("notification", "/v1/deliveries"),
    ("notification", "/outbox"),
    ("audit", "/v1/record/events?limit=1000"),
]


@pytest.mark.parametrize(
    ("service", "path", "who"),
    [(service, path, who) for service, path in LISTS for who in (NAMES if service == "audit" else SHUT_OUT)],
)
async def test_a_list_is_as_if_there_were_no_case(report: OneReport, who: str, service: str, path: str) -> None:
    shown = await get(report, service, path, SHUT_OUT[who])
    assert shown.startswith("200")
    assert [mark for mark in report.marks if mark in shown] == []
    others = await get(report, service, path, UNRELATED)
    assert any(mark in others for mark in report.marks)


@pytest.mark.parametrize("who", SHUT_OUT)
async def test_what_waits_to_be_sent_is_not_counted(report: OneReport, who: str) -> None:
    shown = [await get(report, "notification", "/outbox", p) for p in (SHUT_OUT[who], UNRELATED)]
    assert [re.findall(r"(\d+) (?:waiting|failed)", page) for page in shown] == [["0", "0"], ["3", "0"]]


async def test_a_recusal_withholds_nothing_of_the_record(report: OneReport) -> None:
    shown = [await get(report, "audit", "/v1/record/events?limit=1000", who) for who in (RECUSED, UNRELATED)]
    assert shown[0] == shown[1]
    assert '"withheld"' not in shown[0]


@pytest.mark.parametrize("who", NAMES)
async def test_a_search_of_the_record_finds_what_a_search_for_nothing_finds(report: OneReport, who: str) -> None:
    cookie, _ = await report.form_of("audit")
    headers = {**HTML, "Cookie": cookie, "X-Request-Id": "asked-twice"}
    for sought in (report.case.id, report.events[1].id, report.case.code_name):
        answers = []
        for text in (sought, "0" * len(sought)):
            given = {**bearer(SHUT_OUT[who]), **headers}
            answer = await send(report.apps["audit"], "GET", f"/audit?q={text}", given)
            answers.append((answer.status_code, answer.text.replace(text, "<sought>")))
        assert answers[0] == answers[1]
        assert answers[0][0] == 404


@pytest.mark.parametrize("who", SHUT_OUT)
async def test_a_service_reads_nothing_for_a_person_who_is_shut_out(report: OneReport, who: str) -> None:
    body = {"purpose": "review", "reads": [{"report_id": report.case.report_id, "sections": ["content", "reported"]}]}
    found = {}
    for name, principal in (("they", SHUT_OUT[who]), ("other", UNRELATED)):
        behalf = Actor(principal.ref, "responder")
        answer = await send(report.apps["intake"], "POST", "/v1/vault/read", call_of(behalf=behalf), json=body)
        found[name] = answer.json()["items"][0]
    assert found["they"] == {"report_id": report.case.report_id, "unknown": True}
    assert WORDS["narrative"] in str(found["other"])


@pytest.mark.parametrize("who", SHUT_OUT)
async def test_nobody_who_is_shut_out_can_have_the_report_erased(report: OneReport, who: str) -> None:
    for named in ({"report_ids": [report.case.report_id]}, {"case_ids": [report.case.id]}):
        for dry_run in (True, False):
            order = {"reason": "requested", "dry_run": dry_run, **named}
            answer = await send(report.apps["intake"], "POST", "/v1/erasures", bearer(SHUT_OUT[who]), json=order)
            assert [set(item) for item in answer.json()["items"]] == [{"id", "result"}]
            assert [item["result"] for item in answer.json()["items"]] == ["unknown"]


@pytest.fixture
async def desk() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        yield rig


async def test_pages_and_cursors_have_no_gap_where_a_case_is_hidden(desk: Rig) -> None:
    who = person("9a9e5", *ROLES)
    COPIES.enrol(who)
    cases = [await desk.open(community=COMMUNITY) for _ in range(6)]
    hidden = cases[2]
    assert (await desk.order(hidden, "recuse", {"person": who.ref, "ground": "related"}, UNRELATED)).status_code == 200
    seen, path = [], "/v1/cases?limit=1"
    places = set()
    while True:
        page = (await desk.http.get(path, headers=bearer(who))).json()
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        place = Cursors(QueuePlace, KEY).read(page["next"])
        assert place
        places.add(place.case_id)
        path = f"/v1/cases?limit=1&cursor={page['next']}"
    assert sorted(seen) == sorted(case.id for case in cases if case is not hidden)
    assert hidden.id not in places


async def test_an_order_from_before_the_recusal_is_answered_as_one_about_nothing(desk: Rig) -> None:
    who = person("0dde4", *ROLES)
    COPIES.enrol(who)
    case = await desk.open()
    headers = {"if_match": f'"{case.seq}"', "idempotency_key": "an-order-of-theirs"}
    first = await desk.order(case, "assign", {}, who, **headers)
    assert first.status_code == 200
    assert (await desk.order(case, "assign", {}, who, **headers)).json() == first.json()
    assert (await desk.order(case, "recuse", {"ground": "involved"}, who)).status_code == 200
    again = await desk.order(case, "assign", {}, who, **headers)
    assert again.status_code == 404
    assert case.id not in again.text


async def test_nobody_is_given_a_case_whose_report_names_them(desk: Rig) -> None:
    named = person("4a3ed", *ROLES, pseudonyms=["f" * 32])
    COPIES.enrol(named)
    case = await desk.open(reported(subjects=["f" * 32]))
    answer = await desk.order(case, "assign", {"assignee": named.ref}, UNRELATED)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "cannot_have"


@pytest.mark.parametrize(
    "other",
    [
        person("4a3e1"),
        person("4a3e2", Grant(Role.RESPONDER, ("swwiki_admins",))),
        replace(UNRELATED, ref="person:4a3e300000000000", trainings=()),
        replace(UNRELATED, ref="person:4a3e400000000000", pseudonyms=frozenset()),
        replace(UNRELATED, ref="person:4a3e500000000000", leaves=(Leave(LONG_AGO),)),
    ],
    ids=["no role", "another body", "untrained", "names unknown", "on leave"],
)
async def test_a_person_who_cannot_have_a_case_is_refused_like_those_it_names(desk: Rig, other: Principal) -> None:
    named = person("4a3ed", *ROLES, pseudonyms=["f" * 32])
    case = await desk.open(reported(subjects=["f" * 32]))
    answers = []
    for who in (named, other):
        COPIES.enrol(who)
        answers.append(await desk.order(case, "assign", {"assignee": who.ref}, UNRELATED))
    assert [a.status_code for a in answers] == [422, 422]
    first, second = (a.json()["errors"] for a in answers)
    assert first == second
