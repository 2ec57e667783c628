"""Names that come onto the roster later are found in the words of earlier reports, on a real MongoDB."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import orjson
import pytest

from services.intake.report.pseudonym import pseudonyms_for
from services.intake.searching.actions import SETTLED, NameSearch
from services.intake.searching.store import MongoSearches
from services.intake.store import ReportStore
from services.intake.stored import Change, StoredReport
from shared.access.principal import Grant, Principal, Role
from shared.events import Actor, CaseSplit, PartyAdded
from shared.ids import new_id
from shared.mongo import Database
from shared.problems import Unavailable
from tests.service.intake.test_mailbox import the_way_of_a_case
from tests.service.intake.test_mentions import clear, mentions_in
from tests.support.intake_rig import SECRETS, MemoryStore, Rig, case_event
from tests.support.people import COPIES, person
from tests.support.service_keys import call_of
from tests.support.stores import database_of, mongo_reports

NAME = "Nadja Petrova"
ROLES = (Grant(Role.RESPONDER, ("enwiki_arbcom",)),)


class Pages:
    """The reports that are not erased, and how many of them were read."""

    def __init__(self, store: ReportStore) -> None:
        self._store = store
        self.read = 0
        self.ends_after: int | None = None

    async def standing_after(self, report_id: str, limit: int, *, closed: bool) -> list[StoredReport]:
        if self.ends_after is not None and self.read >= self.ends_after:
            raise Unavailable("the replica is killed here")
        batch = await self._store.standing_after(report_id, limit, closed=closed)
        self.read += len(batch)
        return batch


class World:
    """Intake on a real store, whose roster learns a name after reports came."""

    def __init__(self, database: Database, store: ReportStore) -> None:
        self.store, self.pages = store, Pages(store)
        self.searches = MongoSearches(database["searches"])
        memory = MemoryStore()

        class Accesses:
            async def save(self, saves: Any) -> set[str]:
                return await memory.save_accesses(saves)

        self.rig = Rig(store=cast(MemoryStore, store), accesses=Accesses())
        self.search = self.replica()

    def replica(self) -> NameSearch:
        """A replica that searches."""
        rig = self.rig
        return NameSearch(
            self.pages, rig.store, self.searches, rig.roster, rig.mentions, at_once=2, pause=0, clock=rig.clock
        )

    async def enrol(self, name: str = NAME) -> Principal:
        """A person gets a role with this name, and every replica knows of it."""
        keys = pseudonyms_for(SECRETS.pseudonyms, [name], [])
        who = person(new_id().replace("-", "")[-16:], *ROLES, pseudonyms=keys)
        COPIES.enrol(who)
        await self.rig.roster.refresh()
        return who

    async def report(self, **fields: Any) -> str:
        return (await self.rig.post(**fields))["report_id"]

    async def find(self, report_id: str) -> StoredReport:
        return (await self.store.load([report_id]))[report_id]

    async def names_told(self, report_id: str) -> list[set[str]]:
        """Who was mentioned, each time that it was told who is named in a report."""
        outbox = (await self.find(report_id)).outbox
        told = [orjson.loads(message["value"]) for message in outbox if message["topic"] == "parties"]
        return [set(fact["mentioned"]) for fact in told]

    async def look_twice(self) -> list[int]:
        """What the search finds at once, and once more when names count as looked for."""
        first = await self.search.look()
        self.rig.clock.at += SETTLED
        return [first, await self.search.look()]

    async def reads(self, report_id: str, who: Principal) -> bool:
        """Whether the vault lets a service read the report for this person."""
        body = {"purpose": "review", "reads": [{"report_id": report_id, "sections": ["content"]}]}
        async with self.rig.http() as http:
            answer = await http.post("/v1/vault/read", json=body, headers=call_of(behalf=Actor(who.ref, "responder")))
        return "sections" in answer.json()["items"][0]


@pytest.fixture
async def world(mongo_uri: str, database_prefix: str) -> AsyncIterator[World]:
    COPIES.states.clear()
    async with database_of("intake", mongo_uri, database_prefix) as database:
        yield World(database, await mongo_reports(database))


async def test_a_name_learned_later_is_found_in_every_word_of_earlier_reports(world: World) -> None:
    sent = await world.rig.post(reporter={"name": "Me", "email": "me@mail.example"})
    await world.rig.progress.project(the_way_of_a_case(sent["report_id"])[:5])
    await world.rig.mailbox.answer(sent["receipt"], "q-1", f"I meant {NAME}.")
    mentioned = [
        sent["report_id"],
        await world.report(narrative=f"It was {NAME}."),
        await world.report(reported=[{"name": "Somebody", "details": "a friend of nadja_petrova"}]),
    ]
    others = [await world.report() for _ in range(3)]
    who = await world.enrol()
    assert await world.look_twice() == [3, 0]
    for report_id in mentioned:
        assert set((await world.find(report_id)).mentioned) <= who.pseudonyms
        assert [bool(names) for names in await world.names_told(report_id)] == [False, True]
        assert not await world.reads(report_id, who)
    for report_id in others:
        assert [bool(names) for names in await world.names_told(report_id)] == [False]
        assert await world.reads(report_id, who)


async def test_the_vault_hides_a_report_before_the_search_has_come_to_it(world: World) -> None:
    mentioned, other = await world.report(narrative=f"It was {NAME}."), await world.report()
    who = await world.enrol()
    assert not await world.reads(mentioned, who)
    assert await world.reads(other, who)


async def test_what_was_searched_is_not_searched_again_until_there_is_a_new_name(world: World) -> None:
    await world.report(narrative=f"It was {NAME}, and Somebody Else.")
    await world.enrol()
    await world.look_twice()
    read = world.pages.read
    assert await world.search.look() == await world.replica().look() == 0
    assert world.pages.read == read
    await world.enrol("Somebody Else")
    assert await world.search.look() == 1


async def test_a_name_is_looked_for_at_once_and_once_more_later(world: World) -> None:
    await world.report()
    await world.enrol()
    read = []
    for _ in range(4):
        await world.search.look()
        read.append(world.pages.read)
        world.rig.clock.at += SETTLED / 2
    assert read == [1, 1, 2, 2]


async def test_a_name_counts_as_looked_for_only_after_every_replica_knew_it(world: World) -> None:
    await world.enrol()
    assert await world.search.look() == 0
    # A replica that did not know of the name yet takes a report in.
    kept = dict(COPIES.states)
    COPIES.states.clear()
    await world.rig.roster.refresh()
    late = Rig(store=world.rig.store, accesses=world.rig.accesses)
    accepted = await late.post(narrative=f"It was {NAME}.")
    COPIES.states.update(kept)
    assert not (await world.find(accepted["report_id"])).mentioned
    world.rig.clock.at += SETTLED
    assert await world.search.look() == 1


async def test_another_replica_goes_on_where_a_killed_one_was(world: World) -> None:
    for _ in range(9):
        await world.report(narrative=f"It was {NAME}.")
    await world.enrol()
    world.pages.ends_after = 4
    with pytest.raises(Unavailable):
        await world.search.look()
    world.pages.ends_after = None
    assert await world.replica().look() == 5
    assert world.pages.read == 9


async def test_one_replica_searches_at_a_time(world: World) -> None:
    for _ in range(9):
        await world.report(narrative=f"It was {NAME}.")
    await world.enrol()
    found = await asyncio.gather(*(world.replica().look() for _ in range(4)))
    assert sorted(found) == [0, 0, 0, 9]
    assert world.pages.read == 9


async def test_names_that_an_earlier_version_searched_for_are_searched_for_again(world: World) -> None:
    await world.report()
    await world.enrol()
    await world.look_twice()
    read = world.pages.read
    await world.searches.collection.update_many({}, {"$unset": {"where": ""}})
    assert await world.replica().look() == 0
    assert world.pages.read > read


async def test_what_is_cleared_is_left_alone(world: World) -> None:
    cleared = await world.report(narrative=f"It was {NAME}.")
    who = await world.enrol()
    assert await world.search.look() == 1
    (mention,) = await mentions_in(world.rig, cleared)
    await clear(world.rig, cleared, mention["id"])
    world.rig.clock.at += SETTLED
    assert await world.search.look() == 0
    assert await world.reads(cleared, who)


async def test_closed_cases_are_searched_after_the_open_ones_and_erased_ones_never(world: World) -> None:
    reports = sorted([await world.report(narrative=f"It was {NAME}.") for _ in range(6)])
    for number, (_, one) in enumerate(sorted((await world.store.load(reports)).items())):
        if number < 3:
            after = replace(one, status=replace(one.status, state="closed"))
            await world.store.save([Change(one, after, [], ["closed"])])
    who = await world.enrol()
    searched: list[str] = []
    is_found = world.search._is_found

    async def note(report: StoredReport, names: frozenset[str]) -> bool:
        searched.append(report.id)
        return await is_found(report, names)

    world.search._is_found = note  # type: ignore[method-assign]  # in the order in which reports are searched
    assert await world.look_twice() == [6, 0]
    assert searched == [*reports[3:], *reports[:3]] * 2
    for report_id in reports:
        assert len((await world.find(report_id)).mentioned) == 1
        assert not await world.reads(report_id, who)


async def test_a_killed_search_goes_on_among_the_closed_cases(world: World) -> None:
    reports = [await world.report(narrative=f"It was {NAME}.") for _ in range(6)]
    for one in (await world.store.load(reports)).values():
        after = replace(one, status=replace(one.status, state="closed"))
        await world.store.save([Change(one, after, [], ["closed"])])
    await world.enrol()
    world.pages.ends_after = 4
    with pytest.raises(Unavailable):
        await world.search.look()
    world.pages.ends_after = None
    assert await world.replica().look() == 2
    assert world.pages.read == 6


@pytest.mark.parametrize("role", ["witness", "respondent"])
async def test_a_report_that_came_of_another_is_kept_from_all_that_this_one_mentions(world: World, role: str) -> None:
    first = await world.report(reported=[{"name": "Mallory"}])
    for statement, kind, words in (("p-1", "party", NAME), ("m-1", "matter", "Another matter.")):
        await world.rig.statements.keep(first, statement, kind, words)
    inside: dict[str, Any] = {"previous": "investigating", "state": "investigating"}
    split = CaseSplit(**inside, part_id="m-1", category="harassment.doxing")
    added = PartyAdded(**inside, party="p-1", party_role=role)
    await world.rig.progress.project([case_event(first, 1, added), case_event(first, 2, split)])
    part = world.rig.further.of_matter("m-1").report_id
    who = await world.enrol()
    assert await world.look_twice() == [2, 0]
    shut_out = (await world.find(part)).shut_out
    assert shut_out == (who.ref,)
    assert not await world.reads(part, who)
    # Handlers said of these words that they are nobody on the roster.
    (mention,) = await mentions_in(world.rig, first)
    await clear(world.rig, first, mention["id"])
    another = await world.enrol(NAME)
    await world.look_twice()
    assert another.ref not in (await world.find(part)).shut_out
