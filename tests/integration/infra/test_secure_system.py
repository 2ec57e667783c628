"""All four services on a Kafka and a MongoDB that ask everyone who they are: a report's whole way, nothing denied."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer
from pymongo import MongoClient

from infra import cli
from infra.credentials import OPERATOR_USER, read_secret
from infra.local.probes import answers
from infra.local.processes import StackError
from infra.local.stack import Stack, StackSettings
from infra.local.system import System, run_system
from infra.services import SERVICES
from shared.connections import MongoAccess
from shared.ids import case_id_of
from shared.times import now, rfc3339
from tests.support.command_line import run_json
from tests.support.kafka_samples import RUN, run_program
from tests.support.secure_rig import as_operator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with Stack(StackSettings.private(secure=True)) as stack, run_system(stack) as system:
        yield system


def wait_for(attempt: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := attempt()):
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.1)
    return found


def post(system: System, **fields: Any) -> str:
    body = {"community": "enwiki", "category": "harassment.insults", "narrative": "words", **fields}
    answer = httpx.post(f"{system.url('intake')}/v1/reports", json=body, timeout=20).raise_for_status()
    return str(answer.json()["report_id"])


def database_of(system: System, service: str) -> MongoClient[dict[str, Any]]:
    """The server as the service itself sees it."""
    credentials = system.stack.credentials
    assert credentials is not None
    access = MongoAccess(service, read_secret(credentials.mongo_password(service)), credentials.ca)
    return MongoClient(system.stack.mongo, **access.options())


def recorded(system: System, case_id: str) -> list[str]:
    with database_of(system, "audit") as client:
        found = client["audit"]["entries"].find({"case": case_id}, {"type": 1})
        return sorted(str(entry["type"]) for entry in found)


def denials(system: System) -> list[str]:
    log = (system.stack.logs / "kafka.log").read_text(encoding="utf-8", errors="replace")
    return [line for line in log.splitlines() if "is Denied" in line]


def test_a_report_travels_the_whole_way_and_no_service_is_denied_anything(system: System) -> None:
    address = "ann@reporter.example"
    report_id = post(system, reporter={"email": address})
    case_id = case_id_of(report_id)
    with database_of(system, "triage") as client:
        case = wait_for(lambda: client["triage"]["cases"].find_one({"_id": case_id}))
    assert case["state"] == "triaged"
    messages = f"{system.stack.mail_url}/api/v1/messages"
    mails = wait_for(lambda: [m for m in httpx.get(messages).json()["messages"] if m["To"][0]["Address"] == address])
    assert len(mails) == 1
    kinds = {"report.received", "case.opened", "case.triaged", "notification.sent"}
    wanted = {f"hearth.{kind}.v1" for kind in kinds}
    wait_for(lambda: wanted <= set(recorded(system, case_id)))
    assert denials(system) == []


@pytest.mark.parametrize("name", RUN)
def test_a_program_of_the_page_for_integrators_gets_in_over_tls(
    system: System, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    user, expires = name.lower(), rfc3339(now() + timedelta(hours=1))
    sign_in(system, monkeypatch)
    token = run_json(capsys, "token", "issue", "--source", user, "--expires", expires)["token"]
    credentials = system.stack.credentials
    assert credentials is not None
    monkeypatch.setenv("HEARTH_KAFKA", system.stack.operators.bootstrap)
    monkeypatch.setenv("HEARTH_KAFKA_SECURITY", "ssl")
    monkeypatch.setenv("HEARTH_KAFKA_CERTIFICATE", str(credentials.certificate(OPERATOR_USER)))
    needs = run_json(capsys, "topics", "integrator", user)
    server = httpx.get(f"{system.url('intake')}/asyncapi").json()["servers"]["kafka"]
    assert (server["host"], server["protocol"]) == (needs["bootstrap.servers"], "kafka-secure")
    outcome = f"{system.url('intake')}/v1/submissions/{user}/none"
    # From then on intake knows the token.
    wait_for(lambda: httpx.get(outcome, headers={"Authorization": f"Bearer {token}"}).status_code == 404)
    report_id = asyncio.run(run_program(name, tmp_path, needs, credentials.ca))
    with database_of(system, "triage") as client:
        wait_for(lambda: client["triage"]["cases"].find_one({"_id": case_id_of(report_id)}))
    assert denials(system) == []


def test_what_cannot_be_read_is_buried_and_not_stuck(
    system: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sign_in(system, monkeypatch)
    write_to_inbox(system, b"not a report")

    def waiting() -> list[dict[str, Any]]:
        capsys.readouterr()
        assert cli.main(["dead-letters", "list", "--json"]) == 0
        items: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["items"]
        return items

    (letter,) = wait_for(waiting)
    assert (letter["topic"], letter["group"]) == ("reports.inbox", "intake.reports.inbox")
    assert cli.main(["dead-letters", "discard", letter["id"], "--yes"]) == 0
    assert waiting() == []


def write_to_inbox(system: System, value: bytes) -> None:
    assert system.stack.credentials is not None
    producer = Producer(as_operator(system.stack.operators.bootstrap, system.stack.credentials))
    producer.produce("reports.inbox", value)
    assert producer.flush(20) == 0


def sign_in(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be `hearth` in this process, with its own passwords."""
    for name, value in {**system.stack.environment(), **system.stack.passwords_of("hearth")}.items():
        monkeypatch.setenv(name, value)


def test_the_doctor_finds_everything_well(
    system: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sign_in(system, monkeypatch)
    urls = [f"--{name}-url={system.url(name)}" for name in system.processes]
    status = cli.main(["doctor", *urls, "--no-settings", "--json"])
    checks = {check["check"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert status == 0, [check for check in checks.values() if not check["ok"]]
    assert {"certificate of kafka", "certificate of mongodb", "topics", "mongodb"} <= checks.keys()


def test_a_killed_service_signs_in_again_and_loses_nothing(system: System) -> None:
    sent = []
    for number in range(20):
        sent.append(case_id_of(post(system)))
        if number == 10:
            system.restart("triage")
    for case_id in sent:
        wait_for(lambda case=case_id: "hearth.case.triaged.v1" in recorded(system, case))
    assert denials(system) == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_ends_as_fast_as_without_tls(system: System, name: str) -> None:
    began = time.monotonic()
    system.processes[name].stop(40)
    assert time.monotonic() - began < 10
    # It becomes ready while the next one ends; the last test waits for all of them.
    system.start(name, wait=False)


def test_a_service_with_the_password_of_another_does_not_become_ready(system: System) -> None:
    stack = system.stack
    given = {**system.environment, **stack.passwords_of("audit"), "HEARTH_PORT": "0"}
    pretender = stack.start_service("triage", given, wait=False, label="pretender")
    try:
        with pytest.raises(StackError):
            pretender.wait_ready(lambda: answers(f"{pretender.address}/health/ready"), seconds=8)
    finally:
        pretender.kill()


def test_the_stack_keeps_its_users_over_a_restart_of_both_servers(system: System) -> None:
    with ThreadPoolExecutor() as threads:
        for done in (threads.submit(system.stack.restart_kafka), threads.submit(system.stack.restart_mongo, kill=True)):
            done.result()
    for process in system.processes.values():
        system.stack.wait_service(process)
    case_id = case_id_of(post(system))
    wait_for(lambda: "hearth.case.triaged.v1" in recorded(system, case_id), seconds=60)
