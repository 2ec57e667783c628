"""The page of a case in a real browser: single keys lead to its parts, never while a person types, and can be off."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.test_desk import a_full_case, sign_in
from tests.support.browser_rig import violations
from tests.support.triage_rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def open_case(rig: Rig, browser: Browser, address: str) -> Page:
    """The page of a case, in a context of its own, as a handler sees it who has signed in."""
    case = await a_full_case(rig)
    page = await (await browser.new_context()).new_page()
    await sign_in(page, rig, address)
    await page.goto(f"{address}/desk/cases/{case.code_name}")
    return page


async def test_keys_lead_to_parts_of_a_case_and_can_be_turned_off(rig: Rig, browser: Browser, address: str) -> None:
    page = await open_case(rig, browser, address)
    overlay = page.get_by_role("dialog", name="Keyboard shortcuts")
    await page.keyboard.press("?")
    await expect(overlay).to_be_visible()
    assert not await violations(page)
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    assert await page.locator(":focus").get_attribute("id") == "do-title"
    await page.locator("#decide-reason").fill("Why?")
    await page.locator("#decide-reason").press("?")
    await expect(overlay).to_be_hidden()
    await page.get_by_role("button", name="Keyboard shortcuts").click()
    await overlay.get_by_role("button", name="Turn shortcuts off").click()
    await overlay.get_by_role("button", name="Close").click()
    await page.keyboard.press("?")
    await expect(overlay).to_be_hidden()
    await page.get_by_role("button", name="Keyboard shortcuts").click()
    await overlay.get_by_role("button", name="Turn shortcuts on").click()
    await page.context.close()


async def test_what_is_only_chosen_is_kept_and_stands_in_the_form_when_the_page_opens_again(
    rig: Rig, browser: Browser, address: str
) -> None:
    page = await open_case(rig, browser, address)
    await page.locator("#do-confirm_category summary").click()
    async with page.expect_response("**/desk/drafts") as answer:
        await page.locator("#confirm_category-category").select_option("harassment.trolling")
    assert (await answer.value).status == 204
    await page.goto(page.url)
    await expect(page.locator("#confirm_category-category")).to_have_value("harassment.trolling")
    assert not await violations(page)
    await page.context.close()


async def test_what_is_typed_is_kept_and_stands_in_the_form_when_the_page_opens_again(
    rig: Rig, browser: Browser, address: str
) -> None:
    page = await open_case(rig, browser, address)
    await page.locator("#do-note summary").click()
    note = page.get_by_label("Note", exact=True)
    async with page.expect_response("**/desk/drafts") as answer:
        await note.fill("Look at the logs of Sunday.")
    assert (await answer.value).status == 204
    assert await page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}])") == "[{},{}]"
    again = await page.context.new_page()
    await again.goto(page.url)
    await expect(again.get_by_label("Note", exact=True)).to_have_value("Look at the logs of Sunday.")
    await again.locator("#do-note").get_by_role("button", name="Discard the draft").click()
    await expect(again.get_by_text("Your draft is not sent yet")).to_have_count(0)
    await expect(again.get_by_label("Note", exact=True)).to_have_value("")


async def test_a_printed_page_has_the_words_that_its_reader_had_opened_and_says_what_it_lacks(
    rig: Rig, browser: Browser, address: str
) -> None:
    case = await rig.open(category="harassment.threats")
    rig.vault.sections[case.report_id] = {"content": {"narrative": "I will find you.", "harmed": "My sister."}}
    page = await browser.new_page()
    await sign_in(page, rig, address)
    await page.goto(f"{address}/desk/cases/{case.code_name}")
    left_out = page.get_by_text("Words that were not opened are not printed here.")
    assert not await left_out.first.is_visible()
    folds = page.locator("details", has=left_out)
    assert [await folds.count(), await left_out.count()] == [1, 1]
    await page.emulate_media(media="print")
    await expect(left_out).to_be_visible()
    await expect(page.get_by_text("Show the words of the report.")).to_be_hidden()
    await expect(page.get_by_text("I will find you.")).to_be_hidden()
    await page.emulate_media(media="screen")
    await folds.locator("summary").click()
    await page.emulate_media(media="print")
    await expect(left_out).to_be_hidden()
    await expect(page.get_by_text("I will find you.")).to_be_visible()
    await page.context.close()
