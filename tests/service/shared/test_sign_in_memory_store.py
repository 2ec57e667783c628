"""The fake of sessions keeps what the real store promises."""

import pytest

from tests.fakes.memory_sessions import MemorySessions
from tests.suites.session_store import SessionStoreSuite


@pytest.fixture
def store() -> MemorySessions:
    return MemorySessions()


class TestMemorySessions(SessionStoreSuite):
    pass
