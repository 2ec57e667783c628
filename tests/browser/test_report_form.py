"""The report form in a real browser without JavaScript, on a phone and on a desktop: readable, usable, small."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Response, expect

from services.intake.erasure.actions import Erasure
from shared.events import CaseDecided, CaseTriaged, DeadlinePaused, DeadlineSet, InformationRequested
from tests.service.intake.test_respondents import told
from tests.support.browser_rig import judge, serving
from tests.support.intake_rig import RESPONDER, START, Rig, case_event, committing_rig

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE, DESKTOP = (360, 740), (1280, 900)
SIZES = [pytest.param(PHONE, id="phone"), pytest.param(DESKTOP, id="desktop", marks=pytest.mark.slow)]
WAITING = {"previous": "awaiting_information", "state": "awaiting_information"}
FIRST_LOAD = 50_000
"""Bytes over the wire that the first look at the form may cost."""


@pytest_asyncio.fixture(loop_scope="session")
async def rig() -> AsyncIterator[Rig]:
    async with committing_rig() as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="session")
async def address(rig: Rig) -> AsyncIterator[str]:
    async with serving(rig.app) as address:
        yield address


async def plain_context(browser: Browser, size: tuple[int, int]) -> BrowserContext:
    width, height = size
    return await browser.new_context(viewport={"width": width, "height": height}, java_script_enabled=False)


async def fill(page: Page) -> None:
    await page.get_by_label("Community").select_option(label="English Wikipedia")
    await page.get_by_label("What happened?").fill("They followed me.\nوعندما سألت، شتموني.")
    await page.get_by_label("What comes closest?").select_option(label="Hounding")
    await page.get_by_label("It is still going on").check()
    await page.get_by_label("User names or names").fill("Example user")


@pytest.mark.parametrize("size", SIZES)
async def test_a_report_is_sent_and_followed_without_javascript(
    rig: Rig, browser: Browser, address: str, size: tuple[int, int]
) -> None:
    context = await plain_context(browser, size)
    page = await context.new_page()
    await page.goto(f"{address}/report")
    await expect(page.get_by_text("Call your local emergency services first.")).to_be_visible()
    await fill(page)
    await page.get_by_role("button", name="Send the report").click()

    await expect(page.get_by_role("heading", level=1)).to_have_text("Your report has arrived")
    receipt = (await page.locator("#receipt").inner_text()).strip()
    assert len(receipt) == 24
    (report_id,) = rig.store.reports
    asked = InformationRequested(previous="investigating", state="awaiting_information", question_id="q-1")
    await rig.statements.keep(report_id, "q-1", "question", "When did it begin?")
    await rig.progress.project([case_event(report_id, 1, asked)])

    await page.get_by_role("link", name="Follow the case").click()
    await page.get_by_label("Your receipt").fill(receipt.lower().replace("-", " "))
    await page.get_by_role("button", name="Show my report").click()
    await expect(page.get_by_text("When did it begin?")).to_be_visible()
    await page.get_by_label("Your answer").fill("On Monday.")
    await page.get_by_role("button", name="Send the answer").click()
    await expect(page.get_by_text("Your answer has arrived.")).to_be_visible()
    await expect(page.get_by_text("On Monday.")).to_be_visible()
    assert receipt not in page.url
    await context.close()


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_wrong_is_said_at_the_field_and_nothing_typed_is_lost(
    rig: Rig, browser: Browser, address: str, size: tuple[int, int]
) -> None:
    context = await plain_context(browser, size)
    page = await context.new_page()
    await page.goto(f"{address}/report")
    await fill(page)
    await page.get_by_label("Your e-mail address").fill("nobody")
    await page.get_by_role("button", name="Send the report").click()

    await expect(page.get_by_role("alert")).to_contain_text("There is a problem with 1 answer")
    await page.get_by_role("link", name="Write an e-mail address such as name@example.org.").click()
    assert page.url.endswith("#email")
    await expect(page.get_by_label("What happened?")).to_have_value("They followed me.\nوعندما سألت، شتموني.")
    await expect(page.get_by_label("It is still going on")).to_be_checked()
    assert rig.store.reports == {}
    await page.get_by_label("Your e-mail address").fill("me@mail.example")
    await page.get_by_role("button", name="Send the report").click()
    await expect(page.locator("#receipt")).to_be_visible()
    await context.close()


async def test_loading_the_receipt_again_is_still_one_report(rig: Rig, browser: Browser, address: str) -> None:
    context = await plain_context(browser, PHONE)
    page = await context.new_page()
    await page.goto(f"{address}/report/enwiki")
    await page.get_by_label("What happened?").fill("Something happened.")
    await page.get_by_role("button", name="Send the report").click()
    receipt = await page.locator("#receipt").inner_text()
    again = await page.reload()
    assert again is not None
    assert again.request.method == "POST"
    assert await page.locator("#receipt").inner_text() == receipt
    assert len(rig.store.reports) == 1
    await context.close()


@pytest.mark.parametrize("size", SIZES)
async def test_every_page_can_be_used_by_everybody(
    rig: Rig, browser: Browser, address: str, size: tuple[int, int]
) -> None:
    width, height = size
    context = await browser.new_context(viewport={"width": width, "height": height}, bypass_csp=True)
    page = await context.new_page()
    await page.goto(f"{address}/report")
    await page.locator("summary").click()
    await judge(page)
    await page.get_by_role("button", name="Send the report").click()
    await judge(page)
    await fill(page)
    await page.get_by_role("button", name="Send the report").click()
    await judge(page)
    receipt = (await page.locator("#receipt").inner_text()).strip()
    await page.goto(f"{address}/follow-up")
    await judge(page)
    (report_id,) = rig.store.reports
    await rig.statements.keep(report_id, "q-1", "question", "x" * 200)
    facts = [
        CaseTriaged(
            previous="received", state="triaged", category="unclassified", lane="standard", body="enwiki_arbcom",
            rule="one-wiki", deadlines_told=True,
            deadlines=tuple(DeadlineSet(name=name, due_at=START) for name in ("first_response", "decision")),
        ),
        InformationRequested(previous="triaged", state="awaiting_information", question_id="q-1"),
        DeadlinePaused(**WAITING, deadline="decision", due_at=START, remaining_seconds=60),
    ]  # fmt: skip
    await rig.progress.project([case_event(report_id, seq, fact) for seq, fact in enumerate(facts, 1)])
    await page.get_by_label("Your receipt").fill(receipt)
    await page.get_by_role("button", name="Show my report").click()
    await judge(page)
    report_id, receipt = await told(rig)
    until = rig.clock() + timedelta(days=9)
    decided = CaseDecided(
        previous="investigating", state="decided", outcome="warning", reason_id="r", appeal_until=until
    )
    await rig.progress.project([case_event(report_id, 3, decided)])
    for is_erased in (False, True):
        if is_erased:
            await rig.erasing.erase([report_id], Erasure("requested", "r-1", RESPONDER))
        await page.goto(f"{address}/follow-up")
        await page.get_by_label("Your receipt").fill(receipt)
        await page.get_by_role("button", name="Show my report").click()
        await expect(page.get_by_text("You were warned.")).to_be_visible()
        await expect(page.get_by_text("No words are kept of an erased report")).to_be_visible(visible=is_erased)
        await judge(page)
    await page.get_by_label("What was found is wrong").check()
    await page.get_by_role("button", name="Send the appeal").click()
    await expect(page.get_by_text("Your appeal has arrived.")).to_be_visible()
    await context.close()


async def test_the_first_look_costs_at_most_fifty_kilobytes(browser: Browser, address: str) -> None:
    context = await plain_context(browser, PHONE)
    page = await context.new_page()
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108  # Playwright cannot mark a built-in
    await page.goto(f"{address}/report", wait_until="networkidle")
    sizes = [await answer.request.sizes() for answer in answers]
    total = sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)
    hosts = {answer.url.removeprefix(address)[:1] for answer in answers}
    assert hosts == {"/"}
    assert 0 < total <= FIRST_LOAD, total
    await context.close()
