"""The desk, for the tests of its pages."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.browser_rig import serving
from tests.support.triage_rig import Rig, make_rig


@pytest_asyncio.fixture(loop_scope="session")
async def rig() -> AsyncIterator[Rig]:
    async with make_rig(live_seconds=2) as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="session")
async def address(rig: Rig) -> AsyncIterator[str]:
    async with serving(rig.app) as address:
        yield address
