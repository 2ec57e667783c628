"""Signing in at a real Keycloak: the real services, real redirects between two sites, and logout from its side."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.async_api import Browser, Page, expect

from infra.local.keycloak import PASSWORD, REALM, KeycloakServer
from infra.local.sign_in_provider import Account
from infra.local.stack import Stack, StackSettings
from infra.services import SERVICES
from tests.suites.sign_in import COORDINATOR, REPORTED, RESPONDER, SignInSuite, World, eventually, heading, world_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.asyncio(loop_scope="session")]


class RealProvider:
    """Asks for name and password, and before it ends a session whether one means it."""

    names = (REPORTED.subject, REPORTED.username)

    def __init__(self, server: KeycloakServer) -> None:
        self.issuer = server.issuer
        users = json.loads(REALM.read_text(encoding="utf-8"))["users"]
        self._subjects = {user["username"]: user["id"] for user in users}

    def subject(self, account: Account) -> str:
        found: str = self._subjects[account.subject]
        return found

    async def enter(self, page: Page, account: Account) -> None:
        await expect(page.locator("#password")).to_be_visible()
        # Whoever is to prove again who they are is not asked for the name.
        if await page.locator("input#username:visible").count():
            await page.locator("#username").fill(account.subject)
        await page.locator("#password").fill(PASSWORD)
        await page.locator("#kc-login").click()

    async def leave(self, page: Page) -> None:
        await page.locator("#kc-logout").click()


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(StackSettings.private("kafka", "mongo", "mail")) as stack:
        yield stack


@pytest.fixture(scope="module")
def server(keycloak: KeycloakServer) -> KeycloakServer:
    # Under another name it is another site to a browser, as a provider is; it calls itself as it is called.
    return replace(keycloak, address=keycloak.address.replace("127.0.0.1", "localhost"))


@pytest.fixture(scope="module")
def world(stack: Stack, server: KeycloakServer) -> Iterator[World]:
    with world_of(stack, RealProvider(server)) as world:
        for name, service in SERVICES.items():
            if service.client:
                server.move_client(service.client, world.system.url(name))
        yield world


class TestAtKeycloak(SignInSuite):
    pass


async def test_a_sign_out_from_its_side_ends_the_sessions_at_every_service(
    browser: Browser, server: KeycloakServer, world: World
) -> None:
    page, second, other = [await (await browser.new_context()).new_page() for _ in range(3)]
    await world.sign_in(other, RESPONDER)
    await world.sign_in(second, COORDINATOR)
    await world.sign_in(page, COORDINATOR)
    for address, title in ((world.record, "The record"), (world.outbox, "Outbox")):
        await page.goto(address)
        await page.get_by_role("button", name="Sign in with").click()
        await expect(page).to_have_url(address)
        await eventually(page, title)
    entered = {service.client for service in SERVICES.values() if service.client}
    await asyncio.to_thread(server.wait_for_session, COORDINATOR.subject, entered)
    await asyncio.to_thread(server.sign_out, COORDINATOR.subject)
    for address in (f"{world.desk}/roster", world.record, world.outbox):
        await page.goto(address)
        await eventually(page, "Sign in")
    await second.reload()
    await eventually(second, "Sign in")
    await other.reload()
    await heading(other, "Cases")
    # The session there has ended, too: it asks for the password.
    await world.sign_in(page, COORDINATOR, f"{world.desk}/roster")
