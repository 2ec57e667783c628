"""All four services as processes on real parts: a report's whole way, its trace, a crash, and what must not leak."""

import asyncio
import json
import signal
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pymongo import MongoClient

from services.audit import verify
from services.triage.case.case import Case
from services.triage.case.evolve.fold import fold
from services.triage.store import case_of
from shared.access.principal import Role
from shared.ids import case_id_of
from shared.policy import load_policy
from shared.times import now, rfc3339
from tests.e2e.way import Way, cloud_event, mails_to, new_case, to_inbox, wait_for
from tests.support.broker import read
from tests.support.forms import cookies_of, hidden_fields
from tests.support.record_entries import event_in

pytestmark = pytest.mark.timeout(300)

SERVICES = {"intake", "triage", "notification", "audit"}
SECRETS = {
    "narrative": "the purple lighthouse keeper shouted",
    "name": "Quixotina Marmalade",
    "email": "quixotina.marmalade@reporter.example",
    "reported": "Zebedee Thunderclap",
    "answer": "on the second Tuesday of Brumaire",
    "reason": "the harbour log proves the shouting",
    "question": "who else heard the foghorn",
}


async def everything_on_kafka(way: Way) -> str:
    topics = ("reports", "cases", "notifications", "access", "roster", "audit.seals")
    found = await asyncio.gather(*(read(way.system.stack.kafka, topic) for topic in topics))
    return "\n".join(repr((record.key, record.headers, record.value)) for records in found for record in records)


def test_a_report_is_handled_to_its_end_and_none_of_its_words_leave_the_vault(way: Way) -> None:
    sent = way.post(
        narrative=SECRETS["narrative"],
        reported=[{"name": SECRETS["reported"]}],
        reporter={"name": SECRETS["name"], "email": SECRETS["email"]},
    )
    report_id, receipt = sent["report_id"], sent["receipt"]
    assert way.case(report_id)["state"] == "triaged"
    content = way.desk.get(f"/v1/cases/{case_id_of(report_id)}/content").raise_for_status().text
    assert SECRETS["narrative"] in content
    way.command(report_id, "assign")
    way.command(report_id, "start")
    way.command(report_id, "ask", question=SECRETS["question"])
    status = wait_for(lambda: (s := way.status(receipt))["questions"] and s)
    assert status["questions"][0]["text"] == SECRETS["question"]
    question_id = status["questions"][0]["question_id"]
    answer = {"receipt": receipt, "question_id": question_id, "text": SECRETS["answer"]}
    way.intake.post("/v1/follow-up/answers", json=answer).raise_for_status()
    wait_for(lambda: way.case(report_id)["state"] == "investigating")
    way.command(report_id, "decide", outcome="warning", reason=SECRETS["reason"])
    way.command(report_id, "close")
    final = wait_for(lambda: (s := way.status(receipt))["state"] == "closed" and s)
    assert (final["outcome"], final["reason"]) == ("warning", SECRETS["reason"])
    assert len(wait_for(lambda: len(m := mails_to(way, SECRETS["email"])) >= 3 and m)) == 3

    kinds = wait_for(lambda: "hearth.case.closed.v1" in (t := way.timeline(report_id)) and t)
    for kind in ("report.received", "report.answered", "case.opened", "case.decided", "content.read"):
        assert f"hearth.{kind}.v1" in kinds
    assert_nothing_leaked(way, receipt)


def assert_nothing_leaked(way: Way, receipt: str) -> None:
    """Search everything but the vault's ciphertext and the mail's own address line."""
    stack = way.system.stack
    places = {"kafka": asyncio.run(everything_on_kafka(way))}
    places["spans"] = "\n".join(span.text for span in way.collector.spans)
    for name in way.system.processes:
        places[f"log of {name}"] = (Path(stack.logs) / f"{name}.log").read_text(encoding="utf-8")
        places[f"metrics of {name}"] = httpx.get(f"{way.system.processes[name].inside}/metrics").text
    client: MongoClient[dict[str, Any]] = MongoClient(stack.mongo)
    with client:
        for database in sorted(SERVICES):
            for collection in client[database].list_collection_names():
                documents = list(client[database][collection].find())
                places[f"{database}.{collection}"] = repr(documents)
    for mail in httpx.get(f"{stack.mail_url}/api/v1/messages", params={"limit": 500}).json()["messages"]:
        whole = httpx.get(f"{stack.mail_url}/api/v1/message/{mail['ID']}").json()
        places[f"mail {mail['ID']}"] = whole["Subject"] + whole["Text"] + whole["HTML"]
    assert all(places.values())
    secrets = SECRETS | {"receipt": receipt, "bare receipt": receipt.replace("-", "")}
    leaks = [(place, what) for place, text in places.items() for what, secret in secrets.items() if secret in text]
    assert leaks == []


