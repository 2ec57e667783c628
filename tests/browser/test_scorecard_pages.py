"""The pages of scorecards in a real browser: without JavaScript, on a phone, in both directions, light and dark."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.support.audit_world import AuditWorld
from tests.support.browser_rig import View, hold_session, looks, serving
from tests.support.people import COPIES, auditor, session_of
from tests.support.scorecards import AT, DAY, as_of, scorecard

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def world() -> AsyncIterator[AuditWorld]:
    world = AuditWorld()
    world.scorecards.cards += [
        scorecard("wmxx", kind="affiliate", level_reached=2, next_level_missing=("HB-10",)),
        scorecard("oldwiki", kind=None, next_level_missing=()),
        scorecard(as_of=as_of(40, AT - 31 * DAY), level_reached=1),
    ]
    async with world.client:
        yield world


@looks(360, "ltr", "rtl")
async def test_every_page_of_scorecards_is_accessible_and_fits(world: AuditWorld, browser: Browser, view: View) -> None:
    page = await view.page(browser)
    async with serving(world.app) as address:
        for name, path in (
            ("all", ""), ("one", "/enwiki"), ("none", "/swwiki"), ("removed", "/oldwiki"), ("diff", "/enwiki/diff"),
            ("missing", "/nowhere"),
        ):  # fmt: skip
            await page.goto(f"{address}/scorecard{path}")
            await view.judge(page, f"scorecard-{name}", opened=False)
            await view.judge(page)
        COPIES.enrol(auditor())
        await hold_session(page, address, "/audit", await session_of(world.sessions, auditor()))
        await page.goto(f"{address}/audit/scorecard/enwiki")
        await view.judge(page, "scorecard-values")


async def test_a_newcomer_finds_out_what_holds_without_javascript(world: AuditWorld, browser: Browser) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    async with serving(world.app) as address:
        await page.goto(f"{address}/scorecard")
        await page.get_by_label("Kind").select_option("Affiliate")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_role("rowheader")).to_have_count(1)
        await page.get_by_label("Kind").select_option("All kinds")
        await page.get_by_label("Order").select_option("Highest level first")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_role("rowheader")).to_have_count(3)
        await page.get_by_role("link", name="English Wikipedia").click()
        await expect(page.get_by_text("Not yet safe to report").first).to_be_visible()
        report = page.get_by_role("link", name="Report something in this community")
        assert str(await report.get_attribute("href")).endswith("/report/enwiki")
        row = page.get_by_role("row").filter(has_text="At least two named contacts")
        await row.get_by_role("link").click()
        place = page.locator("#HB-02")
        await expect(place).to_be_in_viewport()
        await place.get_by_text("Evidence", exact=True).click()
        await expect(place.get_by_text("Confirmed by a second person")).to_be_visible()
        await page.get_by_role("link", name="Compare with an earlier day").click()
        await expect(page.get_by_role("heading", name="What has changed: English Wikipedia")).to_be_visible()
