"""Attestations end by themselves, with a reminder before, and the pages behind their links are looked at again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.triage.baseline.actions import RegistryEditor
from services.triage.baseline.beginning import list_first_projects
from services.triage.baseline.links import PageReader, Seen
from services.triage.baseline.registry import Attestation, Registry, Standing, fold
from services.triage.baseline.stored import RegistryChange
from services.triage.baseline.watch import LinkWatch, TimeWatch
from shared.events import Actor, BaselineAttested, BaselineWithdrawn, ProjectChanged
from shared.policy.baseline import Catalogue
from shared.problems import Unavailable
from tests.fakes.memory_registries import MemoryRegistries
from tests.stand_ins.pages import page_server, saying
from tests.support.baseline_world import CATALOGUE, CONFIRMED, CONTACTS, DAY, NOW, PAGE, WORDS, attested, row
from tests.support.examples import up_to

CORA = Actor("person:00000000000000c0", "coordinator")
HOUR = timedelta(hours=1)
HOST = "pages.example.org"
FOUND, OTHER = (Seen("found", digest=digit * 64) for digit in "01")
GONE = Seen("gone", reason="not_found")
LOST, REFUSED = Seen("missed", reason="unresolved"), Seen("missed", reason="private_address")


class World:
    """A store, a clock that a test moves, and pages that are as a test says. `slow`: looks wait for each other."""

    def __init__(self) -> None:
        self.store = MemoryRegistries()
        self.at = NOW
        self.seen = FOUND
        self.looked: list[str] = []
        self.catalogue: Catalogue = CATALOGUE
        self.together: asyncio.Barrier | None = None

    def clock(self) -> datetime:
        return self.at

    def editor(self) -> RegistryEditor:
        return RegistryEditor(self.store, self.clock)

    async def look(self, link: str) -> Seen:
        self.looked.append(link)
        if self.together:
            await self.together.wait()
        return self.seen

    async def pass_time(self) -> int:
        return await TimeWatch(self.editor(), every=60, clock=self.clock).look()

    def links(self) -> LinkWatch:
        return LinkWatch(self.editor(), self, lambda: self.catalogue, every=60, clock=self.clock)

    async def attest(self, name: str = "a", community: str = "swwiki", days: float = 100, **more: Any) -> None:
        fact = BaselineAttested(
            **{
                "community": community,
                "attestation_id": name,
                "responsibility_id": PAGE,
                "catalogue_version": "1",
                "claim": "met",
                "statement": WORDS,
                "link": f"https://{HOST}/{name}",
                "valid_until": self.at + days * DAY,
                **more,
            }
        )
        await self.editor().tell(community, (f"attest {name}",), lambda *_: ((fact,), CORA))

    def of(self, name: str = "a", community: str = "swwiki") -> Attestation:
        made = self.store.of(community).attestation(name)
        assert made is not None
        return made

    @property
    def told(self) -> list[str]:
        """What was told beside what people said: the name of each fact, and the days or the state that it tells."""
        said = [e.fact for e in self.store.events if e.actor.role == "service"]
        return [
            " ".join([f.name.partition(".")[2], str(getattr(f, "days_left", getattr(f, "link_state", "")))]).strip()
            for f in said
        ]


@pytest.fixture
def world() -> World:
    return World()


async def test_an_attestation_is_reminded_of_twice_and_then_ends(world: World) -> None:
    await world.attest()
    for day in range(105):
        world.at = NOW + day * DAY
        for _ in range(2):
            await world.pass_time()
        assert world.told == ["expiring 30", "expiring 7", "expired"][: (day >= 70) + (day >= 93) + (day >= 100)]
    made = world.of()
    assert (made.standing, made.ended_at) == (Standing.EXPIRED, NOW + 100 * DAY)
    assert {e.actor.ref for e in world.store.events[1:]} == {"service:triage"}


async def test_a_reminder_that_lies_before_the_attestation_is_not_told(world: World) -> None:
    await world.attest("a", days=20)
    await world.attest("b", responsibility_id=CONFIRMED, days=3)
    await world.pass_time()
    assert world.told == []
    world.at += 2 * DAY + 23 * HOUR
    await world.pass_time()
    assert world.told == []
    world.at += 11 * DAY
    await world.pass_time()
    assert world.told == ["expiring 7", "expired"]


async def test_a_watch_that_was_away_tells_what_is_still_true(world: World) -> None:
    await world.attest()
    world.at = NOW + 95 * DAY
    assert await world.pass_time() == 2
    assert world.told == ["expiring 30", "expiring 7"]
    await world.attest("b", responsibility_id=CONFIRMED)
    world.at = NOW + 500 * DAY
    assert await world.pass_time() == 2
    assert world.told[2:] == ["expired", "expired"]


async def test_what_has_been_withdrawn_or_replaced_does_not_end_again(world: World) -> None:
    await world.attest("a")
    await world.attest("b", supersedes="a")
    await world.attest("c", responsibility_id=CONFIRMED)
    gone = BaselineWithdrawn(community="swwiki", attestation_id="c", responsibility_id=CONFIRMED, statement=WORDS)
    await world.editor().tell("swwiki", ("withdraw",), lambda *_: ((gone,), CORA))
    world.at = NOW + 101 * DAY
    assert await world.pass_time() == 1
    assert [world.of(name).standing.value for name in "abc"] == ["superseded", "expired", "withdrawn"]


@up_to(100)
@given(st.lists(st.integers(-200, 400), min_size=1, max_size=12))
def test_a_clock_that_jumps_makes_nothing_told_twice(days: list[int]) -> None:
    async def run() -> None:
        world = World()
        await world.attest()
        for day in days:
            world.at = NOW + day * DAY
            await world.pass_time()
        assert len(world.told) == len(set(world.told))
        first = next((n for n, day in enumerate(days) if day >= 100), len(days))
        assert ("expired" in world.told) == (first < len(days))
        before = days[:first]
        assert ("expiring 30" in world.told) == any(day >= 70 for day in before)
        assert ("expiring 7" in world.told) == any(day >= 93 for day in before)

    asyncio.run(run())


async def test_two_replicas_tell_each_end_once(world: World) -> None:
    for name in ("swwiki", "enwiki", "arwiki"):
        await world.attest("a", name)
    world.at = NOW + 101 * DAY
    await asyncio.gather(*(world.pass_time() for _ in range(3)))
    assert world.told == ["expired"] * 3


async def test_a_community_that_has_left_the_policy_still_ends(world: World) -> None:
    await world.attest("a", "dissolved_wiki")
    world.at = NOW + 101 * DAY
    assert await world.pass_time() == 1


async def test_an_outage_makes_the_watch_wait(world: World) -> None:
    await world.attest()
    world.at, world.store.away = NOW + 101 * DAY, True
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        world.store.away = False
        if len(waits) == 3:
            raise asyncio.CancelledError

    watch = TimeWatch(world.editor(), every=60, clock=world.clock, sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        await watch.run()
    assert waits == [5, 60, 60]
    assert world.told == ["expired"]


async def test_a_write_that_was_lost_on_the_way_is_told_by_the_next_look(world: World) -> None:
    await world.attest()
    world.at = NOW + 101 * DAY
    save = world.store.save

    async def killed(changes: list[RegistryChange]) -> set[str]:
        await save(changes)
        raise Unavailable("the answer never came")

    world.store.save = killed  # type: ignore[method-assign,assignment]  # the server is killed here
    with pytest.raises(Unavailable):
        await world.pass_time()
    world.store.save = save  # type: ignore[method-assign]  # and back
    await world.pass_time()
    assert world.told == ["expired"]


async def test_a_new_link_is_looked_at_and_again_at_its_interval(world: World) -> None:
    await world.attest()
    assert await world.links().look() == 1
    assert await world.links().look() == 0
    made = world.of()
    assert (made.digest, made.seen_at, made.link_state) == ("0" * 64, NOW, "unchanged")
    world.at += 30 * DAY - HOUR
    assert await world.links().look() == 0
    world.at += HOUR
    world.seen = OTHER
    assert await world.links().look() == 1
    assert (world.of().link_state, world.of().digest) == ("changed", "0" * 64)
    world.at += 30 * DAY
    world.seen = FOUND
    await world.links().look()
    assert world.told == ["link_checked unchanged", "link_checked changed", "link_checked unchanged"]
    assert world.looked == [f"https://{HOST}/a"] * 3


async def test_a_page_that_its_host_calls_gone_is_gone_at_once(world: World) -> None:
    await world.attest()
    world.seen = GONE
    await world.links().look()
    assert world.of().link_state == "gone"
    world.at, world.seen = world.at + 30 * DAY, FOUND
    await world.links().look()
    assert (world.of().link_state, world.of().digest) == ("unchanged", "0" * 64)


async def test_a_page_that_is_not_reached_is_gone_after_days(world: World) -> None:
    await world.attest()
    await world.links().look()
    world.at, world.seen = world.at + 30 * DAY, LOST
    for _ in range(10):
        await world.links().look()
        world.at += 12 * HOUR
    assert world.told[1:] == ["link_checked unreachable"] * 3 + ["link_checked gone"]
    # Then at the interval of the row, and it stays so until the page is found.
    world.at += 30 * DAY
    await world.links().look()
    assert world.of().link_state == "gone"
    world.at, world.seen = world.at + 30 * DAY, OTHER
    await world.links().look()
    assert (world.of().link_state, world.of().missed) == ("changed", 0)


async def test_one_look_in_between_that_finds_the_page_begins_anew(world: World) -> None:
    await world.attest()
    for number in range(12):
        world.seen = FOUND if number % 3 == 2 else LOST
        await world.links().look()
        world.at += DAY if world.seen is LOST else 30 * DAY
    assert "link_checked gone" not in world.told


async def test_a_page_that_is_refused_is_never_gone(world: World) -> None:
    await world.attest()
    world.seen = REFUSED
    for _ in range(20):
        await world.links().look()
        world.at += DAY
    assert set(world.told) == {"link_checked unreachable"}
    assert world.of().link_reason == "private_address"


async def test_only_links_of_running_attestations_with_an_interval_are_looked_at(world: World) -> None:
    await world.attest("a")
    await world.attest("b", supersedes="a")
    await world.attest("c", responsibility_id=CONTACTS, link=None)
    await world.attest("d", responsibility_id="HB-00")
    await world.attest("e", responsibility_id=CONFIRMED, days=1)
    changed = {CONFIRMED: row(3), "HB-09": row(9, attested=attested(link_check=None))}
    world.catalogue = Catalogue("2", NOW.date(), None, (), {**CATALOGUE.responsibilities, **changed})
    await world.attest("f", responsibility_id="HB-09")
    world.at += 2 * DAY
    await world.links().look()
    assert world.looked == [f"https://{HOST}/b"]


async def test_of_two_replicas_that_look_at_once_one_tells(world: World) -> None:
    await world.attest()
    world.together = asyncio.Barrier(2)
    await asyncio.gather(world.links().look(), world.links().look())
    assert world.told == ["link_checked unchanged"]


async def test_a_clock_that_was_ahead_hides_no_look(world: World) -> None:
    await world.attest(days=360)
    world.at += 200 * DAY
    await world.links().look()
    world.at = NOW + DAY
    assert await world.links().look() == 1
    assert world.of().looked_at == world.at


async def test_an_attestation_that_ends_during_a_look_keeps_no_look(world: World) -> None:
    await world.attest()

    class Slow(World):
        async def look(self, link: str) -> Seen:
            world.at += 101 * DAY
            return FOUND

    watch = LinkWatch(world.editor(), Slow(), lambda: CATALOGUE, every=60, clock=world.clock)
    assert await watch.look() == 0
    assert world.told == []


async def test_a_new_link_wakes_the_watch(world: World) -> None:
    watch = world.links()
    running = asyncio.create_task(watch.run())
    await asyncio.sleep(0.05)
    await world.attest()
    watch.wake()
    for _ in range(100):
        await asyncio.sleep(0.01)
        if world.told:
            break
    running.cancel()
    assert world.told == ["link_checked unchanged"]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Any, PageReader]]:
    async with page_server(tmp_path, HOST) as (server, trust):

        async def here(host: str) -> list[str]:
            return ["127.0.0.1"]

        yield server, PageReader("t", trust=trust, resolve=here, allowed=bool, port=server.port)


async def test_a_real_page_changes_and_goes(world: World, served: tuple[Any, PageReader]) -> None:
    server, reader = served
    await world.attest()
    watch = LinkWatch(world.editor(), reader, lambda: CATALOGUE, every=60, clock=world.clock)
    for answer in (saying(b"<p>one</p>"), saying(b"<p>two</p>"), saying(b"", "410 Gone")):
        server.answer = answer
        assert await watch.look() == 1
        world.at += 30 * DAY
    assert world.told == ["link_checked unchanged", "link_checked changed", "link_checked gone"]
    assert fold(world.store.events, Registry("swwiki")) == world.store.of("swwiki")


async def test_a_deployment_begins_with_the_projects_of_the_initiative(world: World) -> None:
    await asyncio.gather(*(list_first_projects(world.editor(), {"HB-01"}) for _ in range(3)))
    projects = [p.newest for p in world.store.of("global").projects]
    assert [(p.title, p.stakeholder, p.lead, p.geography, p.phase) for p in projects] == [
        ("Overall Initiative Coordination", "", "", "", ""),
        ("Effective and Responsible Communication", "WMF", "Technology", "", ""),
        ("Peer Support Networks within the Wikimedia Movement", "WMF", "Trust & Safety", "Global", "Pilot"),
        (
            "Human Rights Policy Community Engagement Plan",
            "WMF",
            "Global Advocacy (Public Policy)",
            "Global",
            "Execution & Implementation",
        ),
    ]
    assert {name for p in projects for name in p.responsibilities} == {"HB-01"}


async def test_projects_that_coordinators_keep_are_never_listed_again(world: World) -> None:
    await list_first_projects(world.editor(), CATALOGUE.responsibilities)
    first = world.store.of("global").projects[0]
    for number in range(250):
        fact = ProjectChanged(community="global", project_id=first.id, title=f"Ours {number}")
        await world.editor().tell("global", (f"c{number}",), lambda *_, fact=fact: ((fact,), CORA))
    before = world.store.of("global")
    await list_first_projects(world.editor(), CATALOGUE.responsibilities)
    assert world.store.of("global") == before
    assert len(before.projects) == 4
