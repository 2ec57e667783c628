"""The pages for auditors."""

from dataclasses import replace

import pytest

from shared.access.principal import Role
from shared.people_names import PeopleNames
from tests.support.audit_rig import bearer, event_of
from tests.support.audit_world import AuditWorld, leaf_of
from tests.support.people import COPIES, anybody, auditor, responder, sign_in
from tests.support.people import bearer as bearer_of

ALICE = responder("a1" * 4, "enwiki_arbcom")


@pytest.fixture
async def world() -> AuditWorld:
    world = AuditWorld()
    await world.fill(cases=3)
    return world


async def test_the_overview_shows_every_log_and_finds_a_case_or_an_event(world: AuditWorld) -> None:
    page = await world.client.get("/audit", headers=bearer())
    assert page.status_code == 200
    assert "cases/0" in page.text
    assert "⧼" not in page.text
    found = await world.client.get("/audit?q= case-1 ", headers=bearer())
    assert (found.status_code, found.headers["location"]) == (303, "/audit/cases/case-1")
    event_id = event_of("case-1", 2).id
    found = await world.client.get(f"/audit?q={event_id}", headers=bearer())
    assert found.headers["location"] == f"/audit/cases/case-1#{event_id}"
    for nothing in ("unknown", "<script>"):
        page = await world.client.get("/audit", params={"q": nothing}, headers=bearer())
        assert page.status_code == 404
        assert "no such case or event" in page.text
        assert "<script>" not in page.text


async def test_a_timeline_has_the_proof_beside_every_entry(world: AuditWorld) -> None:
    page = await world.client.get("/audit/cases/case-1", headers=bearer())
    assert page.status_code == 200
    assert page.text.count(">Proved<") == 3
    assert "All 3 entries are proved" in page.text
    assert "⧼" not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert [read.results for read in world.saving.reads] == [3]


async def test_an_auditor_without_the_scope_reads_which_one_is_missing(world: AuditWorld) -> None:
    await sign_in(world.client, world.sessions, "/audit", auditor("a3", "proof"))
    page = await world.client.get("/audit/cases/case-1", headers={"Accept": "text/html"})
    assert page.status_code == 403
    assert "it lacks the scope meta." in page.text
    assert 'action="/audit/sign-out"' in page.text
    told = await world.client.get("/v1/record/cases/case-1/timeline", headers=bearer_of(auditor("a3", "proof")))
    assert (told.json()["type"], told.json()["detail"]) == ("/errors/scope-needed", "Missing: meta.")


async def test_an_entry_that_was_changed_is_shown_as_not_proved(world: AuditWorld) -> None:
    place = "cases/0/000000000004"
    entry = world.record.stored[place]
    world.record.stored[place] = replace(entry, leaf=entry.leaf.replace(b'"closed"', b'"opened"'))
    page = await world.client.get("/audit/cases/case-1", headers=bearer())
    assert "do not agree with the signed checkpoint" in page.text
    assert ">Not proved<" in page.text


async def test_a_person_is_shown_by_the_code_name_that_the_desk_has_for_them(world: AuditWorld) -> None:
    COPIES.enrol(ALICE)
    leaf = leaf_of(event_of("case-9", 1), "cases", 1, 0)
    await world.add("cases/1", [replace(leaf, entry=leaf.entry.replace(b"service:triage", ALICE.ref.encode()))])
    await world.seal()
    page = (await world.client.get("/audit/cases/case-9", headers=bearer())).text
    name = PeopleNames(lambda: {ALICE.ref: ALICE}).of(ALICE.ref)
    said, _, details = page.partition("<details>")
    assert f"by <bdi>{name}</bdi>" in said
    assert ALICE.ref not in said
    assert ALICE.ref in details


async def test_what_an_event_holds_is_shown_escaped(world: AuditWorld) -> None:
    leaf = leaf_of(event_of("case-9", 1), "cases", 1, 0)
    evil = replace(leaf, entry=leaf.entry.replace(b'"calm-otter"', b'"<script>alert(1)</script>"'))
    await world.add("cases/1", [evil])
    page = await world.client.get("/audit/cases/case-9", headers=bearer())
    assert "&lt;script&gt;" in page.text
    assert "<script>" not in page.text


async def test_a_browser_without_a_session_is_led_to_the_sign_in_page_and_back(world: AuditWorld) -> None:
    answer = await world.client.get("/audit/cases/case-1", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/audit/sign-in?next=/audit/cases/case-1")
    await sign_in(world.client, world.sessions, "/audit", anybody(Role.AUDITOR))
    assert (await world.client.get("/audit/cases/case-1")).status_code == 200
