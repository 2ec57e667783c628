"""Signing in, again and out, through the pages: from the desk to the provider and back, as a browser goes."""

import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.access.authorization import FRESH
from shared.own_names import Trust
from shared.problems import Unavailable
from shared.sign_in.attempts import ATTEMPT_LIFE, Shown
from shared.sign_in.cached import FAILED
from shared.sign_in.cookies import Cookies
from shared.sign_in.identity import ToldName
from shared.sign_in.pages import STATUS
from shared.sign_in.sessions import FRESHNESS
from shared.times import now
from tests.stand_ins.oidc import CLIENT, OidcStandIn
from tests.support.gate_rig import PAGES, Gates
from tests.support.people import person, session_of
from tests.support.sign_in_rig import ADDRESS, HOME, Browser, Rig, ada, browsing, press, rig_with

COOKIE = "__Host-hearth-desk"


async def test_a_person_signs_in_and_comes_to_the_page_they_wanted(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    asked = await browser.desk.get("/desk?state=open&cursor=a")
    assert asked.status_code == 303
    query = {name: values[0] for name, values in parse_qs(urlsplit(asked.headers["location"]).query).items()}
    entered = await browser.sign_in(**query)
    assert (entered.status_code, entered.headers["location"]) == (303, "/desk?state=open&cursor=a")
    page = await browser.desk.get(entered.headers["location"])
    assert ada(provider) in page.text
    (session,) = rig.store.sessions.values()
    assert (session.person, session.sid, session.named) == (ada(provider), "op-session-1", True)
    assert len(session.pseudonyms) == 1
    assert session.agent == "Firefox, Linux"
    (account,) = rig.asked
    assert account.subject == "248289761001"
    assert account.names == (
        ToldName("name", "Ada Example", Trust.ACCOUNT),
        ToldName("address", "ada@example.org", Trust.TYPED),
    )
    assert rig.refusals == []


async def test_the_provider_is_asked_with_pkce_state_and_nonce(provider: OidcStandIn, browser: Browser) -> None:
    await browser.sign_in()
    await browser.sign_in()
    one, two = provider.asked
    assert one["response_type"] == "code"
    assert one["code_challenge_method"] == "S256"
    assert one["client_id"] == CLIENT
    assert one["redirect_uri"] == f"{ADDRESS}{HOME}/sign-in/callback"
    assert set(one["scope"].split()) == {"openid", "profile", "email"}
    for name in ("state", "nonce", "code_challenge"):
        assert len(one[name]) == 43
        assert one[name] != two[name]
    assert "prompt" not in one


async def test_the_cookie_is_a_random_id_out_of_reach_for_scripts_and_other_hosts(rig: Rig, browser: Browser) -> None:
    entered = await browser.sign_in()
    (cookie,) = [c for c in entered.headers.get_list("set-cookie") if c.startswith(f"{COOKIE}=")]
    value, *attributes = cookie.removeprefix(f"{COOKIE}=").split("; ")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", value)
    assert {a.lower() for a in attributes} == {"path=/", "secure", "httponly", "samesite=lax"}
    assert value not in repr(rig.store)


async def test_each_service_has_a_cookie_of_its_own(provider: OidcStandIn) -> None:
    desk, audit = rig_with(provider), rig_with(provider, home="/audit")
    assert desk.flow.cookies.session == "__Host-hearth-desk"
    assert audit.flow.cookies.session == "__Host-hearth-audit"
    assert desk.flow.cookies.attempt != audit.flow.cookies.attempt


async def test_the_id_is_new_after_every_sign_in_and_the_old_one_opens_nothing(rig: Rig, browser: Browser) -> None:
    await browser.sign_in()
    first = browser.session_cookie()
    await browser.sign_in(fresh="1")
    second = browser.session_cookie()
    assert first
    assert second
    assert first != second
    assert len(rig.store.sessions) == 1
    rig.clock.ahead += FRESHNESS
    assert await rig.flow.sessions.find(first) is None


async def test_a_planted_session_does_not_become_that_of_the_person_who_signs_in(rig: Rig, browser: Browser) -> None:
    planted = "A" * 43
    browser.desk.cookies.set(COOKIE, planted, domain="desk.example")
    await browser.sign_in()
    assert await rig.flow.sessions.find(planted) is None
    assert browser.session_cookie() != planted


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/report", "/desk/../report", "/deskx", ""],
)
async def test_a_sign_in_leads_only_to_pages_of_this_service(browser: Browser, address: str) -> None:
    entered = await browser.sign_in(next=address)
    assert entered.headers["location"] == HOME


async def test_no_header_of_a_request_changes_where_the_provider_sends_the_browser(
    provider: OidcStandIn, browser: Browser
) -> None:
    browser.desk.headers.update({"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil"})
    await browser.leave()
    left = await browser.leave()
    assert "evil" not in left.headers["refresh"]
    assert "redirect_uri=https%3A%2F%2Fdesk.example%2Fdesk" in left.headers["refresh"]


