"""Which worker runs which files, and in what order.

A file stays with one worker, so that what a module starts is started once. The slowest files of a lane begin first, so
that no worker is left alone with one of them. Keycloak has one realm for all, so its files stay together; and files in
tests/e2e share one system that a worker starts.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.support.budget import LANES, file_of, read_budget

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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the slowest files first; the order within a file stays."""
    shares = read_budget().get(LANES.get(config.option.markexpr, ""), {})
    items.sort(key=lambda item: -shares.get(file_of(item.nodeid), 0))
