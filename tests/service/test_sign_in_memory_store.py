"""The fake of sessions keeps what the real store promises."""

import pytest

from tests.memory_sessions import MemorySessions
from tests.session_store_suite import SessionStoreSuite


@pytest.fixture
def store() -> MemorySessions:
    return MemorySessions()


class TestMemorySessions(SessionStoreSuite):
    pass
