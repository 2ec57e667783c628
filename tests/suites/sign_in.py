"""Signing in to the real services in Chromium, at whatever provider; run at the demo's and at Keycloak."""

import asyncio
import base64
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

import httpx
from playwright.async_api import Browser, Page, expect
from pymongo import MongoClient

from infra.commands.people.editor import run_with_editor
from infra.local.people import enrol
from infra.local.sign_in_provider import ACCOUNTS, Account
from infra.local.stack import Stack
from infra.local.system import System, run_system
from services.triage.roster.actions import RosterEditor
from shared.access.authorization import FRESH
from shared.access.principal import Role
from shared.access.roster_store import MongoRoster
from shared.ids import case_id_of
from shared.policy import load_policy
from shared.sign_in.cookies import Cookies
from shared.sign_in.identity import person_ref
from shared.times import now

RESPONDER, COORDINATOR, AUDITOR, OPERATOR, REPORTED, NOBODY = ACCOUNTS
ROLES = {
    RESPONDER: (Role.RESPONDER,),
    COORDINATOR: (Role.COORDINATOR, Role.AUDITOR, Role.OPERATOR),
    REPORTED: (Role.RESPONDER,),
}
"""Who is on the roster, and as what."""
BODIES = tuple(load_policy().bodies)
PATIENCE = 60.0


class Provider(Protocol):
    """What differs between providers: what a person meets there."""

    issuer: str

    @property
    def names(self) -> Sequence[str]:
        """By which names it calls REPORTED."""

    def subject(self, account: Account) -> str: ...

    async def enter(self, page: Page, account: Account) -> None:
        """Say who one is, on the page that asks for it."""

    async def leave(self, page: Page) -> None:
        """End the session there, on the page to which signing out there leads."""


@dataclass
class World:
    """The four services, and a provider at which people sign in to them."""

    system: System
    provider: Provider
    reader: str = field(init=False)

    def __post_init__(self) -> None:
        async def work(book: RosterEditor, _: MongoRoster) -> None:
            for account, roles in ROLES.items():
                for role in roles:
                    bodies = BODIES if role in (Role.RESPONDER, Role.COORDINATOR) else ()
                    await enrol(book, self.ref(account), role, bodies, now())

        run_with_editor(self.system.stack.mongo, "", self.system.stack.mongo_access("triage"), work)
        self.reader = self.system.token(Role.RESPONDER, *BODIES)

    @property
    def desk(self) -> str:
        return f"{self.system.url('triage')}/desk"

    @property
    def record(self) -> str:
        return f"{self.system.url('audit')}/audit"

    @property
    def outbox(self) -> str:
        return f"{self.system.url('notification')}/outbox"

    def ref(self, account: Account) -> str:
        """The reference of an account's person."""
        key = base64.b64decode(self.system.environment["HEARTH_IDENTITY_KEY"])
        return person_ref(key, self.provider.issuer, self.provider.subject(account))

    async def open_case(self, reported: str) -> dict[str, Any]:
        """The case of a report that names somebody, once it stands with a handling body."""
        report: dict[str, Any] = {"community": "enwiki", "category": "harassment.insults", "narrative": "Insults."}
        report["reported"] = [{"name": reported}]
        async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
            sent = (await http.post(f"{self.system.url('intake')}/v1/reports", json=report)).raise_for_status().json()
            return await self.case(case_id_of(sent["report_id"]))

    async def case(self, case_id: str) -> dict[str, Any]:
        """A case as a responder's program sees it, waited for."""
        deadline = time.monotonic() + PATIENCE
        async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
            while True:
                bearer = {"Authorization": f"Bearer {self.reader}"}
                answer = await http.get(f"{self.system.url('triage')}/v1/cases/{case_id}", headers=bearer)
                if answer.status_code == 200 or time.monotonic() > deadline:
                    found: dict[str, Any] = answer.raise_for_status().json()
                    return found
                await asyncio.sleep(0.3)

    async def sign_in(self, page: Page, account: Account, address: str | None = None) -> None:
        """Everything from a page of ours to the same page, by way of the provider, where nobody is signed in yet."""
        await page.goto(address or self.desk)
        await page.get_by_role("button", name="Sign in with").click()
        await self.provider.enter(page, account)
        await expect(page).to_have_url(re.compile(re.escape((address or self.desk).partition("/sign-in")[0])))

    def age_sessions(self, account: Account) -> None:
        """Let the last proof of who somebody is be too old for what needs a fresh one."""
        with MongoClient[dict[str, Any]](self.system.stack.mongo) as client:
            then = {"authenticated_at": now() - FRESH - timedelta(seconds=1)}
            aged = client["triage"]["sessions"].update_many({"person": self.ref(account)}, {"$set": then})
            assert aged.matched_count

    async def sign_in_again(self, page: Page, account: Account) -> None:
        """Where the page asks for it: the provider asks again, and leads back to the form."""
        await expect(page.get_by_text("nothing you wrote is lost")).to_be_visible()
        await page.get_by_role("button", name="Sign in with").click()
        await self.provider.enter(page, account)
        await expect(page.get_by_text("what you wrote stands in the form below")).to_be_visible()


