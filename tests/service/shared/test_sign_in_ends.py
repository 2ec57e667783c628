"""Ends that come while something is under way, and refusals that lead nobody in a circle."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.audit.settings import AuditSettings
from shared.access.principal import Principal
from shared.access.roster import Roster
from shared.access_control import AccessControl, SignIn
from shared.i18n.messages import SHARED_MESSAGES, Messages
from shared.own_names import OwnNames, Proof
from shared.problems import Problem, Unavailable
from shared.runtime import Runtime
from shared.sign_in.attempts import SignInRefused
from shared.sign_in.sessions import Session, Sessions
from shared.times import now
from shared.web.pages import TEMPLATES, make_pages
from tests.fakes.memory_sessions import MemorySessions
from tests.stand_ins.oidc import OidcStandIn
from tests.support.people import SIGN_IN, entry_of
from tests.support.service_keys import files_of
from tests.support.sign_in_rig import ADDRESS, HOME, Browser, Clock, Rig, ada, an_identity


@pytest.mark.parametrize("told", [{}, {"sid": None}], ids=["of the session", "of the account"])
async def test_a_logout_that_overtakes_the_sign_in_ends_it(
    rig: Rig, provider: OidcStandIn, browser: Browser, told: dict[str, Any]
) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    find = rig.flow.names_of

    async def slow(proof: Proof) -> OwnNames:
        asked.set()
        await answered.wait()
        return await find(proof)

    object.__setattr__(rig.flow, "names_of", slow)
    entering = asyncio.create_task(browser.sign_in())
    await asked.wait()
    token = provider.logout_token(**({"sub": provider.account.sub} if told else {}), **told)
    assert (await browser.desk.post(f"{HOME}/sign-in/back-channel", data={"logout_token": token})).status_code == 200
    answered.set()
    assert (await entering).status_code == 400
    assert rig.store.sessions == {}
    assert rig.refusals == ["ended-meanwhile"]
    # What was told before does not hold against the next sign-in.
    provider.sid = "op-session-2"
    assert (await browser.sign_in()).status_code == 303


async def test_what_ends_while_the_store_is_asked_is_not_remembered() -> None:
    store, clock = MemorySessions(), Clock()
    sessions = Sessions(store, clock)
    secret, session = await sessions.begin(OwnNames("person:1", ()), an_identity())
    find, go_on = store.find, asyncio.Event()

    async def slow(id_hash: str) -> Session | None:
        found = await find(id_hash)
        await go_on.wait()
        return found

    store.find = slow  # type: ignore[method-assign]
    looking = asyncio.create_task(sessions.find(secret))
    await asyncio.sleep(0)
    await sessions.end(session)
    go_on.set()
    await looking
    assert await sessions.find(secret) is None


async def test_a_session_that_the_roster_has_ended_shows_no_sessions(
    rig: Rig, provider: OidcStandIn, browser: Browser
) -> None:
    await browser.sign_in()
    who = ada(provider)
    object.__setattr__(rig.flow, "people", Roster(rig.copies))
    rig.enrol(who)
    assert (await browser.desk.get(f"{HOME}/sessions")).status_code == 200
    rig.copies.keep(entry_of(Principal(who), signed_out_at=now() + timedelta(seconds=1)))
    object.__setattr__(rig.flow, "people", Roster(rig.copies))
    for path in (HOME, f"{HOME}/sessions"):
        answer = await browser.desk.get(path)
        assert (answer.status_code, "/sign-in" in answer.headers["location"]) == (303, True)


async def test_a_provider_that_is_away_is_on_record(rig: Rig, provider: OidcStandIn, browser: Browser) -> None:
    provider.down = True
    assert (await browser.leave()).status_code == 503
    token = provider.logout_token()
    answer = await browser.desk.post(f"{HOME}/sign-in/back-channel", data={"logout_token": token})
    assert answer.status_code == 503
    assert rig.refusals == ["provider-away", "provider-away"]


@pytest.mark.parametrize("back", [f"{HOME}/sign-in/callback?code=a&state=b", f"{HOME}/sign-in?next=/x"])
def test_nobody_is_led_back_into_a_sign_in(rig: Rig, back: str) -> None:
    assert rig.flow.own(back) == HOME
    assert rig.flow.own(f"{HOME}/signed") == f"{HOME}/signed"


@pytest.mark.parametrize(("status", "expected"), [(401, Unavailable), (403, Unavailable), (422, SignInRefused)])
async def test_what_triage_refuses_is_no_refusal_of_the_person(status: int, expected: type[Exception]) -> None:
    async def refuse(_: Proof) -> OwnNames:
        raise Problem(status, "triage-refused", "triage refused the request.")

    settings = AuditSettings(signing_key=b"s" * 32, form_key=b"k" * 32, **SIGN_IN, **files_of("audit"))
    access_control = AccessControl(Runtime("audit", settings))
    pages = make_pages(TEMPLATES, Messages.load([SHARED_MESSAGES]), home=HOME)
    flow, _ = access_control.open_sign_in(SignIn(settings, pages, HOME, ADDRESS, refuse))
    with pytest.raises(expected):
        await flow.names_of(Proof(access_token="access"))
