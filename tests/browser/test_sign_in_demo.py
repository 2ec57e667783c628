"""Signing in at the demo's provider: the real services, real redirects between two sites."""

import asyncio
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, Page, expect

from infra.local.sign_in_provider import Account
from infra.local.stack import Stack, StackSettings
from shared.sign_in.cached import FAILED
from tests.suites.sign_in import NOBODY, REPORTED, RESPONDER, SignInSuite, World, heading, world_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]


class DemoProvider:
    """Asks only who one is."""

    names = (REPORTED.username,)

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer

    def subject(self, account: Account) -> str:
        return account.subject

    async def enter(self, page: Page, account: Account) -> None:
        await heading(page, "Who are you?")
        await page.get_by_role("button", name=account.username).click()

    async def leave(self, page: Page) -> None: ...


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(StackSettings.private()) as stack:
        yield stack


@pytest.fixture(scope="module")
def world(stack: Stack) -> Iterator[World]:
    # Under another name it is another site to a browser, as a provider is.
    with world_of(stack, DemoProvider(stack.sign_in.replace("127.0.0.1", "localhost"))) as world:
        yield world


class TestAtTheDemosProvider(SignInSuite):
    pass


async def test_a_person_who_does_not_want_to_sign_in_is_told_how_to_go_on(browser: Browser, world: World) -> None:
    page = await browser.new_page()
    await page.goto(world.desk)
    await page.get_by_role("button", name="Sign in with").click()
    await page.get_by_role("button", name="Do not sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("did not say who you are")
    await expect(page.get_by_role("button", name="Sign in with")).to_be_visible()


async def test_while_the_provider_is_down_sessions_go_on_and_the_sign_in_page_says_so(
    browser: Browser, stack: Stack, world: World
) -> None:
    page, late = await (await browser.new_context()).new_page(), await (await browser.new_context()).new_page()
    await world.sign_in(page, RESPONDER)
    await late.goto(world.desk)
    await late.get_by_role("button", name="Sign in with").click()
    await heading(late, "Who are you?")
    stack.process("sign_in").stop()
    # It forgets what it knew of the provider, and keeps the sessions.
    world.system.restart("triage", kill=False)
    await page.reload()
    await heading(page, "Cases")
    await late.goto(f"{world.desk}/sign-in")
    await late.get_by_role("button", name="Sign in with").click()
    await expect(late.get_by_role("status")).to_contain_text("Nobody can sign in just now")
    await page.get_by_role("button", name="Sign out").click()
    await heading(page, "You are signed out")
    await expect(page.get_by_role("link", name="Sign out at")).to_have_count(0)
    stack.start_sign_in()
    # For so long the failure stands, however soon the provider is back.
    await asyncio.sleep(FAILED.total_seconds())
    await world.sign_in(late, NOBODY)
    await heading(late, "You have no task here yet")
