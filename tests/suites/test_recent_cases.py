"""What a preview of a policy relies on where it reads recent cases; run in memory and against MongoDB."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from services.triage.case.case import Case
from services.triage.case.values import ANSWER, Grouped, Measure, Move
from services.triage.reports import ReportFollower
from services.triage.shadow.store import MongoRecentCases, RecentCases
from services.triage.stored import CaseChange, CaseStore
from shared.mongo import Database
from shared.times import now
from tests.fakes.memory_parties import nobody_named
from tests.fakes.memory_recent_cases import MemoryRecentCases, shadow_of
from tests.support.stores import mongo_cases
from tests.support.triage_rig import ALICE, POLICY, TOKENS, Everywhere, MemoryCases, reported

AT = now()
REPORTS = [
    reported(received_at=AT - timedelta(days=1), flags=("cross_wiki", "ongoing")),
    reported(received_at=AT - timedelta(days=3), community="swwiki"),
    reported(received_at=AT - timedelta(days=2)),
    reported(received_at=AT - timedelta(days=90)),
]


@pytest.fixture
async def stores(database: Database | None) -> tuple[CaseStore, RecentCases]:
    """The cases of the reports, and where they are read."""
    memory = MemoryCases()
    cases = memory if database is None else await mongo_cases(database)
    await ReportFollower(cases, POLICY, nobody_named(), Everywhere(), TOKENS).take(REPORTS)
    return cases, MemoryRecentCases(memory.stored) if database is None else MongoRecentCases(database["cases"])


class TestRecentCases:
    async def test_recent_cases_come_the_newest_first_with_what_a_policy_looks_at(
        self, stores: tuple[CaseStore, RecentCases]
    ) -> None:
        cases, recent = stores
        found = [case async for case in recent.received_since(AT - timedelta(days=89))]
        stored = await cases.load([event.case_id for event in REPORTS])
        assert found == [shadow_of(stored[REPORTS[n].case_id].case) for n in (0, 2, 1)]
        assert found[0].kind.flags == {"cross_wiki", "ongoing"}

    async def test_what_a_case_has_met_with_is_read_as_well(self, stores: tuple[CaseStore, RecentCases]) -> None:
        cases, recent = stores
        moved = Move("evidence", AT, AT, AT + timedelta(days=1))
        measure = Measure("m", "restriction", "community", AT, AT + timedelta(days=9), ALICE.ref, "r")
        met: Sequence[Callable[[Case], Case]] = (
            lambda case: replace(case, deadlines=(replace(case.deadlines[0], moves=(moved,), stopped_for=ANSWER),)),
            lambda case: replace(case, measures=(measure, replace(measure, kind="permanent_ban", until=None))),
            lambda case: replace(case, grouped=Grouped("same-page", False)),
        )
        for number, change in enumerate(met):
            case_id = REPORTS[number].case_id
            stored = (await cases.load([case_id]))[case_id]
            await cases.save([CaseChange(change(stored.case), stored, [], [f"c{number}"])])
        found = {case.id: case.kind async for case in recent.received_since(AT - timedelta(days=89))}
        asked, restricted, grouped = (found[report.case_id] for report in REPORTS[:3])
        assert (asked.waits, restricted.waits) == (frozenset({ANSWER, "evidence"}), frozenset())
        assert (asked.measures, restricted.measures) == (
            frozenset(),
            frozenset({("restriction", True), ("permanent_ban", False)}),
        )
        assert (asked.grouped, grouped.grouped) == (None, "same-page")

    async def test_only_the_cases_of_some_bodies_are_read_where_these_are_named(
        self, stores: tuple[CaseStore, RecentCases]
    ) -> None:
        since = AT - timedelta(days=365)
        for bodies, expected in (({"swwiki_admins"}, [1]), ({"enwiki_arbcom", "stewards"}, [0, 2, 3]), (set(), [])):
            found = [case.id async for case in stores[1].received_since(since, bodies)]
            assert found == [REPORTS[n].case_id for n in expected]
