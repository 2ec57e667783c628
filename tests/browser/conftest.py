"""Chromium, for every test in a browser."""

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from tests.support.browser_rig import CHROMIUM


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium without a window."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        yield chromium
        await chromium.close()
