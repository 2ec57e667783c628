"""Names of people who sign in: noted at every service, given by coordinators, never chosen by the people themselves."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest

from services.triage.roster.actions import RosterEditor, SignIns
from services.triage.roster.names import TYPED_DELAY
from shared.access.principal import Grant, Principal, Role
from shared.access.roster import Roster
from shared.clients.roster import RosterClient
from shared.events import RosterEntryChanged
from shared.metrics import NAME_ALARMS
from shared.own_names import OwnNames, Proof
from shared.problems import Problem, Unavailable
from shared.sign_in.cookies import Cookies
from shared.succession import Succession
from shared.times import now
from tests.fakes.memory_entries import MemoryEntries
from tests.support.people import COPIES, come_back, coordinator, own_names, person, session_of
from tests.support.service_keys import signer
from tests.support.triage_rig import ADA, ALICE, PROOF, STRANGER, TICKET, Rig, bearer, make_rig

CHIEF, SECOND = person("c1", Grant(Role.COORDINATOR)), person("c5", Grant(Role.COORDINATOR))
NEW = "person:00000000000000ee"
BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        for who in (CHIEF, SECOND, ALICE):
            rig.entries.enrol(who)
        yield rig


def client_of(rig: Rig, service: str) -> RosterClient:
    """The roster as another service reaches it."""
    transport = httpx.ASGITransport(rig.app, raise_app_exceptions=False)
    return RosterClient(httpx.AsyncClient(transport=transport, base_url="https://desk.example"), signer(service))


@pytest.mark.parametrize("service", ["audit", "notification"])
async def test_a_sign_in_elsewhere_is_noted_before_the_person_gets_in(rig: Rig, service: str) -> None:
    own = await client_of(rig, service).sign_in(PROOF)
    # What the person typed stays here: it shuts nobody out yet.
    entry = rig.entries.of(ALICE.ref).entry
    assert own == OwnNames(ALICE.ref, (ADA,), held=entry.pseudonyms)
    assert STRANGER.keys[0] not in own.holding
    assert set(entry.pseudonyms) == {*ALICE.pseudonyms, *ADA.keys}
    assert entry.named


def changes(rig: Rig) -> list[str]:
    """What the topic `roster` tells, by the kind of change."""
    return [event.fact.change for event in rig.entries.events if isinstance(event.fact, RosterEntryChanged)]


async def test_nobody_gets_in_elsewhere_while_the_roster_cannot_note_it(rig: Rig) -> None:
    client = client_of(rig, "audit")
    for away in (rig.vault, rig.entries):
        away.away = True
        with pytest.raises(Unavailable):
            await client.sign_in(PROOF)
        away.away = False
    with pytest.raises(Problem) as refused:
        await client.sign_in(Proof(access_token="made-up"))
    assert refused.value.status == 422


async def test_a_first_sign_in_hides_at_once_what_the_person_typed_before(rig: Rig) -> None:
    """Before any replica has read the roster again, and at the service where the person signs in."""
    new = replace(person("0e3", Grant(Role.RESPONDER, ("enwiki_arbcom",))), pseudonyms=frozenset(), named=False)
    rig.entries.enrol(new)
    rig.vault.own = replace(rig.vault.own, person=new.ref)
    own = await client_of(rig, "audit").sign_in(PROOF)
    assert set(own.holding) == {*ADA.keys, *STRANGER.keys}


async def test_a_person_on_no_roster_is_not_put_on_it_by_a_sign_in(rig: Rig) -> None:
    rig.vault.own = replace(rig.vault.own, person=NEW)
    assert (await client_of(rig, "audit").sign_in(PROOF)).person == NEW
    assert NEW not in rig.entries.documents


async def test_a_typed_name_waits_and_raises_an_alarm(rig: Rig) -> None:
    before = NAME_ALARMS.labels("names_typed")._value.get()
    await client_of(rig, "audit").sign_in(PROOF)
    assert changes(rig) == ["names_typed"]
    assert NAME_ALARMS.labels("names_typed")._value.get() == before + 1
    shown = (await rig.http.get(f"/v1/roster/{ALICE.ref}", headers=bearer(CHIEF))).json()
    assert [(name["source"], name["holds_from"] is None) for name in shown["names"]] == [
        ("earlier", False), ("account", False), ("typed", True),
    ]  # fmt: skip
    await client_of(rig, "audit").sign_in(PROOF)
    assert len(changes(rig)) == 1


async def test_a_typed_name_holds_from_the_next_sign_in_after_a_day() -> None:
    entries, later = MemoryEntries(), [timedelta()]

    def clock() -> datetime:
        return now() + later[0]

    entries.enrol(ALICE)
    told = [OwnNames(ALICE.ref, (ADA,)), OwnNames(ALICE.ref, (ADA, STRANGER)), OwnNames(ALICE.ref, (ADA,))]

    async def prove(_: Proof) -> OwnNames:
        return told.pop(0)

    sign_ins = SignIns(Roster(COPIES), RosterEditor(entries, Succession(), clock), prove)
    for after, holds in ((timedelta(), False), (TYPED_DELAY / 2, False), (2 * TYPED_DELAY, True)):
        later[0] = after
        await sign_ins.take(PROOF)
        assert (STRANGER.keys[0] in entries.of(ALICE.ref).entry.pseudonyms) is holds


async def sign_in_as(rig: Rig, who: Principal, ticket: str = TICKET) -> None:
    rig.http.headers.update(BROWSER)
    rig.entries.enrol(who) if who.ref not in rig.entries.documents else None
    secret = await session_of(rig.sessions, who, own=own_names(who, ticket))
    rig.http.cookies.set(Cookies("/desk").session, secret)


async def send(rig: Rig, ref: str, change: str, **values: object) -> httpx.Response:
    version = rig.entries.of(ref).version if ref in rig.entries.documents else 0
    page = (await rig.http.get(f"/desk/roster/{ref}")).text
    token = page.split('name="form_token" value="')[1].split('"')[0]
    sent = {"version": version, "form_token": token, **values}
    return await rig.http.post(f"/desk/roster/{ref}/{change}", data=sent)


async def test_a_first_role_needs_a_name_and_binds_it(rig: Rig) -> None:
    await sign_in_as(rig, CHIEF)
    role = {"role": "responder", "bodies": ["u4c"]}
    refused = await send(rig, NEW, "grant", **role)
    assert refused.status_code == 422
    assert "at least one user name" in refused.text
    given = await send(rig, NEW, "grant", **role, names=" Ada Example\r\n\r\nbda@mail.example ")
    assert given.status_code == 303
    assert rig.vault.asked == [("Ada Example", "bda@mail.example")]
    entry = rig.entries.of(NEW).entry
    assert entry.pseudonyms == ("41" * 16, "62" * 16)
    # A name that a coordinator gives is not one that the provider told: the person still has to sign in.
    assert not entry.named
    assert (await send(rig, NEW, "grant", role="operator")).status_code == 303


async def test_a_ticket_that_is_over_asks_for_another_sign_in_and_keeps_the_words(rig: Rig) -> None:
    await sign_in_as(rig, CHIEF, "an old ticket")
    answer = await send(rig, NEW, "names", names="Ada Example")
    assert answer.status_code == 401
    await come_back(rig.http, rig.sessions, "/desk", CHIEF, answer.text)
    assert "Ada Example" in (await rig.http.get(f"/desk/roster/{NEW}/names")).text
    assert NEW not in rig.entries.documents


async def test_a_program_gives_no_names(rig: Rig) -> None:
    headers = {**bearer(CHIEF), "if-match": '"0"'}
    body = {"role": "operator", "names": ["Ada Example"]}
    answer = await rig.http.post(f"/v1/roster/{NEW}/grant", json=body, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "needs_sign_in")
    assert rig.vault.asked == []


async def test_a_program_gives_no_first_role_to_a_person_without_a_name(rig: Rig) -> None:
    headers = {**bearer(CHIEF), "if-match": '"0"'}
    body = {"role": "responder", "bodies": ["u4c"]}
    answer = await rig.http.post(f"/v1/roster/{NEW}/grant", json=body, headers=headers)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/names", "needs_names")
    assert "hearth roster grant --name" in error["detail"]
    assert rig.entries.events == []
    # Once a coordinator has given a name, a program may give roles.
    await sign_in_as(rig, CHIEF)
    assert (await send(rig, NEW, "names", names="Ada Example")).status_code == 303
    headers["if-match"] = f'"{rig.entries.of(NEW).version}"'
    rig.http.cookies.clear()
    given = await rig.http.post(f"/v1/roster/{NEW}/grant", json=body, headers=headers)
    assert given.status_code == 200, given.text


async def test_coordinators_are_told_of_a_person_with_a_role_and_without_a_name(rig: Rig) -> None:
    nobody = replace(person("0a0e1e55", Grant(Role.RESPONDER, ("u4c",))), pseudonyms=frozenset(), named=False)
    rig.entries.enrol(nobody)
    unnamed = nobody.ref
    await sign_in_as(rig, CHIEF)
    for path in ("/desk/roster", f"/desk/roster/{unnamed}"):
        assert "No name is known" in (await rig.http.get(path)).text
    assert (await send(rig, unnamed, "names", names="Ada Example")).status_code == 303
    for path in ("/desk/roster", f"/desk/roster/{unnamed}"):
        assert "No name is known" not in (await rig.http.get(path)).text


async def test_a_coordinator_beyond_their_reach_turns_no_name_into_a_key(rig: Rig) -> None:
    bound = coordinator("b0d", "swwiki_admins")
    await sign_in_as(rig, bound)
    version = rig.entries.of(ALICE.ref).version
    page = (await rig.http.get(f"/desk/roster/{ALICE.ref}")).text
    token = page.split('name="form_token" value="')[1].split('"')[0]
    sent = {"version": version, "form_token": token, "names": "Ada"}
    assert (await rig.http.post(f"/desk/roster/{ALICE.ref}/names", data=sent)).status_code == 403
    assert (rig.entries.events, rig.vault.asked) == ([], [])


async def test_a_name_goes_only_when_a_second_coordinator_agrees(rig: Rig) -> None:
    await client_of(rig, "audit").sign_in(PROOF)
    wrong = rig.entries.of(ALICE.ref).names[1]
    await sign_in_as(rig, CHIEF)
    for _ in range(2):
        assert (await send(rig, ALICE.ref, "name_away", name_id=wrong.id)).status_code == 303
        assert ADA.keys[0] in rig.entries.of(ALICE.ref).entry.pseudonyms
    assert "You said that this is not" in (await rig.http.get(f"/desk/roster/{ALICE.ref}")).text
    await sign_in_as(rig, SECOND)
    assert "A name is disputed" in (await rig.http.get("/desk/roster")).text
    assert (await send(rig, ALICE.ref, "name_away", name_id=wrong.id)).status_code == 303
    assert ADA.keys[0] not in rig.entries.of(ALICE.ref).entry.pseudonyms
    assert changes(rig)[-2:] == ["name_unwanted", "name_taken"]
    assert (await send(rig, ALICE.ref, "name_away", name_id=wrong.id)).status_code == 422


async def test_a_running_session_does_not_bring_back_a_name_that_was_taken_away(rig: Rig) -> None:
    own = await client_of(rig, "audit").sign_in(PROOF)
    typed = next(name for name in rig.entries.of(ALICE.ref).names if name.source == "typed")
    for who in (CHIEF, SECOND):
        await sign_in_as(rig, who)
        await send(rig, ALICE.ref, "name_away", name_id=typed.id)
    COPIES.enrol(replace(ALICE, pseudonyms=frozenset(own.holding)))
    secret = await session_of(rig.sessions, ALICE, own=replace(own, names=(ADA, STRANGER), held=STRANGER.keys))
    rig.http.cookies.set(Cookies("/desk").session, secret)
    assert (await rig.http.get("/desk")).status_code == 200
    assert all(name.source != "typed" for name in rig.entries.of(ALICE.ref).names)


async def test_the_pages_show_what_to_look_at_and_no_key(rig: Rig) -> None:
    await client_of(rig, "audit").sign_in(PROOF)
    await sign_in_as(rig, CHIEF)
    pages = [(await rig.http.get(path)).text for path in ("/desk/roster", f"/desk/roster/{ALICE.ref}")]
    for page in pages:
        assert "A typed name waits" in page
        assert not any(key in page for name in rig.entries.of(ALICE.ref).names for key in name.keys)
        assert "⧼" not in page


async def test_a_person_without_a_user_name_is_told_what_to_do(rig: Rig) -> None:
    nameless = replace(person("0a3e", Grant(Role.RESPONDER, ("u4c",))), named=False)
    await sign_in_as(rig, nameless)
    page = await rig.http.get("/desk")
    assert page.status_code == 403
    assert "does not know your user name" in page.text
    assert "Ask the operator of the provider" in page.text
