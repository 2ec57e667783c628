"""What triage relies on in marks; run against those in memory and against MongoDB."""

from datetime import timedelta

import pytest

from services.triage.patterns.marks import Marks, MarkStore
from services.triage.patterns.store import sharing
from shared.ids import case_id_of
from shared.mongo import Database
from tests.fakes.memory_marks import MemoryMarks
from tests.suites.test_parties import AT, told
from tests.support.plans import explained
from tests.support.stores import mongo_marks

EVER = AT - timedelta(days=1), AT + timedelta(days=1)


@pytest.fixture
async def store(database: Database | None) -> MarkStore:
    return MemoryMarks() if database is None else await mongo_marks(database)


def at(minutes: int) -> dict[str, object]:
    return {"reported_at": AT + timedelta(minutes=minutes)}


class TestMarks:
    async def test_marks_are_what_was_told_last(self, store: MarkStore) -> None:
        first = told("a", 2, "k1", reporter=["r"], source="s", pages=["p"], **at(0))
        second = told("a", 3, "k1", reporter=["r"], source="s", pages=["p"], mentioned=["m"], **at(0))
        for batch in ([second], [first]):
            await store.keep(batch)
        found = await store.load([case_id_of("a"), case_id_of("b")])
        assert found == {case_id_of("a"): Marks(case_id_of("a"), AT, ("k1",), ("p",), "s", by_person=True)}

    async def test_reports_with_a_key_in_common_are_found_newest_first_and_so_many(self, store: MarkStore) -> None:
        await store.keep([told(f"r{n}", 2, "k1", f"o{n}", offset=n, **at(n)) for n in range(5)])
        await store.keep([told("x", 2, "k2", source="k1", offset=9, **at(9))])
        found = await store.sharing("person", ["k1", "k7"], *EVER, 3)
        assert [one.id for one in found] == [case_id_of(f"r{n}") for n in (4, 3, 2)]
        within = (AT + timedelta(minutes=1), AT + timedelta(minutes=2))
        assert {one.id for one in await store.sharing("person", ["k1"], *within, 9)} == {
            case_id_of("r1"), case_id_of("r2"),
        }  # fmt: skip
        assert [one.id for one in await store.sharing("source", ["k1"], *EVER, 9)] == [case_id_of("x")]
        assert list(await store.sharing("page", ["k1"], *EVER, 9)) == []
        assert list(await store.sharing("page", [], *EVER, 9)) == []

    async def test_an_erased_report_is_found_no_more(self, store: MarkStore) -> None:
        await store.keep([told("a", 2, "k1", source="s", reporter=["r"], pages=["p"], **at(0))])
        await store.keep([told("a", 4, named=True, erased_at=AT)])
        for about in ("person", "page", "source"):
            assert list(await store.sharing(about, ["k1", "s", "p"], *EVER, 9)) == []

    async def test_a_fact_from_before_has_the_time_at_which_it_was_told(self, store: MarkStore) -> None:
        old = told("a", 2, "k1")
        await store.keep([old])
        assert (await store.load([case_id_of("a")]))[case_id_of("a")].reported_at == old.event.time

    async def test_an_index_leads_to_what_is_looked_up(self, store: MarkStore, database: Database | None) -> None:
        if database is None:
            return
        await store.keep([told(f"r{n}", 2, f"k{n % 7}", f"j{n}", offset=n, **at(n)) for n in range(60)])
        wanted = sharing("person", ["k1", "k2", "j3"], *EVER)
        plan = await explained(database["marks"].find(wanted).sort("reported_at", -1).limit(5))
        stages = str(plan["queryPlanner"]["winningPlan"])
        assert "COLLSCAN" not in stages
        assert "'indexName': 'person'" in stages or "'indexName': 'people'" in stages
        assert "SORT_MERGE" in stages
        assert plan["executionStats"]["totalDocsExamined"] <= 8
