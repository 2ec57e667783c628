"""The roster's entries in memory pass the suite of the real ones."""

import pytest

from tests.book_suite import BookSuite
from tests.memory_entries import MemoryEntries


class TestMemoryEntries(BookSuite):
    @pytest.fixture
    def entries(self) -> MemoryEntries:
        return MemoryEntries()
