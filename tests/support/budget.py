"""The share of a run's time that each test file may take, in tests/budget.toml.

A share says the same on a fast machine and on a slow one. A run of a whole lane (`make test`, `make test-slow`) fails
when a file takes more than twice its share; a file without a share may take LEAST of the whole. `--write-budget` writes
the shares of the lane that has run, and keeps a larger share that an earlier run wrote.

Where other processes take more than OTHERS of the processors' time, a run is held to no budget, and says so: they slow
some files down more than others.

What a file's tests and its own fixtures take counts. What the whole run shares (the stack, Keycloak, the browser) or
the files of a folder share does not: chance decides which file asks for it first.
"""

import os
import time
import tomllib
from collections import defaultdict
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

BUDGET = Path(__file__).parents[1] / "budget.toml"
LANES = {"not slow": "test", "slow and not alone": "test-slow"}
"""The lanes, by the marks that they choose."""
NARROWING = ("keyword", "deselect", "ignore", "ignore_glob", "lf", "collectonly", "maxfail")
"""The options by which a run leaves out tests of its lane."""
LEAST = 0.05
"""Below this share of the whole nothing counts: other work on the machine moves the shares of small files that far."""
OTHERS = 0.25
"""The share of what the processors did that other processes may take in a run that is held to the budget."""
HEAD = """\
# The largest share of the whole run that each file took, quiet or busy, from 2.5 % on; see tests/support/budget.py.
# `make test ARGS=--write-budget` and `make test-slow ARGS=--write-budget` write it.
"""

Shares = Mapping[str, Mapping[str, float]]


def read_budget() -> Shares:
    """The shares of files, by lane."""
    found: Shares = tomllib.loads(BUDGET.read_text(encoding="utf-8"))
    return found


def write_budget(shares: Shares) -> None:
    """Keep the shares of at least half of LEAST, in tests/budget.toml."""
    text = HEAD
    for lane, files in sorted(shares.items()):
        text += f"\n[{lane}]\n"
        text += "".join(f'"{file}" = {share:.3f}\n' for file, share in sorted(files.items()) if share >= LEAST / 2)
    BUDGET.write_text(text, encoding="utf-8")


def file_of(nodeid: str) -> str:
    """The file that runs a test; a suite's tests count for the file that takes the suite over."""
    return nodeid.split("::")[0]


def shares_of(seconds: Mapping[str, float]) -> dict[str, float]:
    """The share of each file in what all of them took."""
    whole = sum(seconds.values())
    return {file: taken / whole for file, taken in seconds.items()} if whole else {}


def over_budget(shares: Mapping[str, float], budget: Mapping[str, float]) -> list[str]:
    """One sentence for each file that takes more than twice its share."""
    return [
        f"{file} took {share:.1%} of the run, and its budget is {budget.get(file, 0):.1%}"
        for file, share in sorted(shares.items())
        if share > max(LEAST, 2 * budget.get(file, 0))
    ]


def larger_shares(budget: Mapping[str, float], shares: Mapping[str, float]) -> dict[str, float]:
    """What a file took in this run or before, whichever is more; files that are gone drop out."""
    return {file: max(share, budget.get(file, 0)) for file, share in shares.items()}


class ProcessorTime:
    """What the processors of this machine have done since it was made, and how much of that was not for this run."""

    def __init__(self, stat: Path = Path("/proc/stat")) -> None:
        """`stat`: the kernel's own count; a system without it has no others."""
        self._stat = stat
        self._begun = self._all(), self._own()

    def of_others(self) -> float:
        """The share of other processes. To be asked when all processes of the run have ended."""
        begun, own = self._begun
        done = self._all() - begun
        return max(0.0, 1 - (self._own() - own) / done) if done > 0 else 0.0

    def _all(self) -> float:
        if not self._stat.is_file():
            return 0.0
        user, nice, system, _idle, _waiting, *interrupted = map(int, self._stat.read_text().split("\n")[0].split()[1:9])
        return float(user + nice + system + sum(interrupted)) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def _own() -> float:
        return sum(os.times()[:4])


class SharedSetup:
    """Measures, in the process that runs a test, what its setup spent on fixtures of the whole run or a folder."""

    def __init__(self) -> None:
        self._depth = 0
        self._seconds = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        shared = fixturedef.scope in ("session", "package")
        begun = time.monotonic()
        self._depth += shared
        try:
            return (yield)
        finally:
            self._depth -= shared
            if shared and not self._depth:
                self._seconds += time.monotonic() - begun

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        report.__dict__["shared_setup"], self._seconds = self._seconds, 0.0
        return report


class Stopwatch:
    """Measures what each file of a run takes, and holds a run of a whole lane to the budget."""

    def __init__(self, lane: str | None, write: bool) -> None:
        """`lane` is None for a run of some tests only, which no budget is for."""
        self._lane = lane
        self._write = write
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._over: list[str] = []
        self._others = 0.0
        self._processors = ProcessorTime()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # The report of a worker that has crashed is not made by the worker, and measured nothing.
        if report.when in ("setup", "call"):
            self._seconds[file_of(report.nodeid)] += report.duration - report.shared_setup

    # Innermost, so that the workers have ended when it goes on, and the summary is still to come.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None]:
        yield
        if self._lane is None or exitstatus != pytest.ExitCode.OK:
            return
        self._others = self._processors.of_others()
        if self._others > OTHERS:
            return
        budget, shares = read_budget(), shares_of(self._seconds)
        if self._write:
            write_budget({**budget, self._lane: larger_shares(budget.get(self._lane, {}), shares)})
            return
        self._over = over_budget(shares, budget.get(self._lane, {}))
        if self._over:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._others > OTHERS:
            says = f"other processes took {self._others:.0%} of the processors' time: tests/budget.toml is not asked"
            terminalreporter.line(says)
        if self._over:
            terminalreporter.section("slower than tests/budget.toml says", red=True)
            for sentence in self._over:
                terminalreporter.line(sentence)


def lane_of(config: pytest.Config) -> str | None:
    """The lane that is run as a whole; None for a part of one."""
    option = config.option
    narrowed = any(getattr(option, name, None) for name in NARROWING)
    whole = config.args_source == pytest.Config.ArgsSource.TESTPATHS and not narrowed
    return LANES.get(option.markexpr) if whole else None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-budget", action="store_true", help="write tests/budget.toml after a run of a whole lane")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(SharedSetup())
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Stopwatch(lane_of(config), config.getoption("--write-budget")))
