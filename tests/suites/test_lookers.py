"""What open pages rely on in the store of who looks; run against the one in memory and against MongoDB."""

from datetime import timedelta

import pytest

from services.triage.desk.live import Lookers
from services.triage.desk.lookers import LOOKER_INDEXES, MongoLookers
from shared.mongo import Database
from shared.times import now
from tests.fakes.memory_lookers import MemoryLookers

ANN, BEN = "person:00000000000000aa", "person:00000000000000bb"


@pytest.fixture
async def lookers(database: Database | None) -> Lookers:
    if database is None:
        return MemoryLookers()
    await database["lookers"].create_indexes(list(LOOKER_INDEXES))
    return MongoLookers(database["lookers"])


async def test_people_look_at_a_case_until_a_time_and_every_page_moves_it_on(lookers: Lookers) -> None:
    at = now()
    await lookers.look([("c-1", ANN), ("c-1", BEN), ("c-2", ANN)], at + timedelta(seconds=15))
    await lookers.look([("c-1", BEN)], at + timedelta(seconds=30))
    assert await lookers.looking(["c-1", "c-3"], at) == {"c-1": {ANN, BEN}}
    assert await lookers.looking(["c-1", "c-2"], at + timedelta(seconds=20)) == {"c-1": {BEN}}
    await lookers.look([], at)
