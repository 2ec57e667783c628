"""What people tell Hearth stands in clear nowhere but where they put it: everything that was written is searched."""

import asyncio
import base64
import json
import quopri
import re
import smtplib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from aiokafka.admin import NewTopic
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from pymongo import MongoClient

from shared.ids import case_id_of
from shared.times import now, rfc3339
from tests.e2e.canaries import Hit, canary, search
from tests.e2e.page_forms import send_form
from tests.e2e.way import Way, cloud_event, mails_to, new_case, to_inbox, wait_for
from tests.e2e.written import places
from tests.support.broker import admin_of, write

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TOLD = ("narrative", "harmed", "place", "else", "reported", "details", "name", "email")
STRANGERS = ("binary", "structured", "armoured", "batched", "platform")
"""Ways by Kafka: what strangers write to `reports.inbox` stands there as they wrote it, until its retention ends."""


def address(way: str) -> str:
    return f"{canary(f'{way}email')}@reporter.example"


def report(way: str) -> dict[str, Any]:
    """A report whose every word is a canary named by the way it goes."""
    return {
        "community": "enwiki",
        "category": "harassment.insults",
        "narrative": f"{canary(f'{way}narrative')}, “möwe” & <co>",
        "harmed": canary(f"{way}harmed"),
        "places": [f"{canary(f'{way}place')}, room 4"],
        "anything_else": f"evidence: {canary(f'{way}else')}",
        "reported": [{"name": canary(f"{way}reported"), "details": canary(f"{way}details")}],
        "reporter": {"name": canary(f"{way}name"), "email": address(way)},
    }


# --- The ways in


def by_form(way: Way) -> str:
    """Hand in a report by the page; returns its receipt."""
    told = report("form")
    fields = {
        "community": "enwiki", "category": "harassment.insults", "narrative": told["narrative"],
        "harmed": told["harmed"], "places": told["places"][0], "anything_else": told["anything_else"],
        "reported": canary("formreported"), "appearance": canary("formdetails"),
        "name": told["reporter"]["name"], "email": told["reporter"]["email"],
    }  # fmt: skip
    page = way.intake.get("/report", headers={"Accept": "text/html"})
    shown = send_form(way.intake, page, {**fields, "privacy": "named"}).text
    receipt = re.search(r"\b[0-9A-Z]{4,5}(?:-[0-9A-Z]{4,5}){3,4}\b", shown)
    assert receipt
    return receipt[0]


def in_inbox(value: bytes, headers: Sequence[tuple[str, bytes | None]] = ()) -> Callable[[Way], None]:
    return lambda way: to_inbox(way, value, headers)


def ways_by_kafka() -> dict[str, Callable[[Way], None]]:
    """One for each format that `reports.inbox` takes, and structured mode once more with its data in base64."""
    headers = [(f"ce_{name}", value.encode()) for name, value in cloud_event().items()]
    data = {name: json.dumps(report(name)).encode() for name in STRANGERS}
    armoured = {**cloud_event(), "data_base64": base64.b64encode(data["armoured"]).decode()}
    platform = {
        "$schema": "/hearth/report/submitted/1.0.0",
        "meta": {"stream": "hearth.report.submitted", "id": str(uuid4())},
        "report": report("platform"),
    }
    structured = [("content-type", b"application/cloudevents+json")]
    return {
        "binary": in_inbox(data["binary"], [*headers, ("content-type", b"application/json")]),
        "structured": in_inbox(json.dumps({**cloud_event(), "data": report("structured")}).encode(), structured),
        "armoured": in_inbox(json.dumps(armoured).encode(), structured),
        "batched": in_inbox(
            json.dumps([{**cloud_event(), "data": report("batched")}]).encode(),
            [("content-type", b"application/cloudevents-batch+json")],
        ),
        # Its time is when the report was received, so it is taken when it is sent.
        "platform": lambda way: to_inbox(
            way, json.dumps({**platform, "dt": rfc3339(now())}, ensure_ascii=False).encode()
        ),
    }


def send_what_is_refused(way: Way) -> None:
    """Words in every part of requests that are answered with a refusal, and in a record that cannot be read."""
    word = canary("refused")
    intake, desk = way.intake, way.desk
    answers = [
        intake.post("/v1/reports", json={**report("refused"), "community": word}),
        intake.post("/v1/reports", json={**report("refused"), word: word}),
        intake.post("/v1/reports", json={**report("refused"), "reporter": {"email": f"{word} at home"}}),
        intake.post("/v1/reports", content=f'{{"narrative": "{word}', headers={"Content-Type": "application/json"}),
        intake.post("/v1/reports", json=report("refused"), headers={"Idempotency-Key": f"{word} {word}"}),
        intake.get(
            f"/report/{word}", params={"q": word}, headers={"Accept": "text/html", "Referer": f"http://{word}/"}
        ),
        intake.post("/v1/follow-up", json={"receipt": word}, headers={"User-Agent": word, "Cookie": f"a={word}"}),
        desk.get(f"/v1/cases/{word}", headers={"traceparent": word, "X-Request-Id": f"{word}!"}),
        desk.get("/v1/cases", params={"cursor": word}),
        desk.get("/v1/cases", headers={"Authorization": f"Bearer {word}"}),
        way.audit.get("/v1/record/events", params={"cursor": word, "from": word}),
    ]
    assert all(400 <= answer.status_code < 500 for answer in answers), answers
    to_inbox(way, json.dumps({**cloud_event(), "data": {"narrative": canary("broken"), canary("broken"): 1}}).encode(),
             [("content-type", b"application/cloudevents+json")])  # fmt: skip


