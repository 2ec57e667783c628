"""The baseline in a real browser: a coordinator who has never seen it attests, and another one confirms."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from services.triage.baseline.overview import Finding
from services.triage.baseline.scorecards import Verdict
from shared.access.authorization import FRESH
from shared.access.principal import Principal
from shared.policy.baseline import load_catalogue
from shared.times import now
from tests.support.browser_rig import View, hold_session, looks, serving
from tests.support.people import COPIES, auditor, bearer, coordinator, responder, session_of
from tests.support.triage_rig import Rig, make_rig

pytestmark = pytest.mark.asyncio(loop_scope="session")

CORA = coordinator("d1", "swwiki_admins", "arwiki_admins")
SECOND = coordinator("d2", "swwiki_admins")
AUDREY = auditor("d4")
ANN, BEN = (responder(name, "swwiki_admins") for name in ("d5", "d6"))
LINK = "https://meta.wikimedia.org/wiki/Special:Permalink/1"
PLACE = "/desk/baseline/swwiki"


class Audit:
    """The scorecard of one community, as audit measured it."""

    async def of(self, community: str) -> Verdict | None:
        if community != "swwiki":
            return None
        measured = {
            "HB-03": Finding("not_met", "contradicted", False, 5),
            "HB-04": Finding("no_evidence", "too_few_cases", None, 5),
            "HB-07": Finding("met", "measured", True, 1),
            "HB-13": Finding("not_met", "threshold_missed", False, 5),
        }
        return Verdict(now(), "unassessed", measured)


@pytest_asyncio.fixture(loop_scope="session")
async def rig() -> AsyncIterator[Rig]:
    for who in (CORA, SECOND, AUDREY, ANN, BEN):
        COPIES.enrol(who)
    async with make_rig(catalogues=[load_catalogue()], scorecards=Audit()) as rig:
        yield rig


@pytest_asyncio.fixture(loop_scope="session")
async def address(rig: Rig) -> AsyncIterator[str]:
    async with serving(rig.app) as address:
        yield address


async def come_as(page: Page, rig: Rig, address: str, who: Principal = CORA, age: timedelta = timedelta()) -> None:
    await hold_session(page, address, "/desk", await session_of(rig.sessions, who, age=age))


async def say(rig: Rig, change: str, who: Principal = CORA, community: str = "swwiki", **values: object) -> None:
    headers = {**bearer(who), "If-Match": f'"{rig.registries.of(community).seq}"'}
    answer = await rig.http.post(f"/v1/baseline/{community}/{change}", json=values, headers=headers)
    assert answer.status_code == 200, answer.text


async def fill_the_baseline(rig: Rig) -> None:
    words = {"claim": "met", "statement": "The main page and every talk page link the way to report.", "link": LINK}
    soon = (now() + timedelta(days=12)).isoformat()
    people = {"contacts": [ANN.ref, BEN.ref]}
    await say(rig, "attest", responsibility_id="HB-01", **{**words, "statement": "Once there was a page."})
    await say(rig, "attest", responsibility_id="HB-01", **words)
    await say(rig, "attest", responsibility_id="HB-02", **words, fields=people, valid_until=soon)
    for wanted in ("HB-03", "HB-09", "HB-15"):
        fields = {"fields": {"reviewed_on": ["2026-11-02"]}} if wanted == "HB-15" else {}
        await say(rig, "attest", responsibility_id=wanted, **words, **fields)
    (made,) = [a for a in rig.registries.of("swwiki").attestations if a.responsibility_id == "HB-03"]
    await say(rig, "confirm", AUDREY, attestation_id=made.id)
    await say(rig, "attest", responsibility_id="HB-14", **{**words, "claim": "not_met", "statement": "Nobody yet."})
    await say(rig, "annotate", responsibility_id="HB-13", statement="Two reports waited for a court.")
    project = {"title": "Peer Support Networks", "stakeholder": "WMF", "lead": "Trust & Safety", "phase": "Pilot"}
    await say(rig, "list_project", **project, link=LINK, responsibilities=["HB-14", "HB-16"])


async def test_a_coordinator_attests_without_javascript_and_another_confirms(
    rig: Rig, browser: Browser, address: str
) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await come_as(page, rig, address)
    await page.goto(f"{address}/desk")
    await page.get_by_role("link", name="Baseline").click()
    await page.get_by_role("link", name="Wikipedia ya Kiswahili").click()
    await page.get_by_text("Missing for higher levels").click()
    await page.get_by_role("link", name="HB-09").first.click()
    duty = page.locator("#HB-09")
    await duty.get_by_text("Say how it stands", exact=True).click()
    await duty.get_by_label("We meet it").check()
    await duty.get_by_label("How does the community do it?").fill("Write to ada@example.org.")
    await duty.get_by_role("button", name="Say it in public").click()
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("How does the community do it? This looks like a name or an address")
    await alert.get_by_role("link", name="How does the community do it?").click()
    await duty.get_by_label("How does the community do it?").fill("Another wiki decides appeals.")
    await expect(duty.get_by_label("We meet it")).to_be_checked()
    await duty.get_by_label("Page that shows it").fill(LINK)
    await duty.get_by_role("button", name="Say it in public").click()
    await expect(page.get_by_role("status")).to_contain_text("Ask them to open this page.")
    await expect(duty).to_contain_text("To be confirmed")
    await come_as(page, rig, address, SECOND)
    await page.goto(f"{address}{PLACE}")
    await page.get_by_role("button", name="Confirm that this is true").click()
    await expect(page.get_by_role("status")).to_contain_text("It is confirmed, and counts.")
    await expect(page.locator("#HB-09")).to_contain_text("Met")


async def test_an_old_sign_in_is_said_before_a_reason_is_written_and_keeps_it(
    rig: Rig, browser: Browser, address: str
) -> None:
    await fill_the_baseline(rig)
    page = await browser.new_page()
    await come_as(page, rig, address, age=FRESH + timedelta(minutes=1))
    await page.goto(f"{address}{PLACE}")
    duty = page.locator("#HB-01")
    await duty.get_by_text("Take it back", exact=True).click()
    await expect(duty.get_by_text("Sign in again before you write.")).to_be_visible()
    await duty.get_by_label("Why is it taken back?").fill("The page was deleted.")
    await duty.get_by_role("button", name="Take the statement back").click()
    await expect(page.get_by_text("nothing you wrote is lost")).to_be_visible()
    assert await page.locator("input[name=draft]").get_attribute("value")
    await come_as(page, rig, address)
    await page.goto(f"{address}{PLACE}")
    await duty.get_by_text("Take it back", exact=True).click()
    await duty.get_by_label("Why is it taken back?").fill("The page was deleted.")
    await duty.get_by_role("button", name="Take the statement back").click()
    await expect(page.get_by_role("status")).to_contain_text("It is taken back.")
    await expect(duty).to_contain_text("The page was deleted.")


@looks(360, "ltr", "rtl")
async def test_every_page_of_the_baseline_is_accessible_and_fits(
    rig: Rig, browser: Browser, address: str, view: View
) -> None:
    await fill_the_baseline(rig)
    page = await view.page(browser)
    for who, name, path in (
        (CORA, "mine", "/desk/baseline"), (CORA, "one", PLACE), (CORA, "new", "/desk/baseline/arwiki"),
        (AUDREY, "auditor", PLACE),
    ):  # fmt: skip
        await come_as(page, rig, address, who)
        await page.goto(f"{address}{path}")
        await view.judge(page, f"baseline-{name}", opened=False)
        await view.judge(page)
    await come_as(page, rig, address)
    await page.goto(f"{address}{PLACE}")
    await page.locator("#HB-01 summary").first.click()
    await page.locator("#HB-01").get_by_role("button", name="Say it in public").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await view.judge(page, "baseline-mistake", opened=False)
    await view.judge(page, "baseline-open")
