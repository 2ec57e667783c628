"""Every fault of a form is told in one round: in the shape of what was sent, by the policy, and by the calendar."""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from services.triage.baseline.forms import CHANGES as BASELINE
from services.triage.roster.changes import CHANGES as ROSTER
from shared.access.principal import Grant, Principal, Role
from shared.times import now, rfc3339
from tests.support.baseline_world import CATALOGUE, CONTACTS
from tests.support.forms import hidden_fields
from tests.support.people import COPIES, coordinator, own_names, person, responder, sign_in
from tests.support.triage_rig import ALICE, BOB, TICKET, Rig, bearer, make_rig

CHIEF = person("c7", Grant(Role.COORDINATOR))
CORA = coordinator("c8", "swwiki_admins")
OTHER = responder("a8", "swwiki_admins")
PAST = rfc3339(now() - timedelta(days=40))
LONG = "x" * 400

OF_THE_ROSTER: list[tuple[str, dict[str, Any], set[str]]] = [
    ("grant", {"role": "king", "bodies": ["nowhere", LONG], "communities": ["utopia"], "expires_at": PAST},
     {"/role", "/bodies/0", "/bodies/1", "/communities/0", "/expires_at", "/names"}),
    ("grant", {"role": "auditor", "bodies": ["u4c"], "scopes": ["everything"], "expires_at": "soon"},
     {"/bodies", "/scopes/0", "/expires_at", "/names"}),
    ("enrol", {"bodies": ["nowhere"], "communities": ["utopia"], "modules": ["Z"], "agreement_until": PAST},
     {"/bodies/0", "/communities/0", "/modules/0", "/agreement_until", "/names"}),
    ("revoke", {"role": "king", "body": "nowhere"}, {"/role", "/body"}),
    ("revoke", {"role": "auditor", "body": "nowhere", "more": 1}, {"", "/role", "/body"}),
    ("training", {"module": "Z", "completed_at": rfc3339(now() + timedelta(days=9)), "expires_at": PAST},
     {"/module", "/completed_at", "/expires_at"}),
    ("agreement", {"until": PAST, "ended": "no"}, {"/until", "/ended"}),
    ("leave", {"begins_at": "soon", "ends_at": PAST}, {"/begins_at", "/ends_at"}),
    ("languages", {"languages": ["en", "what I speak"], "more": 1}, {"", "/languages/1"}),
    ("names", {"names": [], "more": 1}, {"", "/names"}),
    ("name_away", {"name_id": "none", "more": 1}, {"", "/name_id"}),
    ("sign_out", {"more": 1}, {""}),
]  # fmt: skip
OF_THE_BASELINE: list[tuple[str, dict[str, Any], set[str]]] = [
    ("attest", {"claim": "perhaps", "responsibility_id": "HB-99", "link": "http://a.example/", "valid_until": PAST},
     {"/claim", "/statement", "/responsibility_id", "/link", "/valid_until"}),
    ("attest", {"claim": "met", "responsibility_id": CONTACTS, "statement": "", "valid_until": "soon",
                "fields": {"contacts": ["nobody", LONG, "Ada"]}},
     {"/statement", "/valid_until", "/fields/contacts/0", "/fields/contacts/1", "/fields/contacts/2"}),
    ("withdraw", {"attestation_id": "none", "more": 1}, {"", "/statement", "/attestation_id"}),
    ("confirm", {"attestation_id": "none", "more": 1}, {"", "/attestation_id"}),
    ("annotate", {"responsibility_id": "HB-99", "statement": 5}, {"/responsibility_id", "/statement"}),
    ("list_project", {"title": "", "began_on": "soon", "link": "ftp://a", "responsibilities": ["HB-99", LONG]},
     {"/title", "/began_on", "/link", "/responsibilities/0", "/responsibilities/1"}),
    ("change_project", {"project_id": "none", "lead": "ada@a.example", "began_on": "soon"},
     {"/project_id", "/title", "/lead", "/began_on"}),
    ("end_project", {"project_id": "none", "ended_on": "soon"}, {"/project_id", "/ended_on"}),
    ("end_project", {"project_id": LONG, "ended_on": f"{now() + timedelta(days=9):%Y-%m-%d}"},
     {"/project_id", "/ended_on"}),
]  # fmt: skip


def ids_of(rows: list[tuple[str, dict[str, Any], set[str]]]) -> list[str]:
    # The same in every process: a set has no order, and the times differ.
    return [f"{change}-{number}" for number, (change, *_) in enumerate(rows)]


