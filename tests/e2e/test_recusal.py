"""Whoever is shut out of a case gets nothing of it, from any service, in any role: every byte they can get is searched.

Seven people have every role: one is reported, one a witness, one reported it, the words mention two (one of these came
onto the roster later), one is recused, and one handler says of one that the case is about this person. An eighth, who
has nothing to do with the report, asks for the same and finds it all, so the search does find.
"""

import base64
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace

import httpx
import pytest
from pymongo import MongoClient

from infra.commands.people.editor import OPERATOR, run_with_editor
from infra.local.people import LIFE, enrol, give_name, person_of
from infra.local.stack import Stack, StackSettings
from infra.local.system import System, run_system
from services.audit import verify
from services.intake.report.pseudonym import pseudonyms_for
from services.triage.roster.actions import RosterEditor
from shared.access.principal import PEOPLE, Role
from shared.access.roster import LOOK_EVERY
from shared.access.roster_store import MongoRoster
from shared.ids import case_id_of
from shared.policy import load_policy
from shared.times import now
from tests.e2e.canaries import canary
from tests.e2e.gathering import Answer, Known, Search, everything
from tests.e2e.way import wait_for
from tests.support.route_walk import Thing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

BODY, STAND_IN, NEXT = "enwiki_arbcom", "u4c", "trust_safety"
"""The body of the report by the policy, and those that get a case after it. It names people of two."""
NAMES = {
    "reported": "Zebedee Thunderclap",
    "witness": "Wilhelmina Foghorn",
    "reporter": "Quixotina Marmalade",
    "mentioned": "Barnaby Clatterbuck",
    "later": "Nadja Petrova",
}
SHUT_OUT = (*NAMES, "recused", "named")
UNRELATED = "unrelated"
EVERYBODY = (*SHUT_OUT, UNRELATED)
ENROLLED = (*(who for who in EVERYBODY if who != "later"), "colleague", "another")
"""With colleagues, so that two are left of the body once one of it is recused and one turns out to be named."""
ADDRESS = "quixotina@reporter.example"
WORDS = {name: canary(name) for name in ("narrative", "details", "question", "answer", "reason")}
KEY = "the-order-of-who-is-recused-later"
SOON = {"HEARTH_GATHER_SECONDS": "2"}
"""A minute between two mails to one body would be most of the story."""


@dataclass
class Story:
    """The running system, everybody's tokens, and what is looked for."""

    system: System
    tokens: Mapping[str, str]
    known: Known
    version: str

    def http(self, who: str, service: str) -> httpx.Client:
        return client_of(self.system, service, self.tokens[who])

    @property
    def search(self) -> Search:
        thing = self.known.thing
        ids = {f"event {n}": event_id for n, event_id in enumerate(self.known.event_ids)}
        return Search({"case id": thing.case_id, "report id": thing.report_id, "code name": thing.code_name,
                       **WORDS, **ids})  # fmt: skip


def client_of(system: System, service: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=system.url(service), headers={"Authorization": f"Bearer {token}"}, timeout=30)


