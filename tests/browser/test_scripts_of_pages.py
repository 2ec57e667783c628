"""What scripts do in a real browser: they know the zone, and ask before words are left unsent."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Dialog, Page, expect

from shared.access.principal import Grant, Role
from tests.support.browser_rig import hold_session, serving
from tests.support.intake_rig import Rig as IntakeRig
from tests.support.intake_rig import committing_rig
from tests.support.people import COPIES, own_names, person, session_of
from tests.support.triage_rig import ALICE, TICKET, Rig

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHIEF = person("c9", Grant(Role.COORDINATOR))
EASTERN, UNLISTED = "Asia/Tokyo", "Asia/Pyongyang"


@pytest_asyncio.fixture(loop_scope="session")
async def reports() -> AsyncIterator[IntakeRig]:
    async with committing_rig() as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="session")
async def intake(reports: IntakeRig) -> AsyncIterator[str]:
    async with serving(reports.app) as address:
        yield address


class Asked:
    """Leaves pages, and counts how often the browser asked whether to."""

    def __init__(self, page: Page) -> None:
        self.count = 0
        page.on("dialog", self._answer)
        self._page = page

    async def _answer(self, dialog: Dialog) -> None:
        assert dialog.type == "beforeunload"
        self.count += 1
        await dialog.accept()

    async def leaving(self, address: str) -> int:
        """How often it asks when the page is left for another."""
        before = self.count
        await self._page.goto(address)
        return self.count - before


@pytest.mark.parametrize("zone", [EASTERN, pytest.param(UNLISTED, marks=pytest.mark.slow)])
async def test_the_form_takes_the_zone_of_the_browser(
    reports: IntakeRig, browser: Browser, intake: str, zone: str
) -> None:
    context = await browser.new_context(timezone_id=zone)
    page = await context.new_page()
    await page.goto(f"{intake}/report/enwiki")
    await expect(page.get_by_label("time zone")).to_have_value(zone)
    await page.get_by_label("What happened?").fill("It happened at nine in the morning there.")
    await page.get_by_label("Date", exact=False).first.fill("2026-11-02")
    await page.get_by_label("Time", exact=False).first.fill("09:00")
    await page.get_by_label("E-mail", exact=False).fill("nobody")
    await page.get_by_role("button", name="Send the report").click()
    await expect(page.get_by_role("alert")).to_contain_text("There is a problem with 1 answer")
    await expect(page.get_by_label("time zone")).to_have_value(zone)
    await page.get_by_label("time zone").select_option("Asia/Kolkata")
    await page.get_by_role("button", name="Send the report").click()
    # What a person has chosen stays.
    await expect(page.get_by_label("time zone")).to_have_value("Asia/Kolkata")
    await page.get_by_label("E-mail", exact=False).fill("")
    await page.get_by_label("time zone").select_option(zone)
    await page.get_by_role("button", name="Send the report").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your report has arrived")
    (report,) = (await reports.store.load(list(reports.store.reports))).values()
    assert report.facts.occurred == {"at": datetime(2026, 11, 2, tzinfo=UTC)}
    await context.close()


async def test_the_reporter_reads_times_by_their_own_clock(reports: IntakeRig, browser: Browser, intake: str) -> None:
    for script in (True, False):
        context = await browser.new_context(timezone_id=EASTERN, java_script_enabled=script)
        page = await context.new_page()
        await page.goto(f"{intake}/report/enwiki")
        await page.get_by_label("What happened?").fill("They followed me.")
        await page.get_by_role("button", name="Send the report").click()
        receipt = await page.locator("#receipt").inner_text()
        await page.goto(f"{intake}/follow-up")
        await page.get_by_label("Your receipt").fill(receipt)
        await page.get_by_role("button", name="Show my report").click()
        received = page.locator("time").first
        at = datetime.fromisoformat(str(await received.get_attribute("datetime")))
        shown = at.astimezone(ZoneInfo(EASTERN) if script else UTC)
        await expect(received).to_contain_text(f"{shown:%H:%M}")
        await expect(received).to_contain_text("GMT+9" if script else "UTC")
        note = page.get_by_text("Asia/Tokyo" if script else "Times are in UTC.")
        await expect(note).to_be_visible()
        await expect(page.get_by_text("Times are in UTC.")).to_be_visible(visible=not script)
        await context.close()


async def test_words_of_a_report_are_not_left_unsent_without_a_question(
    reports: IntakeRig, browser: Browser, intake: str
) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    asked = Asked(page)
    await page.goto(f"{intake}/report/enwiki")
    assert await asked.leaving(f"{intake}/report/enwiki") == 0
    await page.get_by_label("What happened?").fill("They followed me.")
    assert await asked.leaving(f"{intake}/report/enwiki") == 1
    await page.get_by_label("What happened?").fill("They followed me.")
    await page.get_by_label("E-mail", exact=False).fill("nobody")
    await page.get_by_role("button", name="Send the report").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("E-mail", exact=False).fill("")
    await page.get_by_role("button", name="Send the report").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your report has arrived")
    assert await asked.leaving(f"{intake}/report/enwiki") == 0
    assert asked.count == 1
    await context.close()


async def test_words_at_the_desk_are_not_left_unsent_without_a_question(
    rig: Rig, browser: Browser, address: str
) -> None:
    case = await rig.open()
    for command in ("assign", "start"):
        await rig.order(case, command)
    COPIES.enrol(CHIEF)
    rig.entries.enrol(ALICE)
    rig.entries.enrol(CHIEF)
    context = await browser.new_context()
    page = await context.new_page()
    asked = Asked(page)
    for who, place, field, done in (
        (ALICE, f"/desk/cases/{case.code_name}", "#ask-question", "ask"),
        (CHIEF, f"/desk/roster/{ALICE.ref}", "#leave-ends_at", "leave"),
        (CHIEF, "/desk/baseline/enwiki", "#list_project-title", "list_project"),
    ):
        await hold_session(page, address, "/desk", await session_of(rig.sessions, who, own=own_names(who, TICKET)))
        form = page.locator("details", has=page.locator(field))
        await page.goto(f"{address}{place}")
        await form.locator("summary").click()
        assert await asked.leaving(f"{address}{place}") == 0
        await form.locator("summary").click()
        await page.locator(field).fill("2999-01-01")
        assert await asked.leaving(f"{address}{place}") == 1
        await form.locator("summary").click()
        await page.locator(field).fill("2999-01-01")
        await form.locator("button:not([name]):visible").click()
        await page.wait_for_url(f"**done={done}**")
    assert asked.count == 3
    # What came back is not sent either.
    form = page.locator("details", has=page.locator("#list_project-title"))
    await form.locator("summary").click()
    await page.locator("#list_project-began_on").fill("2026-01-01")
    await form.get_by_role("button").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_role("heading", level=1).click()
    assert await asked.leaving(f"{address}/desk") == 1
    await context.close()
