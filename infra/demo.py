"""`make demo`: the whole system on this machine. It sends reports through every channel and tells the way of each case.

`ONCE=1` ends by itself. Then the last line is one JSON object, and the exit status is 0 only if everything arrived and
the record verifies. `BROKER=memory` uses a broker in memory, `KEEP=1` keeps the data.
"""

import asyncio
import base64
import contextlib
import io
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from rich.console import Console

from infra.demo_baseline import WHAT, tell_baseline
from infra.demo_case import Reporter, tell_case
from infra.local.processes import StackError
from infra.local.sign_in_provider import ACCOUNTS
from infra.local.stack import Stack, StackSettings
from infra.local.system import System, run_system
from services.audit import verify
from services.audit.settings import AuditSettings
from services.audit.tlog.note import SigningKey
from shared.access.principal import Role
from shared.http import make_blocking_http
from shared.ids import case_id_of
from shared.kafka.topics import FACT_TOPICS
from shared.times import now, rfc3339

PATIENCE = 60.0
NAMED = next(account.username for account in ACCOUNTS if account.subject == "demo-reported")
"""An account that some of the reports name. It is a responder, too."""

SETTINGS = {"HEARTH_BASELINE_LINKS": "false", "HEARTH_POLICY_DIR": str(Path(__file__).parent / "demo_policy")}
"""The pages behind the demo's statements do not exist, so that nothing is looked at. Check-ins come at once."""

console = Console(stderr=False, highlight=False)


@dataclass
class Sent:
    """One report of the demo: how it came, and what is known of it."""

    channel: str
    case_id: str
    receipt: str | None = None


@dataclass
class Demo:
    """The demo's clients, and what it has sent so far."""

    system: System
    sent: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.intake = make_blocking_http(self.system.url("intake"))
        bodies = self.bodies()
        responder = self.system.token(Role.RESPONDER, *bodies, ref=self.system.account("demo-responder"))
        self.desk = make_blocking_http(self.system.url("triage"), headers=_bearer(responder))
        auditor = self.system.token(Role.AUDITOR)
        self.audit = make_blocking_http(self.system.url("audit"), headers=_bearer(auditor))
        self.mail = make_blocking_http(self.system.stack.mail_url)

    @staticmethod
    def bodies() -> tuple[str, ...]:
        """The handling bodies of the demo's people."""
        from shared.policy import load_policy

        return load_policy().ordinary_bodies


def main() -> int:
    """Run the demo; returns the exit status."""
    once = os.environ.get("ONCE") == "1"
    began = time.monotonic()
    try:
        settings = StackSettings.from_environment()
        console.print("Starting Kafka, MongoDB, a mail catcher and four services …")
        with Stack(settings) as stack, run_system(stack, SETTINGS) as system:
            console.print(f"All ready after {time.monotonic() - began:.1f} s.\n")
            system.enrol_accounts()
            demo = Demo(system)
            result = tell(demo)
            result["seconds"] = round(time.monotonic() - began, 1)
            _print_addresses(demo)
            if once:
                print(json.dumps(result), flush=True)
                return 0 if result["verified"] else 1
            console.print("\nCtrl-C ends it.")
            signal.pause()
    except StackError as error:
        console.print(str(error), style="red")
        return 1
    except KeyboardInterrupt:
        console.print("\nEnded; nothing is left running.")
    return 0


