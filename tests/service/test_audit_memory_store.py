"""The record in memory does what the record in MongoDB does."""

import pytest

from tests.memory_record import MemoryRecord
from tests.record_suite import RecordSuite


class TestMemoryRecord(RecordSuite):
    @pytest.fixture
    def record(self) -> MemoryRecord:
        return MemoryRecord()