def enrol_all(system: System, everybody: Sequence[str]) -> dict[str, str]:
    """All of them in every role, with the pseudonyms of their names on the roster; their tokens."""
    key = base64.b64decode(system.environment["HEARTH_PSEUDONYM_KEY"])
    tokens: dict[str, str] = {}

    async def work(book: RosterEditor, _: MongoRoster) -> None:
        at = now()
        for who in everybody:
            person = person_of(who)
            apart = {"witness": (BODY, STAND_IN), "later": (BODY, NEXT)}
            bodies = apart.get(who, (BODY,) if who in NAMES else (BODY, NEXT))
            for role in PEOPLE:
                await enrol(book, person, role, bodies if role in (Role.RESPONDER, Role.COORDINATOR) else (), at)
            await give_name(book, person)
            if who in NAMES:
                await book.give_names(person, [pseudonyms_for(key, [NAMES[who]], [])], OPERATOR)
            tokens[who] = (await book.issue("pat", expires_at=at + LIFE, by=OPERATOR, person=person)).token

    stack = system.stack
    with ThreadPoolExecutor(1) as thread:
        thread.submit(run_with_editor, stack.mongo, "", stack.mongo_access("triage", ""), work).result()
    wanted = [pseudonyms_for(key, [name], [])[0] for who, name in NAMES.items() if who in everybody]
    issued = {"kind": "roster.token_changed", "entry.person": {"$in": [person_of(who) for who in everybody]}}
    with MongoClient(stack.mongo) as client:
        for service in system.processes:
            roster = client[service]["roster"]
            wait_for(lambda r=roster: r.count_documents({"pseudonyms": {"$in": wanted}}) == len(wanted))
            wait_for(lambda r=roster: r.count_documents(issued) == len(everybody))
    time.sleep(2 * LOOK_EVERY)
    return tokens


def tell(system: System, tokens: Mapping[str, str], open_client: Callable[[str, str], httpx.Client]) -> Story:
    """A report that names three of them, handled for a while, until a fourth is recused."""
    body = {
        "community": "enwiki",
        "category": "harassment.insults",
        "narrative": f"{WORDS['narrative']} It began when barnaby_clatterbuck laughed. I told nadja petrova’s friend.",
        "reported": [{"name": NAMES["reported"], "details": WORDS["details"]}],
        "witnesses": [NAMES["witness"]],
        "reporter": {"name": NAMES["reporter"], "email": ADDRESS},
    }
    sent = httpx.post(f"{system.url('intake')}/v1/reports", json=body).raise_for_status().json()
    report_id, case_id = sent["report_id"], case_id_of(sent["report_id"])

    def order(who: str, command: str, key: str | None = None, **values: str) -> None:
        path = f"/v1/cases/{case_id}"
        headers = {"If-Match": desk[who].get(path).raise_for_status().headers["ETag"]}
        headers |= {"Idempotency-Key": key} if key else {}
        desk[who].post(f"{path}/{command}", json=values, headers=headers).raise_for_status()

    desk = {who: open_client("triage", tokens[who]) for who in ("recused", UNRELATED)}
    case = wait_for(lambda: (a := desk[UNRELATED].get(f"/v1/cases/{case_id}")).status_code == 200 and a.json())
    version = desk["recused"].get(f"/v1/cases/{case_id}").raise_for_status().headers["ETag"]
    order("recused", "assign", KEY)
    desk["recused"].get(f"/v1/cases/{case_id}/content").raise_for_status()
    order(UNRELATED, "assign")
    order(UNRELATED, "start")
    order(UNRELATED, "ask", question=WORDS["question"])
    follow = f"{system.url('intake')}/v1/follow-up"
    asked = wait_for(lambda: httpx.post(follow, json={"receipt": sent["receipt"]}).json()["questions"])
    answer = {"receipt": sent["receipt"], "question_id": asked[0]["question_id"], "text": WORDS["answer"]}
    httpx.post(f"{follow}/answers", json=answer).raise_for_status()
    wait_for(lambda: desk[UNRELATED].get(f"/v1/cases/{case_id}").json()["state"] == "investigating")
    order(UNRELATED, "recuse", person=person_of("recused"), ground="involved")
    # Nobody confirms it.
    order(UNRELATED, "recuse", person=person_of("named"), ground="named")
    order(UNRELATED, "decide", outcome="advice", reason=WORDS["reason"])
    audit = open_client("audit", tokens[UNRELATED])
    timeline = f"/v1/record/cases/{case_id}/timeline"

    def is_told() -> list[dict[str, dict[str, str]]]:
        entries = [item["entry"] for item in audit.get(timeline).json()["items"]]
        kinds = [entry["ce"]["type"] for entry in entries]
        done = "hearth.case.decided.v1" in kinds and kinds.count("hearth.notification.sent.v1") >= 4
        return entries if done else []

    entries = wait_for(is_told, 60)
    ids = tuple(entry["ce"]["id"] for entry in entries)
    traces = tuple({str(entry["trace_id"]) for entry in entries if entry["trace_id"]})
    thing = Thing(case_id, case["code_name"], report_id, ids[0], True)
    people = tuple(person_of(who) for who in EVERYBODY)
    known = Known(thing, ids, traces, people, (*WORDS.values(), *NAMES.values()))
    return Story(system, tokens, known, version)


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with Stack(StackSettings.private()) as stack, run_system(stack, SOON) as system:
        with ExitStack() as clients:
            story = tell(system, enrol_all(system, ENROLLED), lambda *of: clients.enter_context(client_of(system, *of)))
        with story.http("recused", "notification") as http:
            wait_for(lambda: story.known.thing.case_id not in http.get("/v1/deliveries?limit=200").text)
        with MongoClient(stack.mongo) as client:
            told = {"status.recused": person_of("recused")}
            wait_for(lambda: client["intake"]["reports"].count_documents(told) == 1)
            told_of = {service: client[service]["parties"] for service in ("triage", "notification", "audit")}
            for copy in told_of.values():
                wait_for(lambda c=copy: person_of("named") in c.find_one()["names"])
            before = {service: set(copy.find_one()["names"]) for service, copy in told_of.items()}
            tokens = {**story.tokens, **enrol_all(system, ["later"])}
            for service, copy in told_of.items():
                wait_for(lambda c=copy, s=service: set(c.find_one()["names"]) > before[s])
        yield replace(story, tokens=tokens)


