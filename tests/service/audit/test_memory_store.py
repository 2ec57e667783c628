"""The record in memory does what the record in MongoDB does."""

import pytest

from tests.fakes.memory_record import MemoryRecord
from tests.suites.record import RecordSuite


class TestMemoryRecord(RecordSuite):
    @pytest.fixture
    def record(self) -> MemoryRecord:
        return MemoryRecord()
