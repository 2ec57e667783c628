"""The roster over a copy in memory, by the suite of the real one."""

from datetime import datetime

import pytest

from shared.roster import State
from tests.people import MemoryCopies
from tests.roster_suite import RosterSuite


class InMemory:
    def __init__(self) -> None:
        self.copies = MemoryCopies()

    async def write(self, state: State, seq: int, at: datetime) -> None:
        self.copies.keep(state, at)


class TestMemoryCopies(RosterSuite):
    @pytest.fixture
    def kept(self) -> InMemory:
        return InMemory()
