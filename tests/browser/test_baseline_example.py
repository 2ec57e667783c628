"""The worked example of docs/baseline.md on running pages. HEARTH_PICTURES=docs/images makes its pictures anew."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from services.triage.baseline.scorecards import AuditScorecards
from shared.policy.baseline import load_catalogue
from shared.times import now
from tests.support.audit_world import AuditWorld
from tests.support.baseline_example import WIKI, Example, read_rows
from tests.support.browser_rig import PICTURES, hold_session, serving
from tests.support.people import session_of
from tests.support.scorecard_record import DAY, START
from tests.support.triage_rig import make_rig

pytestmark = pytest.mark.asyncio(loop_scope="session")

APPEALS, REPORTS = "HB-09", 80
"""What the coordinator attests in the pictures, and the day on which enough reports have been answered."""


async def take(page: Page, name: str, part: Locator | None = None) -> None:
    """Take a picture of what the browser shows, or of a part of the page as a whole."""
    if PICTURES:
        await (part or page).screenshot(path=Path(PICTURES) / f"baseline-{name}.png")


async def open_page(browser: Browser) -> Page:
    return await browser.new_page(viewport={"width": 800, "height": 680})


async def test_the_worked_example_is_what_coordinators_see_and_do_at_the_desk(browser: Browser) -> None:
    attested = next(row for row in read_rows(WIKI) if APPEALS in row.does)
    example = Example(WIKI, now() - attested.day * DAY)
    for row in read_rows(WIKI):
        if row.day < attested.day:
            await example.carry_out(row)
    audit = AuditScorecards(AuditWorld(example.cards).client, patience=20.0)
    page = await open_page(browser)
    async with make_rig(catalogues=[load_catalogue()], scorecards=audit) as rig, serving(rig.app) as address:
        rig.registries.stored.update(example.registries.stored)
        who = example.people["first coordinator"]
        await hold_session(page, address, "/desk", await session_of(rig.sessions, who))
        await page.goto(f"{address}/desk/baseline")
        await page.get_by_role("link", name="Wikipedia ya Kiswahili").click()
        await expect(page.get_by_text("5 things are missing for “Timely and fair”.")).to_be_visible()
        await take(page, "missing")
        duty = page.locator(f"#{APPEALS}")
        await page.get_by_role("link", name=APPEALS).first.click()
        await duty.get_by_text("Say how it stands", exact=True).click()
        await duty.get_by_label("We meet it").check()
        await duty.get_by_label("How does the community do it?").fill(attested.does.split("“")[1].rstrip("”"))
        await duty.get_by_label("Page that shows it").fill(str(attested.link))
        await take(page, "attest", duty)
        await duty.get_by_role("button", name="Say it in public").click()
        await expect(duty).to_contain_text("To be confirmed")
        await expect(page.get_by_role("button", name="Confirm that this is true")).to_have_count(0)
        second = example.people["second coordinator"]
        await hold_session(page, address, "/desk", await session_of(rig.sessions, second))
        await page.goto(f"{address}/desk/baseline/{WIKI}")
        await expect(page.get_by_role("button", name="Confirm that this is true")).to_be_visible()
        await page.get_by_role("link", name=APPEALS).first.click()
        await take(page, "confirm", duty)
        await page.get_by_role("button", name="Confirm that this is true").click()
        await expect(page.get_by_role("status")).to_contain_text("It is confirmed, and counts.")


async def test_everybody_sees_the_wiki_of_the_worked_example_at_level_2(browser: Browser) -> None:
    example = Example(WIKI, START)
    for row in read_rows(WIKI):
        if row.day <= REPORTS:
            await example.carry_out(row)
    page = await open_page(browser)
    async with serving(AuditWorld(example.cards).app) as address:
        await page.goto(f"{address}/scorecard/{WIKI}")
        await expect(page.get_by_text("Timely and fair", exact=True).first).to_be_visible()
        await take(page, "level-2")
