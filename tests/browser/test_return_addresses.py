"""What is taken for an address of our own is one to a real browser, too."""

from itertools import product

import pytest
from playwright.async_api import Browser

from shared.web.redirects import own_address

pytestmark = pytest.mark.asyncio(loop_scope="session")

BASE = "https://hearth.example/desk/sign-in"
PIECES = (
    "", "/", "//", "\\", "desk", "/desk", "/desk/", "evil.example", "@", ":", "?", "#", "..", "%2e%2e", "%2f", "%5c",
    "\t", "\n", " ", "\x00", "\u2215", "\uff0f", "https:", "javascript:", "user:pass@", "é", "%", "a",
)  # fmt: skip
READ = """([base, addresses]) => addresses.filter(address => {
  const read = new URL(address, base);
  return read.origin !== new URL(base).origin || !/^\\/desk(\\/|$)/.test(read.pathname);
})"""


async def test_no_return_address_leads_elsewhere_in_a_real_browser(browser: Browser) -> None:
    tried = {"".join(pieces) for pieces in product(PIECES, repeat=3)}
    found = sorted({own_address(address, "/desk") for address in tried})
    assert len(tried) > 15_000
    assert len(found) > 50
    page = await browser.new_page()
    assert await page.evaluate(READ, [BASE, found]) == []
