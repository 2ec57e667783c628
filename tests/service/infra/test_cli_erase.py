"""`hearth erase` against intake's own route, over a real socket: what is asked, what is answered, and how it ends."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast, get_args

import httpx
import pytest
import uvicorn

from infra import cli
from infra.commands.erase import Why
from services.intake.erasure.actions import ErasureReason
from services.intake.erasure.routes import make_erasure_router
from shared.access.principal import Role
from shared.events import ReportErased
from shared.ids import case_id_of
from shared.lifecycle import Lifecycle
from shared.problems import Unavailable
from shared.web.app import make_app
from tests.support.command_line import Capture, run_json
from tests.support.intake_rig import Rig
from tests.support.people import COPIES, gate_of, operator

WHO = operator()
OPERATOR = WHO.actor(Role.OPERATOR)
REQUEST = "0b8a2f5e-3c1d-4e6f-8a9b-1c2d3e4f5a6b"


class Idle:
    """Stands where the lifecycle is."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def reports(rig: Rig) -> list[str]:
    async def hand_in() -> list[str]:
        return [(await rig.post())["report_id"] for _ in range(3)]

    return asyncio.run(hand_in())


@pytest.fixture
def intake(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a running server with the route of erasures."""
    gate = gate_of()
    router = make_erasure_router(rig.erasing, rig.store, gate, rig.further.made_of)
    app = make_app("intake", cast(Lifecycle, Idle()), gate=gate, routers=[router], asyncapi=dict)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < until
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    monkeypatch.setenv("HEARTH_INTAKE_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("HEARTH_TOKEN", COPIES.token(WHO))
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def standing(rig: Rig) -> set[str]:
    return {report_id for report_id, document in rig.store.reports.items() if document["vault"] is not None}


@pytest.mark.usefixtures("intake")
def test_reports_are_erased_by_id_and_told_who_asked_and_why(rig: Rig, reports: list[str], capsys: Capture) -> None:
    found = run_json(capsys, "erase", *reports[:2], "--reason", "court_order", "--request", REQUEST, "--yes")
    assert found["results"] == {"erased": 2}
    assert standing(rig) == {reports[2]}
    event = rig.store.reports[reports[0]]["outbox"][-2]
    assert event.fact == ReportErased(report_id=reports[0], reason="court_order", request_id=REQUEST)
    assert event.actor == OPERATOR
    again = run_json(capsys, "erase", *reports, "--reason", "court_order", "--request", REQUEST, "--yes")
    assert again["results"] == {"erased": 3}
    other = run_json(capsys, "erase", reports[0], "--reason", "requested", "--yes")
    assert [item["result"] for item in other["items"]] == ["already"]


def test_an_order_with_faults_of_every_kind_hears_of_all_of_them(intake: str) -> None:
    headers = {"Authorization": f"Bearer {COPIES.token(WHO)}"}
    for order, faults in (
        ({"reason": "because", "request_id": "x", "more": 1}, {"", "/reason", "/request_id", "/report_ids"}),
        ({"reason": "requested"}, {"/report_ids"}),
    ):
        answer = httpx.post(f"{intake}/v1/erasures", json=order, headers=headers)
        assert answer.status_code == 422
        assert {error["pointer"] for error in answer.json()["errors"]} == faults


@pytest.mark.usefixtures("intake")
def test_a_dry_run_does_nothing(rig: Rig, reports: list[str], capsys: Capture) -> None:
    found = run_json(capsys, "erase", reports[0], "--reason", "requested", "--dry-run")
    assert [(item["result"], item["state"]) for item in found["items"]] == [("standing", "received")]
    assert standing(rig) == set(reports)
    assert cli.main(["erase", reports[0], "--reason", "requested", "--dry-run"]) == 0
    captured = capsys.readouterr()
    assert "1 to be erased." in captured.out
    assert "Nothing was done." in captured.err


@pytest.mark.usefixtures("intake")
def test_what_was_made_of_an_erased_report_is_named(rig: Rig, reports: list[str], capsys: Capture) -> None:
    first, other, _ = reports
    document, part = rig.store.reports[other], rig.further.of_matter("a matter").report_id
    rig.store.reports[part] = {**document, "_id": part, "status": {**document["status"], "seq": 1}}
    rig.store.reports[first] = {**rig.store.reports[first], "parts": ["a matter"]}
    for ids in ([first], [first, part]):
        assert cli.main(["erase", *ids, "--reason", "requested", "--dry-run"]) == 0
        assert (part in capsys.readouterr().err) is (part not in ids)


@pytest.mark.usefixtures("intake")
def test_cases_are_named_in_a_file_and_the_unknown_is_a_finding(
    rig: Rig, reports: list[str], capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "ids.txt"
    file.write_text(f"# asked for by letter\n{case_id_of(reports[0])}\n\n  {case_id_of(reports[1])}  # the second\n")
    found = run_json(
        capsys, "erase", "nobody", "--case", "--file", str(file), "--reason", "requested", "--yes", status=1
    )
    assert found["results"] == {"erased": 2, "unknown": 1}
    assert [item["id"] for item in found["items"] if item["result"] == "unknown"] == ["nobody"]
    assert standing(rig) == {reports[2]}


@pytest.mark.usefixtures("intake")
def test_hundreds_go_in_parts_with_progress(rig: Rig, capsys: Capture, tmp_path: Path) -> None:
    async def hand_in() -> list[str]:
        return [(await rig.post())["report_id"] for _ in range(250)]

    file = tmp_path / "ids.txt"
    file.write_text("\n".join(asyncio.run(hand_in())))
    rig.store.saved.clear()
    assert cli.main(["erase", "--file", str(file), "--reason", "test", "--yes"]) == 0
    captured = capsys.readouterr()
    assert rig.store.saved == [100, 100, 50]
    assert captured.out == "250 erased.\n"
    assert "250/250" in captured.err


@pytest.mark.usefixtures("intake")
def test_an_outage_is_waited_out(rig: Rig, reports: list[str], capsys: Capture) -> None:
    rig.store.away = Unavailable("away")
    threading.Timer(0.3, lambda: setattr(rig.store, "away", None)).start()
    assert run_json(capsys, "erase", reports[0], "--reason", "requested", "--yes")["results"] == {"erased": 1}


@pytest.mark.usefixtures("intake")
def test_a_wrong_token_is_refused_and_erases_nothing(
    rig: Rig, reports: list[str], capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("wrong\n")
    found = run_json(capsys, "erase", reports[0], "--reason", "requested", "--yes", "--token-file", str(file), status=1)
    assert "refuses (401)" in found["error"]
    assert standing(rig) == set(reports)


@pytest.mark.usefixtures("intake")
@pytest.mark.parametrize(
    "arguments",
    [
        ["--reason", "requested", "--yes"],
        ["some-report"],
        ["some-report", "--reason", "because"],
        ["some-report", "--reason", "requested", "--request", "a letter of Ann Other"],
        ["some-report", "--reason", "requested", "--file", "/nowhere"],
        ["some-report", "--reason", "requested", "--json"],
    ],
)
def test_what_cannot_be_meant_is_a_matter_of_usage(arguments: list[str], rig: Rig, reports: list[str]) -> None:
    assert cli.main(["erase", *arguments]) == 2
    assert standing(rig) == set(reports)


@pytest.mark.usefixtures("intake")
@pytest.mark.parametrize("said", ["n\n", "", "\n"])
def test_without_a_yes_nothing_is_erased(
    said: str, rig: Rig, reports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    assert cli.main(["erase", reports[0], "--reason", "requested"]) == 1
    assert standing(rig) == set(reports)


def test_it_explains_itself_and_knows_the_reasons_that_intake_takes(capsys: Capture) -> None:
    assert cli.main(["erase", "--help"]) == 0
    assert "--dry-run" in capsys.readouterr().out
    assert {why.value for why in Why} == set(get_args(ErasureReason))


@pytest.mark.usefixtures("intake")
@pytest.mark.parametrize("token", ["hé", "a b", "a\nb", "a\x7fb", ""])
@pytest.mark.parametrize("in_file", [True, False])
def test_what_cannot_be_a_token_is_a_matter_of_usage(
    token: str, in_file: bool, reports: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    file = tmp_path / "token"
    file.write_text(token, encoding="utf-8")
    monkeypatch.setenv("HEARTH_TOKEN", token)
    from_file = ["--token-file", str(file)] if in_file else []
    found = run_json(capsys, "erase", reports[0], "--reason", "requested", "--yes", *from_file, status=2)
    assert str(file) in found["error"] if in_file else "HEARTH_TOKEN" in found["error"]
    assert not token or token not in found["error"]


@contextmanager
def answering(reply: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """The address of a server that is not intake."""

    class Stranger(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            reply(self)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(10)


@pytest.mark.parametrize(
    "body", [b"<html>hi", b"\xff", b"[]", b"7", b"{}", b'{"items": 3}', b'{"items": [7]}', b'{"items": [{"id": "a"}]}']
)
def test_a_stranger_that_answers_is_not_taken_for_intake(
    body: bytes, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def reply(to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.end_headers()
        to.wfile.write(body)

    monkeypatch.setenv("HEARTH_TOKEN", "some-token")
    with answering(reply) as address:
        found = run_json(capsys, "erase", "abc", "--reason", "test", "--yes", "--intake-url", address, status=1)
    assert f"{address} gives an answer that is not one of intake" in found["error"]


@pytest.mark.usefixtures("intake")
def test_the_request_is_named_before_anything_is_asked(reports: list[str], capsys: Capture) -> None:
    assert cli.main(["erase", reports[0], "--reason", "requested", "--request", REQUEST, "--yes"]) == 0
    said = capsys.readouterr().err
    assert said.startswith(f"Request {REQUEST}.\n")
    assert said.count(REQUEST) == 1


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_failure_of_the_first_part_names_the_request(
    dry_run: bool, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("HEARTH_TOKEN", "some-token")
    monkeypatch.setattr("infra.commands.erase.TRIES", 1)
    arguments = ["abc", "--reason", "test", "--request", REQUEST, "--intake-url", "http://127.0.0.1:9"]
    found = run_json(capsys, "erase", *arguments, "--dry-run" if dry_run else "--yes", status=1)
    assert "does not answer" in found["error"]
    # Of a look nothing is left to repeat.
    assert (f"--request {REQUEST}" in found["error"]) is not dry_run


HEARTH = """
import signal, sys
# Whoever is started in the background is told to ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
from infra.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("as_json", [True, False])
def test_an_interruption_while_intake_works_names_the_request(as_json: bool, tmp_path: Path) -> None:
    asked, answered = threading.Event(), threading.Event()

    def reply(_: BaseHTTPRequestHandler) -> None:
        asked.set()
        answered.wait(30)

    with answering(reply) as address:
        command = [sys.executable, "-c", HEARTH, "erase", "abc", "--reason", "test", "--yes", "--request", REQUEST]
        command += ["--intake-url", address, *(["--json"] if as_json else [])]
        environment = os.environ | {"HEARTH_TOKEN": "some-token"}
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            assert asked.wait(30)
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=30)
        answered.set()
    assert running.returncode == 130
    assert f"--request {REQUEST}" in (json.loads(out)["error"] if as_json else err)
    assert "Traceback" not in err


def test_without_a_token_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTH_TOKEN", raising=False)
    assert cli.main(["erase", "some-report", "--reason", "requested", "--yes"]) == 2


@pytest.mark.usefixtures("intake")
@pytest.mark.parametrize("wrong", ["a b", "x" * 65, "$gt"])
def test_what_is_no_id_is_refused_by_intake(wrong: str, capsys: Capture) -> None:
    found = run_json(capsys, "erase", wrong, "--reason", "requested", "--yes", status=1)
    assert "/report_ids/0" in found["error"]
