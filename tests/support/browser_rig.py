"""What every test in a browser has: an application on a port of its own, and what axe-core finds on a page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Page

from infra.assets import AXE, ROOT
from infra.local.ports import Ports
from shared.sign_in.cookies import Cookies

CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def looks(narrow: int, *ways: str) -> list[Any]:
    """(way of reading, width, color scheme) of the pictures of a page: one for every run, the rest slow."""
    first, second = ways
    others = [(second, narrow, "dark"), (first, 1280, "dark"), (second, 1280, "light")]
    return [pytest.param(first, narrow, "light"), *(pytest.param(*look, marks=pytest.mark.slow) for look in others)]


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """The application's address, without a trailing slash; its lifespan is off, so nothing is consumed or published."""
    with Ports() as ports:
        port = ports.any_free()
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", ws="none", lifespan="off"))
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
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
