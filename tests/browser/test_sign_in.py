"""Signing in and out in a real browser, with real redirects between two sites; and pages that everybody can use."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from infra.local.ports import Ports
from shared.access.authorization import FRESH
from shared.sign_in.attempts import Registration
from shared.sign_in.providers import callback_address
from tests.stand_ins import oidc as oidc_stand_in
from tests.stand_ins.oidc import OidcStandIn
from tests.support.browser_rig import View, looks, serving
from tests.support.sign_in_rig import HOME, Rig, ada, make_rig

pytestmark = pytest.mark.asyncio(loop_scope="session")

COOKIE = "__Host-hearth-desk"


class Later:
    """An application that is made once its address is known."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@dataclass
class Two:
    """A desk and a provider, which are two sites to a browser."""

    address: str
    rig: Rig
    provider: OidcStandIn


@asynccontextmanager
async def rig_at(address: str, issuer: str) -> AsyncIterator[Rig]:
    known = Registration(issuer, oidc_stand_in.CLIENT, oidc_stand_in.SECRET, callback_address(address, HOME))
    rig = make_rig("openid", known, address=address)
    yield rig
    await rig.flow.provider.aclose()


@pytest_asyncio.fixture(loop_scope="session")
async def two() -> AsyncIterator[Two]:
    desk, id_host = Later(), Later()
    async with serving(desk) as address, serving(id_host) as id_address:
        # Under another name it is another site, as a provider is.
        provider = OidcStandIn(issuer=id_address.replace("127.0.0.1", "localhost"), ask=True)
        async with rig_at(address, provider.issuer) as rig:
            rig.enrol(ada(provider))
            desk.app, id_host.app = rig.app, provider.app
            yield Two(address, rig, provider)


@pytest.fixture
def mock_provider() -> Iterator[str]:
    """The issuer of oidc-provider-mock as it comes, in a process of its own."""
    with Ports() as ports:
        port = ports.any_free()
        command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            issuer = f"http://localhost:{port}"
            transport = httpx.HTTPTransport(retries=30)
            with httpx.Client(transport=transport) as http:
                http.get(f"{issuer}/.well-known/openid-configuration").raise_for_status()
            yield issuer
        finally:
            process.terminate()
            process.wait(10)


async def sign_in(page: Page, two: Two, path: str = HOME) -> None:
    await page.goto(f"{two.address}{path}")
    await page.get_by_role("button", name="Sign in with").click()
    await page.get_by_role("button", name="Allow").click()
    # The way leads back over the provider's redirects; what a test does next must not overtake them.
    await page.wait_for_url(f"{two.address}{HOME}**")


async def test_a_person_signs_in_steps_up_and_signs_out_without_javascript(browser: Browser, two: Two) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await sign_in(page, two, f"{HOME}?state=open")
    await expect(page).to_have_url(f"{two.address}{HOME}?state=open")
    await expect(page.get_by_text(ada(two.provider))).to_be_visible()
    (cookie,) = [one for one in await context.cookies() if one["name"] == COOKIE]
    # Over plain HTTP on this machine, which browsers trust.
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, True, "Lax", "/")
    assert cookie["expires"] == -1

    two.rig.clock.ahead += FRESH + timedelta(seconds=5)
    await page.goto(f"{two.address}{HOME}/decide")
    await expect(page.get_by_text("needs a sign-in of the last ten minutes")).to_be_visible()
    two.rig.clock.ahead = timedelta()
    await page.get_by_role("button", name="Sign in with").click()
    await page.get_by_role("button", name="Allow").click()
    await expect(page.get_by_text("decided")).to_be_visible()
    assert two.provider.asked[-1]["prompt"] == "login"
    assert [one["value"] for one in await context.cookies() if one["name"] == COOKIE] != [cookie["value"]]

    await page.goto(f"{two.address}{HOME}/sessions")
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    assert [one["name"] for one in await context.cookies(two.address)] == []
    assert two.rig.store.sessions == {}
    await page.get_by_role("link", name="Sign out at").click()
    await expect(page).to_have_url(f"{two.address}{HOME}/sign-in")
    await page.goto(f"{two.address}{HOME}")
    await expect(page.get_by_role("button", name="Sign in with")).to_be_visible()