@contextmanager
def world_of(stack: Stack, provider: Provider) -> Iterator[World]:
    """The services on `stack`, which people enter by `provider`."""
    with run_system(stack, {"HEARTH_SIGN_IN_ISSUER": provider.issuer}) as system:
        yield World(system, provider)


async def heading(page: Page, text: str) -> None:
    """Expect to be on the page with this title."""
    await expect(page.get_by_role("heading", level=1)).to_have_text(text)


async def eventually(page: Page, text: str) -> None:
    """Load the page again until it has this title: what the roster says takes seconds to every service."""
    deadline = time.monotonic() + PATIENCE
    while await page.get_by_role("heading", level=1).inner_text() != text and time.monotonic() < deadline:
        await page.wait_for_timeout(500)
        await page.reload()
    await heading(page, text)


class SignInSuite:
    """Subclasses give a fixture `world`."""

    async def test_a_responder_signs_in_works_and_signs_out_everywhere(self, browser: Browser, world: World) -> None:
        case = await world.open_case("Somebody Else")
        context = await browser.new_context(java_script_enabled=False)
        page = await context.new_page()
        await page.goto(f"{world.desk}?state=triaged")
        await page.get_by_role("button", name="Sign in with").click()
        await world.provider.enter(page, RESPONDER)
        await expect(page).to_have_url(f"{world.desk}?state=triaged")
        await heading(page, "Cases")
        await expect(page.get_by_role("link", name=case["code_name"])).to_be_visible()
        secret = [c for c in await context.cookies(world.desk) if c["name"] == Cookies("/desk").session]
        assert [(c["secure"], c["httpOnly"], c["sameSite"], c["path"]) for c in secret] == [(True, True, "Lax", "/")]

        await page.get_by_role("button", name="Sign out").click()
        await heading(page, "You are signed out")
        assert not [c for c in await context.cookies(world.desk) if c["name"] == Cookies("/desk").session]
        await page.get_by_role("link", name="Sign out at").click()
        await world.provider.leave(page)
        await expect(page).to_have_url(f"{world.desk}/sign-in")
        # The provider asks who they are again, and the secret that the browser had opens nothing any more.
        await world.sign_in(page, RESPONDER)
        await heading(page, "Cases")
        async with httpx.AsyncClient(cookies={c["name"]: c["value"] for c in secret}, trust_env=False) as http:
            answer = await http.get(world.desk, headers={"accept": "text/html"})
            assert (answer.status_code, answer.has_redirect_location) == (303, True)
        await context.close()

    async def test_a_person_on_no_roster_sees_their_own_reference(self, browser: Browser, world: World) -> None:
        case = await world.open_case("Somebody Else")
        context = await browser.new_context()
        page = await context.new_page()
        await world.sign_in(page, NOBODY)
        await heading(page, "You have no task here yet")
        await expect(page.get_by_text(world.ref(NOBODY))).to_be_visible()
        await page.goto(f"{world.desk}/cases/{case['code_name']}")
        await heading(page, "You have no task here yet")
        assert case["code_name"] not in await page.content()
        await page.get_by_role("button", name="Sign out").click()
        await heading(page, "You are signed out")
        await context.close()

    async def test_one_sign_in_opens_desk_record_and_outbox(self, browser: Browser, world: World) -> None:
        context = await browser.new_context()
        page = await context.new_page()
        await world.sign_in(page, COORDINATOR)
        for address, title in ((world.record, "The record"), (world.outbox, "Outbox")):
            await page.goto(address)
            await heading(page, "Sign in")
            await page.get_by_role("button", name="Sign in with").click()
            await expect(page).to_have_url(address)
            await eventually(page, title)
        # Another person with no such role, at the same addresses.
        other = await (await browser.new_context()).new_page()
        await world.sign_in(other, RESPONDER, world.record)
        assert await other.get_by_role("heading", level=1).inner_text() != "The record"
        await other.context.close()
        await context.close()

    async def test_a_decision_waits_for_a_fresh_sign_in_and_nothing_written_is_lost(
        self, browser: Browser, world: World
    ) -> None:
        case = await world.open_case("Somebody Else")
        context = await browser.new_context()
        page = await context.new_page()
        await world.sign_in(page, RESPONDER, f"{world.desk}/cases/{case['code_name']}")
        await heading(page, case["code_name"])
        await page.get_by_role("button", name="Take this case").click()
        await page.get_by_role("button", name="Start to look into it").click()
        # The likeliest form stands open.
        await page.locator("#decide-outcome").select_option("warning")
        await page.get_by_label("Reasons").fill("The edits show it.")
        world.age_sessions(RESPONDER)
        await page.wait_for_timeout(4000)  # for as long a service answers from memory
        await page.get_by_role("button", name="Record the decision").click()
        await expect(page.get_by_text("needs a sign-in of the last ten minutes")).to_be_visible()
        assert (await world.case(case["id"]))["outcome"] is None
        await world.sign_in_again(page, RESPONDER)
        await expect(page.get_by_label("Reasons")).to_have_value("The edits show it.")
        await page.get_by_role("button", name="Record the decision").click()
        await expect(page.get_by_role("status")).to_be_visible()
        assert (await world.case(case["id"]))["outcome"] == "warning"
        await context.close()

    async def test_a_change_of_the_roster_waits_for_a_fresh_sign_in(self, browser: Browser, world: World) -> None:
        context, at_work = await browser.new_context(), await browser.new_context()
        page, responder = await context.new_page(), await at_work.new_page()
        await world.sign_in(responder, RESPONDER)
        await world.sign_in(page, COORDINATOR, f"{world.desk}/roster/{world.ref(RESPONDER)}")
        await expect(page.get_by_text(world.ref(RESPONDER))).to_be_visible()
        world.age_sessions(COORDINATOR)
        await page.wait_for_timeout(4000)  # as above
        await page.get_by_text("Sign out everywhere", exact=True).click()
        await page.get_by_role("button", name="Sign out in every service").click()
        await expect(page.get_by_text("needs a sign-in of the last ten minutes")).to_be_visible()
        await responder.reload()
        await heading(responder, "Cases")
        await world.sign_in_again(page, COORDINATOR)
        await page.get_by_role("button", name="Sign out in every service").click()
        await expect(page.get_by_role("status")).to_contain_text("The person is signed out")
        await responder.reload()
        await eventually(responder, "Sign in")
        await context.close()
        await at_work.close()

    async def test_a_person_named_by_a_report_is_shut_out_under_each_of_their_names(
        self, browser: Browser, world: World
    ) -> None:
        about_them = [await world.open_case(name) for name in world.provider.names]
        other = await world.open_case("Somebody Else")
        context = await browser.new_context()
        page = await context.new_page()
        await world.sign_in(page, REPORTED)
        await expect(page.get_by_role("link", name=other["code_name"])).to_be_visible()
        shown = await page.content()
        assert not [case["code_name"] for case in about_them if case["code_name"] in shown]
        for case in about_them:
            answer = await page.goto(f"{world.desk}/cases/{case['code_name']}")
            assert answer is not None
            assert answer.status == 404
        await context.close()
