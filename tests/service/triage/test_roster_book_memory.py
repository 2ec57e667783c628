"""The roster's entries in memory pass the suite of the real ones."""

import pytest

from tests.fakes.memory_entries import MemoryEntries
from tests.suites.book import BookSuite


class TestMemoryEntries(BookSuite):
    @pytest.fixture
    def entries(self) -> MemoryEntries:
        return MemoryEntries()
