"""A community that misses deadlines often is told of once, with counts, and without a case or a name."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.triage.case.values import Grouped
from services.triage.patterns.hints import SystemicHints
from services.triage.patterns.systemic import period_of
from services.triage.reports import ReportFollower
from services.triage.watch import CaseWatch
from shared.events import SystemicPatternFound
from shared.parties import Parties
from shared.policy import ReportFacts
from shared.problems import Problem, Unavailable
from shared.times import now
from tests.support.triage_rig import POLICY, TOKENS, Everywhere, Rig, make_rig, reported

(RULE,) = POLICY.patterns.systemic
SOON = replace(RULE, breaches=4, cases=3)
STRICT = replace(POLICY, patterns=replace(POLICY.patterns, systemic=(SOON,)))


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        yield rig


def watch_of(rig: Rig, at: datetime) -> CaseWatch:
    hints = SystemicHints(rig.cases, rig.vault, STRICT, lambda: at)
    parties = Parties(rig.parties, patience=0.0)
    return CaseWatch(rig.cases, parties, Everywhere(), STRICT, TOKENS, every=1, hints=hints, clock=lambda: at)


async def missing(rig: Rig, count: int, **changed: Any) -> datetime:
    """So many cases that have missed their first response and their decision by then."""
    for _ in range(count):
        await rig.open(**changed)
    return now() + timedelta(days=40)


async def test_what_is_missed_often_becomes_one_report_with_counts_and_without_a_case(rig: Rig) -> None:
    at = await missing(rig, 3)
    watch = watch_of(rig, at)
    await watch.wake()
    assert await watch.hint() == 1
    (((community, key), (flag, words)),) = rig.vault.hints.items()
    assert (community, flag) == ("enwiki", "systemic_failure")
    assert key.startswith(RULE.id)
    assert "6 deadlines were missed in 3 cases" in words
    assert "decision 3, first_response 3" in words
    for case in (stored.case for stored in rig.cases.stored.values()):
        assert case.id not in words
        assert case.code_name not in words
    assert POLICY.triage(ReportFacts("enwiki", "unclassified", frozenset({flag}), "online")).body == "u4c"


async def test_the_case_of_the_body_has_the_counts_and_names_no_other_case(rig: Rig) -> None:
    at = await missing(rig, 3)
    await watch_of(rig, at).wake()
    others = list(rig.cases.stored)
    hints = SystemicHints(rig.cases, rig.vault, STRICT, lambda: at)
    follower = ReportFollower(
        rig.cases, STRICT, Parties(rig.parties, patience=0.0), Everywhere(), TOKENS, lambda: at, counting=hints
    )
    flags = ("systemic_failure",)
    told, other = reported(channel="pattern", flags=flags), reported(flags=flags)
    await follower.take([told, other])
    case = rig.cases.stored[told.case_id].case
    assert case.body == "u4c"
    (fact,) = [event.fact for event in rig.cases.events if isinstance(event.fact, SystemicPatternFound)]
    assert (fact.community, fact.rule, fact.cases, fact.until) == ("enwiki", RULE.id, 3, at)
    assert {one.deadline: one.count for one in fact.counts} == {"decision": 3, "first_response": 3}
    assert not any(case_id in fact.model_dump_json() for case_id in others)
    assert [step.fact for step in case.history].count("pattern.systemic") == 1
    assert "pattern.systemic" not in [step.fact for step in rig.cases.stored[other.case_id].case.history]
    # Redelivered, it opens nothing and counts nothing again.
    before = len(rig.cases.events)
    await follower.take([told])
    assert len(rig.cases.events) == before


async def test_fewer_breaches_and_those_of_other_bodies_are_told_to_nobody(rig: Rig) -> None:
    at = await missing(rig, 2)
    await missing(rig, 3, community="swwiki", flags=("systemic_failure",))
    await missing(rig, 3, flags=("physical_violence",))
    assert {stored.case.body for stored in rig.cases.stored.values()} == {"enwiki_arbcom", "u4c", "trust_safety"}
    watch = watch_of(rig, at)
    await watch.wake()
    assert (await watch.hint(), rig.vault.hints) == (0, {})


async def test_a_body_takes_no_case_out_of_the_count_by_a_flag(rig: Rig) -> None:
    at = await missing(rig, 3)
    case = next(stored.case for stored in rig.cases.stored.values())
    assert (await rig.order(case, "set_flags", {"flags": ["systemic_failure"]})).status_code == 200
    watch = watch_of(rig, at)
    await watch.wake()
    assert await watch.hint() == 1


async def test_reports_that_are_part_of_a_flood_blame_nobody(rig: Rig) -> None:
    at = await missing(rig, 3)
    watch = watch_of(rig, at)
    await watch.wake()
    for case_id, stored in rig.cases.stored.items():
        rig.cases.stored[case_id] = replace(stored, case=replace(stored.case, grouped=Grouped("same-page", False)))
    assert (await watch.hint(), rig.vault.hints) == (0, {})


async def test_what_was_told_at_the_end_of_one_time_is_not_told_at_the_start_of_the_next(rig: Rig) -> None:
    at = await missing(rig, 3)
    await watch_of(rig, at).wake()
    edge = datetime.fromtimestamp(0, UTC) + (period_of(SOON, at) + 1) * SOON.within
    before, after = (
        SystemicHints(rig.cases, rig.vault, STRICT, lambda at=time: at)
        for time in (edge - timedelta(minutes=1), edge + timedelta(minutes=1))
    )
    # Where the edge is far, nothing of these breaches is left to be told.
    shift = edge - at
    for case_id, stored in rig.cases.stored.items():
        late = tuple(
            replace(one, breached_at=one.breached_at + shift - timedelta(minutes=2)) if one.breached_at else one
            for one in stored.case.deadlines
        )
        rig.cases.stored[case_id] = replace(stored, case=replace(stored.case, deadlines=late))
    assert await before.look("enwiki") == 1
    follower = ReportFollower(
        rig.cases, STRICT, Parties(rig.parties, patience=0.0), Everywhere(), TOKENS,
        lambda: edge - timedelta(minutes=1), counting=before,
    )  # fmt: skip
    told = reported(received_at=edge - timedelta(minutes=1), channel="pattern", flags=("systemic_failure",))
    await follower.take([told])
    assert "pattern.systemic" in [step.fact for step in rig.cases.stored[told.case_id].case.history]
    assert await after.look("enwiki") == 0


async def test_it_is_told_once_in_a_period_by_any_replica_and_after_an_outage(rig: Rig) -> None:
    at = await missing(rig, 3)
    watch = watch_of(rig, at)
    await watch.wake()
    rig.vault.away = True
    with pytest.raises(Unavailable):
        await watch.hint()
    rig.vault.away = False
    assert await watch.hint() == 1
    await missing(rig, 1)
    for again in (watch, watch_of(rig, at)):
        await again.wake()
        await again.hint()
    assert len(rig.vault.hints) == 1


async def test_a_community_that_is_refused_keeps_no_other_one_from_being_told_of(rig: Rig) -> None:
    await missing(rig, 3)
    at = await missing(rig, 3, community="swwiki")

    class Refusing:
        def __init__(self) -> None:
            self.asked: list[str] = []

        async def hint(self, community: str, flag: str, key: str, words: str) -> None:
            self.asked.append(community)
            if len(self.asked) == 1:
                raise Problem(422, "service-refused", "intake refused the request.")

    vault = Refusing()
    hints = SystemicHints(rig.cases, vault, STRICT, lambda: at)
    parties = Parties(rig.parties, patience=0.0)
    watch = CaseWatch(rig.cases, parties, Everywhere(), STRICT, TOKENS, every=1, hints=hints, clock=lambda: at)
    await watch.wake()
    assert [await watch.hint(), await watch.hint()] == [1, 0]
    assert sorted(vault.asked) == ["enwiki", "swwiki"]