async def test_a_library_of_others_signs_people_in(browser: Browser, mock_provider: str) -> None:
    desk = Later()
    async with serving(desk) as address, rig_at(address, mock_provider) as rig:
        desk.app = rig.app
        page = await browser.new_page()
        await page.goto(f"{address}{HOME}")
        await page.get_by_role("button", name="Sign in with").click()
        await page.get_by_placeholder("sub").fill("ada@example.org")
        await page.get_by_role("button", name="Authorize").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("You have no task here yet")
        (session,) = rig.store.sessions.values()
        assert (session.issuer, rig.asked[0].subject) == (mock_provider, "ada@example.org")
        assert session.authenticated_at is not None
        assert rig.clock() - session.authenticated_at <= FRESH
        assert rig.refusals == []
        await page.goto(f"{address}{HOME}/sign-in")
        await page.get_by_role("button", name="Sign in with").click()
        await page.get_by_role("button", name="Deny").click()
        # It sends no state back with its refusal, so nobody can say what was refused.
        await expect(page.get_by_role("alert")).to_contain_text("Please start again")


async def test_a_logout_at_the_provider_ends_what_the_browser_holds(browser: Browser, two: Two) -> None:
    page = await browser.new_page()
    await sign_in(page, two)
    async with httpx.AsyncClient() as http:
        told = {"logout_token": two.provider.logout_token()}
        assert (await http.post(f"{two.address}{HOME}/sign-in/back-channel", data=told)).status_code == 200
    await page.reload()
    await expect(page.get_by_role("button", name="Sign in with")).to_be_visible()


async def test_a_person_ends_a_session_on_another_device(browser: Browser, two: Two) -> None:
    one, two_ = await browser.new_context(), await browser.new_context()
    desk, phone = await one.new_page(), await two_.new_page()
    await sign_in(desk, two)
    await sign_in(phone, two)
    await desk.goto(f"{two.address}{HOME}/sessions")
    await expect(desk.get_by_text("This browser")).to_have_count(1)
    await desk.get_by_role("button", name="End", exact=False).first.click()
    await expect(desk.get_by_role("status")).to_contain_text("Ended.")
    await phone.reload()
    await expect(phone.get_by_role("button", name="Sign in with")).to_be_visible()


async def test_a_provider_that_is_down_is_said_to_be(browser: Browser, two: Two) -> None:
    page = await browser.new_page()
    await sign_in(page, two)
    two.provider.down = True
    two.rig.clock.ahead += timedelta(minutes=2)
    await page.goto(f"{two.address}{HOME}")
    await expect(page.get_by_text(ada(two.provider))).to_be_visible()
    await page.goto(f"{two.address}{HOME}/sign-in")
    await page.get_by_role("button", name="Sign in with").click()
    await expect(page.get_by_role("status")).to_contain_text("Nobody can sign in just now")


@looks(320, "ltr", "rtl")
async def test_every_page_of_signing_in_is_accessible_and_fits(browser: Browser, two: Two, view: View) -> None:
    page = await view.page(browser)
    await page.goto(f"{two.address}{HOME}/sign-in?fresh=1")
    await view.judge(page)
    two.provider.refuse = "access_denied"
    await sign_in(page, two)
    await view.judge(page)
    two.provider.refuse = None
    other = await (await browser.new_context()).new_page()
    await sign_in(other, two)
    await sign_in(page, two)
    await view.judge(page)
    await page.goto(f"{two.address}{HOME}/sessions?ended=1")
    await view.judge(page)
    await page.get_by_role("button", name="Sign out").click()
    await view.judge(page)
