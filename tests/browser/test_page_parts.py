"""All pieces of the pages in a real browser: readable, operable, in place; phones, both directions, light and dark."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from fastapi import FastAPI, Request, Response
from markupsafe import Markup
from playwright.async_api import Browser

from shared.i18n.messages import SHARED_MESSAGES, Messages
from shared.web.pages import make_asset_router, make_pages
from tests.support.browser_rig import Look, View, judge, looks, serving
from tests.support.people import gate_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEMPLATES = Path(__file__).parent / "templates"
ARABIC = {"button-submit": "إرسال", "state-received": "تم الاستلام"}

# WCAG 2.2, 2.5.8: what can be hit is at least 24 px each way, unless it is a link within a sentence.
SMALL_TARGETS = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea')]
  .filter(one => !one.closest('p') && !one.matches('.hearth-skip'))
  .map(one => [one.outerHTML.slice(0, 80), (one.closest('.hearth-choice') ?? one).getBoundingClientRect()])
  .filter(([, box]) => box.width < 24 || box.height < 24)
  .map(([text]) => text)"""


@pytest_asyncio.fixture(loop_scope="session")
async def address(tmp_path: Path) -> AsyncIterator[str]:
    """Where a page with every piece of parts.html answers."""
    (tmp_path / "ar.json").write_text(json.dumps(ARABIC), encoding="utf-8")
    pages = make_pages(TEMPLATES, Messages.load([SHARED_MESSAGES, tmp_path], strict=True), way_out="/exit")
    app = FastAPI()

    @app.get("/")
    def page(request: Request) -> Response:
        link = Markup('<a href="#more">amber-harbour</a>')
        context = {"at": datetime(2026, 11, 24, tzinfo=UTC), "case_link": link}
        context["faulty"] = "faulty" in request.query_params
        return pages.render(request, "kitchen_sink.html", context)

    app.include_router(make_asset_router(gate_of()))
    async with serving(app) as address:
        yield address


@looks(320, "en", "ar")
async def test_every_piece_of_a_page_is_accessible(browser: Browser, address: str, view: View) -> None:
    page = await view.page(browser)
    for look in view.looks:
        await look.take(page)
        await page.goto(f"{address}/?faulty&uselang={look.way}")
        await judge(page)
        assert await page.evaluate(SMALL_TARGETS) == []


FAULTS = {
    "<img src='data:,'>": "image-alt",
    "<style>@media (prefers-color-scheme: dark) { p { color: #eee } }</style><p>Pale in the dark</p>": "color-contrast",
    "<style>[dir=rtl] p { color: #eee }</style><p>Pale from right to left</p>": "color-contrast",
    "<style>@media (max-width: 400px) { p { width: 700px } }</style><p>Wide on a phone</p>": "px are beside the page",
    "<button style='width: 9px; height: 9px; padding: 0'>x</button><button>y</button>": "target-size",
    "<details><summary>More</summary><input></details>": "label",
}
"""Pages that some people cannot use: each in a look of its own, or when it is opened."""


async def test_the_judge_of_looks_finds_what_it_is_there_for(browser: Browser) -> None:
    view = View((Look("ltr", 1280, "light"), Look("rtl", 360, "dark")))
    page = await view.page(browser)
    head = "<meta name=viewport content='width=device-width'><title>A page</title>"
    whole = f"<!doctype html><html lang=en>{head}<main><h1>A page</h1>"
    await page.set_content(whole)
    await view.judge(page)
    for fault, said in FAULTS.items():
        await page.set_content(whole + fault)
        with pytest.raises(AssertionError, match=said):
            await view.judge(page)


async def test_the_summary_of_errors_leads_to_the_fields(browser: Browser, address: str) -> None:
    page = await browser.new_page()
    await page.goto(f"{address}/?faulty")
    assert await page.locator(":focus").get_attribute("id") == "error-summary"
    await page.get_by_role("alert").get_by_role("link").first.click()
    focused = page.locator(":focus")
    assert await focused.get_attribute("id") == "details"
    assert await focused.get_attribute("aria-describedby") == "details-help details-error"


async def test_the_first_key_leads_past_the_header(browser: Browser, address: str) -> None:
    page = await browser.new_page()
    await page.goto(address)
    await page.keyboard.press("Tab")
    box = await page.locator(":focus").bounding_box()
    assert box is not None
    assert box["y"] >= 0
    await page.keyboard.press("Enter")
    assert await page.locator(":focus").get_attribute("id") == "content"


async def test_a_page_asks_no_other_host(browser: Browser, address: str) -> None:
    page = await browser.new_page()
    asked: list[str] = []
    refused: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: refused.append(request.url))
    await page.goto(address)
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    assert refused == []
    assert len(asked) >= 3
