"""The pages of the record in a real browser: a long timeline is walked through, and everybody can use it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.support.audit_rig import event_of
from tests.support.audit_world import AuditWorld, leaf_of
from tests.support.browser_rig import OVERFLOW, hold_session, looks, serving, violations
from tests.support.people import COPIES, auditor, session_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def world() -> AsyncIterator[AuditWorld]:
    world = AuditWorld()
    async with world.client:
        await world.add("cases/0", [leaf_of(event_of("case-1", seq), "cases", 0, seq) for seq in range(1, 206)])
        yield world


@pytest.mark.parametrize(("direction", "width", "scheme"), looks(360, "ltr", "rtl"))
async def test_a_long_timeline_is_walked_through_and_every_page_fits(
    world: AuditWorld, browser: Browser, direction: str, width: int, scheme: Literal["light", "dark"], tmp_path: Path
) -> None:
    page = await browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)

    async def judge(name: str) -> None:
        await page.evaluate("direction => { document.documentElement.dir = direction }", direction)
        await page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        assert await violations(page) == []
        assert await page.evaluate(OVERFLOW) == 0

    async with serving(world.app) as address:
        COPIES.enrol(auditor())
        await hold_session(page, address, "/audit", await session_of(world.sessions, auditor()))
        await page.goto(f"{address}/audit")
        await judge("overview")
        await page.get_by_label("Case or event").fill("case-1")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_text("All 200 entries on this page are proved")).to_be_visible()
        await judge("first")
        await page.get_by_role("link", name="Later entries").click()
        await expect(page.get_by_text("All 5 entries on this page are proved")).to_be_visible()
        await judge("last")
        await page.get_by_role("link", name="From the beginning").click()
        await expect(page.get_by_text("All 200 entries on this page are proved")).to_be_visible()
