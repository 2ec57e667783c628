"""Scorecards from events to pages: what a community and its cases do is what everybody reads."""

import asyncio
from datetime import timedelta

import pytest

from tests.service.audit.test_scorecard_projection import World, case
from tests.support.audit_rig import bearer
from tests.support.audit_world import AuditWorld
from tests.support.scorecard_record import DAY, HOUR, START, attested, on_roster

LEVEL_1 = ("HB-01", "HB-02", "HB-07", "HB-12")


@pytest.fixture
def record() -> World:
    return World()


@pytest.fixture
def world(record: World) -> AuditWorld:
    return AuditWorld(record.cards())


async def read(world: AuditWorld, path: str) -> str:
    return (await world.client.get(path, headers=bearer())).text


async def test_a_newcomer_sees_a_community_become_safe_to_report_in(record: World, world: AuditWorld) -> None:
    assert "The record has no such checkpoint, or not yet." in await read(world, "/scorecard/enwiki")
    assert "No community of this kind has a scorecard yet." in await read(world, "/scorecard")
    await record.tell((attested("HB-01"), "enwiki", START))
    await record.seal(START + DAY)
    await record.advance()
    assert "Not yet safe to report" in await read(world, "/scorecard/enwiki.svg")
    assert "Not assessed" in await read(world, "/scorecard/swwiki.svg")
    for name in LEVEL_1[1:]:
        await record.tell((attested(name), "enwiki", START + 2 * DAY))
    await record.seal(START + 3 * DAY)
    await record.advance()
    page = await read(world, "/scorecard/enwiki")
    assert ">Safe to report<" in page
    assert "things are missing for the level “Timely and fair”" in page
    told = await read(world, f"/scorecard/enwiki/diff?from={START + DAY:%Y-%m-%d}&to={START + 3 * DAY:%Y-%m-%d}")
    assert "At least two named contacts" in told
    assert "The community publishes how to report" not in told
    everybody = await read(world, "/scorecard?sort=level")
    assert everybody.index("English Wikipedia") < everybody.index("Wikipedia ya Kiswahili")


async def test_a_late_case_turns_a_responsibility_on_the_page(record: World, world: AuditWorld) -> None:
    for number in range(9):
        await record.tell(*case(number, START + number * HOUR, HOUR))
    await record.tell((on_roster("person:r1"), "person:r1", START))
    await record.seal(START + DAY)
    await record.advance()
    before = (await world.client.get("/scorecard/enwiki.json")).json()
    for number in range(9, 12):
        await record.tell(*case(number, START + DAY, None))
    await record.seal(START + 4 * DAY)
    await record.advance()
    after = (await world.client.get("/scorecard/enwiki.json")).json()
    outcomes = [next(one for one in card["items"] if one["id"] == "HB-03")["outcome"] for card in (before, after)]
    assert outcomes == ["met", "not_met"]
    assert "10 to 14 cases; still open: fewer than 5" in await read(world, "/audit/scorecard/enwiki")
    changed = (await world.client.get(
        f"/scorecard/enwiki/diff.json?from={before['as_of']['sealed']}&to={after['as_of']['sealed']}"
    )).json()  # fmt: skip
    assert "HB-03" in [one["id"] for one in changed["items"]]


async def test_a_statement_that_ends_is_no_evidence_without_a_further_event(record: World, world: AuditWorld) -> None:
    await record.tell((attested(ends=START + 5 * DAY), "enwiki", START))
    await record.seal(START + DAY)
    await record.advance()
    assert "another 4 days" in await read(world, "/scorecard/enwiki")
    await record.tell(*case(1, START + 6 * DAY, HOUR))
    await record.seal(START + 6 * DAY + timedelta(hours=2))
    await record.advance()
    page = await read(world, "/scorecard/enwiki")
    assert "nobody has said it again" in page
    assert "Not assessed" in page


async def test_a_community_that_only_the_record_knows_has_left_the_policy(record: World, world: AuditWorld) -> None:
    await record.tell((attested(community="oldwiki"), "oldwiki", START))
    await record.seal(START + DAY)
    await record.advance()
    assert "This community is no longer part of the policy" in await read(world, "/scorecard/oldwiki")
    assert "oldwiki" not in await read(world, "/scorecard")
    assert "There is no such scorecard" in await read(world, "/scorecard/neverwiki")


async def test_a_stranger_who_asks_for_all_checkpoints_slows_down_nobody_else(record: World, world: AuditWorld) -> None:
    await record.tell((attested("HB-01"), "enwiki", START))
    for day in range(40):
        await record.tell(*case(day, START + day * DAY, HOUR))
        await record.seal(START + day * DAY + HOUR)
    await record.advance()
    flood = [
        asyncio.create_task(world.client.get(f"/scorecard/{name}{end}?as_of={sealed}&to={sealed}&from=1"))
        for name in ("enwiki", "swwiki")
        for end in (".json", "", ".csv", ".wikitext", "/diff")
        for sealed in range(1, 20)
    ]
    await asyncio.sleep(0)
    last, inside = await asyncio.gather(
        world.client.get("/scorecard/enwiki.json"),
        world.client.get("/audit/scorecard/enwiki.json?as_of=3", headers=bearer()),
    )
    assert (last.status_code, inside.status_code) == (200, 200)
    answers = await asyncio.gather(*flood)
    refused = [one for one in answers if one.status_code == 429]
    assert len(refused) > len(flood) // 2
    assert {one.status_code for one in answers} == {200, 429}
    assert all(int(one.headers["retry-after"]) >= 2 for one in refused)
    assert {one.json()["type"] for one in refused if "json" in one.headers["content-type"]} == {
        "/errors/too-many-checkpoints"
    }
