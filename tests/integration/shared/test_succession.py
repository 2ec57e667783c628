"""Facts that take the place of earlier ones, on a real MongoDB: the order of telling is that of the times."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import permutations

import pytest

from infra.commands.people.editor import with_editor
from services.triage.roster.actions import RosterEditor
from services.triage.roster.store import MongoEntries
from shared.access.roster_store import MongoRoster
from shared.aggregates import Aggregates
from shared.connections import OPEN_MONGO
from shared.events import Actor, Event, RosterEntryChanged, RosterNames, encode
from shared.kafka.records import Record
from shared.mongo import Database
from shared.outbox import Relay
from shared.succession import Succession, ToldBefore, told_in
from shared.times import now
from tests.support.stores import Nowhere, database_of, mongo_roster

CORA = Actor("person:c0c0c0c0c0c0c0c0", "coordinator")
ANN = "person:a0a0a0a0a0a0a0a0"
HOUR = timedelta(hours=1)


@pytest.fixture
async def database(mongo_uri: str, database_prefix: str) -> AsyncIterator[Database]:
    async with database_of("triage", mongo_uri, database_prefix) as database:
        yield database


class Telling:
    """The roster as its owner keeps it, and everything that it ever told."""

    def __init__(self, database: Database) -> None:
        self.entries = MongoEntries(Aggregates(database["roster"], Relay(Nowhere(), service="test")))
        self.events: list[Event] = []

    async def load(self, ids: Sequence[str]) -> Mapping[str, object]:
        return await self.entries.load(ids)

    async def save(self, saves: Sequence[object]) -> set[str]:
        lost = await self.entries.save(saves)  # type: ignore[arg-type]  # handed on as they are
        self.events += [e for save in saves if save.id not in lost for e in save.events]  # type: ignore[attr-defined]
        return lost

    def replica(self, at: datetime, succession: Succession | None = None) -> RosterEditor:
        """A replica of triage with a clock that stands."""
        return RosterEditor(self, succession or Succession(), lambda: at)  # type: ignore[arg-type]


async def copied(database: Database, events: Sequence[Event]) -> tuple[set[str], str]:
    """The names and the last change of a person in the copy of a service that reads these events one by one."""
    roster: MongoRoster = await mongo_roster(database.client[f"{database.name}_copy"])
    await roster.collection.delete_many({})
    for event in events:
        await roster.project([event])
    entry = await roster.find_entry(ANN)
    assert entry is not None
    return set(entry.pseudonyms), entry.change


async def test_two_replicas_tell_names_in_order_whatever_their_clocks_say(database: Database) -> None:
    await mongo_roster(database)
    telling, at = Telling(database), now()
    for number, clock in enumerate([at, at, at - HOUR, at + HOUR, at - timedelta(milliseconds=1)]):
        await telling.replica(clock).give_names(ANN, [(f"{number}" * 32,)], CORA)
    assert len(telling.events) == 10
    everybody = {f"{number}" * 32 for number in range(5)}
    names = [e for e in telling.events if isinstance(e.fact, RosterNames)]
    entries = [e for e in telling.events if isinstance(e.fact, RosterEntryChanged)]
    for events in (telling.events, telling.events[::-1], names + entries, names[::-1] + entries[::-1]):
        assert await copied(database, events) == (everybody, "names_given")
    for some in list(permutations(names[2:]))[:6]:
        assert await copied(database, [*entries, *some, *names]) == (everybody, "names_given")


async def test_replicas_that_tell_at_once_tell_one_after_the_other(database: Database) -> None:
    await mongo_roster(database)
    telling, at = Telling(database), now()
    await asyncio.gather(
        *(telling.replica(at - number * HOUR).give_names(ANN, [(f"{number}" * 32,)], CORA) for number in range(6))
    )
    names = [e for e in telling.events if isinstance(e.fact, RosterNames)]
    assert len({e.time for e in names}) == 6
    assert {*max(names, key=lambda e: e.time).fact.names} == {f"{number}" * 32 for number in range(6)}  # type: ignore[attr-defined]


def topic(events: Sequence[Event], asked: list[Mapping[int, int]]) -> object:
    """Reads these events as records of one topic."""

    async def read(starts: Mapping[int, int]) -> AsyncIterator[Sequence[Record]]:
        asked.append(starts)
        messages = [encode(event) for event in events]
        for offset, message in list(enumerate(messages))[starts.get(0, 0) :]:
            yield [Record("names", 0, offset, 0, message.key, message.headers, message.value)]

    return read


async def test_a_restored_roster_is_heard_though_its_clock_is_late(database: Database) -> None:
    await mongo_roster(database)
    telling, at, asked = Telling(database), now(), list[Mapping[int, int]]()
    await telling.replica(at).give_names(ANN, [("1" * 32,)], CORA)
    backup = await database["roster"].find_one({"_id": ANN})
    assert backup is not None
    await telling.replica(at + HOUR).give_names(ANN, [("2" * 32,)], CORA)
    await database["roster"].replace_one({"_id": ANN}, backup)
    read = topic([e for e in telling.events if isinstance(e.fact, RosterNames)], asked)
    succession = Succession()
    await ToldBefore(told_in(database), {"names": read}, succession).catch_up()  # type: ignore[dict-item]
    await telling.replica(at - HOUR, succession).give_names(ANN, [("3" * 32,)], CORA)
    assert await copied(database, telling.events) == ({"1" * 32, "3" * 32}, "names_given")
    await ToldBefore(told_in(database), {"names": read}, Succession()).catch_up()  # type: ignore[dict-item]
    assert asked == [{}, {0: 2}]


async def test_the_command_line_knows_what_triage_has_read(
    database: Database, mongo_uri: str, database_prefix: str
) -> None:
    await mongo_roster(database)
    ahead = now() + HOUR
    await told_in(database).insert_one({"_id": "names", "told_at": ahead, "places": {"0": 1}})

    async def work(editor: RosterEditor, roster: MongoRoster) -> None:
        await editor.give_names(ANN, [("1" * 32,)], CORA)

    await with_editor(mongo_uri, database_prefix, OPEN_MONGO, work)
    document = await database["roster"].find_one({"_id": ANN})
    assert document is not None
    assert document["told_at"] > ahead
