"""A test file that takes twice its share of a run is found, whatever the machine."""

from pathlib import Path

import pytest

from tests.support.budget import LANES, LEAST, lane_of, over_budget, read_budget, shares_of

ROOT = Path(__file__).parents[2]
BUDGET = {"a.py": 0.30, "b.py": 0.03}


def test_a_file_that_doubles_its_share_is_named() -> None:
    assert over_budget({"a.py": 0.59, "b.py": 0.05}, BUDGET) == []
    assert over_budget({"a.py": 0.61, "b.py": 0.07}, BUDGET) == [
        "a.py took 61.0% of the run, and its budget is 30.0%",
        "b.py took 7.0% of the run, and its budget is 3.0%",
    ]


def test_a_file_without_a_share_may_take_a_little() -> None:
    assert over_budget({"new.py": LEAST}, BUDGET) == []
    assert over_budget({"new.py": LEAST * 1.1}, BUDGET) == ["new.py took 3.3% of the run, and its budget is 0.0%"]


def test_a_machine_of_half_the_speed_changes_no_share() -> None:
    seconds = {"a.py": 30.0, "b.py": 10.0}
    assert shares_of(seconds) == shares_of({file: 2 * taken for file, taken in seconds.items()})
    assert shares_of({}) == {}


def test_every_file_with_a_share_is_there() -> None:
    shares = read_budget()
    assert shares.keys() == set(LANES.values())
    assert [file for files in shares.values() for file in files if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize(
    ("arguments", "lane"),
    [
        (["-m", "not slow"], "test"),
        (["-m", "slow"], "test-slow"),
        ([], None),
        (["-m", "not slow", "-k", "budget"], None),
        (["-m", "not slow", "-x"], None),
        (["-m", "not slow", "tests/contract"], None),
    ],
)
def test_a_run_of_some_tests_is_held_to_no_budget(arguments: list[str], lane: str | None) -> None:
    assert lane_of(pytest.Config.fromdictargs({}, arguments)) == lane
