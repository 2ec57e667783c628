"""The desk in a real browser: a case from new to closed without JavaScript, and pages that everybody can use."""

import asyncio
from datetime import timedelta

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from services.triage.case.case import Case
from shared.access.principal import Grant, Principal, Role
from shared.events import ReportRecusalAsked
from shared.ids import derive
from shared.people_names import person_name
from shared.times import now
from tests.support.browser_rig import View, hold_session, looks, violations
from tests.support.people import person, session_of
from tests.support.triage_rig import ALICE, COLLEAGUE, Rig, answered, from_intake

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def a_full_case(rig: Rig) -> Case:
    """One case in the middle of its life, with everything that a case page can show."""
    case = await rig.open(received_at=now() - timedelta(days=9), flags=("ongoing", "retaliation"))
    rig.vault.sections[case.report_id] = {
        "content": {
            "exposure": "yes",
            "occurred": {"from": "2026-11-01T20:15:00Z", "to": "2026-11-03T23:59:59.999000Z"},
            "narrative": "They followed me from page to page.\n\nوعندما سألت، شتموني.",
            "harmed": "Two new editors left.",
            "witnesses": ["Another user", "Example of a rather long name", "مستخدم"],
            "places": ["https://wiki.example/wiki/" + "A_very_long_title_without_any_break_" * 4],
        },
        "reported": {"people": [{"name": "Example user", "details": "Signs as EU"}]},
        "mentions": {
            "items": [{"id": "0a" * 16, "words": "Example of a rather long name"}, {"id": "0b" * 16, "words": "مستخدم"}]
        },
    }
    await rig.order(case, "assign")
    await rig.order(case, "start")
    await rig.order(case, "ask", {"question": "When did it begin?"})
    asked = rig.cases.stored[case.id].case.questions[0].id
    await rig.intake.take([answered(case.report_id, asked)])
    words = {"answers": [{"question_id": asked, "text": "On the third of November."}]}
    rig.vault.sections[case.report_id]["correspondence"] = words
    ask = ReportRecusalAsked(report_id=case.report_id, ask_id=derive("ask"))
    await rig.intake.take([from_intake(case.report_id, ask, 3)])
    rig.vault.statements[(case.report_id, ask.ask_id)] = ("recusal_ask", "He is her cousin. هو ابن عمها.")
    await rig.order(case, "recuse", {"person": "person:0123456789abcdef", "ground": "related"}, COLLEAGUE)
    await rig.order(case, "recuse", {"person": "person:0123456789abcdee", "ground": "involved"}, ALICE)
    return rig.cases.stored[case.id].case


async def sign_in(page: Page, rig: Rig, address: str, who: Principal = ALICE) -> None:
    rig.entries.enrol(who)
    await hold_session(page, address, "/desk", await session_of(rig.sessions, who))
    await page.goto(f"{address}/desk")


async def test_a_responder_closes_a_case_without_javascript(rig: Rig, browser: Browser, address: str) -> None:
    case = await rig.open()
    rig.vault.sections[case.report_id] = {"content": {"narrative": "They followed me from page to page."}}
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await sign_in(page, rig, address)
    await page.goto(f"{address}/desk/cases/{case.code_name}")
    await expect(page.get_by_role("heading", level=1)).to_have_text(case.code_name)
    await expect(page.get_by_text("They followed me from page to page.")).to_be_hidden()
    await page.get_by_text("Show the words of the report.").click()
    await expect(page.get_by_text("They followed me from page to page.")).to_be_visible()
    await page.get_by_role("button", name="Take this case").click()
    await page.get_by_role("button", name="Start to look into it").click()
    await page.locator("#do-ask summary").click()
    await page.get_by_label("Your question").fill("When did it begin?")
    await page.get_by_role("button", name="Send the question").click()
    await expect(page.get_by_role("status")).to_contain_text("on its way")
    await page.get_by_role("button", name="Go on without an answer").click()
    await page.locator("#decide-outcome").select_option("warning")
    await page.get_by_label("Reasons").fill("The edits show it.")
    await page.get_by_role("button", name="Record the decision").click()
    await page.get_by_role("button", name="Close the case").click()
    await expect(page.get_by_role("status")).to_contain_text("The case is closed.")
    # Nothing is left that changes the case.
    for command in ("assign", "claim", "release", "start", "ask", "decide", "close"):
        await expect(page.locator(f"form[action$='/{command}']")).to_have_count(0)
    assert rig.cases.stored[case.id].case.state == "closed"
    await page.get_by_role("button", name="Sign out").click()
    await page.goto(f"{address}/desk/cases/{case.code_name}")
    await expect(page.get_by_role("button", name="Sign in with")).to_be_visible()


