"""Signing in with a wiki account, through a wiki's OAuth 2.0."""

import time

import pytest

from shared.access.authorization import FRESH
from shared.own_names import Proof, Trust
from shared.sign_in.attempts import SignInRefused
from shared.sign_in.identity import ToldName
from tests.stand_ins.oidc import OidcStandIn
from tests.stand_ins.wiki import CLIENT, PROFILE, WikiStandIn
from tests.support.sign_in_rig import HOME, IDENTITY_KEY, Browser, Rig, person_ref

pytestmark = pytest.mark.parametrize("provider", [WikiStandIn], indirect=True)


async def test_a_responder_signs_in_with_a_wiki_account(rig: Rig, provider: WikiStandIn, browser: Browser) -> None:
    assert (await browser.sign_in(next="/desk?state=open")).headers["location"] == "/desk?state=open"
    (account,) = rig.asked
    assert (account.issuer, account.subject) == (provider.issuer, "41")
    assert account.names == (ToldName("name", "Ada Example", Trust.ACCOUNT),)
    assert person_ref(IDENTITY_KEY, provider.issuer, "41") in (await browser.desk.get(HOME)).text


async def test_names_and_address_are_taken_where_the_wiki_may_tell_them(
    rig: Rig, provider: WikiStandIn, browser: Browser
) -> None:
    provider.profile |= {"realname": "Ada E. Xample", "email": "ada@example.org"}
    await browser.sign_in()
    assert rig.asked[0].names == (
        ToldName("name", "Ada Example", Trust.ACCOUNT),
        # Everybody can write any real name into their preferences.
        ToldName("name", "Ada E. Xample", Trust.TYPED),
        ToldName("address", "ada@example.org", Trust.PROVED),
    )
    provider.profile |= {"realname": "", "email": ""}
    await browser.sign_in()
    assert [name.text for name in rig.asked[1].names] == ["Ada Example"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"aud": "another client"}, "proof-of-another-client"),
        ({"aud": [CLIENT, "another client"]}, "proof-of-another-client"),
        ({"aud": []}, "proof-of-another-client"),
        ({"aud": None}, "proof-of-another-client"),
        ({"iat": time.time() - 3600}, "proof-old"),
        ({"iat": "now"}, "proof-old"),
        ({"iat": None}, "proof-old"),
    ],
)
async def test_an_old_token_or_one_of_another_client_proves_no_sign_in(
    rig: Rig, provider: WikiStandIn, changed: dict[str, object], reason: str
) -> None:
    with pytest.raises(SignInRefused) as refused:
        await rig.flow.provider.prove(Proof(access_token=provider.issue(**changed)), [CLIENT])
    assert refused.value.reason == reason


async def test_a_token_that_the_wiki_did_not_issue_proves_no_sign_in(rig: Rig, provider: WikiStandIn) -> None:
    provider.issued.add("no.token")
    for token in (provider.issue() + "x", "made-up", "no.token"):
        with pytest.raises(SignInRefused):
            await rig.flow.provider.prove(Proof(access_token=token), [CLIENT])


@pytest.mark.parametrize(
    ("changed", "status", "told", "reason"),
    [
        ({"blocked": True}, 403, "is blocked at", "account-blocked"),
        ({"confirmed_email": False}, 403, "no confirmed e-mail address", "account-unconfirmed"),
        ({"blocked": "no"}, 400, "could not rely", "profile-malformed"),
        ({"confirmed_email": 1}, 400, "could not rely", "profile-malformed"),
        ({"sub": 0}, 400, "could not rely", "profile-malformed"),
        ({"sub": ""}, 400, "could not rely", "profile-malformed"),
        ({"sub": True}, 400, "could not rely", "profile-malformed"),
        ({"sub": None}, 400, "could not rely", "profile-malformed"),
        ({"username": ""}, 400, "could not rely", "profile-malformed"),
        ({"username": ["Ada"]}, 400, "could not rely", "profile-malformed"),
    ],
)
async def test_an_account_that_is_not_in_order_is_refused_and_told_why(
    rig: Rig, provider: WikiStandIn, browser: Browser, changed: dict[str, object], status: int, told: str, reason: str
) -> None:
    provider.profile |= changed
    refused = await browser.sign_in()
    assert refused.status_code == status
    assert told in refused.text
    assert rig.refusals == [reason]
    assert rig.store.sessions == {}


@pytest.mark.parametrize("missing", ["sub", "username", "blocked", "confirmed_email"])
async def test_a_profile_that_leaves_out_what_counts_is_refused(
    rig: Rig, provider: WikiStandIn, browser: Browser, missing: str
) -> None:
    del provider.profile[missing]
    assert (await browser.sign_in()).status_code == 400
    assert rig.refusals == ["profile-malformed"]


async def test_a_profile_that_is_no_object_is_refused(rig: Rig, provider: WikiStandIn, browser: Browser) -> None:
    provider.profile = [PROFILE]  # type: ignore[assignment]  # what a wiki should never send
    assert (await browser.sign_in()).status_code == 400
    assert rig.refusals == ["answer-malformed"]


async def test_a_code_is_good_once(rig: Rig, provider: WikiStandIn, browser: Browser) -> None:
    left = await browser.leave()
    answer = await browser.provider.get(left.headers["refresh"].removeprefix("0; url="))
    provider.codes.clear()
    assert (await browser.desk.get(answer.headers["location"])).status_code == 400
    assert rig.refusals == ["code-refused"]


async def test_the_time_of_the_redirect_counts_because_a_wiki_tells_no_other(rig: Rig, browser: Browser) -> None:
    await browser.sign_in(fresh="1")
    (session,) = rig.store.sessions.values()
    assert session.authenticated_at is not None
    assert rig.clock() - session.authenticated_at <= FRESH
    assert (await browser.desk.get("/desk/decide")).text == "decided"


async def test_a_wiki_that_is_down_is_said_to_be(rig: Rig, provider: WikiStandIn, browser: Browser) -> None:
    left = await browser.leave()
    answer = await browser.provider.get(left.headers["refresh"].removeprefix("0; url="))
    provider.down = True
    refused = await browser.desk.get(answer.headers["location"])
    assert refused.status_code == 503
    assert "wiki.example" in refused.text


async def test_a_wiki_sends_no_logouts_and_offers_none(rig: Rig, browser: Browser) -> None:
    token = OidcStandIn().logout_token()
    with pytest.raises(SignInRefused):
        await rig.flow.provider.read_logout(token)
    answer = await browser.desk.post(f"{HOME}/sign-in/back-channel", data={"logout_token": token})
    assert answer.status_code == 400
    assert (await browser.desk.get(f"{HOME}/sign-out/elsewhere")).headers["location"] == f"{HOME}/sign-in"
