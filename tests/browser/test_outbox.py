"""The outbox in a real browser: its words, its pages, and whether everybody can use it."""

import pytest
from playwright.async_api import Browser, expect

from services.notification.delivery import Failed, Sent, Suppressed, settle
from shared.times import now
from tests.fakes.memory_sessions import MemorySessions
from tests.support.browser_rig import View, hold_session, looks, serving
from tests.support.notification_rig import app_over, delivery, holding
from tests.support.people import COPIES, operator, session_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


@looks(360, "ltr", "rtl")
async def test_every_page_of_the_outbox_is_accessible_and_fits(browser: Browser, view: View) -> None:
    sessions, ends = MemorySessions(), (Sent("1@hearth.example"), Failed("smtp_550"), Suppressed("told_already"))
    stored = [settle(delivery(n, "triaged"), end, now()).delivery for n, end in enumerate(ends)]
    stored += [delivery(n) for n in range(3, 60)]
    COPIES.enrol(operator())
    page = await view.page(browser)
    async with serving(app_over(holding(*stored), sessions)) as address:
        await page.goto(f"{address}/outbox")
        await view.judge(page)
        await hold_session(page, address, "/outbox", await session_of(sessions, operator()))
        await page.goto(f"{address}/outbox")
        await expect(page.get_by_text("the mail server refused it (550)")).to_be_visible()
        await view.judge(page)
        await page.get_by_role("link", name="Older").focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**cursor=**")
        await view.judge(page)
        await page.get_by_role("link", name="Failed").click()
        await expect(page.get_by_text("Notices, newest first").last).to_be_attached()
        await view.judge(page)
