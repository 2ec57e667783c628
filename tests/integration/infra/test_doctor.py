"""`hearth doctor` beside a real database, and nothing else that works."""

import json

import pytest

from infra import cli


def test_the_doctor_sees_that_database_and_clock_are_well_and_the_rest_is_away(
    mongo_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = "127.0.0.1:1"
    away = [f"--{name}-url=http://{nowhere}" for name in ("intake", "triage", "notification", "audit")]
    given = ["--mongo", mongo_uri, "--kafka", nowhere, "--smtp", nowhere, *away, "--no-settings", "--json"]
    assert cli.main(["doctor", *given]) == 1
    found = {check["check"]: check["ok"] for check in json.loads(capsys.readouterr().out)["checks"]}
    assert {name for name, well in found.items() if well} == {"mongodb", "clock", "policy"}
    assert {"kafka", "mail", "intake", "triage", "notification", "audit"} <= found.keys()
