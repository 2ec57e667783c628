"""`hearth erase` against intake's own route, over a real socket: what is asked, what is answered, and how it ends."""

import asyncio
import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast, get_args

import pytest
import uvicorn

from infra import cli
from infra.commands.erase import Why
from services.intake.erasing import Reason
from services.intake.erasure_routes import make_erasure_router
from shared.access import Role
from shared.events import ReportErased
from shared.ids import case_id_of
from shared.lifecycle import Lifecycle
from shared.mongo import AutoReconnect
from shared.web.app import make_app
from tests.intake_rig import Rig
from tests.people import COPIES, gate_of, operator

Capture = pytest.CaptureFixture[str]
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
    router = make_erasure_router(rig.erasing, rig.store, gate)
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


def run(capsys: Capture, *arguments: str, status: int = 0) -> dict[str, Any]:
    assert cli.main(["erase", *arguments, "--json"]) == status
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def standing(rig: Rig) -> set[str]:
    return {report_id for report_id, document in rig.store.reports.items() if document["vault"] is not None}


@pytest.mark.usefixtures("intake")
def test_reports_are_erased_by_id_and_told_who_asked_and_why(rig: Rig, reports: list[str], capsys: Capture) -> None:
    found = run(capsys, *reports[:2], "--reason", "court_order", "--request", REQUEST, "--yes")
    assert found["results"] == {"erased": 2}
    assert standing(rig) == {reports[2]}
    event = rig.store.reports[reports[0]]["outbox"][-1]
    assert event.fact == ReportErased(report_id=reports[0], reason="court_order", request_id=REQUEST)
    assert event.actor == OPERATOR
    again = run(capsys, *reports, "--reason", "court_order", "--request", REQUEST, "--yes")
    assert again["results"] == {"erased": 3}
    other = run(capsys, reports[0], "--reason", "requested", "--yes")
    assert [item["result"] for item in other["items"]] == ["already"]


@pytest.mark.usefixtures("intake")
def test_a_dry_run_does_nothing(rig: Rig, reports: list[str], capsys: Capture) -> None:
    found = run(capsys, reports[0], "--reason", "requested", "--dry-run")
    assert [(item["result"], item["state"]) for item in found["items"]] == [("standing", "received")]
    assert standing(rig) == set(reports)
    assert cli.main(["erase", reports[0], "--reason", "requested", "--dry-run"]) == 0
    captured = capsys.readouterr()
    assert "1 to be erased." in captured.out
    assert "Nothing was done." in captured.err


@pytest.mark.usefixtures("intake")
def test_cases_are_named_in_a_file_and_the_unknown_is_a_finding(
    rig: Rig, reports: list[str], capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "ids.txt"
    file.write_text(f"# asked for by letter\n{case_id_of(reports[0])}\n\n  {case_id_of(reports[1])}  # the second\n")
    found = run(capsys, "nobody", "--case", "--file", str(file), "--reason", "requested", "--yes", status=1)
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
    rig.store.away = AutoReconnect("away")
    threading.Timer(0.3, lambda: setattr(rig.store, "away", None)).start()
    assert run(capsys, reports[0], "--reason", "requested", "--yes")["results"] == {"erased": 1}


@pytest.mark.usefixtures("intake")
def test_a_wrong_token_is_refused_and_erases_nothing(
    rig: Rig, reports: list[str], capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("wrong\n")
    found = run(capsys, reports[0], "--reason", "requested", "--yes", "--token-file", str(file), status=1)
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
    assert {why.value for why in Why} == set(get_args(Reason))


def test_without_a_token_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTH_TOKEN", raising=False)
    assert cli.main(["erase", "some-report", "--reason", "requested", "--yes"]) == 2


@pytest.mark.usefixtures("intake")
@pytest.mark.parametrize("wrong", ["a b", "x" * 65, "$gt"])
def test_what_is_no_id_is_refused_by_intake(wrong: str, capsys: Capture) -> None:
    found = run(capsys, wrong, "--reason", "requested", "--yes", status=1)
    assert "/report_ids/0" in found["error"]
