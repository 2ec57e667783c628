"""The store in memory keeps the same promises as MongoDB."""

import pytest

from tests.suites.triage_store import CaseStoreSuite
from tests.support.triage_rig import MemoryCases


class TestMemoryCases(CaseStoreSuite):
    @pytest.fixture
    def cases(self) -> MemoryCases:
        return MemoryCases()
