"""Which worker runs which files, and in what order.

A file stays with one worker, so that what a module starts is started once. The slowest files of a lane begin first, so
that no worker is left alone with one of them. Keycloak has one realm for all, so its files stay together; and files in
tests/e2e share one system that a worker starts.
"""

import importlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.support.budget import LANES, file_of, read_budget

ROOT = Path(__file__).parents[2]
TOGETHER = ("keycloak", "tests/e2e/")
"""Files with one of these in their path run one after the other in one worker."""


class FileScheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives a worker whole files, and those of TOGETHER as if they were one."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return next((word for word in TOGETHER if word in file), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileScheduling | None:
    """In place of xdist's own `--dist loadfile`."""
    return FileScheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Have a worker import its share of the files first.

    In a fresh checkout that compiles them, and pytest's rewriting of what tests assert takes most of it. All workers
    need all files; so each compiles a share, and reads from the disk what the others have compiled.
    """
    worker = getattr(collector.config, "workerinput", None)
    if worker is None or not isinstance(collector, pytest.Session):
        return
    number = int(worker["workerid"].removeprefix("gw"))
    for name in share_of([ROOT / argument for argument in collector.config.args], number, worker["workercount"]):
        # Collecting imports it again, and says what is wrong.
        with suppress(Exception):
            importlib.import_module(name)


def share_of(folders: Sequence[Path], number: int, workers: int) -> list[str]:
    """The test modules in these folders that the worker of this number imports first."""
    files = sorted({file for folder in folders for file in folder.rglob("test_*.py") if file.is_relative_to(ROOT)})
    return [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files[number::workers]]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the slowest files first; the order within a file stays."""
    shares = read_budget().get(LANES.get(config.option.markexpr, ""), {})
    items.sort(key=lambda item: -shares.get(file_of(item.nodeid), 0))