# --- The whole story


def tell(way: Way) -> dict[str, str]:
    """A report by each way, each handled to its end; returns the receipts that anybody got."""
    receipts = {}
    cases = {}
    sent = way.intake.post("/v1/reports", json=report("http")).raise_for_status().json()
    receipts["http"], cases["http"] = sent["receipt"], case_id_of(sent["report_id"])
    wait_for(lambda: way.desk.get(f"/v1/cases/{cases['http']}").status_code == 200)
    cases["form"] = new_case(way, lambda way: receipts.update(form=by_form(way)))
    for name, send in ways_by_kafka().items():
        cases[name] = new_case(way, send)
    send_what_is_refused(way)
    for name, case_id in cases.items():
        content = way.desk.get(f"/v1/cases/{case_id}/content").raise_for_status().text
        # A responder reads the words, so they did come in, and were not merely lost on the way.
        assert all(canary(f"{name}{part}") in content for part in TOLD if part not in ("name", "email")), name
        for command, body in (("assign", {}), ("start", {}), ("ask", {"question": canary(f"{name}question")})):
            way.command_on(case_id, command, body)
    answer_by_api(way, receipts["http"])
    answer_by_form(way, receipts["form"])
    for name, case_id in cases.items():
        if name in receipts:
            wait_for(lambda i=case_id: way.desk.get(f"/v1/cases/{i}").json()["state"] == "investigating")
            content = way.desk.get(f"/v1/cases/{case_id}/content").raise_for_status().text
            assert canary(f"{name}question") in content
            assert canary(f"{name}answer") in content
        else:
            way.command_on(case_id, "start", {})
        way.command_on(case_id, "decide", {"outcome": "warning", "reason": canary(f"{name}reason")})
        way.command_on(case_id, "close", {})
    for name, receipt in receipts.items():
        final = wait_for(lambda r=receipt: (s := way.status(r))["state"] == "closed" and s)
        assert final["reason"] == canary(f"{name}reason")
    for name, case_id in cases.items():
        wait_for(lambda i=case_id: any("closed" in item["entry"]["ce"]["type"] for item in way.timeline_of(i)))
        wait_for(lambda a=address(name): len(mails_to(way, a)) >= 3)
    return receipts


def answer_by_api(way: Way, receipt: str) -> None:
    status = wait_for(lambda: (s := way.status(receipt))["questions"] and s)
    body = {
        "receipt": receipt,
        "question_id": status["questions"][0]["question_id"],
        "text": canary("httpanswer"),
    }
    way.intake.post("/v1/follow-up/answers", json=body).raise_for_status()


def answer_by_form(way: Way, receipt: str) -> None:
    wait_for(lambda: way.status(receipt)["questions"])
    page = way.intake.get("/follow-up", headers={"Accept": "text/html"})
    status = send_form(way.intake, page, {"receipt": receipt})
    send_form(way.intake, status, {"answer": canary("formanswer")})


# --- Proof that the search would find something


def spelled() -> dict[str, bytes]:
    """A canary in each spelling that somebody's words may have in what programs write."""

    def words(name: str) -> str:
        return f"möwe “{canary(f'planted{name}')}” & co"

    return {
        "plain": words("plain").encode(),
        "upper": words("upper").upper().encode(),
        "json": json.dumps(words("json")).encode(),
        "percent": quote(words("percent")).encode(),
        "printable": quopri.encodestring(words("printable").encode()),
        "hex": words("hex").encode().hex().encode(),
        "even": base64.b64encode(canary("plantedeven").encode()),
        "odd": base64.b64encode(b"x" + canary("plantedodd").encode()),
        "last": base64.urlsafe_b64encode(b"xy" + canary("plantedlast").encode()),
    }  # fmt: skip


def wrapped() -> dict[str, bytes]:
    """Spellings that need bytes or line breaks, which not every place has."""
    long = "many words before it " * 3
    return {
        "wide": canary("plantedwide").encode("utf-16-le"),
        "mime": base64.encodebytes((long + canary("plantedmime")).encode()),
        "soft": quopri.encodestring(f"{long}{long}{canary('plantedsoft')}".encode()),
    }


