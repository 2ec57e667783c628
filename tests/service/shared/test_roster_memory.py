"""The roster over a copy in memory, by the suite of the real one."""

from datetime import datetime

import pytest

from shared.access.entries import RosterState
from tests.suites.roster import RosterSuite
from tests.support.people import MemoryCopies


class InMemory:
    def __init__(self) -> None:
        self.copies = MemoryCopies()

    async def write(self, state: RosterState, seq: int, at: datetime) -> None:
        self.copies.keep(state, at)


class TestMemoryCopies(RosterSuite):
    @pytest.fixture
    def kept(self) -> InMemory:
        return InMemory()
