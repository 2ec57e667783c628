"""Who signs in with an account of the demo sees what the account is for, and who is reported sees nothing of it."""

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from infra.local.people import ACCOUNT_ROLES
from infra.local.sign_in_provider import ACCOUNTS
from infra.local.system import System
from shared.access.principal import Role
from shared.ids import case_id_of
from shared.policy import load_policy
from tests.e2e.way import wait_for
from tests.suites.sign_in import eventually

pytestmark = [pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="session")]

NAMES = {account.subject: account.username for account in ACCOUNTS}
PAGES = {
    Role.RESPONDER: ("triage", "/desk", "Cases"),
    Role.COORDINATOR: ("triage", "/desk", "Cases"),
    Role.AUDITOR: ("audit", "/audit", "The record"),
    Role.OPERATOR: ("notification", "/outbox", "Outbox"),
}
"""What each role opens: the service, the page, and its heading."""


@pytest.fixture(scope="module", autouse=True)
def enrolled(system: System) -> None:
    system.enrol_accounts()


async def sign_in(browser: Browser, system: System, address: str, subject: str) -> Page:
    """The page at this address, in a browser in which somebody has just signed in there with their account."""
    page = await (await browser.new_context()).new_page()
    await page.goto(address)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{system.stack.sign_in}/**")
    await page.get_by_role("button", name=NAMES[subject]).click()
    await page.wait_for_url(f"{address}*")
    return page


def report(system: System, *reported: str) -> str:
    """The code name of the case of a report that names these people, once it is on the desk."""
    body = {"community": "enwiki", "narrative": "words", "reported": [{"name": name} for name in reported]}
    sent = httpx.post(f"{system.url('intake')}/v1/reports", json=body).raise_for_status().json()
    token = system.token(Role.RESPONDER, *load_policy().bodies)
    case = f"{system.url('triage')}/v1/cases/{case_id_of(sent['report_id'])}"
    headers = {"Authorization": f"Bearer {token}"}
    shown = wait_for(lambda: (answer := httpx.get(case, headers=headers)).status_code == 200 and answer)
    return str(shown.json()["code_name"])


async def listed(page: Page) -> set[str]:
    """The code names on this page of the queue and on those behind it: other tests' cases share the queue."""
    found = set(await page.get_by_role("heading", level=2).get_by_role("link").all_inner_texts())
    while await (onward := page.get_by_role("link", name="More cases")).count():
        async with page.expect_navigation():
            await onward.click()
        found |= set(await page.get_by_role("heading", level=2).get_by_role("link").all_inner_texts())
    return found


@pytest.mark.parametrize(("subject", "role"), ACCOUNT_ROLES.items())
async def test_each_account_opens_the_page_of_its_role(
    browser: Browser, system: System, subject: str, role: Role
) -> None:
    service, path, heading = PAGES[role]
    page = await sign_in(browser, system, system.url(service) + path, subject)
    # Each service hears of the roster by itself, so a person may come before its news.
    await eventually(page, heading)


async def test_an_account_on_no_roster_is_told_its_reference_and_sees_nothing(browser: Browser, system: System) -> None:
    page = await sign_in(browser, system, f"{system.url('triage')}/desk", "demo-nobody")
    await expect(page.get_by_role("main")).to_contain_text(system.account("demo-nobody"))
    await expect(page.get_by_role("heading", level=1)).not_to_have_text("Cases")


async def test_a_responder_who_is_reported_does_not_find_the_case(browser: Browser, system: System) -> None:
    # A token of every body reads both. The named case lies with a body of the reported person until triage knows the
    # name, and with the last resort from then on; so it is not said what a colleague sees of it.
    named, other = report(system, NAMES["demo-reported"]), report(system, "Somebody Else")
    desk = f"{system.url('triage')}/desk"
    riya = await sign_in(browser, system, desk, "demo-responder")
    assert other in await listed(riya)
    reported = await sign_in(browser, system, desk, "demo-reported")
    found = await listed(reported)
    assert other in found
    assert named not in found
    hidden, missing = [await reported.goto(f"{desk}/cases/{name}") for name in (named, "never-was")]
    assert [answer and answer.status for answer in (hidden, missing)] == [404, 404]
    seen = await reported.goto(f"{desk}/cases/{other}")
    assert seen
    assert seen.status == 200
