"""The store in memory keeps the promises of the real one."""

import pytest

from tests.intake_rig import MemoryStore
from tests.intake_store_suite import StoreSuite


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()