def test_one_report_is_one_trace_from_its_post_to_the_record(way: Way) -> None:
    trace_id = uuid4().hex
    headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    wanted = {
        ("intake", "POST /v1/reports"),
        ("intake", "reports publish"),
        ("triage", "reports process"),
        ("triage", "cases publish"),
        ("notification", "reports process"),
        ("notification", "cases process"),
        ("audit", "reports process"),
        ("audit", "cases process"),
        ("audit", "notifications process"),
    }

    def whole_trace() -> str | None:
        told: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        for span in tuple(way.collector.spans):
            told[span.trace_id].add((span.service.removeprefix("hearth-"), span.name))
        return next((trace for trace, names in told.items() if wanted <= names and writers_in(names) == SERVICES), None)

    # A batch continues the trace of its first record. So a report beside others may have only parts of its trace.
    for number in range(6):
        reporter = {"email": f"trace-{number}@example.org"}
        body = {"community": "enwiki", "narrative": "words", "reporter": reporter}
        way.intake.post("/v1/reports", json=body, headers=headers).raise_for_status()
        with suppress(AssertionError):
            ours = wait_for(whole_trace, 10)
            break
    else:
        pytest.fail("no report was one trace")
    # A trace id of the client would link what it names to the client.
    assert ours != trace_id
    assert trace_id not in {span.trace_id for span in way.collector.spans}


def writers_in(names: Iterable[tuple[str, str]]) -> set[str]:
    """The services that write in a trace. Commands are named by database and command, and a database by its service."""
    return {name.split(".")[0] for _, name in names if name.endswith((".insert", ".update"))}


def test_a_report_by_each_way_is_closed_and_its_record_folds_to_the_stored_case(way: Way) -> None:
    ways = {"http": send_by_http, "form": send_by_form, "binary": send_binary, "structured": send_structured,
            "platform": send_to_event_platform}  # fmt: skip
    cases = {name: new_case(way, send) for name, send in ways.items()}
    for name, case_id in cases.items():
        # Nobody can be asked of a report that a program hands in without an address.
        asking = (("ask", {"question": "When?"}), ("start", {})) if name in ("http", "form") else ()
        for command, body in (
            ("assign", {}), ("start", {}), *asking, ("decide", {"outcome": "advice", "reason": "So."}), ("close", {}),
        ):  # fmt: skip
            way.command_on(case_id, command, body)
    stored = stored_cases(way)
    assert {stored[case_id].state for case_id in cases.values()} == {"closed"}
    for name, case_id in cases.items():
        items = wait_for(lambda c=case_id: ends_closed(i := way.timeline_of(c)) and i)
        received = items[0]["entry"]
        assert received["ce"]["type"] == "hearth.report.received.v1"
        assert received["data"]["channel"] == (name if name in ("http", "form") else "kafka")
        versions = {item["entry"]["ce"]["type"]: item["entry"]["policy_version"] for item in items}
        named = {
            version for kind, version in versions.items() if kind.startswith((*OF_CASES, "hearth.report.received."))
        }
        assert named == {load_policy().version}
        assert set(versions.values()) <= {*named, None}
        events = [event_in(item["entry"]) for item in items if item["entry"]["ce"]["type"].startswith(OF_CASES)]
        assert fold(sorted(events, key=lambda event: event.case_seq)) == stored[case_id]


OF_CASES = ("hearth.case.", "hearth.deadline.")


REPORT = {"community": "enwiki", "category": "harassment.insults", "narrative": "words"}


def send_by_http(way: Way) -> None:
    way.post()


def send_by_form(way: Way) -> None:
    page = way.intake.get("/report", headers={"Accept": "text/html"}).raise_for_status()
    way.intake.post("/report", data=hidden_fields(page.text) | REPORT, headers=cookies_of(page)).raise_for_status()


def send_binary(way: Way) -> None:
    headers = [(f"ce_{name}", value.encode()) for name, value in cloud_event().items()]
    to_inbox(way, json.dumps(REPORT).encode(), [*headers, ("content-type", b"application/json")])


def send_structured(way: Way) -> None:
    body = json.dumps({**cloud_event(), "data": REPORT}).encode()
    to_inbox(way, body, [("content-type", b"application/cloudevents+json")])


