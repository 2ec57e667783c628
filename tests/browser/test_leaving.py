"""Forms and the quick way out in a real browser: nothing typed is lost, and nothing stays behind."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse
from playwright.async_api import Browser, BrowserContext, Page, expect

from shared.web.csrf import COOKIE
from shared.web.pages import make_asset_router
from tests.support.browser_rig import serving
from tests.support.intake_rig import Rig
from tests.support.people import gate_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

ELSEWHERE = ["/report", "/follow-up", "/report/nowhere"]
WORDS = "They followed me.\nTwice."


@pytest_asyncio.fixture(loop_scope="session")
async def harmless() -> AsyncIterator[str]:
    """Another site, where people get who leave."""
    app = FastAPI()

    @app.get("/")
    async def weather() -> Response:
        return PlainTextResponse("Sunny")

    async with serving(app) as address:
        yield address.replace("127.0.0.1", "localhost")


@pytest_asyncio.fixture(loop_scope="session")
async def address(harmless: str) -> AsyncIterator[str]:
    rig = Rig(exit_url=f"{harmless}/")
    rig.app.include_router(make_asset_router(gate_of()))
    async with serving(rig.app) as address:
        yield address


async def opened(browser: Browser, address: str, path: str = "/report", **options: bool) -> tuple[BrowserContext, Page]:
    context = await browser.new_context(java_script_enabled=options.get("script", True))
    page = await context.new_page()
    await page.goto(f"{address}{path}")
    return context, page


async def names_of_cookies(context: BrowserContext, address: str) -> set[str]:
    return {cookie.get("name", "") for cookie in await context.cookies(address)}


@pytest.mark.parametrize("script", [False, True])
@pytest.mark.parametrize(
    "path", ["/report/enwiki", *(pytest.param(path, marks=pytest.mark.slow) for path in ELSEWHERE)]
)
async def test_one_press_leads_away_and_leaves_nothing_behind(
    browser: Browser, address: str, harmless: str, path: str, script: bool
) -> None:
    context, page = await opened(browser, address, path, script=script)
    await page.goto(f"{address}{path}?uselang=en")
    assert await names_of_cookies(context, address) == {COOKIE, "hearth_language"}
    if path.startswith("/report/e"):
        await page.get_by_label("What happened?").fill(WORDS)
    await page.get_by_role("button", name="Leave this page").click()
    await page.wait_for_url(f"{harmless}/")
    await expect(page.get_by_text("Sunny")).to_be_visible()
    assert await names_of_cookies(context, address) == set()
    if path.startswith("/report/e") and not script:
        await page.go_back()
        await expect(page.get_by_label("What happened?")).to_have_value("")
    await context.close()


async def test_with_javascript_back_does_not_return_to_the_report(
    browser: Browser, address: str, harmless: str
) -> None:
    context, page = await opened(browser, address, "/follow-up")
    await page.goto(f"{address}/report")
    await page.get_by_label("What happened?").fill(WORDS)
    await page.get_by_role("button", name="Leave this page").click()
    await page.wait_for_url(f"{harmless}/")
    await page.go_back()
    assert page.url == f"{address}/follow-up"
    await context.close()


async def test_the_escape_key_pressed_three_times_leads_away(browser: Browser, address: str, harmless: str) -> None:
    context, page = await opened(browser, address)
    await expect(page.get_by_text("or press the Escape key three times")).to_be_visible()
    await page.get_by_label("What happened?").fill(WORDS)
    for key in ("Escape", "Escape", "a", "Escape"):
        await page.keyboard.press(key)
    await asyncio.sleep(0.2)
    assert page.url == f"{address}/report"
    for _ in range(2):
        await page.keyboard.press("Escape")
    await page.wait_for_url(f"{harmless}/")
    await context.close()


async def test_the_way_out_comes_first_for_the_keyboard_and_works_without_a_cookie(
    browser: Browser, address: str, harmless: str
) -> None:
    context, page = await opened(browser, address, script=False)
    await context.clear_cookies()
    await page.keyboard.press("Tab")
    await expect(page.locator(":focus")).to_have_text("Skip to the content")
    await page.keyboard.press("Tab")
    await expect(page.locator(":focus")).to_have_text("Leave this page")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{harmless}/")
    await context.close()


async def test_forms_in_several_tabs_are_all_taken(browser: Browser, address: str) -> None:
    context, first = await opened(browser, address, script=False)
    second = await context.new_page()
    await second.goto(f"{address}/follow-up")
    await second.get_by_label("Your receipt").fill("0000-0000-0000-0000-0000")
    await second.get_by_role("button", name="Show my report").click()
    await expect(second.get_by_role("alert")).to_contain_text("There is a problem with 1 answer")
    await first.get_by_label("Community").select_option("enwiki")
    await first.get_by_label("What happened?").fill(WORDS)
    await first.get_by_role("button", name="Send the report").click()
    await expect(first.get_by_role("heading", level=1)).to_have_text("Your report has arrived")
    await context.close()


async def test_a_browser_that_keeps_no_cookies_can_report(browser: Browser, address: str) -> None:
    context, page = await opened(browser, address, script=False)
    await context.clear_cookies()
    await page.get_by_label("Community").select_option("enwiki")
    await page.get_by_label("What happened?").fill(WORDS)
    await page.get_by_role("button", name="Send the report").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your report has arrived")
    await context.close()


async def test_a_form_that_lost_its_right_is_shown_with_its_words_and_sent_with_one_press(
    browser: Browser, address: str
) -> None:
    context, page = await opened(browser, address, script=False)
    await page.get_by_label("Community").select_option("enwiki")
    await page.get_by_label("What happened?").fill(WORDS)
    await page.get_by_label("It is still going on").check()
    await context.clear_cookies()
    other = await context.new_page()
    await other.goto(f"{address}/follow-up")
    await page.get_by_role("button", name="Send the report").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Please send this once more")
    await expect(page.get_by_text("They followed me.")).to_be_visible()
    await page.get_by_role("button", name="Send it again").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your report has arrived")
    await context.close()


async def test_no_page_asks_for_what_its_own_policy_forbids(browser: Browser, address: str) -> None:
    context, page = await opened(browser, address, "/follow-up")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    for path in ("/report", "/follow-up"):
        await page.goto(f"{address}{path}")
        await expect(page.get_by_text("or press the Escape key three times")).to_be_visible()
    # Features of other systems: this Chromium does not know them.
    elsewhere = re.compile(r"Unrecognized feature: '(bluetooth|web-share)'")
    assert [text for text in said if not elsewhere.search(text)] == []
    await context.close()
