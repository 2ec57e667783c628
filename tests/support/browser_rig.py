"""What every test in a browser has: an application on a port of its own, and what axe-core finds on a page."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
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
HEIGHT = 800
PICTURES = os.environ.get("HEARTH_PICTURES")
"""A folder for pictures of the pages; without it, none are made."""
OPEN = """([open, but]) =>
  document.querySelectorAll('details').forEach(one => { one.open = open && !(but && one.matches(but)) })"""
# What passes is thousands of places on a long page; to tell of them takes four times as long as to find them.
VIOLATIONS = """async rules => {
  const found = await axe.run(document, {runOnly: rules, resultTypes: ['violations']});
  return found.violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.html.slice(0, 120)}`)) }"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass(frozen=True)
class Look:
    """How a page is looked at: the way of reading, the width, the color scheme."""

    way: str
    width: int
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        return f"{self.way}-{self.width}-{self.scheme}"

    async def take(self, page: Page) -> None:
        """Look at the page so from now on; its way of reading is its own affair."""
        await page.set_viewport_size({"width": self.width, "height": HEIGHT})
        await page.emulate_media(color_scheme=self.scheme)


@dataclass(frozen=True)
class View:
    """The looks at every page of one walk: what a page shows is judged in each of them, and the walk goes on."""

    looks: tuple[Look, ...]

    def __str__(self) -> str:
        return "+".join(map(str, self.looks))

    async def page(self, browser: Browser) -> Page:
        """A page of a browser of its own."""
        # Colors that turn slowly into those of another scheme would be judged on their way.
        context = await browser.new_context(reduced_motion="reduce")
        page = await context.new_page()
        await self.looks[-1].take(page)
        return page

    async def judge(self, page: Page, picture: str = "", *, opened: bool = True, but: str = "") -> None:
        """Assert that everybody can use the page, with its details `opened` or closed, and keep it as a `picture`.

        `but`: a selector of those that stay closed.
        """
        await page.evaluate(OPEN, [opened, but])
        for look in self.looks:
            await look.take(page)
            await page.evaluate("way => { document.documentElement.dir = way }", look.way)
            await judge(page)
            if PICTURES and picture:
                await page.screenshot(path=Path(PICTURES) / f"{picture}-{look}.png", full_page=True)


def looks(narrow: int, *ways: str) -> Any:
    """The marks of a test that gets a `view`: with one look for every run, with all others for the slow ones."""
    first, second = ways
    others = View((Look(first, 1280, "dark"), Look(second, 1280, "light"), Look(second, narrow, "dark")))
    slow = pytest.param(others, marks=pytest.mark.slow)
    return pytest.mark.parametrize("view", [View((Look(first, narrow, "light"),)), slow], ids=str)


async def judge(page: Page) -> None:
    """Assert that axe-core finds nothing on the page, and that nobody has to scroll sideways."""
    found = await violations(page)
    assert not found, "\n".join(found)
    over = await page.evaluate(OVERFLOW)
    assert over <= 0, f"{over} px are beside the page"


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
    if await page.evaluate("() => typeof axe === 'undefined'"):
        await page.evaluate((ROOT / "node_modules" / AXE).read_text(encoding="utf-8"))
    found: list[str] = await page.evaluate(VIOLATIONS, RULES)
    return found