async def test_a_form_of_another_origin_is_refused_by_a_real_browser(rig: Rig, browser: Browser, address: str) -> None:
    case = await rig.open()
    context = await browser.new_context()
    page = await context.new_page()
    await sign_in(page, rig, address)
    # The same server under another name is another site to a browser.
    form = f'<form method="post" action="{address}/desk/cases/{case.code_name}/assign"><input name="version" value="2">'
    await page.goto("about:blank")
    await page.set_content(f"{form}<button>Win</button></form>")
    await page.get_by_role("button", name="Win").click()
    await page.wait_for_load_state()
    assert rig.cases.stored[case.id].case.seq == 3


async def test_a_mistake_leads_to_its_field(rig: Rig, browser: Browser, address: str) -> None:
    case = await a_full_case(rig)
    page = await browser.new_page()
    await sign_in(page, rig, address)
    await page.goto(f"{address}/desk/cases/{case.code_name}")
    await page.locator("#decide-reason").fill("The edits show it.")
    await page.get_by_role("button", name="Record the decision").click()
    await page.get_by_role("alert").get_by_role("link", name="Outcome").click()
    assert await page.locator(":focus").get_attribute("id") == "decide-outcome"
    await expect(page.locator("#decide-reason")).to_have_value("The edits show it.")


FORMS = {
    "Give it to another person": ("Give the case", [None], "assign"),
    "Ask the reporter": ("Send the question", ["Was it on Monday?"], "ask"),
    "Decide": ("Record the decision", [None, "The edits show it."], "decide"),
    "Recuse yourself or another person": ("Recuse", [None, None], "recuse"),
    "Say that a word here is nobody’s name": ("It is nobody’s name", [None, None], "clear"),
    "Take the recusal back": ("Take back", [None], "withdraw"),
}  # fmt: skip
"""The forms of the case page: their buttons, what a person gives (None: the first choice), and their commands."""


async def tab_to(page: Page, wanted: Locator) -> None:
    """Go on by the Tab key until this has the focus."""
    for _ in range(120):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"the keyboard does not reach {wanted}")


@pytest.mark.slow
async def test_each_form_of_a_case_is_filled_in_and_put_right_by_keyboard(
    rig: Rig, browser: Browser, address: str
) -> None:
    page = await browser.new_page()
    for title, (button, given, command) in FORMS.items():
        case = await a_full_case(rig)
        await sign_in(page, rig, address)
        await page.goto(f"{address}/desk/cases/{case.code_name}")
        # The likeliest form stands open at the top, and every other one is folded.
        form = page.locator("section, details", has=page.locator("h3, summary").get_by_text(title, exact=True)).last
        if await form.locator("summary").count():
            await tab_to(page, form.locator("summary"))
            await page.keyboard.press("Enter")
        await tab_to(page, form.get_by_role("button", name=button, exact=True))
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
        await tab_to(page, page.get_by_role("alert").get_by_role("link").first)
        await page.keyboard.press("Enter")
        field = page.locator(":focus")
        assert str(await field.get_attribute("id")).startswith(f"{command}-")
        # The error stands at the field as well, and a screen reader reads it there.
        described = str(await field.get_attribute("aria-describedby")).split()[-1]
        await expect(page.locator(f"#{described}")).to_be_visible()
        for number, value in enumerate(given):
            if number:
                await page.keyboard.press("Tab")
            await (page.keyboard.type(value) if value else page.keyboard.press("ArrowDown"))
        await tab_to(page, form.get_by_role("button", name=button, exact=True))
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**done={command}")
        await expect(page.get_by_role("status").first).to_be_visible()


async def test_a_recusal_is_confirmed_by_keyboard(rig: Rig, browser: Browser, address: str) -> None:
    case = await a_full_case(rig)
    page = await browser.new_page()
    await sign_in(page, rig, address)
    await page.goto(f"{address}/desk/cases/{case.code_name}")
    await tab_to(page, page.get_by_role("button", name="Confirm the recusal"))
    await page.keyboard.press("Enter")
    await page.wait_for_url("**done=confirm")
    await expect(page.get_by_role("button", name="Confirm the recusal")).to_have_count(0)


