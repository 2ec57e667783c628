"""The register of measures in a real browser: from the list to the people, without JavaScript, by everybody."""

import pytest
from playwright.async_api import Browser, Page, expect

from shared.access.principal import Principal
from tests.service.triage.test_measures import EVE, restricted
from tests.support.browser_rig import View, hold_session, looks
from tests.support.people import COPIES, session_of
from tests.support.triage_rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def come_as(page: Page, rig: Rig, address: str, who: Principal = EVE) -> None:
    COPIES.enrol(who)
    await hold_session(page, address, "/desk", await session_of(rig.sessions, who))


async def test_an_enforcer_finds_out_the_people_a_measure_is_about(rig: Rig, browser: Browser, address: str) -> None:
    await restricted(rig)
    await restricted(rig, 20, "everywhere", "Quixotina")
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await come_as(page, rig, address)
    await page.goto(f"{address}/desk")
    await expect(page.get_by_role("heading", name="Measures", level=1)).to_be_visible()
    await expect(page.get_by_text("Quixotina")).to_have_count(0)
    await page.get_by_role("link", name="Restriction").last.click()
    await expect(page.get_by_text("Quixotina")).to_be_visible()
    await context.close()


@looks(360, "ltr", "rtl")
async def test_everybody_can_use_the_register(view: View, rig: Rig, browser: Browser, address: str) -> None:
    case = await restricted(rig)
    page = await view.page(browser)
    await come_as(page, rig, address)
    for place in ("/desk/measures", f"/desk/measures/{case.measures[0].id}"):
        await page.goto(f"{address}{place}")
        await view.judge(page)


TABLE = (
    "id;kind;scope;community;body;begun_at;until;names\n"
    "r1;permanent_ban;community;enwiki;enwiki_arbcom;{day};{until};Zebedee\n"
)


@looks(360, "ltr", "rtl")
async def test_a_table_from_a_file_is_brought_in_and_what_is_wrong_comes_back(
    view: View, rig: Rig, browser: Browser, address: str
) -> None:
    page = await view.page(browser)
    await come_as(page, rig, address)
    await page.goto(f"{address}/desk/measures")
    await page.get_by_role("link", name="Bring in measures from before").click()
    await view.judge(page)
    for content, told in (("Zébedée".encode("latin-1"), "not in UTF-8"), (b"z" * 500_001, "too large")):
        file = {"name": "bans.csv", "mimeType": "text/csv", "buffer": content}
        await page.get_by_label("Or choose a CSV file").set_input_files([file])  # type: ignore[list-item]
        await expect(page.get_by_text(told)).to_be_visible()
        await expect(page.get_by_role("alert")).to_have_count(1)
        await expect(page.get_by_label("The table")).to_have_value("")
    bad = TABLE.format(day="2026-11-01", until="2027-11-01")
    file = {"name": "bans.csv", "mimeType": "text/csv", "buffer": bad.encode()}
    await page.get_by_label("Or choose a CSV file").set_input_files([file])  # type: ignore[list-item]
    await expect(page.get_by_label("The table")).to_have_value(bad)
    await page.get_by_role("button", name="Bring in").click()
    await expect(page.get_by_text("Line 2 of what you sent (r1)")).to_be_visible()
    await view.judge(page)
    table = page.get_by_label("The table")
    await table.fill((await table.input_value()).replace("2027-11-01", ""))
    await page.get_by_role("button", name="Bring in").click()
    await expect(page.get_by_text("One measure was brought in")).to_be_visible()
    await view.judge(page)
