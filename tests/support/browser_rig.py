"""What every test in a browser has: an application on a port of its own, and what axe-core finds on a page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, Page, expect

from infra.assets import AXE, ROOT
from infra.local.ports import Ports
from shared.sign_in.cookies import Cookies
from tests.support.rosters import fresh_roster

CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# The same patience in every file, whichever files run: a busy machine answers late, and is no fault.
expect.set_options(timeout=20_000)
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass(frozen=True)
class Look:
    """How a page is looked at: the way of reading, the width, the color scheme."""

    way: str
    width: int
    scheme: Literal["light", "dark"]

    async def page(self, browser: Browser) -> Page:
        """A page of a browser of its own."""
        context = await browser.new_context(viewport={"width": self.width, "height": 800}, color_scheme=self.scheme)
        return await context.new_page()

    async def judge(self, page: Page, *, opened: bool = True) -> None:
        """Assert that everybody can use the page read this way, with its details `opened` or closed."""
        await page.evaluate("way => { document.documentElement.dir = way }", self.way)
        await page.evaluate("open => document.querySelectorAll('details').forEach(one => { one.open = open })", opened)
        await judge(page)


def looks(narrow: int, *ways: str) -> Any:
    """The marks of a test that gets each `look` at its pages: one for every run, the rest slow."""
    first, second = ways
    others = [Look(second, narrow, "dark"), Look(first, 1280, "dark"), Look(second, 1280, "light")]
    slow = [pytest.param(look, marks=pytest.mark.slow) for look in others]
    return pytest.mark.parametrize("look", [Look(first, narrow, "light"), *slow], ids=str)


async def judge(page: Page) -> None:
    """Assert that axe-core finds nothing on the page, and that nobody has to scroll sideways."""
    assert await violations(page) == []
    assert await page.evaluate(OVERFLOW) <= 0


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """The application's address, without a trailing slash; its lifespan is off, so nothing is consumed or published."""
    with Ports() as ports:
        port = ports.any_free()
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", ws="none", lifespan="off"))
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        async with fresh_roster(app):
            yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        await running


async def hold_session(page: Page, address: str, home: str, secret: str) -> None:
    """Have the browser hold the session of a service; how it gets one, tests/browser/test_sign_in.py shows."""
    # A browser takes this cookie over plain HTTP from this machine, but only over HTTPS from a test.
    place = address.replace("http://", "https://")
    cookie = {"name": Cookies(home).session, "value": secret, "url": place, "secure": True, "httpOnly": True}
    await page.context.add_cookies([cookie])  # type: ignore[list-item]  # the names are those that it takes


async def violations(page: Page) -> list[str]:
    """What axe-core finds on the page, one line a place."""
    await page.evaluate((ROOT / "node_modules" / AXE).read_text(encoding="utf-8"))
    found = await page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [f"{one['id']}: {node['html'][:120]}" for one in found["violations"] for node in one["nodes"]]