async def test_who_is_on_no_roster_is_told_their_own_reference(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    rig.copies.states.clear()
    await browser.sign_in()
    page = await browser.desk.get(HOME)
    assert page.status_code == 403
    assert f">{ada(provider)}<" in page.text
    assert "Ada Example" not in page.text


async def test_a_step_up_asks_the_provider_to_ask_again(rig: Rig, provider: OidcStandIn, browser: Browser) -> None:
    await browser.sign_in()
    assert (await browser.desk.get("/desk/decide")).text == "decided"
    rig.clock.ahead += FRESH + timedelta(seconds=5)
    again = await browser.desk.get("/desk/decide")
    assert again.headers["location"] == "/desk/sign-in?next=/desk/decide&fresh=1"
    assert "last ten minutes" in (await browser.desk.get(again.headers["location"])).text
    rig.clock.ahead = timedelta()
    entered = await browser.sign_in(next="/desk/decide", fresh="1")
    assert entered.headers["location"] == "/desk/decide"
    assert (provider.asked[-1]["prompt"], provider.asked[-1]["max_age"]) == ("login", "0")
    assert (await browser.desk.get("/desk/decide")).text == "decided"


async def test_a_provider_that_does_not_ask_again_makes_no_fresh_sign_in(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    for auth_time, reason in (
        (lambda: now().timestamp() - 120, "auth-time-old"),
        (lambda: None, "auth-time-missing"),
        (lambda: 1e300, "id-token-auth_time"),
    ):
        provider.auth_time = auth_time
        refused = await browser.sign_in(next="/desk/decide", fresh="1")
        assert refused.status_code in (400, 403)
        assert rig.refusals.pop() == reason
        assert 'name="fresh" value="1"' in refused.text
        assert 'name="next" value="/desk/decide"' in refused.text
    assert rig.store.sessions == {}
    # A minute is what clocks may be apart.
    provider.auth_time = lambda: now().timestamp() - 50
    assert (await browser.sign_in(fresh="1")).status_code == 303


async def test_a_sign_in_without_a_time_is_never_fresh(rig: Rig, provider: OidcStandIn, browser: Browser) -> None:
    provider.auth_time = lambda: None
    await browser.sign_in()
    assert (await browser.desk.get("/desk/decide")).headers["location"].endswith("&fresh=1")


async def test_a_time_in_the_future_makes_a_sign_in_no_fresher(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    provider.auth_time = lambda: now().timestamp() + 3600
    await browser.sign_in()
    (session,) = rig.store.sessions.values()
    assert session.authenticated_at is not None
    assert session.authenticated_at <= now()


async def test_a_callback_is_good_once(rig: Rig, browser: Browser) -> None:
    await browser.sign_in()
    again = await browser.desk.get(browser.callbacks[0])
    assert again.status_code == 400
    assert "used already" in again.text
    assert rig.refusals == ["attempt-unknown"]
    assert len(rig.store.sessions) == 1


async def test_a_callback_in_another_browser_signs_nobody_in(rig: Rig, provider: OidcStandIn, browser: Browser) -> None:
    left = await browser.leave()
    async with browsing(rig, provider) as victim:
        assert (await victim.come_back(left)).status_code == 400
        await victim.leave()
        left = await browser.leave()
        assert (await victim.come_back(left)).status_code == 400
    assert rig.refusals == ["attempt-unknown", "attempt-of-another-browser"]
    assert rig.store.sessions == {}


async def test_an_attempt_that_took_too_long_is_refused(rig: Rig, browser: Browser) -> None:
    left = await browser.leave()
    rig.clock.ahead += ATTEMPT_LIFE
    assert (await browser.come_back(left)).status_code == 400
    assert rig.refusals == ["attempt-over"]


async def test_two_tabs_can_sign_in_at_the_same_time(browser: Browser) -> None:
    one, two = await browser.leave(next="/desk?tab=1"), await browser.leave(next="/desk?tab=2")
    assert (await browser.come_back(one)).headers["location"] == "/desk?tab=1"
    assert (await browser.come_back(two)).headers["location"] == "/desk?tab=2"


@pytest.mark.parametrize("query", ["", "?state=&code=a", "?code=a", f"?state={'A' * 43}&code=a", "?state=%00&code=%00"])
async def test_a_callback_that_nobody_was_sent_to_is_refused(rig: Rig, browser: Browser, query: str) -> None:
    await browser.leave()
    assert (await browser.desk.get(f"{HOME}/sign-in/callback{query}")).status_code == 400
    assert rig.refusals == ["attempt-unknown"]


@pytest.mark.parametrize(("error", "reason"), [("access_denied", "denied"), ("<script>", "provider-error")])
async def test_what_the_provider_says_no_to_is_told_without_its_words(
    rig: Rig, provider: OidcStandIn, browser: Browser, error: str, reason: str
) -> None:
    provider.refuse = error
    refused = await browser.sign_in()
    assert refused.status_code == 403
    assert "did not say who you are" in refused.text
    assert error not in refused.text
    assert rig.refusals == [reason]


async def test_a_code_is_good_once_and_only_with_its_verifier(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    left = await browser.leave()
    provider.codes.clear()
    assert (await browser.desk.get(f"{HOME}/sign-in")).status_code == 200
    answer = await browser.provider.get(left.headers["refresh"].removeprefix("0; url="))
    provider.codes.clear()
    assert (await browser.desk.get(answer.headers["location"])).status_code == 400
    left = await browser.leave()
    (key,) = rig.store.attempts
    rig.store.attempts[key] = replace(rig.store.attempts[key], verifier="another verifier" * 3)
    assert (await browser.come_back(left)).status_code == 400
    assert rig.refusals == ["code-refused", "code-refused"]


async def test_an_answer_of_another_issuer_is_refused(rig: Rig, provider: OidcStandIn, browser: Browser) -> None:
    left = await browser.leave()
    answer = await browser.provider.get(left.headers["refresh"].removeprefix("0; url="))
    mixed = f"{answer.headers['location']}&iss=https%3A%2F%2Fevil.example"
    assert (await browser.desk.get(mixed)).status_code == 400
    assert rig.refusals == ["issuer-mixed-up"]


async def test_sessions_go_on_while_the_provider_is_down_and_the_sign_in_page_says_so(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    await browser.sign_in()
    left = await browser.leave()
    provider.down = True
    assert (await browser.desk.get(HOME)).status_code == 200
    assert ada(provider) in (await browser.desk.get(HOME)).text
    assert (await browser.desk.get(f"{HOME}/sessions")).status_code == 200
    rig.clock.ahead += timedelta(minutes=2)
    away = await browser.leave()
    assert (away.status_code, away.headers["retry-after"]) == (503, "30")
    assert "can go on" in away.text
    provider.down = False
    answer = await browser.provider.get(left.headers["refresh"].removeprefix("0; url="))
    provider.down = True
    assert (await browser.desk.get(answer.headers["location"])).status_code == 503
    provider.down = False
    rig.clock.ahead += FAILED
    # The button of the page that said so tries again.
    assert "refresh" in (await press(browser.desk, away)).headers


async def test_nobody_signs_in_while_their_pseudonyms_cannot_be_known(rig: Rig, browser: Browser) -> None:
    rig.vault["away"] = True
    assert (await browser.sign_in()).status_code == 503
    assert rig.store.sessions == {}
    assert rig.refusals == ["service-away"]
    rig.vault["away"] = False
    assert (await browser.sign_in()).status_code == 303


async def test_nothing_opens_while_the_store_is_away(rig: Rig, browser: Browser) -> None:
    await browser.sign_in()
    rig.store.away = True
    rig.clock.ahead += FRESHNESS
    assert (await browser.desk.get(HOME)).status_code == 503
    assert (await browser.leave()).status_code == 503
    page = await browser.desk.get(f"{HOME}/sign-in")
    assert (page.status_code, page.headers["retry-after"]) == (503, "30")
    assert "Try again in a minute" in page.text
    rig.store.away = False
    assert (await browser.sign_in()).status_code == 303


async def test_signing_out_ends_the_session_and_makes_the_browser_forget(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    await browser.sign_in()
    secret = browser.session_cookie()
    out = await press(browser.desk, await browser.desk.get(HOME))
    assert out.status_code == 200
    assert out.headers["clear-site-data"] == '"cache", "cookies", "storage"'
    assert browser.session_cookie() is None
    assert rig.store.sessions == {}
    assert await rig.flow.sessions.find(secret) is None
    assert 'href="/desk/sign-out/elsewhere"' in out.text
    away = (await browser.desk.get("/desk/sign-out/elsewhere")).headers["refresh"].removeprefix("0; url=")
    assert away.startswith("https://id.example/end?")
    assert parse_qs(urlsplit(away).query) == {
        "client_id": [CLIENT],
        "post_logout_redirect_uri": [f"{ADDRESS}{HOME}/sign-in"],
    }
    assert "may still be signed in" in out.text


async def test_a_browser_forgets_even_while_the_store_is_away(rig: Rig, browser: Browser) -> None:
    await browser.sign_in()
    page = await browser.desk.get(HOME)
    rig.store.away = True
    rig.clock.ahead += FRESHNESS
    out = await press(browser.desk, page)
    assert out.status_code == 200
    assert "within 30 minutes" in out.text
    assert browser.session_cookie() is None


@pytest.mark.parametrize("said", [Unavailable("the roster is old"), None], ids=["nothing", "that it has ended"])
async def test_signing_out_ends_the_session_whatever_the_roster_says(
    rig: Rig, browser: Browser, said: Unavailable | None
) -> None:
    class Said:
        async def person(self, *_: object, **__: object) -> None:
            if said:
                raise said

    await browser.sign_in()
    page = await browser.desk.get(HOME)
    object.__setattr__(rig.flow, "people", Said())
    out = await press(browser.desk, page)
    assert out.status_code == 200
    assert "within 30 minutes" not in out.text
    assert rig.store.sessions == {}


async def test_a_person_sees_their_sessions_and_ends_others(rig: Rig, provider: OidcStandIn, browser: Browser) -> None:
    await browser.sign_in()
    async with (
        browsing(rig, provider) as phone,
        browsing(rig, provider) as tablet,
    ):
        phone.desk.headers["user-agent"] = "Mozilla/5.0 (Linux; Android 14) Chrome/141.0 Safari/537.36"
        await phone.sign_in()
        await tablet.sign_in()
        provider.account = replace(provider.account, sub="somebody-else")
        async with browsing(rig, provider) as stranger:
            await stranger.sign_in()
            assert (await stranger.desk.get(f"{HOME}/sessions")).text.count("<time") == 2
            page = await browser.desk.get(f"{HOME}/sessions")
            assert page.text.count("Firefox, Linux</bdi>") == 2
            assert "Chrome, Android" in page.text
            assert page.text.count("This browser") == 1
            target = re.search(
                r'name="end" value="([0-9a-f]{64})">End<span class="hearth-only-heard"> Chrome', page.text
            )
            assert target
            ended = await press(browser.desk, page, end=target[1])
            assert ended.headers["location"] == f"{HOME}/sessions?ended=1"
            assert (await phone.desk.get(HOME)).status_code == 303
            assert (await tablet.desk.get(HOME)).status_code == 200
            await press(browser.desk, await browser.desk.get(f"{HOME}/sessions"), end="others")
            assert (await tablet.desk.get(HOME)).status_code == 303
            assert (await browser.desk.get(HOME)).status_code == 200
            # Signed in still, and on no roster.
            assert (await stranger.desk.get(HOME)).status_code == 403


async def test_nobody_ends_a_session_of_another_person(rig: Rig, provider: OidcStandIn, browser: Browser) -> None:
    await browser.sign_in()
    (ada_session,) = rig.store.sessions
    provider.account = replace(provider.account, sub="somebody-else")
    async with browsing(rig, provider) as one, browsing(rig, provider) as two:
        await one.sign_in()
        await two.sign_in()
        page = await one.desk.get(f"{HOME}/sessions")
        assert ada_session not in page.text
        await press(one.desk, page, end=ada_session)
        await press(one.desk, page, end="others")
    assert ada_session in rig.store.sessions
    assert len(rig.store.sessions) == 2


async def test_the_list_of_sessions_needs_a_sign_in(browser: Browser) -> None:
    answer = await browser.desk.get(f"{HOME}/sessions")
    assert answer.headers["location"] == "/desk/sign-in?next=/desk/sessions"


@pytest.mark.parametrize("service", PAGES)
async def test_a_person_signed_out_everywhere_does_not_see_the_list_of_sessions(
    monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    gates, home, who = Gates(), PAGES[service], person("5e55")
    gates.stand_in(monkeypatch)
    before = await session_of(gates.sessions, who, age=timedelta(hours=1))
    after = await session_of(gates.sessions, who)
    gates.copies.enrol(who, signed_out_at=now() - timedelta(minutes=1))
    async with gates.http(service) as http:
        for secret, status in ((before, 303), (after, 200)):
            headers = {"Cookie": f"{Cookies(home).session}={secret}", "Accept": "text/html"}
            assert (await http.get(f"{home}/sessions", headers=headers)).status_code == status


@pytest.mark.parametrize("path", ["sign-in", "sign-out", "sessions"])
async def test_a_form_of_another_site_does_nothing(rig: Rig, browser: Browser, path: str) -> None:
    await browser.sign_in()
    headers = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    answer = await browser.desk.post(f"{HOME}/{path}", data={"end": "others"}, headers=headers)
    assert answer.status_code == 403
    assert len(rig.store.sessions) == 1


async def test_pages_of_signing_in_are_not_kept(browser: Browser) -> None:
    left = await browser.leave()
    for answer in (await browser.desk.get(f"{HOME}/sign-in"), left, await browser.come_back(left)):
        assert answer.headers["cache-control"] == "no-store"


def test_every_refusal_has_its_message_and_its_status(rig: Rig) -> None:
    texts = rig.flow.pages._messages
    assert [shown for shown in Shown if not texts.has(f"sign-in-refused-{shown}")] == []
    assert set(STATUS) <= set(Shown)
