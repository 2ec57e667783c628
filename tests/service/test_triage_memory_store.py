"""The store in memory keeps the same promises as MongoDB."""

import pytest

from tests.triage_rig import MemoryCases
from tests.triage_store_suite import CaseStoreSuite


class TestMemoryCases(CaseStoreSuite):
    @pytest.fixture
    def cases(self) -> MemoryCases:
        return MemoryCases()