def send_to_event_platform(way: Way) -> None:
    meta = {"stream": "hearth.report.submitted", "id": str(uuid4())}
    event = {"$schema": "/hearth/report/submitted/1.0.0", "meta": meta, "dt": rfc3339(now()), "report": REPORT}
    to_inbox(way, json.dumps(event).encode())


def stored_cases(way: Way) -> dict[str, Case]:
    """Every case as triage's database has it."""
    client: MongoClient[dict[str, Any]] = MongoClient(way.system.stack.mongo, tz_aware=True)
    with client:
        return {document["_id"]: case_of(document) for document in client["triage"]["cases"].find()}


def ends_closed(items: list[dict[str, Any]]) -> bool:
    return any(item["entry"]["ce"]["type"] == "hearth.case.closed.v1" for item in items)


@pytest.mark.slow
def test_a_service_killed_in_the_middle_loses_nothing(way: Way) -> None:
    sent = []
    for number in range(60):
        sent.append(way.post(narrative=f"number {number}")["report_id"])
        if number in (15, 35):
            way.system.restart({15: "triage", 35: "audit"}[number], kill=True)
    for report_id in sent:
        assert way.case(report_id)["state"] == "triaged"
    for report_id in sent:
        kinds = wait_for(lambda r=report_id: len(t := way.timeline(r)) >= 3 and t, seconds=60)
        for kind in ("report.received", "case.opened", "case.triaged"):
            assert kinds.count(f"hearth.{kind}.v1") == 1, (report_id, kinds)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_that_is_told_to_ends_within_ten_seconds_and_loses_nothing(way: Way, name: str) -> None:
    sent = [way.post()["report_id"] for _ in range(20)]
    began = time.monotonic()
    # uvicorn ends itself by the signal once everything has been stopped.
    assert way.system.processes[name].stop(30) in (0, -signal.SIGTERM)
    assert time.monotonic() - began < 10
    way.system.restart(name, kill=False)
    for report_id in sent:
        assert way.case(report_id)["state"] == "triaged"
        wait_for(lambda r=report_id: len(set(way.timeline(r))) >= 3)


def test_the_separate_verifier_finds_the_record_in_order(
    way: Way, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = [way.post()["report_id"] for _ in range(10)]
    for report_id in sent:
        wait_for(lambda r=report_id: len(way.timeline(r)) >= 3)
    wait_for(lambda: any(log["path"] == "logs/seals" and log["size"] for log in way.logs()))
    monkeypatch.setenv("HEARTH_TOKEN", way.system.token(Role.AUDITOR))
    assert verify.main([way.system.url("audit"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["entries"] >= 3 * len(sent)


def test_a_measure_from_before_hearth_goes_through_all_services_and_back(way: Way) -> None:
    stack = way.system.stack
    enforcer = {"Authorization": f"Bearer {way.system.token(Role.ENFORCER)}"}
    until = (now() + timedelta(days=9)).date().isoformat()
    row = {
        "id": "row-1", "kind": "temporary_suspension", "scope": "community", "community": "wikimania_2026",
        "body": "trust_safety", "begun_at": "2026-01-01", "until": until,
        "decided_on": "2025-12-30", "names": ["Zebedee Thunderclap"], "reference": "AC-17",
    }  # fmt: skip
    with httpx.Client(base_url=way.system.url("triage"), headers=enforcer, timeout=20) as register:
        for result in ("added", "known"):
            answer = register.post("/v1/measures/import", json={"measures": [row]}).raise_for_status().json()
            assert [item["result"] for item in answer["items"]] == [result], answer
        listed = {"community": "wikimania_2026"}
        # The register hides it until it is known who is named in it.
        (item,) = wait_for(lambda: register.get("/v1/measures", params=listed).json()["items"])
        one = register.get(f"/v1/measures/{item['id']}").raise_for_status().json()
        assert (one["names"], one["from_before"]) == (["Zebedee Thunderclap"], True)
        assert (one["until"], one["decided_on"]) == (until, "2025-12-30")
        table = register.get("/v1/measures/export.csv", params=listed).raise_for_status().text
    assert "Zebedee Thunderclap" in table
    with MongoClient(stack.mongo) as client:
        case = client["triage"]["cases"].find_one({"measures.id": item["id"]})
        wait_for(
            lambda: client["intake"]["reports"].count_documents({"case_id": case["_id"], "status.state": "closed"})
        )
    told = wait_for(lambda: [entry["entry"]["ce"]["type"] for entry in way.timeline_of(case["_id"])])
    assert "hearth.measure.imported.v1" in told
    assert "hearth.report.received.v1" not in told
