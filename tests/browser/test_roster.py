"""The roster in a real browser: a role given and taken without JavaScript, and pages that everybody can use."""

from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from shared.access.authorization import FRESH
from shared.access.principal import Grant, Leave, Principal, Role, Training
from shared.times import now
from tests.support.browser_rig import View, hold_session, looks
from tests.support.people import auditor, own_names, person, session_of
from tests.support.triage_rig import ALICE, BOB, CORA, TICKET, Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHIEF = person("c1", Grant(Role.COORDINATOR))
NEW = "person:00000000000000ee"


async def sign_in(page: Page, rig: Rig, address: str, age: timedelta = timedelta()) -> None:
    rig.entries.enrol(CHIEF)
    await hold_session(
        page, address, "/desk", await session_of(rig.sessions, CHIEF, age=age, own=own_names(CHIEF, TICKET))
    )


async def fill_the_roster(rig: Rig) -> None:
    at = now()
    ending = replace(
        ALICE,
        grants=(*ALICE.grants, Grant(Role.AUDITOR, scopes=("meta",), expires_at=at + timedelta(days=9))),
        confidential_until=at + timedelta(days=3),
        trainings=(Training("A", at - timedelta(days=300), at + timedelta(days=65)), Training("B", at, at)),
        leaves=(Leave(at - timedelta(days=1)),),
    )
    for who in (ending, BOB, CORA, auditor(), replace(person("99"), confidential_until=None, trainings=())):
        rig.entries.enrol(who)
    rig.entries.enrol(replace(person("77", Grant(Role.OPERATOR)), confidential_until=at - timedelta(days=1)))
    await session_of(rig.sessions, ALICE, agent="Firefox, Linux")
    await session_of(rig.sessions, ALICE)


async def test_times_are_in_the_zone_of_the_browser_and_its_pages_say_so(
    rig: Rig, browser: Browser, address: str
) -> None:
    await fill_the_roster(rig)
    context = await browser.new_context(timezone_id="Asia/Tokyo")
    page = await context.new_page()
    await sign_in(page, rig, address)
    for path in ("/desk/roster", f"/desk/roster/{ALICE.ref}", "/desk/sessions"):
        await page.goto(f"{address}{path}")
        await expect(page.get_by_text("in the zone Asia/Tokyo")).to_be_visible()
        await expect(page.get_by_text("Times are in UTC.")).to_be_hidden()
        time = page.locator("time[datetime*=T]").first
        await expect(time).to_contain_text("GMT+9")
        assert "UTC" in (await time.get_attribute("title") or "")
    await context.close()


async def test_a_role_is_given_and_taken_without_javascript(rig: Rig, browser: Browser, address: str) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await sign_in(page, rig, address)
    await page.goto(f"{address}/desk")
    await page.get_by_role("link", name="Roster").click()
    await page.get_by_label("Find a person by code name or reference").fill(NEW)
    await page.get_by_role("button", name="Find").click()
    await page.get_by_text("Give a role", exact=True).click()
    await page.get_by_label("Role", exact=True).select_option("responder")
    await page.locator("#grant-bodies-stewards").check()
    await page.locator("#grant-expires_at").fill(f"{now() + timedelta(days=20):%Y-%m-%d}")
    await page.locator("#grant-names").fill("Ada Example")
    await page.get_by_role("button", name="Give the role").click()
    await expect(page.get_by_role("status")).to_contain_text("The role has been given.")
    await expect(page.get_by_text("Ends within 30 days")).to_be_visible()
    assert rig.entries.of(NEW).entry.grants[0].bodies == ("stewards",)
    await page.get_by_text("Take a role away", exact=True).click()
    await page.locator("#revoke-role").select_option("responder")
    await page.get_by_role("button", name="Take it away").click()
    await expect(page.get_by_role("status")).to_contain_text("taken away")
    assert rig.entries.of(NEW).entry.grants == ()