@pytest.fixture
async def rig():
    for who in (CHIEF, CORA, OTHER, ALICE, BOB):
        COPIES.enrol(who)
    async with make_rig(catalogues=[CATALOGUE]) as rig:
        for who in (CHIEF, ALICE):
            rig.entries.enrol(who)
        yield rig


async def told(rig: Rig, address: str, body: object, who: Principal, version: int = 0) -> set[str]:
    answer = await rig.http.post(address, json=body, headers={**bearer(who), "if-match": f'"{version}"'})
    assert answer.status_code == 422, answer.text
    return {error["pointer"] for error in answer.json()["errors"]}


def test_each_change_has_an_example_here() -> None:
    assert {change for change, _, _ in OF_THE_ROSTER} == set(ROSTER)
    assert {change for change, _, _ in OF_THE_BASELINE} == set(BASELINE)


@pytest.mark.parametrize(("change", "body", "faults"), OF_THE_ROSTER, ids=ids_of(OF_THE_ROSTER))
async def test_a_change_of_the_roster_tells_all_its_faults(
    rig: Rig, change: str, body: dict[str, Any], faults: set[str]
) -> None:
    assert await told(rig, f"/v1/roster/{'person:00000000000000ee'}/{change}", body, CHIEF) == faults


@pytest.mark.parametrize(("change", "body", "faults"), OF_THE_BASELINE, ids=ids_of(OF_THE_BASELINE))
async def test_a_change_of_the_baseline_tells_all_its_faults(
    rig: Rig, change: str, body: dict[str, Any], faults: set[str]
) -> None:
    assert await told(rig, f"/v1/baseline/swwiki/{change}", body, CORA) == faults


async def test_a_command_on_a_case_tells_all_its_faults(rig: Rig) -> None:
    case = await rig.open()
    await rig.order(case, "recuse", body={"person": BOB.ref, "ground": "related"})
    case = (await rig.cases.load([case.id]))[case.id].case
    for command, body, faults in (
        ("withdraw", {"person": ALICE.ref, "withdrawal": "tired"}, {"/person", "/withdrawal"}),
        ("recuse", {"person": BOB.ref, "ground": "dislike", "more": "1"}, {"", "/ground"}),
        ("assign", {"assignee": BOB.ref, "more": "1"}, {"", "/assignee"}),
        ("confirm", {"person": OTHER.ref, "more": "1"}, {"", "/person"}),
    ):
        address = f"/v1/cases/{case.id}/{command}"
        assert await told(rig, address, body, ALICE, case.seq) == faults, command


async def test_who_may_not_read_an_entry_hears_nothing_of_it(rig: Rig) -> None:
    for who in (ALICE, OTHER):
        answer = await rig.http.post(
            f"/v1/roster/{CHIEF.ref}/revoke",
            json={"role": "king", "body": "nowhere"},
            headers={**bearer(who), "if-match": '"1"'},
        )
        assert (answer.status_code, "errors" in answer.json()) == (403, False)


async def test_a_page_of_the_roster_shows_all_faults_in_one_round(rig: Rig) -> None:
    rig.http.headers.update({"accept": "text/html", "sec-fetch-site": "same-origin"})
    await sign_in(rig.http, rig.sessions, "/desk", CHIEF, own=own_names(CHIEF, TICKET))
    place = "/desk/roster/person:00000000000000ee"
    sent = {"role": "king", "bodies": "nowhere", "communities": "utopia", "expires_at": "2020-01-01"}
    page = await _sent(rig, place, "grant", sent)
    for field in ("role", "bodies", "communities", "expires_at", "names"):
        assert f'<li><a class="cdx-link" href="#grant-{field}">' in page
        assert f'id="grant-{field}-error"' in page


async def test_a_page_of_the_baseline_shows_all_faults_in_one_round(rig: Rig) -> None:
    rig.http.headers.update({"accept": "text/html", "sec-fetch-site": "same-origin"})
    await sign_in(rig.http, rig.sessions, "/desk", CORA)
    sent = {"title": "", "link": "ftp://a", "began_on": "soon", "lead": "ada@a.example"}
    page = await _sent(rig, "/desk/baseline/swwiki", "list_project", sent)
    for field in sent:
        assert f'<li><a class="cdx-link" href="#list_project-{field}">' in page


async def _sent(rig: Rig, place: str, change: str, values: dict[str, str]) -> str:
    hidden = hidden_fields((await rig.http.get(place)).text)
    kept = {name: hidden[name] for name in ("version", "key", "form_token")}
    answer = await rig.http.post(f"{place}/{change}", data={**kept, **values})
    assert answer.status_code == 422, answer.text
    return unescape(answer.text)
