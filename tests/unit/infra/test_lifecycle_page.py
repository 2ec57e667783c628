"""The page of the life of a case says what the table and the commands say."""

from pathlib import Path

import pytest

from infra import cli
from infra.commands.documents.lifecycle_page import facts_of, lifecycle_page
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.following import KeepApart
from services.triage.case.commands.merging import Follow, Unmerge
from services.triage.case.commands.recusal import Recuse
from services.triage.case.commands.table import COMMANDS
from services.triage.case.commands.waking import Wake
from services.triage.case.lifecycle import TRANSITIONS, states_of
from shared.events import (
    CaseDecided,
    CaseDetached,
    CaseState,
    CaseUnmerged,
    ClocksFollowed,
    MeasureEnded,
    RecusalAnswered,
    RecusalConfirmed,
    RecusalDeclared,
    RecusalLapsed,
)

PAGE = Path(__file__).parents[3] / "docs/case-lifecycle.md"


def test_the_page_is_the_one_that_the_code_makes() -> None:
    assert PAGE.read_text(encoding="utf-8") == lifecycle_page()


def test_a_page_that_is_out_of_date_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    command = ["lifecycle", "doc", "--output", str(page)]
    assert cli.main(command) == 0
    assert cli.main([*command, "--check"]) == 0
    monkeypatch.setitem(TRANSITIONS, "start", {CaseState.TRIAGED: CaseState.INVESTIGATING})
    assert cli.main([*command, "--check"]) == 1


def test_the_diagram_has_each_way_from_one_state_to_another() -> None:
    arrows = lifecycle_page().split("```mermaid")[1].split("```")[0]
    for name, ways in TRANSITIONS.items():
        for state, to in ((state, to) for state, way in ways.items() for to in states_of(way)):
            here = [line for line in arrows.splitlines() if line.startswith(f"    {state or '[*]'} --> {to}: ")]
            assert bool(here) is (state is not to)
            assert not here or name in here[0].partition(": ")[2].split(", ")


def test_each_command_has_its_row() -> None:
    rows = lifecycle_page().split("## Each command")[1].split("## Each state")[0].splitlines()
    names = [row.split(" | ")[0] for row in rows if row.startswith("| `")]
    assert names == [f"| `{name}`" for name in COMMANDS]


def test_facts_are_found_in_what_a_command_decides() -> None:
    assert facts_of(Decide) == (CaseDecided, MeasureEnded)
    assert set(facts_of(Recuse)) == {RecusalDeclared, RecusalConfirmed, RecusalAnswered}
    assert RecusalLapsed in facts_of(Wake)


def test_a_fact_that_a_command_finds_in_a_history_is_none_that_it_causes() -> None:
    assert facts_of(Unmerge) == (CaseUnmerged, CaseDetached, RecusalDeclared)
    assert facts_of(KeepApart) == (RecusalDeclared,)
    assert ClocksFollowed in facts_of(Follow)
