"""What every store of scorecards' rows must do: run against the one in memory, and against MongoDB."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.audit.scorecard.memory import MemoryRows
from services.audit.scorecard.projection import Position
from services.audit.scorecard.result import LogPosition
from services.audit.scorecard.rows import Gap, Round, Rows, Step, settle
from services.audit.scorecard.store import MongoRows
from shared.mongo import Database
from tests.support.scorecard_record import START

Store = MemoryRows | MongoRows
GAP = Gap("cases/0", 7, 3, "invalid_json")


def step_of(index: int, sealed: int = 1, log: str = "cases/0", **said: Any) -> Step:
    return Step(
        sealed, log, index, f"{log} {index}", "case.opened", START, index + 1, "service:triage", "service", said=said
    )


def settled(rows: Rows) -> tuple[dict[str, tuple[Step, ...]], tuple[Step, ...], dict[str, tuple[Step, ...]]]:
    def all_of(steps: dict[str, tuple[Step, ...]]) -> dict[str, tuple[Step, ...]]:
        return {name: settle(found, 99) for name, found in steps.items()}

    return all_of(dict(rows.cases)), settle(rows.own, 99), all_of(dict(rows.people))


@pytest.fixture
async def store(database: Database | None) -> Store:
    if database is None:
        return MemoryRows()
    rows = MongoRows(database)
    await rows.prepare()
    return rows


class TestScorecardRows:
    async def test_steps_are_added_once_however_often_they_come(self, store: Store) -> None:
        first, second = step_of(0, community="enwiki"), step_of(1, sealed=2)
        mine, grant = step_of(0, log="baseline/0"), {"role": "responder", "bodies": ["enwiki_admins"]}
        person = step_of(0, log="roster/0", grants=[grant])
        rows = {"case/c1": [first, first], "community/enwiki": [mine], "person/p1": [person], "case/c2": [step_of(5)]}
        for _ in range(2):
            await store.add(rows, [GAP])
            await store.add({"case/c1": [second, first]}, [])
        _, found = await store.rows_of("enwiki", ["enwiki_admins", "enwiki_arbcom"])
        assert settled(found) == ({"c1": (first, second)}, (mine,), {"p1": (person,)})
        assert len(found.cases["c1"]) == 2
        assert found.gaps == (GAP,)
        assert settled((await store.rows_of("swwiki", ["stewards"]))[1]) == ({}, (), {})
        assert await store.communities() == {"enwiki"}

    async def test_cases_without_anything_new_are_left_out(self, store: Store) -> None:
        old, new, mine = step_of(0, community="enwiki"), step_of(1, sealed=4, community="enwiki"), step_of(2, sealed=1)
        rows = {"case/c1": [old], "case/c2": [step_of(3, community="enwiki"), new], "community/enwiki": [mine]}
        await store.add(rows, [GAP])
        _, found = await store.rows_of("enwiki", [], 3)
        assert (list(found.cases), found.own, found.gaps) == (["c2"], (mine,), (GAP,))
        assert len(found.cases["c2"]) == 2, "of a case with something new, everything"

    async def test_a_position_moves_only_from_where_it_was_seen(self, store: Store) -> None:
        first = Position("b1", 3, START, {"cases/0": LogPosition("cases/0", 8, "cm9vdA==")}, (Round(2, START),))
        assert await store.position() is None
        assert await store.advance(None, first)
        assert await store.position() == first
        later = replace(first, sealed=5, at=START + timedelta(seconds=10))
        assert not await store.advance(None, later)
        assert not await store.advance(later, replace(later, sealed=7))
        assert not await store.advance(replace(first, build="b2"), later)
        assert await store.position() == first
        assert await store.advance(first, later)
        assert await store.position() == later

    async def test_a_mark_says_where_the_rows_once_were(self, store: Store) -> None:
        assert await store.mark_before(10) is None
        first, later = Position("b1", 3, START), Position("b1", 1_200, START)
        await store.advance(None, first)
        await store.advance(first, later)
        assert await store.mark_before(2) is None
        assert await store.mark_before(1_199) == first
        assert await store.mark_before(1_200) == later

    async def test_what_changed_since_a_seal_is_told(self, store: Store) -> None:
        await store.add({"case/c1": [step_of(0, 1, community="enwiki")]}, [])
        await store.add({"case/c2": [step_of(1, 1, community="swwiki")], "community/arwiki": [step_of(0, 4)]}, [])
        await store.add({"case/c1": [step_of(2, 5)]}, [])
        grant = {"role": "responder", "bodies": ["stewards"]}
        await store.add({"person/p1": [step_of(0, 5, "roster/0", grants=[grant])]}, [])
        assert await store.changed_since(3) == ({"enwiki": 5, "arwiki": 4}, {"stewards": 5})
        assert await store.changed_since(4) == ({"enwiki": 5}, {"stewards": 5})
        assert await store.changed_since(5) == ({}, {})