async def test_names_are_given_with_a_role_and_taken_away_by_two(rig: Rig, browser: Browser, address: str) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    second = person("c5", Grant(Role.COORDINATOR))

    async def come_as(who: Principal) -> None:
        rig.entries.enrol(who)
        secret = await session_of(rig.sessions, who, own=own_names(who, TICKET))
        await hold_session(page, address, "/desk", secret)
        await page.goto(f"{address}/desk/roster/{NEW}")

    await come_as(CHIEF)
    await page.get_by_text("Give a role", exact=True).click()
    await page.get_by_label("Role", exact=True).select_option("operator")
    await page.get_by_role("button", name="Give the role").click()
    await page.get_by_role("alert").get_by_role("link", name="User names of this person").click()
    await page.locator("#grant-names").fill("Ada Example")
    await page.get_by_role("button", name="Give the role").click()
    await expect(page.get_by_role("status")).to_contain_text("The role has been given.")
    assert rig.vault.asked == [("Ada Example",)]
    await expect(page.get_by_text("Ada Example")).to_have_count(0)
    await page.get_by_role("button", name="Not their name").click()
    await expect(page.get_by_text("You said that this is not the person’s name.")).to_be_visible()
    await come_as(second)
    await page.get_by_role("button", name="Agree, and take it away").click()
    await expect(page.get_by_text("Name that a coordinator gave")).to_have_count(0)
    assert rig.entries.of(NEW).names == ()


async def test_a_session_of_another_person_is_ended(rig: Rig, browser: Browser, address: str) -> None:
    await fill_the_roster(rig)
    page = await browser.new_page()
    await sign_in(page, rig, address)
    await page.goto(f"{address}/desk/roster/{ALICE.ref}")
    await page.get_by_role("button", name="End Firefox, Linux").click()
    await expect(page.get_by_role("status")).to_contain_text("The session has ended.")
    await expect(page.get_by_text("Firefox, Linux")).to_have_count(0)
    await page.get_by_text("Sign out everywhere", exact=True).click()
    await page.get_by_role("button", name="Sign out in every service").click()
    await expect(page.get_by_text("None.", exact=True)).to_be_visible()
    assert await rig.sessions.of_person(ALICE.ref) == []


async def test_an_old_sign_in_is_said_before_anybody_writes_and_what_was_typed_is_kept(
    rig: Rig, browser: Browser, address: str
) -> None:
    page = await browser.new_page()
    await sign_in(page, rig, address, age=FRESH + timedelta(minutes=1))
    await page.goto(f"{address}/desk/roster/{NEW}")
    await page.get_by_text("Give a role", exact=True).click()
    await expect(page.get_by_text("Sign in again before you write.").first).to_be_visible()
    await page.get_by_label("Role", exact=True).select_option("operator")
    await page.get_by_role("button", name="Give the role").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(page.get_by_text("nothing you wrote is lost")).to_be_visible()
    assert await page.locator("input[name=draft]").get_attribute("value")


async def test_a_mistake_leads_to_its_field(rig: Rig, browser: Browser, address: str) -> None:
    page = await browser.new_page()
    await sign_in(page, rig, address)
    await page.goto(f"{address}/desk/roster/{NEW}")
    await page.get_by_text("Give a role", exact=True).click()
    await page.get_by_label("Role", exact=True).select_option("responder")
    await page.get_by_role("button", name="Give the role").click()
    await page.get_by_role("alert").get_by_role("link", name="Handling bodies").click()
    assert await page.locator(":focus").get_attribute("id") == "grant-bodies"


@looks(360, "ltr", "rtl")
async def test_every_page_of_the_roster_is_accessible_and_fits(
    rig: Rig, browser: Browser, address: str, view: View
) -> None:
    await fill_the_roster(rig)
    page = await view.page(browser)
    await sign_in(page, rig, address)
    await page.goto(f"{address}/desk/roster")
    await view.judge(page, "roster")
    await page.goto(f"{address}/desk/roster?person=Ada")
    await view.judge(page)
    for ref in (ALICE.ref, NEW, CHIEF.ref):
        await page.goto(f"{address}/desk/roster/{ref}")
        await view.judge(page, opened=False)
        await view.judge(page)
    await page.goto(f"{address}/desk/roster/{ALICE.ref}")
    await page.locator("summary").first.click()
    await page.get_by_role("button", name="Enrol", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await view.judge(page, "roster-enrol")
