"""What the page of a case relies on in the store of ticks; run against the one in memory and against MongoDB."""

import asyncio
from datetime import timedelta

import pytest

from services.triage.desk.ticks import MongoTicks, Tick, Ticks
from shared.mongo import Database
from shared.times import now
from tests.fakes.memory_ticks import MemoryTicks

ANN, BEN = "person:00000000000000aa", "person:00000000000000bb"


@pytest.fixture
def ticks(database: Database | None) -> Ticks:
    return MemoryTicks() if database is None else MongoTicks(database["ticks"])


async def test_the_first_of_two_ticks_stands_until_it_is_taken_away(ticks: Ticks) -> None:
    at = now().replace(microsecond=0)
    first, second = Tick(ANN, at), Tick(BEN, at + timedelta(minutes=1))
    await ticks.tick("c-1", "a", first)
    await ticks.tick("c-1", "a", second)
    await ticks.tick("c-1", "b", second)
    await ticks.tick("c-2", "a", second)
    assert await ticks.of("c-1", ["a", "b", "c"]) == {"a": first, "b": second}
    assert await ticks.of("c-1", ["b"]) == {"b": second}
    for _ in range(2):
        await ticks.untick("c-1", "a")
    assert await ticks.of("c-1", ["a", "b"]) == {"b": second}


async def test_of_people_who_tick_at_once_one_stands(ticks: Ticks) -> None:
    at = now().replace(microsecond=0)
    people = [Tick(ref, at) for ref in (ANN, BEN)]
    await asyncio.gather(*(ticks.tick("c-1", "a", one) for one in people * 3))
    assert (await ticks.of("c-1", ["a"]))["a"] in people
