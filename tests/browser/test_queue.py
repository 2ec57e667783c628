"""The queue in a real browser: what must happen next, several cases at once without JavaScript, and who has what."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from services.triage.case.case import Case
from shared.access.principal import Grant, Principal, Role
from shared.times import now
from tests.service.triage.test_similar import VIC, open_case
from tests.support.browser_rig import View, hold_session, looks, violations
from tests.support.people import COPIES, responder, session_of
from tests.support.triage_rig import ALICE, POLICY, Rig, answered

pytestmark = pytest.mark.asyncio(loop_scope="session")
OTHER = responder("e0e0e0e0", *POLICY.bodies)
"""One of those who are everywhere in the rig."""
CHIEF = replace(
    ALICE,
    ref="person:c41ef00000000000",
    grants=(*ALICE.grants, Grant(Role.COORDINATOR, ("enwiki_admins", "enwiki_arbcom"))),
)


async def sign_in(page: Page, rig: Rig, address: str, who: Principal = CHIEF) -> None:
    rig.entries.enrol(who)
    COPIES.enrol(OTHER)
    await hold_session(page, address, "/desk", await session_of(rig.sessions, who))


async def fill_the_queue(rig: Rig) -> Sequence[Case]:
    urgent = await rig.open(flags=("physical_violence",))
    late = await rig.open(received_at=now() - timedelta(days=9), category="harassment.trolling")
    told, mine, new = [await rig.open() for _ in range(3)]
    for case in (late, told, mine):
        await rig.order(case, "assign", who=CHIEF)
    for command, body in (("start", {}), ("ask", {"question": "When?"})):
        await rig.order(told, command, body, CHIEF)
    await rig.intake.take([answered(told.report_id, rig.cases.stored[told.id].case.questions[0].id)])
    return urgent, late, told, mine, new


async def test_keys_lead_through_the_queue_to_its_tabs_and_to_the_search(
    rig: Rig, browser: Browser, address: str
) -> None:
    await fill_the_queue(rig)
    page = await browser.new_page()
    await sign_in(page, rig, address)
    await page.goto(f"{address}/desk")
    overlay = page.get_by_role("dialog", name="Keyboard shortcuts")
    await page.keyboard.press("?")
    await expect(overlay).to_contain_text("Next case")
    await expect(overlay.get_by_role("heading")).to_be_focused()
    await expect(overlay.get_by_role("button", name="Turn shortcuts on")).to_be_hidden()
    assert not await violations(page)
    await page.keyboard.press("Escape")
    names = await page.locator(".hearth-desk__row h2 a").all_text_contents()
    for key, at in (("j", 0), ("j", 1), ("k", 0), ("k", 0), ("j", 1)):
        await page.keyboard.press(key)
        await expect(page.locator(":focus")).to_have_text(names[at])
    await page.get_by_label(f"Tick {names[0]}").check()
    await page.keyboard.press("j")
    await expect(page.locator(":focus")).to_have_text(names[1])
    await page.keyboard.press("o")
    await expect(page.get_by_role("heading", level=1)).to_have_text(names[1])
    await page.goto(f"{address}/desk")
    await page.keyboard.press("1")
    await expect(page.get_by_role("link", name="Mine")).to_have_attribute("aria-current", "page")
    await page.keyboard.press("s")
    await expect(page.get_by_label("What do you look for?")).to_be_visible()
    await page.get_by_label("What do you look for?").press("j")
    await expect(page.get_by_label("What do you look for?")).to_have_value("j")
    await page.context.close()


async def test_cases_are_handed_over_without_javascript(rig: Rig, browser: Browser, address: str) -> None:
    _, late, told, mine, new = await fill_the_queue(rig)
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await sign_in(page, rig, address)
    await page.goto(f"{address}/desk")
    await expect(page.get_by_role("button", name="Keyboard shortcuts")).to_be_hidden()
    await page.get_by_role("link", name="Mine").click()
    await expect(page.get_by_text("Take the case now: 2 days late")).to_have_count(0)
    await page.get_by_label(f"Tick {late.code_name}").check()
    await page.get_by_label(f"Tick {mine.code_name}").check()
    await page.get_by_text("With the cases that you tick").click()
    await page.get_by_label("Give them to").select_option(OTHER.ref)
    await page.get_by_role("button", name="Give the cases").click()
    await expect(page.get_by_role("status")).to_contain_text("Done for 2 of 2 cases.")
    having = [rig.cases.stored[case.id].case.assignee for case in (late, told, mine, new)]
    assert having == [OTHER.ref, CHIEF.ref, OTHER.ref, None]
    await page.get_by_role("link", name="Back to the cases").click()
    await expect(page.get_by_role("link", name="Mine")).to_have_attribute("aria-current", "page")


@looks(360, "ltr", "rtl")
async def test_everybody_can_use_the_queue(rig: Rig, browser: Browser, address: str, view: View) -> None:
    await fill_the_queue(rig)
    page = await view.page(browser)
    await sign_in(page, rig, address)
    await page.goto(f"{address}/desk")
    await view.judge(page, "queue")
    await page.get_by_role("link", name="Who has what").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Who has what")
    await view.judge(page, "load")
    await page.goto(f"{address}/desk/search")
    await page.get_by_label("What do you look for?").fill("english")
    await page.get_by_role("button", name="Search", exact=True).click()
    await expect(page.get_by_role("heading", name="All cases of")).to_be_visible()
    await view.judge(page, "search")
    case, _ = [await open_case(rig, VIC) for _ in range(2)]
    await page.goto(f"{address}/desk/cases/{case.code_name}")
    await expect(page.get_by_role("heading", name="Similar cases")).to_be_visible()
    await view.judge(page, "similar", opened=False)