def plant(way: Way) -> None:
    """Leave a canary in each spelling in each kind of place."""
    stack = way.system.stack
    text = b" ".join(spelled().values())
    everything = b"\n".join([text, *wrapped().values()])

    async def on_kafka() -> None:
        async with admin_of(stack.kafka) as admin:
            await admin.create_topics([NewTopic("planted", 1, 1)])
        await write(stack.kafka, "planted", (b"key", everything, [("header", b"value")]))

    asyncio.run(on_kafka())
    with MongoClient(stack.mongo) as client:
        client["planted"]["words"].insert_one({"text": text.decode(), "bytes": everything})
    (Path(stack.logs) / "planted.log").write_bytes(everything)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@there.example", "planted@there.example", "Planted"
    message.set_content(everything.decode("latin-1").replace("\0", ""), cte="base64")
    with smtplib.SMTP(*stack.smtp) as server:
        server.send_message(message)
    exporter = OTLPSpanExporter(endpoint=f"{way.collector.address}/v1/traces")
    provider = TracerProvider(resource=Resource.create({"service.name": "planted"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("planted").start_as_current_span("planted", attributes={"text": text.decode()}):
        pass
    provider.shutdown()


@dataclass(frozen=True)
class Story:
    """What was found after all was told: every canary, and every place in which a receipt stands."""

    hits: frozenset[Hit]
    receipts_in: frozenset[str]
    searched: frozenset[str]

    def where(self, name: str) -> set[str]:
        """The places of one canary."""
        return {hit.place for hit in self.hits if hit.name == name}


@pytest.fixture(scope="module")
def story(way: Way) -> Story:
    plant(way)
    receipts = tell(way)
    bare = [form.encode() for r in receipts.values() for form in (r, r.replace("-", ""), r.lower())]
    hits, receipts_in, searched = set(), set(), set()
    for place, found in places(way.system, list(way.collector.spans)):
        hits |= search([(place, found)])
        searched.add(place)
        if any(receipt in found for receipt in bare):
            receipts_in.add(place)
    return Story(frozenset(hits), frozenset(receipts_in), frozenset(searched))


KINDS = ("kafka files planted", "kafka records planted", "mongo files", "mongo documents planted.words",
         "log of planted", "spans", "mails")  # fmt: skip


@pytest.mark.parametrize("place", KINDS)
def test_the_search_finds_what_was_planted_in_every_kind_of_place(story: Story, place: str) -> None:
    names = {*spelled(), *(wrapped() if place not in ("spans", "mails") else ())}
    assert {name for name in names if place not in story.where(f"planted{name}")} == set()


def test_every_place_is_searched(story: Story) -> None:
    wanted = {f"{kind} {name}" for kind in ("log of", "metrics of") for name in
              ("intake", "triage", "notification", "audit")}  # fmt: skip
    wanted |= {"log of kafka", "log of mongod", "log of mail", "spans", "mails", "mongo files", "kafka files"}
    wanted |= {f"kafka {what} {topic}" for what in ("files", "records") for topic in ("reports", "cases", "access")}
    wanted |= {"mongo documents local.oplog.rs", "mongo documents intake.reports", "mongo documents triage.cases"}
    assert wanted - story.searched == set()


def leaks(story: Story) -> set[Hit]:
    """What was found and not planted."""
    return {hit for hit in story.hits if not hit.name.startswith("planted")}


def test_nothing_that_was_told_stands_in_clear_where_nobody_put_it(story: Story) -> None:
    inbox = {"kafka files reports.inbox", "kafka records reports.inbox"}
    buried = {"kafka files reports.inbox.dlq", "kafka records reports.inbox.dlq"}

    def is_meant(hit: Hit) -> bool:
        if hit.name == "broken":
            return hit.place in inbox | buried
        if any(hit.name == f"{way}{part}" for way in STRANGERS for part in TOLD) and hit.place in inbox:
            return True
        return hit.name.endswith("email") and hit.place == f"mail to {canary(hit.name)}@reporter.example"

    assert {hit for hit in leaks(story) if not is_meant(hit)} == set()


def test_what_strangers_write_stands_in_the_inbox_or_in_its_dead_letters(
    story: Story,
) -> None:
    for name in (f"{way}{part}" for way in STRANGERS for part in TOLD):
        assert {"kafka files reports.inbox", "kafka records reports.inbox"} <= story.where(name)
    assert "kafka records reports.inbox.dlq" in story.where("broken")


@pytest.mark.parametrize("by", ["http", "form", *STRANGERS])
def test_a_reporters_address_stands_in_the_head_of_her_own_mails(story: Story, by: str) -> None:
    assert f"mail to {address(by)}" in story.where(f"{by}email")


def test_no_receipt_stands_anywhere(story: Story) -> None:
    assert story.receipts_in == set()
