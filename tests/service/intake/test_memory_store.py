"""The store in memory keeps the promises of the real one."""

import pytest

from tests.suites.intake_store import StoreSuite
from tests.support.intake_rig import MemoryStore


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()
