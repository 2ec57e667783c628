"""Two worked incidents in a real browser, by keyboard alone: from the reporter's form over the desk to the follow-up.

The days between pass as in `tests/service/shared/test_incidents.py`. The pages are found by what they say: a person
at a keyboard or with a screen reader knows no more.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from services.triage.case.case import Case
from shared.access.principal import Principal
from shared.times import now
from tests.support.browser_rig import Look, View, hold_session, judge, serving
from tests.support.four_services import FourServices, four_services
from tests.support.incidents import Cast
from tests.support.people import session_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE, DESKTOP = View((Look("rtl", 360, "light"),)), View((Look("ltr", 1280, "light"),))


@dataclass
class Walk:
    """One person after the other at a page of their own, with nothing but the keyboard."""

    services: FourServices
    view: View
    intake: str
    desk: str
    story: str
    seen: set[str] = field(default_factory=set)

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
        """Everybody can use the page as it is, and with all that is folded away. Each page is looked at once."""
        if name in self.seen:
            return
        self.seen.add(name)
        # Wherever the keyboard has scrolled to, the bar at the top lies over something.
        await page.evaluate("scrollTo(0, 0)")
        # The menu of actions lies over what comes behind it, so nobody opens it together with that.
        await self.view.judge(page, f"{self.story}-{name}-opened", but=".hearth-desk__menu")
        await self.view.judge(page, f"{self.story}-{name}", opened=False)
        menu = page.locator("#actions-menu")
        if await menu.count() and "menu" not in self.seen:
            self.seen.add("menu")
            await menu.locator("summary").click()
            await judge(page)
            await menu.locator("summary").click()

    async def fill(self, page: Page, form: Locator, label: str, value: str) -> None:
        """Answer a field of a form by what it is: typed, chosen from a list or of a group, or a day."""
        group = form.locator("fieldset", has=page.locator("legend", has_text=label))
        group = group.or_(form.get_by_role("radiogroup", name=label))
        if await group.count():
            await self.pick(page, group.first, value)
            return
        field = form.get_by_label(label).first
        await self.reach(page, field)
        # Of a day, Chromium takes the digits as people here write it: the month first.
        is_day = await field.get_attribute("type") == "date"
        await page.keyboard.type(f"{date.fromisoformat(value):%m%d%Y}" if is_day else value)

    async def _tab_to(self, page: Page, wanted: Locator) -> None:
        for _ in range(250):
            if await wanted.evaluate("one => one === document.activeElement"):
                return
            await page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {wanted}")


@pytest.mark.slow
async def test_an_insult_goes_from_the_form_to_the_follow_up_by_keyboard_alone_on_a_phone(browser: Browser) -> None:
    cast = Cast({"people": {"Mara": {"of": ["enwiki_arbcom"]}, "Nils": {"of": ["enwiki_arbcom"]}}})
    async with telling(cast, PHONE, "insult") as walk:
        services, mara = walk.services, cast["Mara"]
        reporter, responder = await walk.view.page(browser), await walk.view.page(browser)
        receipt = await report(walk, reporter, "Insults", "He called me stupid on a talk page.")
        await sign_in(walk, responder, mara)
        await open_case(walk, responder)
        await does(walk, responder, "Take this case")
        await does(walk, responder, "Start to look into it")
        await does(walk, responder, "Send the question", ("Your question", "Did it happen elsewhere?"))
        await open_status(walk, reporter, receipt)
        await walk.write(reporter, "Your answer", "No, only there.")
        await walk.press(reporter, "Send the answer")
        await expect(reporter.get_by_text("Your answer has arrived.")).to_be_visible()
        await services.deliver()
        await open_case(walk, responder)
        reasons = ("Reasons", "The comments are personal.")
        await does(walk, responder, "Record the decision", ("Outcome", "Warning"), reasons)
        await does(walk, responder, "Begin the follow-up", ("May we ask the reporter again?", "Yes"))
        await walk.look(responder, "followed")
        await services.pass_time(timedelta(days=8))
        await open_status(walk, reporter, receipt)
        await answer_check_in(walk, reporter)
        await sign_in(walk, responder, mara)
        await open_case(walk, responder)
        await does(walk, responder, "Close the case")
        await walk.look(responder, "closed")
        case = the_case(walk)
        assert (case.state, case.outcome, case.check_ins[0].answer) == ("closed", "warning", "answered")


@pytest.mark.slow
async def test_a_sanction_is_voted_on_appealed_and_followed_up_by_keyboard_alone_on_a_desktop(browser: Browser) -> None:
    cast = Cast({"people": {name: {"of": ["enwiki_oversight"]} for name in ("Ola", "Pia", "Quin")}})
    async with telling(cast, DESKTOP, "doxing") as walk:
        services = walk.services
        reporter, desk = await walk.view.page(browser), {name: await walk.view.page(browser) for name in ("Ola", "Pia")}
        kind = "Disclosure of private information"
        receipt = await report(walk, reporter, kind, "The user page shows where she lives.")
        await sign_in(walk, desk["Ola"], cast["Ola"])
        await open_case(walk, desk["Ola"])
        await does(walk, desk["Ola"], "Take this case")
        await does(walk, desk["Ola"], "Start to look into it")
        sanction = ("Outcome", "Temporary suspension")
        last_day = ("Last day", f"{now() + timedelta(days=90):%Y-%m-%d}")
        why = ("Why", "It published the address three times.")
        await does(walk, desk["Ola"], "Propose it", sanction, last_day, ("What it holds for", "This community"), why)
        await walk.look(desk["Ola"], "proposed")
        await sign_in(walk, desk["Pia"], cast["Pia"])
        await open_case(walk, desk["Pia"])
        await does(walk, desk["Pia"], "Agree")
        await open_case(walk, desk["Ola"])
        await does(walk, desk["Ola"], "Record the decision", sanction, ("Reasons", "Two of us looked at it."))
        await does(walk, desk["Ola"], "Begin the follow-up", ("May we ask the reporter again?", "Yes"))
        await open_status(walk, reporter, receipt)
        await appeal(walk, reporter)
        await sign_in(walk, desk["Pia"], cast["Quin"])
        await open_case(walk, desk["Pia"])
        verdict = ("What becomes of the appeal", "The decision stands")
        await does(walk, desk["Pia"], "Record the verdict", verdict, ("Why", "Nobody had warned the account less."))
        await services.pass_time(timedelta(days=8))
        await open_status(walk, reporter, receipt)
        await answer_check_in(walk, reporter)
        await sign_in(walk, desk["Ola"], cast["Ola"])
        await open_case(walk, desk["Ola"])
        await does(walk, desk["Ola"], "Close the case")
        await walk.look(desk["Ola"], "closed")
        case = the_case(walk)
        assert (case.state, case.outcome, case.check_ins[0].answer) == ("closed", "temporary_suspension", "answered")
        assert [one.verdict for one in case.appeals] == ["upheld"]


@asynccontextmanager
async def telling(cast: Cast, view: View, story: str) -> AsyncIterator[Walk]:
    """All four services, and pages of intake and of the desk."""
    async with (
        four_services(cast) as services,
        serving(services.intake.app) as intake,
        serving(services.triage) as desk,
    ):
        yield Walk(services, view, intake, desk, story)


def the_case(walk: Walk) -> Case:
    (stored,) = walk.services.cases.stored.values()
    return stored.case


async def report(walk: Walk, page: Page, kind: str, words: str) -> str:
    await page.goto(f"{walk.intake}/report")
    await walk.look(page, "form")
    await walk.write(page, "Community", "English Wikipedia")
    await walk.write(page, "What happened?", words)
    await walk.write(page, "What comes closest?", kind)
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


async def appeal(walk: Walk, page: Page) -> None:
    form = form_of(page, "Send the appeal")
    await walk.fill(page, form, "Why you appeal", "The outcome is too hard or too mild")
    await walk.fill(page, form, "What should be looked at again", "Ninety days are too few.")
    await walk.press(page, "Send the appeal")
    await expect(page.get_by_text("Your appeal has arrived.")).to_be_visible()
    await walk.look(page, "appealed")
    await walk.services.deliver()


async def sign_in(walk: Walk, page: Page, who: Principal) -> None:
    walk.services.entries.enrol(who)
    await hold_session(page, walk.desk, "/desk", await session_of(walk.services.sessions, who))
    await open_queue(walk, page)
    await walk.look(page, "queue")


async def open_queue(walk: Walk, page: Page) -> None:
    await page.goto(f"{walk.desk}/desk")


async def open_case(walk: Walk, page: Page) -> None:
    await open_queue(walk, page)
    case = the_case(walk)
    await walk.press(page, case.code_name)
    await expect(page.get_by_role("heading", level=1)).to_have_text(case.code_name)
    await walk.look(page, f"case-{case.state}")


def form_of(page: Page, button: str) -> Locator:
    """The form that has this button."""
    return page.locator("form", has=page.locator("button", has_text=re.compile(rf"^\s*{re.escape(button)}\s*$"))).first


async def does(walk: Walk, page: Page, button: str, *answers: tuple[str, str]) -> None:
    """Answer the fields of the form that has this button, and press it."""
    form = form_of(page, button)
    for label, value in answers:
        await walk.fill(page, form, label, value)
    await walk.reach(page, form.locator("button", has_text=button).first)
    await page.keyboard.press("Enter")
    await page.wait_for_load_state()
    await expect(page.get_by_role("status").first).to_be_visible()
    await walk.services.deliver()


async def answer_check_in(walk: Walk, page: Page) -> None:
    for group, option in ((0, "Yes"), (1, "No")):
        await walk.pick(page, page.get_by_role("radiogroup").or_(page.get_by_role("group")).nth(group), option)
    await walk.write(page, "In your own words", "It has stopped.")
    await walk.press(page, "Send these answers")
    await expect(page.get_by_text("Your answers have arrived.")).to_be_visible()
    await walk.look(page, "thanks")
    await walk.services.deliver()
