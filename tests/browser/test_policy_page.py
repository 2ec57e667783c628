"""The policy in a real browser: a coordinator reads it, changes a file, and sees which cases would go elsewhere."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser_rig import View, hold_session, looks
from tests.support.people import COPIES, session_of
from tests.support.triage_rig import CORA, Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def sign_in(page: Page, rig: Rig, address: str) -> None:
    COPIES.enrol(CORA)
    await hold_session(page, address, "/desk", await session_of(rig.sessions, CORA))


@looks(360, "ltr", "rtl")
async def test_a_coordinator_tries_a_change_of_the_policy(rig: Rig, browser: Browser, address: str, view: View) -> None:
    case = await rig.open()
    page = await view.page(browser)
    await sign_in(page, rig, address)
    await page.goto(f"{address}/desk")
    await page.get_by_role("link", name="Policy").click()
    await view.judge(page, "policy")
    await page.get_by_label("File").select_option("routing.toml")
    await page.get_by_role("button", name="Show its text").click()
    text = page.get_by_label("Text of routing.toml")
    shown = await text.input_value()
    await text.fill(shown.replace('"local.arbcom", "local.admins"', '"local.admins"'))
    await page.get_by_role("button", name="Compare with recent cases").click()
    await expect(page.get_by_role("status")).to_contain_text("1 case of the last 90 days")
    await view.judge(page, "policy-preview")
    await expect(page.get_by_role("link", name=case.code_name)).to_be_visible()
    await text.fill(shown.replace('to = ["legal"]', "to = []"))
    await page.get_by_role("button", name="Compare with recent cases").click()
    await expect(page.get_by_role("alert")).to_contain_text("a mistake")
    await view.judge(page, "policy-mistake")