def tell(demo: Demo) -> dict[str, Any]:
    """Send reports through every channel, follow them to the end, verify, and return the counts."""
    console.rule("Communities say what they answer for")
    tell_baseline(demo.system, demo.bodies())
    console.print("\n".join(f"  {line}" for line in WHAT), soft_wrap=True)
    console.print(f"  see {demo.system.url('triage')}/desk/baseline as Caro Coordinator, and", soft_wrap=True)
    console.print(f"  {demo.system.url('audit')}/scorecard, once the next checkpoint is made", soft_wrap=True)
    console.rule("Reports come in")
    by_form(demo)
    by_http(demo)
    asyncio.run(by_kafka(demo))
    console.rule("Each becomes a case")
    cases = [_wait(f"the case of the report by {s.channel}", partial(find_case, demo, s)) for s in demo.sent]
    for sent, case in zip(demo.sent, cases, strict=True):
        console.print(f"  by {sent.channel:<28} → {case['code_name']}, for {case['body']}, lane {case['lane']}")
    console.rule("A responder handles the first")
    handle(demo, demo.sent[0])
    console.rule("Another one takes the long way")
    sent = demo.sent[2]
    tell_case(demo.system, demo.desk, sent.case_id, Reporter(demo.intake, sent.receipt or "", console.print), _wait)
    console.rule("Mails")
    mails = _wait("the mails", lambda: enough_mails(demo))
    for mail in mails:
        console.print(f"  to {mail['To'][0]['Address']:<34} {mail['Subject']}")
    console.rule("The record")
    written, recorded = _wait("the record to hold everything, sealed", lambda: everything_recorded(demo))
    console.print(f"  {recorded} of {written} events are in the record, under signed checkpoints")
    verified = verify_record(demo)
    return {
        "reports": len(demo.sent),
        "cases": len({case["id"] for case in cases}),
        "mails": len(mails),
        "events": recorded,
        "verified": verified and written == recorded,
        "broker": demo.system.stack.broker,
    }


def by_form(demo: Demo) -> None:
    """Fill in the form as a browser without JavaScript does."""
    page = demo.intake.get("/report", headers={"Accept": "text/html"}).raise_for_status()
    fields = _hidden_fields(page.text) | {
        "community": "enwiki",
        "category": "harassment.hounding",
        "setting": "online",
        "privacy": "confidential",
        "narrative": "The same account follows me from page to page and undoes whatever I write.",
        "places": "https://en.wikipedia.org/wiki/Special:Diff/1",
        "reported": NAMED,
        "email": "casey@example.org",
    }
    # A browser sends such a cookie to addresses of this machine without TLS, too. This client does not.
    carried = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
    headers = {"Accept": "text/html", "Cookie": carried}
    answer = demo.intake.post("/report", data=fields, headers=headers).raise_for_status()
    receipt = _between(answer.text, 'aria-labelledby="receipt-label">', "<")
    (case,) = wait_for_new_cases(demo, 1)
    demo.sent.append(Sent("form", case["id"], receipt))
    console.print(f"  by form: stored; the reporter's receipt is {receipt}")


def by_http(demo: Demo) -> None:
    """Three reports to the API; the second comes twice with one Idempotency-Key."""
    reports: list[dict[str, Any]] = [
        {
            "community": "enwiki", "category": "harassment.threats", "flags": ["physical_violence"],
            "narrative": "They wrote that they know where I live.", "reporter": {"email": "robin@example.org"},
        },
        {
            "community": "swwiki", "category": "content_abuse.hate_speech", "privacy": "anonymous", "language": "sw",
            "narrative": "Ukurasa wa mtumiaji unachochea chuki.",
        },
    ]  # fmt: skip
    for report in reports:
        key = {"Idempotency-Key": str(uuid4())}
        answers = [demo.intake.post("/v1/reports", json=report, headers=key).raise_for_status().json() for _ in (1, 2)]
        if answers[0] != answers[1]:
            raise SystemExit("The same report sent twice was not recognised.")
        demo.sent.append(Sent("HTTP", case_id_of(answers[0]["report_id"]), answers[0]["receipt"]))
    console.print(f"  by HTTP: {len(reports)} reports, each sent twice and stored once")


async def by_kafka(demo: Demo) -> None:
    """CloudEvents in binary and structured mode, and an Event Platform event, on `reports.inbox`."""
    producer = AIOKafkaProducer(bootstrap_servers=demo.system.stack.kafka)
    await producer.start()
    report = {"community": "enwiki", "category": "harassment.insults", "narrative": "Insults on my talk page."}
    event = {"specversion": "1.0", "source": "/demo", "type": "hearth.report.submitted.v1", "time": rfc3339(now())}
    binary_id, structured_id, platform_id = (str(uuid4()) for _ in range(3))
    try:
        headers = [(f"ce_{name}", value.encode()) for name, value in (event | {"id": binary_id}).items()]
        headers.append(("content-type", b"application/json"))
        await producer.send_and_wait("reports.inbox", json.dumps(report).encode(), headers=headers)
        body = json.dumps(event | {"id": structured_id, "datacontenttype": "application/json", "data": report}).encode()
        structured = [("content-type", b"application/cloudevents+json")]
        await producer.send_and_wait("reports.inbox", body, headers=structured)
        platform = {
            "$schema": "/hearth/report/submitted/1.0.0",
            "meta": {"stream": "hearth.report.submitted", "id": platform_id, "domain": "en.wikipedia.org"},
            "dt": rfc3339(now()),
            "report": report | {"category": "harassment.trolling", "reported": [{"name": NAMED}]},
        }
        await producer.send_and_wait("reports.inbox", json.dumps(platform).encode())
    finally:
        await producer.stop()
    console.print("  over Kafka: a CloudEvent in binary mode, one in structured mode, an Event Platform event")
    demo.sent += [Sent("Kafka", case["id"]) for case in wait_for_new_cases(demo, 3)]


