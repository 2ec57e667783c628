"""Two worked incidents in a real browser, by keyboard alone: from the reporter's form over the desk to the follow-up.

The days between pass as in `tests/service/shared/test_incidents.py`. The pages are found by what they say: a person
at a keyboard or with a screen reader knows no more.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.support.browser_rig import Look, View, hold_session, serving
from tests.support.four_services import FourServices, four_services
from tests.support.incidents import Cast
from tests.support.people import session_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE, DESKTOP = View((Look("ltr", 360, "light"),)), View((Look("rtl", 1280, "light"),))


@dataclass
class Walk:
    """One person after the other at a page of their own, with nothing but the keyboard."""

    services: FourServices
    view: View
    intake: str
    desk: str
    story: str

    async def reach(self, page: Page, wanted: Locator) -> None:
        """Go on by Tab until this has the focus; what is folded away on the way there is opened."""
        for fold in await wanted.locator("xpath=ancestor::details[not(@open)]").all():
            await self._tab_to(page, fold.locator("summary").first)
            await page.keyboard.press("Enter")
        await self._tab_to(page, wanted)

    async def press(self, page: Page, name: str) -> None:
        """Reach a button or a link with this name, and press it."""
        button = page.get_by_role("button", name=name, exact=True).or_(page.get_by_role("link", name=name, exact=True))
        # Of those that do the same, the first will do; what is folded away counts, too.
        await self.reach(page, button.first if await button.count() else page.locator(f"text={name}").first)
        await page.keyboard.press("Enter")
        await page.wait_for_load_state()

    async def write(self, page: Page, label: str, text: str) -> None:
        """Reach a field with this label, and type."""
        await self.reach(page, page.get_by_label(label).first)
        await page.keyboard.type(text)

    async def pick(self, page: Page, group: Locator, option: str) -> None:
        """Reach a group of which one can be chosen, and go on by the arrow keys."""
        wanted = group.get_by_label(option, exact=True)
        await self.reach(page, group.get_by_role("radio").first)
        await page.keyboard.press("Space")
        while not await wanted.is_checked():
            await page.keyboard.press("ArrowDown")

    async def look(self, page: Page, name: str) -> None:
        """Everybody can use the page as it is."""
        await self.view.judge(page, f"{self.story}-{name}", opened=False)

    async def _tab_to(self, page: Page, wanted: Locator) -> None:
        for _ in range(250):
            if await wanted.evaluate("one => one === document.activeElement"):
                return
            await page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {wanted}")


@pytest.mark.parametrize(
    ("view", "community", "body"),
    [
        pytest.param(PHONE, "English Wikipedia", "enwiki_arbcom", id="phone"),
        pytest.param(DESKTOP, "Wikipedia ya Kiswahili", "swwiki_admins", id="desktop", marks=pytest.mark.slow),
    ],
)
async def test_an_incident_goes_from_the_form_to_the_follow_up_by_keyboard_alone(
    browser: Browser, view: View, community: str, body: str
) -> None:
    cast = Cast({"people": {"Mara": {"of": [body]}, "Nils": {"of": [body]}}})
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(four_services(cast))
        intake = await stack.enter_async_context(serving(services.intake.app))
        desk = await stack.enter_async_context(serving(services.triage))
        walk = Walk(services, view, intake, desk, body)
        reporter, responder = await view.page(browser), await view.page(browser)
        receipt = await report(walk, reporter, community)
        await ask(walk, responder, cast)
        await open_status(walk, reporter, receipt)
        await walk.write(reporter, "Your answer", "No, only there.")
        await walk.press(reporter, "Send the answer")
        await expect(reporter.get_by_text("Your answer has arrived.")).to_be_visible()
        await services.deliver()
        await decide(walk, responder)
        await services.pass_time(timedelta(days=8))
        await open_status(walk, reporter, receipt)
        await answer_check_in(walk, reporter)
        await close(walk, responder, cast)
        (stored,) = services.cases.stored.values()
        assert (stored.case.state, stored.case.outcome, stored.case.check_ins[0].answer) == (
            "closed", "warning", "answered",
        )  # fmt: skip


async def report(walk: Walk, page: Page, community: str) -> str:
    await page.goto(f"{walk.intake}/report")
    await walk.look(page, "form")
    await walk.write(page, "Community", community)
    await walk.write(page, "What happened?", "He called me stupid on a talk page.")
    await walk.write(page, "What comes closest?", "Insults")
    await walk.write(page, "User names or names", "Bo Example")
    await walk.write(page, "Your e-mail address", "ana@reporter.example")
    await walk.press(page, "Send the report")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your report has arrived")
    await walk.look(page, "receipt")
    await walk.services.deliver()
    return (await page.locator("#receipt").inner_text()).strip()


async def open_status(walk: Walk, page: Page, receipt: str) -> None:
    await page.goto(f"{walk.intake}/follow-up")
    await walk.write(page, "Your receipt", receipt)
    await walk.press(page, "Show my report")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your report")
    await walk.look(page, "status")


async def sign_in(walk: Walk, page: Page, cast: Cast) -> None:
    walk.services.entries.enrol(cast["Mara"])
    await hold_session(page, walk.desk, "/desk", await session_of(walk.services.sessions, cast["Mara"]))
    await page.goto(f"{walk.desk}/desk")
    await walk.look(page, "queue")


async def open_case(walk: Walk, page: Page) -> None:
    (stored,) = walk.services.cases.stored.values()
    await walk.press(page, stored.case.code_name)
    await expect(page.get_by_role("heading", level=1)).to_have_text(stored.case.code_name)
    await walk.look(page, f"case-{stored.case.state}")


async def does(walk: Walk, page: Page, button: str, **fields: Any) -> None:
    for label, value in fields.items():
        await walk.write(page, label.replace("_", " "), value)
    await walk.press(page, button)
    await expect(page.get_by_role("status").first).to_be_visible()
    await walk.services.deliver()


async def ask(walk: Walk, page: Page, cast: Cast) -> None:
    await sign_in(walk, page, cast)
    await open_case(walk, page)
    await does(walk, page, "Take this case")
    await does(walk, page, "Start to look into it")
    await does(walk, page, "Send the question", Your_question="Did it happen elsewhere?")


async def decide(walk: Walk, page: Page) -> None:
    await page.goto(f"{walk.desk}/desk")
    await open_case(walk, page)
    await choose(walk, page, "Record the decision", "Outcome", "Warning")
    await does(walk, page, "Record the decision", Reasons="The comments are personal.")
    await choose(walk, page, "Begin the follow-up", "May we ask the reporter again?", "Yes")
    await does(walk, page, "Begin the follow-up")
    await walk.look(page, "followed")


async def choose(walk: Walk, page: Page, button: str, label: str, option: str) -> None:
    """Choose an option of the form that has this button."""
    form = page.locator("form", has=page.locator("button", has_text=button))
    field = form.get_by_label(label).first
    if await field.evaluate("one => one.tagName") == "SELECT":
        await walk.reach(page, field)
        await page.keyboard.type(option)
    else:
        await walk.pick(page, form.get_by_role("group", name=label), option)


async def answer_check_in(walk: Walk, page: Page) -> None:
    for group, option in ((0, "Yes"), (1, "No")):
        await walk.pick(page, page.get_by_role("radiogroup").or_(page.get_by_role("group")).nth(group), option)
    await walk.write(page, "In your own words", "It has stopped.")
    await walk.press(page, "Send these answers")
    await expect(page.get_by_text("Your answers have arrived.")).to_be_visible()
    await walk.look(page, "thanks")
    await walk.services.deliver()


async def close(walk: Walk, page: Page, cast: Cast) -> None:
    await sign_in(walk, page, cast)
    await open_case(walk, page)
    await does(walk, page, "Close the case")
    await walk.look(page, "closed")
