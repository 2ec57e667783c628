"""The pages of the record in a real browser: a long timeline is walked through, and everybody can use it."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.support.audit_rig import event_of
from tests.support.audit_world import AuditWorld, leaf_of
from tests.support.browser_rig import View, hold_session, looks, serving
from tests.support.people import COPIES, auditor, session_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


NAME = "a" * 32
NAMED = replace(auditor(), pseudonyms=frozenset({NAME}))
ORDER = """one => {
  const place = at => { const range = document.createRange(); range.setStart(one.firstChild, at);
    range.setEnd(one.firstChild, at + 1); return range.getBoundingClientRect() };
  return place(0).top === place(9).top ? place(0).left < place(9).left : true }"""
"""Whether the characters of an id stand from left to right."""


@pytest_asyncio.fixture(loop_scope="session")
async def world() -> AsyncIterator[AuditWorld]:
    world = AuditWorld()
    async with world.client:
        await world.add("cases/0", [leaf_of(event_of("case-1", seq), "cases", 0, seq) for seq in range(1, 206)])
        await world.add("cases/1", [leaf_of(event_of("case-2", 1, parties=[NAME]), "cases", 1, 0)])
        yield world


@looks(360, "ltr", "rtl")
async def test_a_long_timeline_is_walked_through_and_every_page_fits(
    world: AuditWorld, browser: Browser, view: View
) -> None:
    page = await view.page(browser)
    async with serving(world.app) as address:
        COPIES.enrol(NAMED)
        await hold_session(page, address, "/audit", await session_of(world.sessions, NAMED))
        await page.goto(f"{address}/audit")
        await view.judge(page)
        await page.get_by_label("Case or event").fill("case-1")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_text("All 200 entries on this page are proved")).to_be_visible()
        await view.judge(page)
        ids = await page.locator("dd code", has_text=re.compile("^.{8}-.{4}-")).all()
        assert [await one.evaluate(ORDER) for one in ids[:9]] == [True] * 9
        await page.get_by_role("link", name="Later entries").click()
        await expect(page.get_by_text("All 5 entries on this page are proved")).to_be_visible()
        await view.judge(page)
        await page.get_by_role("link", name="From the beginning").click()
        await expect(page.get_by_text("All 200 entries on this page are proved")).to_be_visible()
        await page.goto(f"{address}/audit/cases/case-2")
        await expect(page.get_by_text("The record has no such case or event.")).to_be_visible()
        await view.judge(page)