@pytest.fixture(scope="module")
def with_fresh_tokens(story: Story) -> Story:
    """The story with new tokens: those from its beginning may be too old by now for what has weight."""
    tokens: dict[str, str] = {}

    async def issue(book: RosterEditor, _: MongoRoster) -> None:
        for who in SHUT_OUT:
            person = person_of(who)
            tokens[who] = (await book.issue("pat", expires_at=now() + LIFE, by=OPERATOR, person=person)).token

    stack = story.system.stack
    with ThreadPoolExecutor(1) as thread:
        thread.submit(run_with_editor, stack.mongo, "", stack.mongo_access("triage", ""), issue).result()
    for token in tokens.values():
        with client_of(story.system, "intake", token) as http:
            wait_for(lambda c=http: c.post("/v1/erasures", json={}).status_code != 401)
    return replace(story, tokens={**story.tokens, **tokens})


@pytest.fixture(scope="module")
def gathered(story: Story) -> dict[str, list[Answer]]:
    """Everything that each of them can get."""
    return {who: everything(story.system, story.tokens[who], story.known) for who in EVERYBODY}


@pytest.mark.parametrize("who", SHUT_OUT)
def test_nobody_who_is_shut_out_gets_a_byte_of_the_case(
    story: Story, gathered: dict[str, list[Answer]], who: str
) -> None:
    answers = gathered[who]
    assert len(answers) > 500
    assert not [answer for answer in answers if answer.status >= 500 and "/sign-" not in answer.asked]
    search, words = story.search, Search(WORDS)
    # A recusal withholds nothing of the record.
    parts = [words if who == "recused" and is_of_the_record(answer) else search for answer in answers]
    found = [
        (a.asked, a.status, names)
        for a, part in zip(answers, parts, strict=True)
        if (names := part.find(a.text, a.asked))
    ]
    assert found == []


def is_of_the_record(answer: Answer) -> bool:
    return answer.asked.startswith(("GET /v1/record/", "GET /audit"))


def test_a_recusal_withholds_nothing_of_the_record(gathered: dict[str, list[Answer]], story: Story) -> None:
    record = [answer for answer in gathered["recused"] if is_of_the_record(answer)]
    found = {name for answer in record for name in story.search.find(answer.text, answer.asked)}
    assert found >= {"case id", "report id", *(f"event {n}" for n in range(len(story.known.event_ids)))}


