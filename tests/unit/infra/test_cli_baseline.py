"""`hearth baseline`: what it lists, shows and compares, and how it ends."""

from pathlib import Path

import pytest

from infra import cli
from infra.commands.documents.baseline_page import baseline_page
from shared.policy.baseline import load_catalogue
from tests.support.catalogues import NEXT, edited, next_text, packaged_text, write_version
from tests.support.command_line import Capture, run_json

PACKAGED = load_catalogue()


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEARTH_POLICY_DIR", str(write_version(tmp_path, next_text())))
    return tmp_path


def test_every_command_of_the_baseline_explains_itself(capsys: Capture) -> None:
    for command in ("list", "show", "diff", "preview", "doc"):
        assert cli.main(["baseline", command, "--help"]) == 0
        assert "--json" in capsys.readouterr().out


def test_the_list_has_every_responsibility_of_the_newest_version(policy: Path, capsys: Capture) -> None:
    found = run_json(capsys, "baseline", "list")
    assert found["version"].startswith(f"{NEXT}+")
    assert found["versions"] == [PACKAGED.version, found["version"]]
    rows = {row["id"]: row for row in found["responsibilities"]}
    assert (len(rows), rows["HB-14"]["replaced_by"]) == (22, "HB-22")
    assert rows["HB-01"]["requirement"] == "The community shows how to report wherever people look for it."
    assert run_json(capsys, "baseline", "list", "--version", PACKAGED.dated)["version"] == PACKAGED.version
    assert cli.main(["baseline", "list"]) == 0
    assert "HB-22" in capsys.readouterr().out


def test_one_responsibility_is_shown_with_rules_and_sources(capsys: Capture) -> None:
    found = run_json(capsys, "baseline", "show", "hb-04")
    assert found["measured"]["threshold"] == {"op": "<=", "value": 7.0, "unit": "d"}
    assert found["sources"][0]["oldid"] == "589377"
    assert cli.main(["baseline", "show", "HB-02"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Attested: link required; contacts (2 or more); valid for 180 days" in said


def test_a_difference_is_told_in_words_and_is_no_finding(policy: Path, capsys: Capture) -> None:
    found = run_json(capsys, "baseline", "diff", PACKAGED.dated, NEXT)
    assert {"kind": "level", "subject": "HB-10", "part": "level", "before": "3", "after": "2"} in found["changes"]
    assert cli.main(["baseline", "diff", PACKAGED.version, NEXT]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "10 changes from" in said
    assert cli.main(["baseline", "diff", NEXT, NEXT]) == 0
    assert "0 changes from" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command", [["show", "HB-99"], ["list", "--version", "1999-01-01"], ["diff", "2026-11-01", "tomorrow"], ["show"]]
)
def test_a_responsibility_or_version_that_is_not_there_is_a_matter_of_usage(command: list[str]) -> None:
    assert cli.main(["baseline", *command]) == 2


def test_a_wrong_catalogue_is_a_finding_of_every_command(tmp_path: Path, capsys: Capture) -> None:
    text = edited(packaged_text(), "HB-03", (', unit = "h"', ""))
    folder = str(write_version(tmp_path, text, PACKAGED.dated, {}))
    for command in (["list"], ["show", "HB-01"], ["diff", PACKAGED.dated, PACKAGED.dated]):
        assert cli.main(["baseline", *command, "--policy-dir", folder]) == 1
        assert "responsibility HB-03: “measured.threshold.unit” is missing" in capsys.readouterr().err


def test_checking_the_policy_checks_the_baseline_as_well(tmp_path: Path, capsys: Capture) -> None:
    assert run_json(capsys, "policy", "check")["baseline"] == PACKAGED.version
    text = edited(packaged_text(), "HB-03", ('"acknowledged_within"', '"niceness"'))
    (write_version(tmp_path, text, PACKAGED.dated, {}) / "policy.toml").write_text('version = "1"\n')
    found = run_json(capsys, "policy", "check", str(tmp_path), status=1)["findings"]
    assert {finding["file"] for finding in found} == {"policy.toml", f"{PACKAGED.dated}.toml"}


def test_the_page_has_each_responsibility_under_its_level_and_notices_when_it_is_old(tmp_path: Path) -> None:
    page = baseline_page()
    assert all(f"| {row.id} | " in page for row in PACKAGED.responsibilities.values())
    assert page.index("## Level 1: Safe to report") < page.index("| HB-01 |") < page.index("## Level 2")
    assert page.index("## Upcoming") < page.index("| HB-16 |")
    output = tmp_path / "page.md"
    assert cli.main(["baseline", "doc", "--output", str(output), "--check"]) == 1
    assert cli.main(["baseline", "doc", "--output", str(output)]) == 0
    assert cli.main(["baseline", "doc", "--output", str(output), "--check"]) == 0
    assert output.read_text(encoding="utf-8") == page
