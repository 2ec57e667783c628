"""Keys of names: intake hands them out by the proof of a sign-in, and for names that coordinators give or responders
look for.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.intake.vault.names import MOST_GIVEN, MOST_SOUGHT
from shared.access.authorization import FRESH
from shared.access.principal import Grant, Principal, Role
from shared.events import Actor, NamesTried
from shared.problems import Problem, Unavailable
from shared.sign_in.identity import person_ref
from shared.times import now
from tests.stand_ins.oidc import OTHER_RSA
from tests.support.intake_rig import IDENTITY_KEY, Rig, bearer
from tests.support.people import COPIES, coordinator, person, responder

CHIEF = coordinator("c1ef")
SEEKER = responder("5ee", "u4c")


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def ask(rig: Rig, proof: dict[str, Any]) -> httpx.Response:
    async with rig.http() as http:
        return await http.post("/v1/vault/pseudonyms", json=proof, headers=bearer("sign_in"))


async def give(rig: Rig, ticket: str, *names: str) -> httpx.Response:
    async with rig.http() as http:
        body = {"ticket": ticket, "names": list(names)}
        return await http.post("/v1/vault/given-names", json=body, headers=bearer("enrol"))


async def seek(rig: Rig, name: str, who: Principal = SEEKER, role: str = "responder") -> httpx.Response:
    async with rig.http() as http:
        headers = bearer("search", behalf=Actor(who.ref, role))
        return await http.post("/v1/vault/sought-names", json={"name": name}, headers=headers)


async def test_who_signs_in_is_known_by_the_keys_that_stand_in_reports(rig: Rig) -> None:
    await rig.post(reported=[{"name": "some_one"}], reporter={"name": None, "email": "Me@mail.example"})
    (stored,) = rig.store.reports.values()
    rig.provider.account.claims = {"preferred_username": "Some one", "email": "me@MAIL.example", "email_verified": True}
    answer = await ask(rig, rig.proof())
    told = answer.json()
    assert told["person"] == person_ref(IDENTITY_KEY, rig.provider.issuer, rig.provider.account.sub)
    assert [name["trust"] for name in told["names"]] == ["account", "proved"]
    assert set(stored["parties"]) <= {key for name in told["names"] for key in name["keys"]}
    assert answer.headers["cache-control"] == "no-store"
    (access,) = rig.store.accesses.values()
    (event,) = access["outbox"]
    assert event.fact == NamesTried(count=2, purpose="sign_in")
    assert event.actor == Actor("service:triage", "service")


async def test_nobody_gets_a_key_when_that_cannot_be_recorded(rig: Rig) -> None:
    rig.store.away = Unavailable("mongo")
    answer = await ask(rig, rig.proof())
    assert answer.status_code == 503
    assert "names" not in answer.json()


async def test_a_service_without_a_proof_turns_no_name_into_a_key(rig: Rig) -> None:
    """What a service that was broken into can send: names of its choice, and tokens that no provider issued."""
    good = rig.proof()
    claims = rig.provider.id_claims({})
    forged = rig.provider.token(claims | {"preferred_username": "Victim"})
    header, _, signature = good["id_token"].split(".")
    rig.provider.key, kept = OTHER_RSA, rig.provider.key
    strange = rig.provider.token(claims | {"preferred_username": "Victim"})
    rig.provider.key = kept
    bodies: list[dict[str, Any]] = [
        {"names": ["Victim"], "addresses": []},
        good | {"names": ["Victim"]},
        {"access_token": "access"},
        good | {"id_token": None},
        good | {"id_token": strange},
        good | {"id_token": f"{header}.{forged.split('.')[1]}.{signature}"},
        good | {"access_token": "of-another-person"},
        good | {"access_token": ""},
        good | {"access_token": "x" * 20_000},
        rig.proof(aud="another client"),
        rig.proof(aud=["hearth-desk", "another client"]),
        rig.proof(iss="https://evil.example"),
        rig.proof(sub="another person"),
    ]
    for body in bodies:
        answer = await ask(rig, body)
        assert answer.status_code == 422, body
        assert "keys" not in answer.text
        assert "Victim" not in answer.text
    assert rig.store.accesses == {}
    # What has the form of a proof, and proves nothing, is on record.
    refused = [(action, reason, who) for action, reason, who in rig.refusals.noted]
    assert set(refused) == {("vault.pseudonyms", "proof_refused", "service:triage")}
    assert len(refused) == len(bodies) - 4


async def test_an_old_proof_proves_nothing(rig: Rig) -> None:
    at = now().timestamp()
    assert (await ask(rig, rig.proof(iat=at - 170, exp=at + 60))).status_code == 200
    assert (await ask(rig, rig.proof(iat=at - 190, exp=at + 60))).status_code == 422
    assert (await ask(rig, rig.proof(iat=at - 100, exp=at - 70))).status_code == 422


async def test_while_the_provider_is_away_nobody_is_told_that_a_proof_is_wrong(rig: Rig) -> None:
    rig.provider.down = True
    assert (await ask(rig, rig.proof())).status_code == 503


async def test_a_sub_is_no_name(rig: Rig) -> None:
    rig.provider.account.claims = {}
    told = (await ask(rig, rig.proof())).json()
    assert told["names"] == []


async def test_a_coordinator_who_has_just_signed_in_gives_names(rig: Rig) -> None:
    await rig.post(reported=[{"name": "some_one"}])
    (stored,) = rig.store.reports.values()
    COPIES.enrol(CHIEF)
    answer = await give(rig, rig.keys._ticket(CHIEF.ref), "Some one", "x@mail.example")
    assert set(stored["parties"]) <= set(answer.json()["names"][0])
    (access,) = rig.store.accesses.values()
    assert access["outbox"][0].fact == NamesTried(count=2, purpose="enrol")
    assert access["outbox"][0].actor == Actor(CHIEF.ref, "coordinator")


async def test_nobody_else_gives_names(rig: Rig) -> None:
    ended = person("e0ded", replace(CHIEF.grants[0], expires_at=now()))
    out = coordinator("0c7")
    for who in (responder("a11", "u4c"), ended, person("09", Grant(Role.OPERATOR))):
        COPIES.enrol(who)
        assert (await give(rig, rig.keys._ticket(who.ref), "Some one")).status_code == 403
    COPIES.enrol(out, signed_out_at=now() + timedelta(minutes=1))
    COPIES.enrol(CHIEF)
    ticket = rig.keys._ticket(CHIEF.ref)
    person_ref, at, random, seal = ticket.split("~")
    later = int(at) + 1
    for wrong in (
        "",
        "~~~",
        ticket[:-1],
        f"{person_ref}~{later}~{random}~{seal}",
        ticket.replace(CHIEF.ref, out.ref),
        rig.keys._ticket(out.ref),
        "person:0~1~x~é",
    ):
        answer = await give(rig, wrong, "Some one")
        assert (answer.status_code, answer.json()["type"]) == (403, "/errors/ticket-refused"), wrong
    old = replace(rig.keys, clock=lambda: now() - FRESH - timedelta(seconds=5))
    assert (await give(rig, old._ticket(CHIEF.ref), "Some one")).status_code == 403
    assert rig.store.accesses == {}


async def test_one_sign_in_gives_no_list_of_names(rig: Rig) -> None:
    COPIES.enrol(CHIEF)
    ticket = rig.keys._ticket(CHIEF.ref)
    for _ in range(MOST_GIVEN // 20):
        assert (await give(rig, ticket, *["Some one"] * 20)).status_code == 200
    assert (await give(rig, ticket, "Some one")).status_code == 403
    assert (await give(rig, rig.keys._ticket(CHIEF.ref), *["Some one"] * 21)).status_code == 422


@pytest.mark.parametrize("name", ["Some one", "some_one", "User:Some_one", "Ｓｏｍｅ　ｏｎｅ"])
async def test_a_responder_gets_the_keys_that_reports_have_for_a_name(rig: Rig, name: str) -> None:
    COPIES.enrol(SEEKER)
    await rig.post(reported=[{"name": "Some One"}])
    (stored,) = rig.store.reports.values()
    answer = await seek(rig, name)
    assert set(answer.json()["keys"]) & set(stored["parties"])
    assert answer.headers["cache-control"] == "no-store"
    (access,) = rig.store.accesses.values()
    assert access["outbox"][0].fact == NamesTried(count=1, purpose="search")
    assert access["outbox"][0].actor == Actor(SEEKER.ref, "responder")


async def test_who_may_read_no_reports_gets_no_key_of_a_name(rig: Rig) -> None:
    ended = person("e0ded", replace(SEEKER.grants[0], expires_at=now()))
    unbound = replace(responder("047", "u4c"), confidential_until=None)
    for who in (CHIEF, ended, unbound, person("09", Grant(Role.OPERATOR))):
        COPIES.enrol(who)
    # What a service says of the role counts for nothing.
    for who in (CHIEF, ended, unbound, person("09"), responder("0b0d", "u4c")):
        answer = await seek(rig, "Some one", who)
        assert (answer.status_code, answer.json()["type"]) == (403, "/errors/name-refused"), who
    assert rig.store.accesses == {}
    assert {noted[:2] for noted in rig.refusals.noted} == {("vault.match_name", "name_refused")}


async def test_a_responder_looks_for_no_list_of_names(rig: Rig) -> None:
    other = responder("07e4", "u4c")
    for who in (SEEKER, other):
        COPIES.enrol(who)
    hour = now().replace(minute=30)
    keys = replace(rig.keys, clock=lambda: hour)
    for number in range(MOST_SOUGHT):
        await keys.seek(SEEKER.ref, f"Name {number}")
    with pytest.raises(Problem, match="name-refused"):
        await keys.seek(SEEKER.ref, "Some one")
    assert await keys.seek(other.ref, "Some one")
    assert await replace(keys, clock=lambda: hour + timedelta(hours=1)).seek(SEEKER.ref, "Some one")


async def test_no_name_is_looked_for_that_cannot_be_recorded(rig: Rig) -> None:
    COPIES.enrol(SEEKER)
    rig.store.away = Unavailable("mongo")
    answer = await seek(rig, "Some one")
    assert answer.status_code == 503
    assert "keys" not in answer.json()