def wait_for_new_cases(demo: Demo, count: int) -> list[dict[str, Any]]:
    """The cases that are on the desk and not yet known here, once there are so many."""
    known = {sent.case_id for sent in demo.sent}

    def look() -> list[dict[str, Any]] | None:
        items = demo.desk.get("/v1/cases", params={"limit": 100}).raise_for_status().json()["items"]
        new = [item for item in items if item["id"] not in known]
        return new if len(new) >= count else None

    found: list[dict[str, Any]] = _wait("new cases on the desk", look)
    return found


def find_case(demo: Demo, sent: Sent) -> dict[str, Any] | None:
    """The case of a report, once it has been triaged."""
    answer = demo.desk.get(f"/v1/cases/{sent.case_id}")
    case: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
    return case if case and case["state"] != "received" else None


def handle(demo: Demo, sent: Sent) -> None:
    """Take the case, ask, get an answer, decide and close, reading what was reported on the way."""
    path = f"/v1/cases/{sent.case_id}"
    demo.desk.get(f"{path}/content").raise_for_status()
    console.print("  what was reported is fetched from the vault; the read itself is on record")
    steps: list[tuple[str, dict[str, Any], str]] = [
        ("assign", {}, "assigned"),
        ("start", {}, "investigating"),
        ("ask", {"question": "When did it begin?"}, "awaiting_information"),
    ]
    for command, body, state in steps:
        _command(demo, path, command, body, state)
    status = _wait("the question to reach the reporter", lambda: open_question(demo, sent))
    console.print(f"  the reporter sees: {status['questions'][0]['text']}")
    answer = {"receipt": sent.receipt, "question_id": status["questions"][0]["question_id"], "text": "Last Monday."}
    demo.intake.post("/v1/follow-up/answers", json=answer).raise_for_status()
    _wait("the answer to reach the case", lambda: state_of(demo, path) == "investigating")
    console.print("  the reporter answers; the case goes on")
    _command(
        demo, path, "decide", {"outcome": "warning", "reason": "Hounding, shown by the page histories."}, "decided"
    )
    _command(demo, path, "close", {}, "closed")
    final = _wait("the reporter to see the outcome", lambda: outcome_of(demo, sent))
    console.print(f"  with the receipt the reporter sees: {final['state']}, outcome {final['outcome']}")


def _command(demo: Demo, path: str, command: str, body: dict[str, Any], state: str) -> None:
    version = demo.desk.get(path).raise_for_status().headers["ETag"]
    demo.desk.post(f"{path}/{command}", json=body, headers={"If-Match": version}).raise_for_status()
    console.print(f"  {command:<8} → {state}")


def state_of(demo: Demo, path: str) -> str:
    """The state of a case now."""
    return str(demo.desk.get(path).raise_for_status().json()["state"])


def open_question(demo: Demo, sent: Sent) -> dict[str, Any] | None:
    """What the reporter sees, once there is a question in it."""
    status: dict[str, Any] = demo.intake.post("/v1/follow-up", json={"receipt": sent.receipt}).raise_for_status().json()
    return status if status["questions"] else None


def outcome_of(demo: Demo, sent: Sent) -> dict[str, Any] | None:
    """What the reporter sees, once the case is closed."""
    status: dict[str, Any] = demo.intake.post("/v1/follow-up", json={"receipt": sent.receipt}).raise_for_status().json()
    return status if status["state"] == "closed" else None


def enough_mails(demo: Demo) -> list[dict[str, Any]] | None:
    """All mails, once both reporters are acknowledged, one has had news, and the bodies have been told."""
    mails: list[dict[str, Any]] = demo.mail.get("/api/v1/messages", params={"limit": 200}).json()["messages"]
    to = [mail["To"][0]["Address"] for mail in mails]
    told = to.count("casey@example.org") >= 2 and "robin@example.org" in to and len(set(to)) >= 4
    return mails if told else None


