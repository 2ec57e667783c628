"""The baseline over HTTP: what a community attests, who may say so, and what is wrong by pointers."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from services.triage.baseline.actions import BaselineDesk, ChangeSent, RegistryEditor
from services.triage.baseline.attesting import Attest
from services.triage.baseline.links import PageReader, Seen, look_at_nothing
from services.triage.baseline.registry import Standing
from services.triage.baseline.stored import StoredRegistry
from services.triage.baseline.watch import LinkWatch
from shared.access.authorization import FRESH
from shared.access.principal import Grant, Principal, Role
from shared.events import BaselineAttested
from shared.times import now, rfc3339
from tests.support.baseline_world import (
    AUDITED,
    CATALOGUE,
    CONFIRMED,
    CONTACTS,
    EVENTS,
    FIRST,
    LINK,
    MEASURED,
    PAGE,
    RETIRED,
    UPCOMING,
    WORDS,
)
from tests.support.people import COPIES, auditor, coordinator, operator, person, responder
from tests.support.triage_rig import ALICE, POLICY, Rig, bearer, make_rig

CHIEF = person("c3", Grant(Role.COORDINATOR))
CORA = coordinator("c4", "swwiki_admins")
SECOND = coordinator("c5", "swwiki_admins", communities=["swwiki"])
ARABIC = coordinator("c6", "arwiki_admins")
ANN, BEN = (responder(name, "swwiki_admins") for name in ("a4", "b4"))
FAR_AWAY = responder("a5", "arwiki_admins")
AUDREY = auditor("a6")
BOTH = person("b6", Grant(Role.COORDINATOR, ("swwiki_admins",)), Grant(Role.AUDITOR))
PAGED: dict[str, Any] = {"responsibility_id": PAGE, "claim": "met", "statement": WORDS, "link": LINK}
PLAIN: dict[str, Any] = {"responsibility_id": CONFIRMED, "claim": "met", "statement": WORDS}
PROJECT: dict[str, Any] = {
    "title": "Peer Support Networks", "stakeholder": "WMF", "lead": "Trust & Safety", "geography": "Global",
    "phase": "Pilot", "responsibilities": [PAGE],
}  # fmt: skip


@pytest.fixture
async def rig():
    for who in (CHIEF, CORA, SECOND, ARABIC, ANN, BEN, FAR_AWAY, AUDREY, BOTH):
        COPIES.enrol(who)
    async with make_rig() as rig:
        yield rig


async def change(
    rig: Rig, name: str, body: object = None, who: Principal = CORA, community: str = "swwiki", **headers: str
) -> httpx.Response:
    given = {key.replace("_", "-"): value for key, value in headers.items()}
    given.setdefault("if-match", f'"{rig.registries.of(community).seq}"')
    address = f"/v1/baseline/{community}/{name}"
    return await rig.http.post(address, json=body or {}, headers={**bearer(who), **given})


async def show(rig: Rig, who: Principal = CORA, community: str = "swwiki") -> dict[str, Any]:
    answer = await rig.http.get(f"/v1/baseline/{community}", headers=bearer(who))
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def pointers(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"] == "/errors/invalid-fields"
    return {error["pointer"]: error["code"] for error in answer.json()["errors"]}


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


async def attest(rig: Rig, body: dict[str, Any] = PLAIN, who: Principal = CORA) -> str:
    answer = await change(rig, "attest", body, who)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["attestations"][0]["attestation_id"])


async def test_a_coordinator_attests_and_everybody_who_may_read_sees_it(rig: Rig) -> None:
    answer = await change(rig, "attest", PAGED)
    assert (answer.status_code, answer.headers["etag"], answer.json()["version"]) == (200, '"1"', 1)
    for who in (CORA, SECOND, AUDREY, CHIEF):
        (made,) = (await show(rig, who))["attestations"]
        assert (made["claim"], made["statement"], made["link"], made["standing"]) == ("met", WORDS, LINK, "running")
        assert (made["made_by"], made["role"], made["catalogue_version"]) == (
            CORA.ref, "coordinator", CATALOGUE.version
        )  # fmt: skip
    (event,) = rig.registries.events
    assert (event.case_id, event.case_seq, event.subject) == ("swwiki", 1, "baseline/swwiki")
    assert event.fact.topic == "baseline"
    assert isinstance(event.fact, BaselineAttested)
    assert event.fact.valid_until - event.time == timedelta(days=365)


async def test_a_new_attestation_takes_the_place_of_the_one_that_runs(rig: Rig) -> None:
    first, second = await attest(rig), await attest(rig, {**PLAIN, "claim": "not_met"})
    shown = (await show(rig))["attestations"]
    assert [(a["attestation_id"], a["standing"], a["supersedes"]) for a in shown] == [
        (second, "running", first), (first, "superseded", None)
    ]  # fmt: skip
    assert rig.registries.of("swwiki").running(CONFIRMED) is not None


PEOPLE = {"contacts": [ANN.ref, BEN.ref]}
FAR_OFF = rfc3339(now() + timedelta(days=366))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"/responsibility_id": "missing", "/claim": "missing", "/statement": "missing"}),
        ({**PLAIN, "responsibility_id": "HB-99"}, {"/responsibility_id": "unknown_responsibility"}),
        ({**PLAIN, "responsibility_id": RETIRED}, {"/responsibility_id": "retired"}),
        ({**PLAIN, "responsibility_id": EVENTS}, {"/responsibility_id": "not_of_this_kind"}),
        ({**PLAIN, "responsibility_id": MEASURED}, {"/responsibility_id": "only_measured"}),
        ({**PLAIN, "claim": "maybe"}, {"/claim": "literal_error"}),
        ({**PLAIN, "claim": "not_applicable"}, {"/claim": "always_applies"}),
        ({**PLAIN, "statement": ""}, {"/statement": "missing"}),
        ({**PLAIN, "statement": " \n "}, {"/statement": "missing"}),
        ({**PLAIN, "statement": "é" * 501}, {"/statement": "string_too_long"}),
        ({**PLAIN, "statement": "Write to ada@example.org."}, {"/statement": "address"}),
        ({**PLAIN, "statement": "Ask [[User:Ada]]."}, {"/statement": "address"}),
        ({**PLAIN, "statement": "Call +49 30 1234567."}, {"/statement": "address"}),
        ({**PLAIN, "statement": "a\ue000"}, {"/statement": "not_printable"}),
        ({**PAGED, "link": None}, {"/link": "missing"}),
        ({**PAGED, "link": "http://meta.wikimedia.org/"}, {"/link": "not_https"}),
        ({**PAGED, "link": "https://169.254.169.254/latest/meta-data"}, {"/link": "private_host"}),
        ({**PAGED, "link": "https://a:b@meta.wikimedia.org/"}, {"/link": "has_credentials"}),
        ({**PAGED, "link": "https://meta.wikimedia.org:8443/"}, {"/link": "other_port"}),
        ({**PLAIN, "responsibility_id": CONTACTS, "fields": PEOPLE, "link": LINK}, {"/link": "not_taken"}),
        ({**PLAIN, "responsibility_id": CONTACTS}, {"/fields/contacts": "missing"}),
        ({**PLAIN, "responsibility_id": CONTACTS, "fields": {"contacts": [ANN.ref]}},
         {"/fields/contacts": "too_short"}),
        ({**PLAIN, "responsibility_id": CONTACTS, "fields": {"contacts": [ANN.ref, ANN.ref]}},
         {"/fields/contacts": "too_short"}),
        ({**PLAIN, "responsibility_id": CONTACTS, "fields": {"contacts": [ANN.ref, "Ben"]}},
         {"/fields/contacts/1": "not_a_reference"}),
        ({**PLAIN, "responsibility_id": CONTACTS, "fields": {"contacts": [FAR_AWAY.ref, AUDREY.ref]}},
         {"/fields/contacts/0": "no_role_here", "/fields/contacts/1": "no_role_here"}),
        ({**PLAIN, "responsibility_id": CONTACTS, "fields": {"contacts": [ANN.ref, "person:00000000000000ff"]}},
         {"/fields/contacts/1": "no_role_here"}),
        ({**PLAIN, "fields": {"shoe_size": ["1"]}}, {"/fields": "extra_forbidden"}),
        ({**PLAIN, "responsibility_id": AUDITED, "fields": {"drill_on": ["2026-02-30"], "people_trained": ["-1"]}},
         {"/fields/drill_on/0": "date_parsing", "/fields/people_trained/0": "int_parsing"}),
        ({**PLAIN, "responsibility_id": AUDITED, "fields": {"drill_on": ["2999-01-01"], "people_trained": ["1"]}},
         {"/fields/drill_on/0": "future_date"}),
        ({**PLAIN, "valid_until": "2026-01-01T00:00:00Z"}, {"/valid_until": "past_date"}),
        ({**PLAIN, "valid_until": FAR_OFF}, {"/valid_until": "too_late"}),
        ({**PLAIN, "valid_until": "soon"}, {"/valid_until": "datetime_parsing"}),
        ({**PLAIN, "valid_until": "9999-12-31T23:59:59-01:00"}, {"/valid_until": "value_error"}),
        ({**PLAIN, "made_by": "Ada"}, {"": "extra_forbidden"}),
    ],
)  # fmt: skip
async def test_whatever_is_wrong_is_pointed_at_and_tells_nothing(
    rig: Rig, body: dict[str, Any], expected: dict[str, str]
) -> None:
    answer = await change(rig, "attest", body)
    assert pointers(answer) == expected
    assert "Ada" not in answer.text
    assert "shoe" not in answer.text
    assert rig.registries.events == []


async def test_fields_are_kept_as_references_dates_and_numbers(rig: Rig) -> None:
    await attest(rig, {**PLAIN, "responsibility_id": CONTACTS, "fields": PEOPLE})
    drill = {"drill_on": ["2026-10-01"], "people_trained": ["12"]}
    await attest(rig, {**PLAIN, "responsibility_id": AUDITED, "fields": drill})
    newest, older = (await show(rig))["attestations"]
    assert (newest["fields"], older["fields"]) == (drill, PEOPLE)


async def test_a_claim_that_it_is_not_met_needs_no_fields_and_no_link(rig: Rig) -> None:
    for wanted in (CONTACTS, PAGE, AUDITED, UPCOMING):
        await attest(rig, {**PLAIN, "responsibility_id": wanted, "claim": "not_met"})
    await attest(rig, {**PLAIN, "responsibility_id": AUDITED, "claim": "not_applicable"})


async def test_a_coordinator_attests_only_for_communities_within_reach(rig: Rig) -> None:
    for who, community in ((CORA, "enwiki"), (ARABIC, "swwiki"), (SECOND, "arwiki"), (CORA, "global")):
        for name in ("attest", "annotate", "list_project"):
            answer = await change(rig, name, PLAIN, who, community)
            assert refused(answer) == (403, "/errors/beyond-own-reach")
        answer = await rig.http.get(f"/v1/baseline/{community}", headers=bearer(who))
        assert refused(answer) == (403, "/errors/beyond-own-reach")
    assert rig.registries.events == []
    assert (await change(rig, "attest", PLAIN, CHIEF, "arwiki")).status_code == 200
    elsewhere = coordinator("c7", "stewards", communities=["enwiki"])
    answer = await change(rig, "attest", PLAIN, elsewhere, "enwiki")
    assert refused(answer) == (403, "/errors/beyond-own-reach")


async def test_nobody_attests_for_a_community_that_the_policy_does_not_know(rig: Rig) -> None:
    for who in (CHIEF, AUDREY):
        assert refused(await change(rig, "attest", PLAIN, who, "dewiki")) == (404, "/errors/not-found")
        assert (await rig.http.get("/v1/baseline/dewiki", headers=bearer(who))).status_code == 404


async def test_only_coordinators_and_auditors_read_and_only_coordinators_attest(rig: Rig) -> None:
    for who in (ANN, operator("e4")):
        assert refused(await change(rig, "attest", PLAIN, who)) == (403, "/errors/role-not-permitted")
        assert (await rig.http.get("/v1/baseline", headers=bearer(who))).status_code == 403
    assert refused(await change(rig, "attest", PLAIN, AUDREY)) == (403, "/errors/role-not-permitted")
    assert (await rig.http.get("/v1/baseline")).status_code == 401


async def test_a_list_shows_what_is_within_reach_page_by_page(rig: Rig) -> None:
    await attest(rig)
    one = (await rig.http.get("/v1/baseline", headers=bearer(CORA))).json()
    assert [(c["community"], c["version"], c["attested"]) for c in one["items"]] == [
        ("swwiki", 1, {CONFIRMED: "met"})
    ]  # fmt: skip
    found, cursor = [], ""
    while cursor is not None:
        page = (await rig.http.get(f"/v1/baseline?limit=2&cursor={cursor}", headers=bearer(AUDREY))).json()
        found += [c["community"] for c in page["items"]]
        cursor = page["next"]
    assert found == sorted(POLICY.communities)


async def test_nobody_confirms_what_they_attested_and_nobody_twice(rig: Rig) -> None:
    made = await attest(rig)
    order = {"attestation_id": made}
    assert refused(await change(rig, "confirm", order)) == (403, "/errors/own-attestation")
    assert refused(await change(rig, "confirm", order, ARABIC)) == (403, "/errors/beyond-own-reach")
    assert (await change(rig, "confirm", order, SECOND)).status_code == 200
    (shown,) = (await show(rig))["attestations"]
    assert (shown["confirmed_by"], shown["confirmed_role"]) == (SECOND.ref, "coordinator")
    assert pointers(await change(rig, "confirm", order, CHIEF)) == {"/attestation_id": "already_confirmed"}


async def test_an_auditor_who_is_coordinator_too_never_confirms_their_own(rig: Rig) -> None:
    made = await attest(rig, who=BOTH)
    assert refused(await change(rig, "confirm", {"attestation_id": made}, BOTH)) == (403, "/errors/own-attestation")


async def test_some_attestations_are_confirmed_by_auditors_only(rig: Rig) -> None:
    drill = {"drill_on": ["2026-10-01"], "people_trained": ["12"]}
    made = await attest(rig, {**PLAIN, "responsibility_id": AUDITED, "fields": drill})
    order = {"attestation_id": made}
    assert pointers(await change(rig, "confirm", order, SECOND)) == {"/attestation_id": "needs_auditor"}
    assert (await change(rig, "confirm", order, AUDREY)).status_code == 200
    assert (await show(rig))["attestations"][0]["confirmed_role"] == "auditor"


async def test_what_needs_no_confirmation_or_is_over_is_not_confirmed(rig: Rig) -> None:
    plain = await attest(rig, PAGED)
    for wanted, code in ((plain, "not_confirmable"), ("no-such-id", "unknown_choice")):
        answer = await change(rig, "confirm", {"attestation_id": wanted}, SECOND)
        assert pointers(answer) == {"/attestation_id": code}
    made = await attest(rig)
    end(rig, made)
    for name, more in (("confirm", {}), ("withdraw", {"statement": "It does not hold."})):
        answer = await change(rig, name, {"attestation_id": made, **more}, SECOND)
        assert pointers(answer) == {"/attestation_id": "expired"}
    assert next(a for a in (await show(rig))["attestations"] if a["attestation_id"] == made)["standing"] == "expired"


def end(rig: Rig, made: str) -> None:
    """Have the time of an attestation run out, without anything that tells so."""
    kept = rig.registries.stored["swwiki"]
    over = tuple(
        replace(a, valid_until=now() - timedelta(seconds=1)) if a.id == made else a for a in kept.registry.attestations
    )
    rig.registries.stored["swwiki"] = StoredRegistry(replace(kept.registry, attestations=over), kept.applied, kept.base)


async def test_withdrawing_asks_for_a_fresh_sign_in_and_says_why(rig: Rig) -> None:
    made = await attest(rig)
    order = {"attestation_id": made, "statement": "One of the two has left."}
    old = {**bearer(CORA, issued_at=now() - FRESH - timedelta(seconds=1)), "if-match": '"1"'}
    answer = await rig.http.post("/v1/baseline/swwiki/withdraw", json=order, headers=old)
    assert refused(answer) == (401, "/errors/sign-in-again")
    offered = (await rig.http.get("/v1/baseline/swwiki", headers=old)).json()["actions"]
    assert "withdraw" in {action["change"] for action in offered}
    assert (await change(rig, "withdraw", order)).status_code == 200
    (shown,) = (await show(rig))["attestations"]
    assert (shown["standing"], shown["ended_because"]) == ("withdrawn", "One of the two has left.")
    assert pointers(await change(rig, "withdraw", order)) == {"/attestation_id": "withdrawn"}


async def test_a_change_on_an_old_version_is_told_the_new_one(rig: Rig) -> None:
    await attest(rig)
    answer = await change(rig, "attest", PLAIN, if_match='"0"')
    assert refused(answer) == (412, "/errors/baseline-changed")
    assert answer.json()["version"] == 1
    missing = await rig.http.post("/v1/baseline/swwiki/attest", json=PLAIN, headers=bearer(CORA))
    assert missing.status_code == 428


async def test_a_request_that_comes_again_is_carried_out_once(rig: Rig) -> None:
    key = {"idempotency_key": "a-random-key"}
    first = await change(rig, "attest", PLAIN, if_match='"0"', **key)
    again = await change(rig, "attest", PLAIN, if_match='"0"', **key)
    assert first.json() == again.json()
    assert len(rig.registries.events) == 1
    other = await change(rig, "attest", {**PLAIN, "claim": "not_met"}, if_match='"0"', **key)
    assert refused(other) == (422, "/errors/idempotency-key-reused")


async def test_a_community_explains_a_result_and_takes_that_away(rig: Rig) -> None:
    order = {"responsibility_id": MEASURED, "statement": "Two of our three people were away in July."}
    assert (await change(rig, "annotate", order)).status_code == 200
    (note,) = (await show(rig))["annotations"]
    assert (note["responsibility_id"], note["statement"]) == (MEASURED, order["statement"])
    assert (await change(rig, "annotate", order)).json()["version"] == 1
    assert pointers(await change(rig, "annotate", {**order, "statement": "Ask @ada."})) == {"/statement": "address"}
    assert (await change(rig, "annotate", {**order, "statement": ""})).json()["annotations"] == []


async def test_a_project_has_a_history_until_it_ends(rig: Rig) -> None:
    listed = (await change(rig, "list_project", PROJECT)).json()["projects"][0]
    order = {**PROJECT, "project_id": listed["project_id"], "phase": "Execution"}
    assert (await change(rig, "change_project", order)).status_code == 200
    assert (await change(rig, "change_project", order)).json()["version"] == 2
    ended = await change(rig, "end_project", {"project_id": listed["project_id"], "ended_on": "2026-11-01"})
    (project,) = ended.json()["projects"]
    assert (project["phase"], project["ended_on"], project["community"]) == ("Execution", "2026-11-01", "swwiki")
    assert [v["event"] for v in project["history"]] == [
        "baseline.project_listed", "baseline.project_changed", "baseline.project_ended"
    ]  # fmt: skip
    for name, body in (("change_project", order), ("end_project", {"project_id": listed["project_id"]})):
        assert pointers(await change(rig, name, body)) == {"/project_id": "ended"}


async def test_projects_that_serve_all_stand_beside_those_of_a_community(rig: Rig) -> None:
    await change(rig, "list_project", PROJECT, CHIEF, "global")
    await change(rig, "list_project", {**PROJECT, "title": "Ours"})
    assert [(p["title"], p["community"]) for p in (await show(rig))["projects"]] == [
        ("Ours", "swwiki"), ("Peer Support Networks", "global")
    ]  # fmt: skip
    assert len((await show(rig, CHIEF, "global"))["projects"]) == 1


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"title": ""}, {"/title": "missing"}),
        ({"lead": "x" * 201}, {"/lead": "string_too_long"}),
        ({"lead": "ada@example.org"}, {"/lead": "address"}),
        ({"link": "https://10.0.0.1/"}, {"/link": "private_host"}),
        ({"responsibilities": [PAGE, "HB-99"]}, {"/responsibilities/1": "unknown_responsibility"}),
        ({"began_on": "yesterday"}, {"/began_on": "date_parsing"}),
    ],
)
async def test_what_is_wrong_with_a_project_is_pointed_at(
    rig: Rig, changed: dict[str, Any], expected: dict[str, str]
) -> None:
    assert pointers(await change(rig, "list_project", {**PROJECT, **changed})) == expected
    assert rig.registries.events == []


async def test_the_changes_permitted_now_stand_with_what_they_take(rig: Rig) -> None:
    made = await attest(rig)

    async def offered(who: Principal) -> dict[str, Any]:
        return {a["change"]: {f["name"]: f for f in a["fields"]} for a in (await show(rig, who))["actions"]}

    own, second, audit = await offered(CORA), await offered(SECOND), await offered(AUDREY)
    assert set(own) == {"attest", "withdraw", "annotate", "list_project"}
    assert set(second) == {*own, "confirm"}
    assert set(audit) == {"confirm"}
    assert second["confirm"]["attestation_id"]["options"] == [made]
    assert own["attest"]["responsibility_id"]["options"] == [CONTACTS, PAGE, CONFIRMED, AUDITED, UPCOMING]
    assert own["attest"]["statement"] == {"name": "statement", "kind": "words", "required": True, "max_length": 500}


async def test_an_outage_is_told_and_changes_nothing(rig: Rig) -> None:
    rig.registries.away = True
    assert (await change(rig, "attest", PLAIN)).status_code == 503
    assert (await rig.http.get("/v1/baseline/swwiki", headers=bearer(CORA))).status_code == 503


async def test_a_responsibility_that_has_gone_from_the_catalogue_leaves_its_attestation(rig: Rig) -> None:
    made = await attest(rig)
    kept = rig.registries.stored["swwiki"]
    gone = tuple(replace(a, responsibility_id="HB-00") for a in kept.registry.attestations)
    registry = replace(kept.registry, attestations=gone)
    rig.registries.stored["swwiki"] = StoredRegistry(registry, kept.applied, kept.base)
    assert (await show(rig))["attestations"][0]["responsibility_id"] == "HB-00"
    answer = await change(rig, "confirm", {"attestation_id": made}, SECOND)
    assert pointers(answer) == {"/attestation_id": "not_confirmable"}
    order = {"attestation_id": made, "statement": "It is gone."}
    assert (await change(rig, "withdraw", order)).status_code == 200
    assert rig.registries.of("swwiki").attestations[0].standing is Standing.WITHDRAWN


async def test_people_who_lost_their_role_are_no_contacts(rig: Rig) -> None:
    COPIES.enrol(replace(BEN, grants=(replace(BEN.grants[0], expires_at=now()),)))
    async with make_rig() as later:
        answer = await change(later, "attest", {**PLAIN, "responsibility_id": CONTACTS, "fields": PEOPLE})
    assert pointers(answer) == {"/fields/contacts/1": "no_role_here"}


async def test_a_change_that_nobody_knows_is_not_there(rig: Rig) -> None:
    assert (await change(rig, "celebrate", {})).status_code == 404
    assert (await change(rig, "attest", PLAIN, ALICE)).status_code == 403


async def test_what_differs_between_two_versions_is_told(rig: Rig) -> None:
    for old in (FIRST.dated, FIRST.version):
        answer = await rig.http.get(f"/v1/baseline/versions/{old}...{CATALOGUE.version}", headers=bearer(AUDREY))
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert (told["old"], told["new"]) == (FIRST.version, CATALOGUE.version)
        assert {(c["kind"], c["subject"]) for c in told["changes"]} >= {("added", UPCOMING), ("added", RETIRED)}
    for wanted in ("2020-01-01...2026-11-01", "2026-06-01...x", "2026-06-01"):
        assert (await rig.http.get(f"/v1/baseline/versions/{wanted}", headers=bearer(CORA))).status_code in (404, 405)


async def test_a_version_of_the_catalogue_holds_from_its_day_on(rig: Rig) -> None:
    made, (first, second) = await attest(rig), (FIRST, replace(CATALOGUE, effective_from=date(2999, 1, 1)))
    desk = BaselineDesk(RegistryEditor(rig.registries), POLICY, [first, second], People(), look_at_nothing)
    assert desk.catalogue is first
    assert rig.registries.of("swwiki").attestation(made) is not None


async def test_an_attestation_holds_the_digest_of_the_page_that_the_coordinator_had(rig: Rig) -> None:
    looked: list[str] = []
    at = now()

    async def look(link: str) -> Seen:
        looked.append(link)
        return Seen("found", digest="0" * 64) if link == LINK else Seen("missed", reason="timeout")

    editor = RegistryEditor(rig.registries, lambda: at)
    desk = BaselineDesk(editor, POLICY, [CATALOGUE], People(), look, lambda: at)
    watch = LinkWatch(editor, PageReader("t", resolve=_nowhere), lambda: CATALOGUE, every=60, clock=lambda: at)
    for link, digest, seen_at in ((LINK, "0" * 64, at), (f"{LINK}/slow", None, None)):
        wanted = Attest(responsibility_id=PAGE, claim="met", statement=WORDS, link=link)
        version = rig.registries.of("swwiki").seq
        after = await desk.carry_out(replace(CORA, authenticated_at=at), "swwiki", ChangeSent(wanted, version, link))
        fact = rig.registries.events[-1].fact
        assert isinstance(fact, BaselineAttested)
        assert (fact.link_digest, fact.link_seen_at) == (digest, seen_at)
        made = after.running(PAGE)
        assert made is not None
        # What was seen a moment ago is not looked at again; what was not seen is.
        assert await watch.look() == (digest is None)
    assert looked == [LINK, f"{LINK}/slow"]


async def _nowhere(host: str) -> list[str]:
    raise OSError(host)


class People:
    """A roster on which nobody is."""

    async def person(self, ref: str, *, began_at: object, authenticated_at: object) -> Principal | None:
        return None
