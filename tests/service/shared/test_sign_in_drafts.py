"""A form that came after its session had ended: its words come back to the same person, and to nobody else."""

from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import pytest

from shared.access.authorization import FRESH
from shared.access.principal import Grant, Leave, Principal, Role
from shared.sign_in.drafts import DRAFT_LIFE, LONGEST_DRAFT, REFUSED_LIFE, Draft, Drafts
from tests.stand_ins.oidc import OidcStandIn
from tests.support.forms import hidden_fields, token_from
from tests.support.people import LONG_AGO
from tests.support.rosters import refresh_rosters
from tests.support.sign_in_rig import HOME, Browser, Rig, ada, browsing, press

WORDS = "What she wrote was meant for me."


async def signed_out_while_writing(rig: Rig, browser: Browser, provider: OidcStandIn) -> httpx.Response:
    """The answer to words that a person sends after their session was ended by another."""
    token = await written(browser)
    await rig.flow.sessions.revoke_person(ada(provider), rig.clock())
    return await browser.desk.post(f"{HOME}/words", data={**token, "words": WORDS})


async def written(browser: Browser) -> dict[str, str]:
    await browser.sign_in()
    return await token_from(browser.desk, HOME)


async def test_what_was_typed_comes_back_after_the_sign_in(rig: Rig, provider: OidcStandIn, browser: Browser) -> None:
    asked = await signed_out_while_writing(rig, browser, provider)
    assert asked.status_code == 401
    assert "Your session has ended" in asked.text
    assert "nothing you wrote is lost" in asked.text
    assert WORDS not in asked.text
    entered = await browser.come_back(await press(browser.desk, asked))
    assert (entered.status_code, entered.headers["location"]) == (303, f"{HOME}/words")
    for _ in range(2):
        assert (await browser.desk.get(f"{HOME}/words")).json() == {"words": [WORDS]}
    assert (await browser.desk.get(f"{HOME}")).status_code == 200
    rig.clock.ahead = DRAFT_LIFE
    assert (await browser.desk.get(f"{HOME}/words")).json() is None


