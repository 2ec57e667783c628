"""`hearth policy preview` on a real database with triage's cases: what another policy would have made of them."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from infra import cli
from services.triage.reports import ReportFollower
from shared.events import Event
from shared.mongo import connect
from shared.policy.loader import PACKAGED
from shared.times import now
from tests.fakes.memory_parties import nobody_named
from tests.support.command_line import Capture, run_json
from tests.support.stores import mongo_cases
from tests.support.triage_rig import POLICY, TOKENS, Everywhere, reported

ROUTING, DEADLINES = ((PACKAGED / name).read_text(encoding="utf-8") for name in ("routing.toml", "deadlines.toml"))


@pytest.fixture(autouse=True)
def place(mongo_uri: str, database_prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTH_MONGO", mongo_uri)
    monkeypatch.setenv("HEARTH_DATABASE_PREFIX", database_prefix)
    asyncio.run(_fill(mongo_uri, f"{database_prefix}triage"))


REPORTS: Sequence[Event] = [
    reported(),
    reported(),
    reported(community="swwiki"),
    reported(flags=("legal_threat",)),
    reported(flags=("physical_violence",)),
    reported(flags=("legal_threat",), received_at=now() - timedelta(days=91)),
]


async def _fill(uri: str, name: str) -> None:
    client = connect(uri, service="test")
    try:
        cases = await mongo_cases(client[name])
        await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take(REPORTS)
    finally:
        client.close()


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_changed_route_shows_which_cases_would_have_gone_elsewhere(tmp_path: Path, capsys: Capture) -> None:
    file = write(tmp_path, "routing.toml", ROUTING.replace('to = ["legal"]', 'to = ["u4c"]'))
    found = run_json(capsys, "policy", "preview", file)
    assert (found["old"], found["cases"], found["changed"]) == (POLICY.version, 5, 1)
    assert found["new"] != found["old"]
    moved, *people = found["differences"]
    assert len(moved.pop("code_names")) == 1
    assert moved == {"aspect": "body", "about": "", "part": "", "before": "legal", "after": "u4c", "cases": 1}
    assert [(one["part"], one["before"], one["after"]) for one in people] == [
        ("stand_in", "u4c", "trust_safety"),
        ("training", "A, B", "A, B, C1"),
    ]
    assert run_json(capsys, "policy", "preview", file, "--days", "100", "--cases", "0")["changed"] == 2


def test_a_change_that_past_cases_cannot_show_is_told(tmp_path: Path, capsys: Capture) -> None:
    text = (PACKAGED / "patterns.toml").read_text(encoding="utf-8").replace("reports = 10", "reports = 12")
    file = write(tmp_path, "patterns.toml", text)
    found = run_json(capsys, "policy", "preview", file)
    assert (found["changed"], found["unshown"]) == (0, ["patterns.toml"])
    assert cli.main(["policy", "preview", file]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Past cases cannot show everything that changes in patterns.toml." in said


def test_a_changed_lane_or_clock_names_each_clock_that_runs_otherwise(tmp_path: Path, capsys: Capture) -> None:
    write(tmp_path, "routing.toml", ROUTING.replace('id = "legal-threat"', 'id = "legal-threat"\nlane = "emergency"'))
    write(tmp_path, "deadlines.toml", DEADLINES.replace('within = "7 d"', 'within = "5 d"'))
    found = run_json(capsys, "policy", "preview", str(tmp_path))
    told = {
        (one["aspect"], one["about"], one["part"], one["before"], one["after"]): one["cases"]
        for one in found["differences"]
    }
    assert told == {
        ("lane", "", "", "standard", "emergency"): 1,
        ("clock", "first_response", "within", "7 d", "5 d"): 5,
        ("clock", "emergency_action", "within", "", "3 h"): 1,
        ("clock", "urgent_referral_acceptance", "within", "", "1 h"): 1,
    }
    assert cli.main(["policy", "preview", str(tmp_path)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "first_response within 7 d 5 d" in said
    assert "Of 5 cases of the last 90 days, 5 would have been treated otherwise" in said


def test_the_policy_in_force_changes_no_case(capsys: Capture) -> None:
    found = run_json(capsys, "policy", "preview", str(PACKAGED / "routing.toml"))
    assert (found["old"], found["changed"], found["differences"]) == (found["new"], 0, [])


def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, capsys: Capture) -> None:
    broken = ROUTING.replace('to = ["legal"]', 'to = ["leagl"]')
    found = run_json(capsys, "policy", "preview", write(tmp_path, "routing.toml", broken), status=1)
    line = broken[: broken.index('to = ["leagl"]')].count("\n") + 1
    text = "no [[body]] defines the handling body “leagl”"
    assert found["findings"] == [{"file": "routing.toml", "line": line, "entry": "rule legal-threat", "text": text}]
    assert cli.main(["policy", "preview", write(tmp_path, "routes.toml", ROUTING)]) == 2
    assert cli.main(["policy", "preview", str(tmp_path / "routing.tml")]) == 2
    away = "mongodb://127.0.0.1:1/?replicaSet=rs0&serverSelectionTimeoutMS=200"
    assert "does not answer" in run_json(capsys, "policy", "preview", str(PACKAGED), "--mongo", away, status=1)["error"]
