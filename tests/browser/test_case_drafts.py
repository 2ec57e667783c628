"""Forms of a case in a browser: a reply of the playbook takes no word, and a faulty form for several cases no tick."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser.test_desk import sign_in
from tests.support.browser_rig import violations
from tests.support.triage_rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("script", [True, False], ids=["with-script", "without-script"])
async def test_a_reply_stands_behind_what_was_typed(rig: Rig, browser: Browser, address: str, script: bool) -> None:
    case = await rig.open(contactable=True)
    for command in ("assign", "start"):
        await rig.order(case, command)
    page = await (await browser.new_context(java_script_enabled=script)).new_page()
    await sign_in(page, rig, address)
    await page.goto(f"{address}/desk/cases/{case.code_name}")
    question = page.locator("#ask-question")
    await question.fill("Dear reporter,")
    await page.locator('form[action$="/ask"]').get_by_role("button", name="Which edits are meant?").click()
    await page.wait_for_url("**#do-ask")
    assert (await question.input_value()).startswith("Dear reporter,\n\nWhich edits")
    assert not script or await violations(page) == []
    await expect(page.get_by_role("button", name="Discard the draft")).to_have_count(2)


async def test_a_faulty_form_for_several_cases_leads_to_its_field(rig: Rig, browser: Browser, address: str) -> None:
    case = await rig.open()
    page = await browser.new_page()
    await sign_in(page, rig, address)
    tick = page.locator(f'input[value="{case.id}:{case.seq}"]')
    await tick.check()
    await page.get_by_text("With the cases that you tick").click()
    await page.get_by_role("button", name="Give the cases").click()
    await page.locator("#error-summary a").click()
    await expect(page.locator("#bulk-assignee")).to_be_focused()
    await expect(tick).to_be_checked()
    assert await violations(page) == []
    await page.close()