async def test_an_idle_session_loses_no_words_and_a_page_says_that_it_ended(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    token = await written(browser)
    rig.clock.ahead = timedelta(minutes=31)
    page = await browser.desk.get(HOME)
    assert "Your session has ended" in (await browser.desk.get(page.headers["location"])).text
    asked = await browser.desk.post(f"{HOME}/words", data={**token, "words": WORDS})
    # The clock of the provider was not set forward.
    rig.clock.ahead = timedelta()
    await browser.come_back(await press(browser.desk, asked))
    assert (await browser.desk.get(f"{HOME}/words")).json() == {"words": [WORDS]}


async def test_a_demand_for_a_fresh_sign_in_carries_the_words_through_it(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    token = await written(browser)
    rig.clock.ahead = FRESH + timedelta(seconds=5)
    asked = await browser.desk.post(f"{HOME}/decide", data={**token, "words": WORDS})
    assert asked.status_code == 401
    assert "sign-in of the last ten minutes" in asked.text
    left = await press(browser.desk, asked)
    assert "max_age=0" in left.headers["refresh"]


async def test_another_person_at_the_same_browser_gets_none_of_the_words(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    asked = await signed_out_while_writing(rig, browser, provider)
    left = await press(browser.desk, asked)
    provider.account = replace(provider.account, sub="another")
    rig.enrol(ada(provider))
    entered = await browser.come_back(left)
    assert entered.status_code == 303
    assert (await browser.desk.get(f"{HOME}/words")).json() is None
    assert rig.store.drafts == {}


async def test_another_person_cannot_send_a_form_that_was_opened_before_them(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    token = await written(browser)
    provider.account = replace(provider.account, sub="another")
    rig.enrol(ada(provider))
    await browser.sign_in()
    refused = await browser.desk.post(f"{HOME}/words", data={**token, "words": WORDS})
    assert refused.status_code == 403
    assert "opened by another person" in refused.text
    assert WORDS not in refused.text
    own = await token_from(browser.desk, HOME)
    assert (await browser.desk.post(f"{HOME}/words", data={**own, "words": WORDS})).json() == {"words": [WORDS]}


async def refused_on_leave(rig: Rig, browser: Browser, provider: OidcStandIn) -> httpx.Response:
    """The answer to words that a person sends after a leave of theirs was noted."""
    token = await written(browser)
    rig.copies.enrol(Principal(ada(provider), (Grant(Role.COORDINATOR),), leaves=(Leave(LONG_AGO),)))
    await refresh_rosters(rig.app)
    return await browser.desk.post(f"{HOME}/words", data={**token, "words": WORDS})


async def test_words_written_before_a_leave_outlast_the_session(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    assert (await refused_on_leave(rig, browser, provider)).status_code == 403
    assert WORDS not in repr(rig.store)
    await rig.flow.sessions.revoke_person(ada(provider), rig.clock())
    # A person who only looks whether the leave is over loses nothing either.
    for _ in range(2):
        entered = await browser.sign_in()
        assert entered.headers["location"] == f"{HOME}/words"
    rig.enrol(ada(provider))
    await refresh_rosters(rig.app)
    assert (await browser.sign_in(next=f"{HOME}/decide")).headers["location"] == f"{HOME}/decide"
    assert (await browser.desk.get(f"{HOME}/words")).json() == {"words": [WORDS]}


async def test_words_of_an_ended_session_wait_for_the_end_of_a_leave_too(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    asked = await signed_out_while_writing(rig, browser, provider)
    rig.copies.enrol(Principal(ada(provider), (Grant(Role.COORDINATOR),), leaves=(Leave(LONG_AGO),)))
    await refresh_rosters(rig.app)
    await browser.come_back(await press(browser.desk, asked))
    refused = await browser.desk.get(f"{HOME}/words")
    assert (refused.status_code, "kept sealed" in refused.text) == (403, True)
    rig.enrol(ada(provider))
    await refresh_rosters(rig.app)
    rig.clock.ahead = 2 * DRAFT_LIFE
    assert (await browser.desk.get(f"{HOME}/words")).json() == {"words": [WORDS]}


async def test_words_written_before_a_leave_come_to_nobody_else_and_do_not_wait_for_ever(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    await refused_on_leave(rig, browser, provider)
    (kept,) = rig.store.drafts.values()
    assert kept.until - rig.clock() <= REFUSED_LIFE
    account, provider.account = provider.account, replace(provider.account, sub="another")
    rig.enrol(ada(provider))
    assert (await browser.sign_in()).headers["location"] == HOME
    assert (await browser.desk.get(f"{HOME}/words")).json() is None
    provider.account = account
    assert (await browser.sign_in()).headers["location"] == HOME


async def test_another_browser_cannot_use_a_draft(rig: Rig, provider: OidcStandIn, browser: Browser) -> None:
    draft = hidden_fields((await signed_out_while_writing(rig, browser, provider)).text)["draft"]
    async with browsing(rig, provider) as other:
        page = await other.desk.get(f"{HOME}/sign-in", params={"next": f"{HOME}/words"})
        kept = {name: value for name, value in hidden_fields(page.text).items() if name != "draft"}
        await other.come_back(await other.desk.post(f"{HOME}/sign-in", data={**kept, "draft": draft}))
        assert (await other.desk.get(f"{HOME}/words")).json() is None
    assert rig.store.drafts == {}


async def test_words_outlive_a_provider_that_is_away_and_a_sign_in_that_is_denied(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    asked = await signed_out_while_writing(rig, browser, provider)
    rig.vault["away"] = True
    refused = await browser.come_back(await press(browser.desk, asked))
    assert refused.status_code == 503
    assert "nothing you wrote is lost" in refused.text.lower()
    rig.vault["away"] = False
    await browser.come_back(await press(browser.desk, refused))
    assert (await browser.desk.get(f"{HOME}/words")).json() == {"words": [WORDS]}


async def test_words_stand_nowhere_in_clear_and_in_no_address(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    asked = await signed_out_while_writing(rig, browser, provider)
    left = await press(browser.desk, asked)
    (attempt,) = rig.store.attempts.values()
    assert attempt.draft
    assert WORDS not in repr(rig.store)
    await browser.come_back(left)
    assert WORDS not in repr(rig.store)
    assert all("draft" not in address and WORDS.split()[0] not in address for address in browser.callbacks)


async def test_a_stranger_has_nothing_stored(rig: Rig, browser: Browser) -> None:
    page = await browser.desk.get(f"{HOME}/sign-in")
    token = {"form_token": hidden_fields(page.text)["form_token"]}
    for forged in ("", ".x" * 3, f".{'A' * 64}"):
        sent = {"form_token": token["form_token"] + forged, "words": "x" * 100}
        asked = await browser.desk.post(f"{HOME}/words", data=sent)
        assert 'name="draft"' not in asked.text
        assert "Nothing has been sent." in asked.text or asked.status_code == 403
    await browser.desk.post(f"{HOME}/sign-in", data={**token, "draft": "A" * 4000})
    assert all(not attempt.draft for attempt in rig.store.attempts.values())


@pytest.mark.parametrize("sealed", ["", "A", "AAAA" * 20, "ä", "=" * 9])
def test_only_what_was_sealed_here_is_opened(sealed: str) -> None:
    assert Drafts(b"k" * 32).open(sealed, "secret") is None


def test_a_draft_is_opened_by_its_key_and_secret_alone() -> None:
    draft = Draft("/desk/words", "mark", {"words": [WORDS, "猫"]})
    sealed = Drafts(b"k" * 32).seal(draft, "secret")
    assert Drafts(b"k" * 32).open(sealed, "secret") == draft
    assert Drafts(b"k" * 32).open(sealed, "other") is None
    assert Drafts(b"x" * 32).open(sealed, "secret") is None
    assert Drafts(b"k" * 32).seal(replace(draft, fields={"words": ["x" * LONGEST_DRAFT]}), "secret") == ""


def test_a_draft_with_fields_of_a_later_version_is_left_alone() -> None:
    @dataclass(frozen=True, slots=True)
    class LaterDraft(Draft):
        language: str = "en"

    sealed = Drafts(b"k" * 32).seal(LaterDraft("/desk/words", "mark", {"words": [WORDS]}), "secret")
    assert Drafts(b"k" * 32).open(sealed, "secret") is None