def test_the_record_verifies_for_everybody_it_names(story: Story) -> None:
    withheld = {}
    for who in (*NAMES, "named", UNRELATED):
        source = verify.open_source(story.system.url("audit"), story.tokens[who])
        try:
            keys, _ = verify.choose_keys(source, [], None)
            report = verify.verify(source, keys)
        finally:
            source.close()
        assert report.findings == []
        withheld[who] = report.withheld
    # What stands on restricted topics is withheld from everybody.
    assert all(withheld[who] - withheld[UNRELATED] >= len(story.known.event_ids) for who in (*NAMES, "named"))


def test_an_unrelated_person_finds_it_all_by_the_same_way(story: Story, gathered: dict[str, list[Answer]]) -> None:
    search = story.search
    hits = [(answer.asked, search.find(answer.text, answer.asked)) for answer in gathered[UNRELATED]]
    found = {name for _, names in hits for name in names}
    assert found >= {"case id", "report id", "code name", *WORDS}
    assert {f"event {n}" for n in range(len(story.known.event_ids))} <= found
    asked = " ".join(path for path, names in hits if "case id" in names)
    for path in ("/v1/cases", "/v1/deliveries", "/outbox", "/v1/record/events", "/tile/entries"):
        assert path in asked, path
    assert " GET /desk " in f" {' '.join(path for path, names in hits if 'code name' in names)} "


@pytest.mark.parametrize("who", SHUT_OUT)
def test_an_order_about_the_case_is_answered_as_about_none(story: Story, who: str) -> None:
    thing = story.known.thing
    with story.http(who, "triage") as http:
        for command in ("assign", "start", "ask", "decide", "close", "recuse", "steal"):
            answers = [
                http.post(
                    f"/v1/cases/{case_id}/{command}", json={}, headers={"If-Match": '"1"', "X-Request-Id": "a" * 9}
                )
                for case_id in (thing.case_id, thing.missing().case_id)
            ]
            assert [answer.status_code for answer in answers] == [404, 404]
            assert answers[0].content == answers[1].content


def test_an_order_given_before_the_recusal_is_not_answered_again(story: Story) -> None:
    path, headers = f"/v1/cases/{story.known.thing.case_id}/assign", {"If-Match": story.version, "Idempotency-Key": KEY}
    with story.http("recused", "triage") as http:
        assert http.post(path, json={}, headers=headers).status_code == 404


@pytest.mark.parametrize("who", SHUT_OUT)
def test_nobody_who_is_shut_out_can_erase_the_report(with_fresh_tokens: Story, who: str) -> None:
    story, thing = with_fresh_tokens, with_fresh_tokens.known.thing
    with story.http(who, "intake") as http:
        for named in ({"report_ids": [thing.report_id]}, {"case_ids": [thing.case_id]}):
            answer = http.post("/v1/erasures", json={"reason": "requested", **named}).raise_for_status().json()
            assert [item["result"] for item in answer["items"]] == ["unknown"]
    with story.http(UNRELATED, "triage") as http:
        assert WORDS["narrative"] in http.get(f"/v1/cases/{thing.case_id}/content").raise_for_status().text


def test_no_mail_reaches_a_shared_address_read_by_a_person_who_is_shut_out(story: Story) -> None:
    bodies, search = load_policy().bodies, story.search
    mails: dict[str, list[bytes]] = {}
    url = story.system.stack.mail_url
    for listed in httpx.get(f"{url}/api/v1/messages", params={"limit": 500}).json()["messages"]:
        for recipient in listed["To"]:
            raw = httpx.get(f"{url}/api/v1/message/{listed['ID']}/raw").content
            mails.setdefault(recipient["Address"], []).append(raw)
    where = {address for address, raws in mails.items() for raw in raws if search.find(raw)}
    # Those of other cases are none of their business here.
    assert where == {bodies[NEXT].email}
    assert len(mails[ADDRESS]) >= 3
