"""The roster over HTTP: versions, repetition, faults by pointers, and nobody who gives more than they have."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.triage.roster.actions import RosterEditor
from shared.access.authorization import FRESH
from shared.access.principal import SCOPES, Grant, Principal, Role
from shared.events import Actor
from shared.sign_in.cookies import Cookies
from shared.succession import Succession
from shared.times import now, rfc3339
from tests.support.people import COPIES, auditor, coordinator, person, session_of
from tests.support.triage_rig import ALICE, POLICY, Rig, bearer, make_rig

CHIEF = person("c1", Grant(Role.COORDINATOR))
BOUND = coordinator("c2", "swwiki_admins", communities=["swwiki"])
SWAHILI = person("a2", Grant(Role.RESPONDER, ("swwiki_admins",), ("swwiki",)))
NEW = "person:00000000000000ee"
SOON = now() + timedelta(days=10)


@pytest.fixture
async def rig():
    async with make_rig() as rig:
        for who in (CHIEF, BOUND, ALICE, SWAHILI):
            rig.entries.enrol(who)
        yield rig


async def change(
    rig: Rig, ref: str, name: str, body: object = None, who: Principal = CHIEF, **headers: str
) -> httpx.Response:
    given = {key.replace("_", "-"): value for key, value in headers.items()}
    version = rig.entries.of(ref).version if ref in rig.entries.documents else 0
    given.setdefault("if-match", f'"{version}"')
    return await rig.http.post(f"/v1/roster/{ref}/{name}", json=body or {}, headers={**bearer(who), **given})


async def name(rig: Rig, ref: str) -> None:
    """An operator has said by which name they know a person."""
    await RosterEditor(rig.entries, Succession()).give_names(ref, [("41" * 16,)], Actor("operator:o", "operator"))
    rig.entries.events.clear()


def pointers(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"] == "/errors/invalid-fields"
    return {error["pointer"]: error["code"] for error in answer.json()["errors"]}


async def test_a_person_is_put_on_the_roster_and_everything_of_theirs_is_noted(rig: Rig) -> None:
    await name(rig, NEW)
    end = rfc3339(SOON)
    given = {"role": "responder", "bodies": ["u4c"], "communities": ["enwiki"], "expires_at": end}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("grant", given),
        ("training", {"module": "A", "expires_at": end}),
        ("agreement", {"until": end}),
        ("leave", {"ends_at": end}),
        ("leave", {"ended": True}),
        ("sign_out", {}),
    ]
    for number, (step, body) in enumerate(steps, 2):
        answer = await change(rig, NEW, step, body)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["version"], answer.headers["etag"]) == (number, f'"{number}"')
    shown = (await rig.http.get(f"/v1/roster/{NEW}", headers=bearer(CHIEF))).json()
    assert shown["grants"] == [{**given, "scopes": []}]
    assert [(t["module"], t["expires_at"]) for t in shown["trainings"]] == [("A", end)]
    assert (shown["confidential_until"], shown["next_end"], shown["leaves"]) == (end, end, [])
    assert shown["signed_out_at"] is not None
    gone = await change(rig, NEW, "revoke", {"role": "responder", "body": "u4c"})
    assert gone.json()["grants"] == []
    facts = [(e.fact.change, e.actor.ref, e.actor.role) for e in rig.entries.events]
    assert [how for how, _, _ in facts] == [
        "granted", "trained", "agreement", "leave", "leave", "signed_out", "revoked",
    ]  # fmt: skip
    assert {(ref, role) for _, ref, role in facts} == {(CHIEF.ref, "coordinator")}


async def test_an_auditor_without_scopes_named_may_see_all_of_the_record(rig: Rig) -> None:
    await name(rig, NEW)
    answer = await change(rig, NEW, "grant", {"role": "auditor"})
    assert answer.json()["grants"][0]["scopes"] == list(SCOPES)
    answer = await change(rig, NEW, "grant", {"role": "auditor", "scopes": ["meta"]})
    assert answer.json()["grants"][0]["scopes"] == ["meta"]


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("grant", {"role": "responder", "bodies": ["arbcom", "u4c", "x"]},
         {"/bodies/0": "unknown_body", "/bodies/2": "unknown_body"}),
        ("grant", {"role": "coordinator", "communities": ["enwiki", "dewiki"]},
         {"/communities/1": "unknown_community"}),
        ("grant", {"role": "responder"}, {"/bodies": "missing"}),
        ("grant", {"role": "integrator"}, {"/role": "literal_error"}),
        ("grant", {"role": "service"}, {"/role": "literal_error"}),
        ("grant", {}, {"/role": "missing"}),
        ("grant", {"role": "auditor", "bodies": ["u4c"], "communities": ["enwiki"]},
         {"/bodies": "not_of_this_role", "/communities": "not_of_this_role"}),
        ("grant", {"role": "operator", "scopes": ["meta"]}, {"/scopes": "not_of_this_role"}),
        ("grant", {"role": "auditor", "scopes": ["everything"]}, {"/scopes/0": "literal_error"}),
        ("grant", {"role": "operator", "expires_at": "2026-01-01T00:00:00Z"}, {"/expires_at": "past_date"}),
        ("grant", {"role": "operator", "expires_at": "soon"}, {"/expires_at": "datetime_parsing"}),
        ("grant", {"role": "operator", "expires_at": "2999-01-01T00:00:00"}, {"/expires_at": "timezone_aware"}),
        ("grant", {"role": "operator", "name": "Ada"}, {"": "extra_forbidden"}),
        ("revoke", {"role": "auditor"}, {"/role": "not_held"}),
        ("revoke", {"role": "responder", "body": "stewards"}, {"/body": "not_held"}),
        ("training", {"module": "Z"}, {"/module": "literal_error"}),
        ("training", {"module": "A", "completed_at": "2999-01-01T00:00:00Z"}, {"/completed_at": "future_date"}),
        ("agreement", {"until": "2026-01-01T00:00:00Z"}, {"/until": "past_date"}),
        ("agreement", {}, {"/until": "missing"}),
        ("leave", {"begins_at": "2999-02-01T00:00:00Z", "ends_at": "2999-01-01T00:00:00Z"},
         {"/ends_at": "range_reversed"}),
        ("leave", {"ended": "yes"}, {"/ended": "bool_type"}),
        ("grant", {"role": "operator", "expires_at": "9999-12-31T23:59:59-01:00"}, {"/expires_at": "value_error"}),
        ("training", {"module": "A", "completed_at": "0001-01-01T00:00:00+01:00"}, {"/completed_at": "value_error"}),
        ("agreement", {"until": "9999-12-31T23:59:59-01:00"}, {"/until": "value_error"}),
        ("leave", {"ends_at": "9999-12-31T23:59:59-01:00"}, {"/ends_at": "value_error"}),
        ("sign_out", {"now": True}, {"": "extra_forbidden"}),
    ],
)  # fmt: skip
async def test_whatever_is_wrong_is_pointed_at_and_changes_nothing(
    rig: Rig, name: str, body: dict[str, Any], expected: dict[str, str]
) -> None:
    answer = await change(rig, ALICE.ref, name, body)
    assert pointers(answer) == expected
    assert "Ada" not in answer.text
    assert "dewiki" not in answer.text
    assert rig.entries.events == []


LAST = {"role": "responder", "bodies": [POLICY.last_resort]}


async def test_the_people_of_the_last_resort_have_a_role_in_no_other_body(rig: Rig) -> None:
    for ref in (NEW, ALICE.ref):
        await name(rig, ref)
    both = {**LAST, "bodies": [POLICY.last_resort, "u4c"]}
    for ref, given in ((ALICE.ref, LAST), (NEW, both), (NEW, {**both, "role": "coordinator"})):
        assert pointers(await change(rig, ref, "grant", given)) == {"/bodies": "not_apart"}
    assert rig.entries.events == []
    assert (await change(rig, NEW, "grant", LAST)).status_code == 200
    assert pointers(await change(rig, NEW, "grant", {**LAST, "bodies": ["u4c"]})) == {"/bodies": "not_apart"}
    # A role without a body, and a role that has ended, put nobody into another body.
    assert (await change(rig, NEW, "grant", {"role": "auditor"})).status_code == 200
    assert (await change(rig, ALICE.ref, "revoke", {"role": "responder"})).status_code == 200
    assert (await change(rig, ALICE.ref, "grant", LAST)).status_code == 200


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"null", b"\xff"])
async def test_a_body_that_is_no_object_is_refused(rig: Rig, body: bytes) -> None:
    headers = {**bearer(CHIEF), "if-match": '"1"'}
    answer = await rig.http.post(f"/v1/roster/{ALICE.ref}/grant", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert rig.entries.events == []


async def test_a_change_needs_the_version_that_was_seen(rig: Rig) -> None:
    answer = await rig.http.post(f"/v1/roster/{ALICE.ref}/sign_out", json={}, headers=bearer(CHIEF))
    assert answer.status_code == 428
    assert (await change(rig, ALICE.ref, "sign_out", if_match="two")).status_code == 400
    stale = await change(rig, ALICE.ref, "agreement", if_match='"7"')
    assert (stale.status_code, stale.json()["type"], stale.json()["version"]) == (412, "/errors/entry-changed", 1)
    assert (await change(rig, NEW, "agreement", if_match='"1"')).json()["version"] == 0
    assert rig.entries.events == []


async def test_the_same_key_does_a_thing_once_and_another_thing_not_at_all(rig: Rig) -> None:
    await name(rig, NEW)
    body = {"role": "operator"}
    first = await change(rig, NEW, "grant", body, idempotency_key="give-role-1", if_match='"1"')
    again = await change(rig, NEW, "grant", body, idempotency_key="give-role-1", if_match='"1"')
    assert (again.status_code, again.json()) == (200, first.json())
    other = await change(rig, NEW, "grant", {"role": "auditor"}, idempotency_key="give-role-1")
    assert (other.status_code, other.json()["type"]) == (422, "/errors/idempotency-key-reused")
    taken = await change(rig, NEW, "revoke", body, idempotency_key="take-role-1", if_match='"2"')
    assert (
        await change(rig, NEW, "revoke", body, idempotency_key="take-role-1", if_match='"2"')
    ).json() == taken.json()
    assert [e.fact.change for e in rig.entries.events] == ["granted", "revoked"]


async def test_the_list_begins_with_what_ends_next_and_is_paged(rig: Rig) -> None:
    at = now()
    for days, ref in ((40, "e4"), (2, "e2"), (9, "e9")):
        rig.entries.enrol(person(ref, Grant(Role.OPERATOR, expires_at=at + timedelta(days=days))))
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": "3", **({"cursor": cursor} if cursor else {})}
        answer = (await rig.http.get("/v1/roster", params=query, headers=bearer(CHIEF))).json()
        assert len(answer["items"]) <= 3
        seen += [item["person"] for item in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            break
    assert [ref[7:9] for ref in seen[:3]] == ["e2", "e9", "e4"]
    assert sorted(seen) == sorted(rig.entries.documents)
    wrong = await rig.http.get("/v1/roster", params={"cursor": "x"}, headers=bearer(CHIEF))
    assert pointers(wrong) == {"/cursor": "invalid_cursor"}


async def test_no_pseudonym_of_anybody_is_shown(rig: Rig) -> None:
    rig.entries.enrol(person("dd", Grant(Role.OPERATOR), pseudonyms=["5" * 32]))
    ref = person("dd").ref
    answers = [
        await rig.http.get("/v1/roster", headers=bearer(CHIEF)),
        await rig.http.get(f"/v1/roster/{ref}", headers=bearer(CHIEF)),
        await change(rig, ref, "agreement", {"ended": True}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert not any("55555" in answer.text for answer in answers)


@pytest.mark.parametrize("ref", ["person:00000000000000ff", "person:1", "Jane", "token:1", "person:" + "0" * 17])
async def test_who_is_on_no_roster_is_not_there(rig: Rig, ref: str) -> None:
    assert (await rig.http.get(f"/v1/roster/{ref}", headers=bearer(CHIEF))).status_code == 404


async def test_only_coordinators_open_the_roster(rig: Rig) -> None:
    for who in (ALICE, auditor(), person("0e", Grant(Role.OPERATOR))):
        assert (await rig.http.get("/v1/roster", headers=bearer(who))).status_code == 403
        assert (await rig.http.get(f"/v1/roster/{ALICE.ref}", headers=bearer(who))).status_code == 403
        assert (await change(rig, NEW, "grant", {"role": "operator"}, who)).status_code == 403
    assert (await rig.http.get("/v1/roster")).status_code == 401
    assert rig.entries.events == []


@pytest.mark.parametrize(
    "body",
    [
        {"role": "responder", "bodies": ["swwiki_admins", "u4c"], "communities": ["swwiki"]},
        {"role": "responder", "bodies": ["swwiki_admins"]},
        {"role": "responder", "bodies": ["swwiki_admins"], "communities": ["swwiki", "enwiki"]},
        {"role": "auditor"},
        {"role": "operator"},
    ],
)
async def test_a_bound_coordinator_cannot_give_more_than_they_reach(rig: Rig, body: dict[str, Any]) -> None:
    await name(rig, NEW)
    answer = await change(rig, NEW, "grant", body, BOUND)
    assert (answer.status_code, answer.json()["type"]) == (403, "/errors/beyond-own-reach")
    assert rig.entries.events == []
    assert (await change(rig, NEW, "grant", body, CHIEF)).status_code == 200


async def test_a_coordinator_of_all_bodies_is_given_by_one_of_all_bodies(rig: Rig) -> None:
    await name(rig, NEW)
    assert pointers(await change(rig, NEW, "grant", {"role": "coordinator"}, BOUND)) == {"/bodies": "missing"}
    assert rig.entries.events == []
    assert (await change(rig, NEW, "grant", {"role": "coordinator"}, CHIEF)).status_code == 200


async def test_a_bound_coordinator_gives_within_their_reach_and_leaves_others_alone(rig: Rig) -> None:
    await name(rig, NEW)
    own = {"role": "responder", "bodies": ["swwiki_admins"], "communities": ["swwiki"]}
    assert (await change(rig, NEW, "grant", own, BOUND)).status_code == 200
    for step in ("training", "agreement", "leave", "sign_out"):
        body = {"training": {"module": "A"}, "agreement": {"ended": True}}.get(step, {})
        assert (await change(rig, SWAHILI.ref, step, body, BOUND)).status_code == 200
        refused = await change(rig, ALICE.ref, step, body, BOUND)
        assert (refused.status_code, refused.json()["type"]) == (403, "/errors/beyond-own-reach")
    assert (await change(rig, ALICE.ref, "revoke", {"role": "responder"}, BOUND)).status_code == 403
    # They may add what is theirs to somebody who reaches further, and take that away again.
    assert (await change(rig, ALICE.ref, "grant", own, BOUND)).status_code == 200
    taken = await change(rig, ALICE.ref, "revoke", {"role": "responder", "body": "swwiki_admins"}, BOUND)
    assert (taken.status_code, len(taken.json()["grants"])) == (200, 1)


async def test_a_bound_coordinator_changes_nothing_of_an_entry_without_a_role(rig: Rig) -> None:
    ended = person("ed", Grant(Role.RESPONDER, ("swwiki_admins",), ("swwiki",), expires_at=now()))
    rig.entries.enrol(ended)
    for ref in (NEW, ended.ref):
        for name in ("training", "agreement", "leave", "sign_out"):
            refused = await change(rig, ref, name, {"module": "A"} if name == "training" else {}, BOUND)
            assert (refused.status_code, refused.json()["type"]) == (403, "/errors/beyond-own-reach")
    shown = (await rig.http.get(f"/v1/roster/{ended.ref}", headers=bearer(BOUND))).json()
    assert [action["change"] for action in shown["actions"]] == ["grant"]
    assert rig.entries.events == []


async def test_nobody_changes_their_own_entry_but_for_leave_that_others_can_end(rig: Rig) -> None:
    for name, body in (
        ("grant", {"role": "auditor"}), ("revoke", {"role": "coordinator"}), ("training", {"module": "A"}),
        ("enrol", {"bodies": ["enwiki_arbcom"], "modules": ["A"], "agreement_until": rfc3339(SOON)}),
        ("agreement", {"until": rfc3339(SOON)}), ("sign_out", {}),
    ):  # fmt: skip
        answer = await change(rig, CHIEF.ref, name, body)
        assert (answer.status_code, answer.json()["type"]) == (403, "/errors/own-entry")
    # The only other coordinator does not reach as far.
    alone = await change(rig, CHIEF.ref, "leave")
    assert (alone.status_code, alone.json()["type"]) == (403, "/errors/last-coordinator")
    rig.entries.enrol(person("c3", Grant(Role.COORDINATOR)))
    assert (await change(rig, CHIEF.ref, "leave")).status_code == 200


async def test_the_last_coordinators_cannot_both_be_away(rig: Rig) -> None:
    other = person("c3", Grant(Role.COORDINATOR))
    rig.entries.enrol(other)
    begins = rfc3339(SOON)
    assert (await change(rig, other.ref, "leave", {"begins_at": begins}, other)).status_code == 200
    assert (await change(rig, CHIEF.ref, "leave", {"begins_at": begins})).status_code == 403
    assert (await change(rig, CHIEF.ref, "leave", {"ends_at": begins})).status_code == 200


async def test_a_change_long_after_the_sign_in_asks_for_another(rig: Rig) -> None:
    old = bearer(CHIEF, issued_at=now() - FRESH - timedelta(seconds=5))
    address = f"/v1/roster/{ALICE.ref}"
    assert (await rig.http.get(address, headers=old)).status_code == 200
    answer = await rig.http.post(f"{address}/sign_out", json={}, headers={**old, "if-match": '"1"'})
    assert (answer.status_code, answer.json()["type"]) == (401, "/errors/sign-in-again")
    assert rig.entries.events == []


async def test_an_entry_shows_exactly_the_changes_that_are_permitted(rig: Rig) -> None:
    async def offered(ref: str, who: Principal) -> dict[str, Any]:
        shown = (await rig.http.get(f"/v1/roster/{ref}", headers=bearer(who))).json()
        return {
            action["change"]: {f["name"]: f.get("options") for f in action["fields"]} for action in shown["actions"]
        }

    everything = ["enrol", "grant", "revoke", "names", "name_away", "training", "agreement"]
    everything += ["languages", "leave", "sign_out"]
    full = await offered(ALICE.ref, CHIEF)
    assert list(full) == everything
    assert full["grant"]["role"] == ["responder", "coordinator", "enforcer", "auditor", "operator"]
    assert full["revoke"] == {"role": ["responder"], "body": list(ALICE.grants[0].bodies)}
    own = await offered(SWAHILI.ref, BOUND)
    assert list(own) == everything
    assert own["grant"]["role"] == ["responder", "coordinator", "enforcer"]
    assert own["grant"]["bodies"] == ["swwiki_admins"]
    assert own["grant"]["communities"] == ["swwiki"]
    assert list(await offered(ALICE.ref, BOUND)) == ["grant"]
    assert list(await offered(BOUND.ref, BOUND)) == ["languages", "leave"]
    assert list(await offered(CHIEF.ref, CHIEF)) == ["languages"]


async def test_a_person_who_signed_in_before_their_first_role_is_known_by_their_names(rig: Rig) -> None:
    await session_of(rig.sessions, person(NEW.removeprefix("person:"), pseudonyms=["7" * 32]))
    await name(rig, NEW)
    answer = await change(rig, NEW, "grant", {"role": "operator"})
    assert answer.status_code == 200
    assert rig.entries.of(NEW).entry.pseudonyms == ("41" * 16, "7" * 32)
    # What is answered can be changed again: it has the version of the entry as it is now.
    assert answer.headers["etag"] == f'"{rig.entries.of(NEW).version}"'


async def test_a_person_with_a_role_from_elsewhere_is_known_at_their_next_look(rig: Rig) -> None:
    who = person("5e551044", Grant(Role.RESPONDER, ("enwiki_arbcom",)), pseudonyms=["7" * 32])
    for entries in (rig.entries, COPIES):
        entries.enrol(replace(who, pseudonyms=frozenset()))
    rig.http.cookies.set(Cookies("/desk").session, await session_of(rig.sessions, who))
    assert (await rig.http.get("/desk")).status_code == 200
    assert rig.entries.of(who.ref).entry.pseudonyms == ("7" * 32,)


async def test_a_program_of_a_person_with_unknown_names_opens_no_case(rig: Rig) -> None:
    case, nameless = await rig.open(), replace(ALICE, ref="person:0a0e1e5500000000", pseudonyms=frozenset())
    for path in (f"/v1/cases/{case.id}", "/v1/cases", "/v1/cases/none"):
        answer = await rig.http.get(path, headers=bearer(nameless))
        assert (answer.status_code, answer.json()["type"]) == (403, "/errors/names-needed")


async def test_signing_out_everywhere_ends_the_sessions_here_at_once(rig: Rig) -> None:
    await session_of(rig.sessions, ALICE)
    await session_of(rig.sessions, SWAHILI)
    assert (await change(rig, ALICE.ref, "sign_out")).status_code == 200
    assert [session.person for session in rig.sessions.sessions.values()] == [SWAHILI.ref]
    assert rig.entries.events[-1].fact.signed_out_at is not None


async def test_without_the_store_nothing_is_changed_and_it_says_so(rig: Rig) -> None:
    rig.entries.away = True
    for answer in (
        await rig.http.get("/v1/roster", headers=bearer(CHIEF)),
        await change(rig, ALICE.ref, "sign_out"),
    ):
        assert (answer.status_code, answer.json()["type"]) == (503, "/errors/unavailable")
        assert answer.headers["retry-after"]


async def test_a_role_with_the_same_reach_takes_the_place_of_the_earlier(rig: Rig) -> None:
    await name(rig, NEW)
    end = rfc3339(SOON)
    for body in (["u4c"], ["stewards"], ["u4c"]):
        await change(rig, NEW, "grant", {"role": "responder", "bodies": body, "expires_at": end})
    shown = (await rig.http.get(f"/v1/roster/{NEW}", headers=bearer(CHIEF))).json()
    assert [grant["bodies"] for grant in shown["grants"]] == [["stewards"], ["u4c"]]