def everything_recorded(demo: Demo) -> tuple[int, int] | None:
    """(events on Kafka, entries in the record) once they agree and the first seal is made."""
    written = asyncio.run(count_written(demo.system.stack.kafka))
    logs = demo.audit.get("/v1/record/logs").raise_for_status().json()["items"]
    sealed = any(item["path"] == "logs/seals" and item["size"] for item in logs)
    recorded = sum(item["size"] for item in logs if item["path"] != "logs/seals")
    return (written, recorded) if sealed and written == recorded else None


async def count_written(kafka: str) -> int:
    """Records on all topics that the record covers."""
    # The broker says which partitions there are: the one in memory has fewer than the table.
    consumer = AIOKafkaConsumer(*(t.name for t in FACT_TOPICS if "audit" in t.consumers), bootstrap_servers=kafka)
    await consumer.start()
    try:
        return sum((await consumer.end_offsets(consumer.assignment())).values())
    finally:
        await consumer.stop()


def verify_record(demo: Demo) -> bool:
    """Run the separate verifier against the audit service, as an auditor would who was given the key beforehand."""
    os.environ["HEARTH_TOKEN"] = demo.system.token(Role.AUDITOR)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        found_fine = verify.main([demo.system.url("audit"), "--key", _record_key(demo.system)]) == 0
    lines = said.getvalue().splitlines()
    console.print("\n".join(f"  {line}" for line in (lines[-1:] if found_fine else lines)), soft_wrap=True)
    return found_fine


def _record_key(system: System) -> str:
    seed = base64.b64decode(system.environment["HEARTH_SIGNING_KEY"])
    return str(SigningKey(AuditSettings.model_fields["log_origin"].default, seed).verifier)


def _print_addresses(demo: Demo) -> None:
    system = demo.system
    names = {account.subject: account.username for account in ACCOUNTS}
    console.rule("Pages to open")
    rows = {
        "Report something": (f"{system.url('intake')}/report", ""),
        "Follow up with a receipt": (f"{system.url('intake')}/follow-up", ""),
        "Responders' desk": (f"{system.url('triage')}/desk", "demo-responder"),
        "The desk of coordinators": (f"{system.url('triage')}/desk", "demo-coordinator"),
        "Scorecards of communities": (f"{system.url('audit')}/scorecard", ""),
        "The baseline of communities": (f"{system.url('triage')}/desk/baseline", "demo-coordinator"),
        "The record": (f"{system.url('audit')}/audit", "demo-auditor"),
        "What was sent": (f"{system.url('notification')}/outbox", "demo-operator"),
        "Mails": (system.stack.mail_url, ""),
        "Logs": (str(system.stack.logs), ""),
    }
    for name, (address, account) in rows.items():
        sign_in = f"  sign in as {names[account]}" if account else ""
        console.print(f"  {name:<29}{address}{sign_in}", soft_wrap=True)
    console.print("\nSigning in needs no password: choose an account on the page that comes.")
    console.print(
        f"{NAMED} is a responder, too, and named in reports: signed in as {NAMED}, nobody finds the cases of those.",
        soft_wrap=True,
    )
    console.print("\nTo verify the record without us (a token for a program; people have none):")
    token, key = os.environ["HEARTH_TOKEN"], _record_key(system)
    console.print(f"  HEARTH_TOKEN={token} .venv/bin/hearth verify {system.url('audit')} --key {key}", soft_wrap=True)


def _wait(what: str, attempt: Callable[[], Any]) -> Any:
    began = time.monotonic()
    while True:
        found = attempt()
        if found:
            return found
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"Waited {PATIENCE:.0f} s for {what}, in vain. The logs say more.")
        time.sleep(0.1)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _hidden_fields(page: str) -> dict[str, str]:
    fields = {}
    for rest in page.split("<input")[1:]:
        tag = rest.partition(">")[0]
        if 'type="hidden"' in tag:
            fields[_between(tag, 'name="', '"')] = _between(tag, 'value="', '"')
    return fields


def _between(text: str, before: str, after: str) -> str:
    return text.partition(before)[2].partition(after)[0]


if __name__ == "__main__":
    sys.exit(main())