@pytest.mark.slow
async def test_a_page_still_opens_in_a_test_that_takes_longer_than_a_roster_lasts(
    rig: Rig, browser: Browser, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.access.roster.OLDEST", timedelta(seconds=4))
    page = await browser.new_page()
    await sign_in(page, rig, address)
    await asyncio.sleep(6)
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Cases")


@looks(360, "ltr", "rtl")
async def test_every_page_of_the_desk_is_accessible_and_fits(
    rig: Rig, browser: Browser, address: str, view: View
) -> None:
    case = await a_full_case(rig)
    await rig.open(flags=("physical_violence",))
    await rig.open(received_at=now() - timedelta(days=40))
    page = await view.page(browser)
    await page.goto(f"{address}/desk")
    await view.judge(page)
    await sign_in(page, rig, address)
    await view.judge(page)
    await page.goto(f"{address}/desk?state=closed")
    await view.judge(page)
    await page.goto(f"{address}/desk/sign-in?ended=1")
    await view.judge(page)
    await sign_in(page, rig, address, person("0b", Grant(Role.OPERATOR)))
    await page.goto(f"{address}/desk/cases/{case.code_name}")
    await expect(page.get_by_text("Your role does not include this.")).to_be_visible()
    await view.judge(page)
    await sign_in(page, rig, address)
    await page.goto(f"{address}/desk/cases/{case.code_name}")
    await view.judge(page, opened=False)
    await view.judge(page)
    await page.get_by_role("button", name="It is nobody’s name").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await view.judge(page)
    await rig.order(case, "assign", {"assignee": COLLEAGUE.ref})
    await page.get_by_label("Your question").fill("Was it on Monday?")
    await page.get_by_role("button", name="Send the question").click()
    await expect(page.get_by_text("This case has changed meanwhile.")).to_be_visible()
    await view.judge(page)


async def test_a_case_is_taken_asked_about_decided_and_closed_by_seven_clicks(
    rig: Rig, browser: Browser, address: str
) -> None:
    case, other = await rig.open(contactable=True), await rig.open(lane="standard")
    page = await browser.new_page()
    await sign_in(page, rig, address)
    await page.add_init_script(
        "addEventListener('click', () => sessionStorage.clicks = +(sessionStorage.clicks || 0) + 1)"
    )
    await page.goto(f"{address}/desk")
    await page.get_by_role("link", name=case.code_name).click()
    await page.get_by_role("button", name="Take it and start").click()
    await page.get_by_label("Your question").fill("When did it begin?")
    await page.get_by_role("button", name="Send the question").click()
    await page.wait_for_url("**done=ask")
    asked = rig.cases.stored[case.id].case.questions[0].id
    await rig.intake.take([answered(case.report_id, asked)])
    await page.reload()
    await page.locator("#decide-outcome").click()
    await page.locator("#decide-outcome").select_option("warning")
    await page.locator("#decide-reason").fill("The edits show it.")
    await page.get_by_role("button", name="Record the decision").click()
    await page.get_by_role("button", name="Close the case").click()
    await expect(page.get_by_role("status")).to_contain_text("The case is closed.")
    await expect(page.get_by_role("link", name=f"Next case: {other.code_name}")).to_be_visible()
    assert int(await page.evaluate("sessionStorage.clicks")) <= 7
    assert rig.cases.stored[case.id].case.state == "closed"


async def test_an_open_page_hears_of_a_change_and_of_who_else_looks(rig: Rig, browser: Browser, address: str) -> None:
    case = await rig.open()
    page, other = await browser.new_page(), await (await browser.new_context()).new_page()
    for one, who in ((page, ALICE), (other, COLLEAGUE)):
        await sign_in(one, rig, address, who)
        await one.goto(f"{address}/desk/cases/{case.code_name}")
    await expect(other.get_by_text(f"Also looking at this case now: {person_name(ALICE.ref)}")).to_be_visible()
    await rig.order(case, "assign", {"assignee": COLLEAGUE.ref}, COLLEAGUE)
    changed = page.locator("[data-on=changed]")
    await expect(changed).to_contain_text("has just changed this case.")
    assert not await violations(page)
    await changed.get_by_role("link", name="Load the page again").click()
    await expect(page.get_by_text("has just changed this case.")).to_be_hidden()
    # Who else looks comes by the stream of the page that was loaded again: so that is open.
    await expect(page.get_by_text(f"Also looking at this case now: {person_name(COLLEAGUE.ref)}")).to_be_visible()
    # Nobody goes on reading a case from which another person recuses them, and what was typed stays on the page.
    await rig.order(case, "recuse", {"person": ALICE.ref, "ground": "related"}, COLLEAGUE)
    await expect(page.get_by_text("You cannot see this case any more.")).to_be_visible()
    await page.context.close()
    await other.context.close()
