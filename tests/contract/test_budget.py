"""A test file that takes twice its share of a run is found, whatever the machine."""

import time
from pathlib import Path

import pytest

from tests.support.budget import (
    LANES,
    LEAST,
    OTHERS,
    ProcessorTime,
    SharedSetup,
    file_of,
    lane_of,
    larger_shares,
    over_budget,
    read_budget,
    shares_of,
)
from tests.support.scheduling import share_of

ROOT = Path(__file__).parents[2]
pytest_plugins = ["pytester"]

BUDGET = {"a.py": 0.30, "b.py": 0.03}


def test_a_file_that_doubles_its_share_is_named() -> None:
    assert over_budget({"a.py": 0.59, "b.py": 0.05}, BUDGET) == []
    assert over_budget({"a.py": 0.61, "b.py": 0.07}, BUDGET) == [
        "a.py took 61.0% of the run, and its budget is 30.0%",
        "b.py took 7.0% of the run, and its budget is 3.0%",
    ]


def test_a_file_without_a_share_may_take_a_little() -> None:
    assert over_budget({"new.py": LEAST}, BUDGET) == []
    assert over_budget({"new.py": LEAST * 1.1}, BUDGET) == ["new.py took 5.5% of the run, and its budget is 0.0%"]


def test_a_machine_of_half_the_speed_changes_no_share() -> None:
    seconds = {"a.py": 30.0, "b.py": 10.0}
    assert shares_of(seconds) == shares_of({file: 2 * taken for file, taken in seconds.items()})
    assert shares_of({}) == {}


def test_writing_the_budget_keeps_what_a_busy_machine_took() -> None:
    assert larger_shares({"a.py": 0.3, "gone.py": 0.2}, {"a.py": 0.2, "b.py": 0.1}) == {"a.py": 0.3, "b.py": 0.1}


def test_the_tests_of_a_suite_count_for_the_file_that_runs_them() -> None:
    assert file_of("tests/browser/test_desk.py::TestDesk::test_it[a]") == "tests/browser/test_desk.py"


def test_what_the_whole_run_shares_counts_for_no_file(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import time
        import pytest

        @pytest.fixture(scope="session")
        def stack():
            time.sleep(0.2)

        @pytest.fixture(scope="session")
        def people(stack):
            time.sleep(0.1)

        @pytest.fixture
        def own(people):
            time.sleep(0.1)

        def test_it(own):
            pass
        """)
    reports = pytester.inline_run("-p", "no:asyncio", plugins=[SharedSetup()]).getreports("pytest_runtest_logreport")
    setup, call, _ = reports
    assert setup.shared_setup >= 0.3
    assert setup.duration - setup.shared_setup >= 0.1
    assert call.shared_setup == 0


def test_the_work_of_other_processes_is_told_apart(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu 1000 0 0 50000 0 0 0 0 0 0\ncpu0 1 1 1 1\n")
    processors = ProcessorTime(stat)
    begun = time.process_time()
    while time.process_time() - begun < 0.2:
        pass
    stat.write_text("cpu 1010 5 5 90000 0 0 0 0 0 0\ncpu0 1 1 1 1\n")
    assert processors.of_others() < OTHERS
    stat.write_text("cpu 1100 50 50 90000 0 0 0 0 0 0\ncpu0 1 1 1 1\n")
    assert OTHERS < processors.of_others() < 1
    assert ProcessorTime(tmp_path / "none").of_others() == 0


def test_every_file_with_a_share_is_there() -> None:
    shares = read_budget()
    assert shares.keys() == set(LANES.values())
    assert [file for files in shares.values() for file in files if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize(
    ("arguments", "lane"),
    [
        (["-m", "not slow"], "test"),
        (["-m", "slow and not alone"], "test-slow"),
        ([], None),
        (["-m", "not slow", "-k", "budget"], None),
        (["-m", "not slow", "-x"], None),
        (["-m", "not slow", "tests/contract"], None),
    ],
)
def test_a_run_of_some_tests_is_held_to_no_budget(arguments: list[str], lane: str | None) -> None:
    assert lane_of(pytest.Config.fromdictargs({}, arguments)) == lane


def test_each_test_module_is_imported_first_by_one_worker() -> None:
    tests = ROOT / "tests"
    shares = [share_of([tests], number, 3) for number in range(3)]
    names = [name for share in shares for name in share]
    assert len(names) == len(set(names)) == len(list(tests.rglob("test_*.py")))
    assert __name__ in names
