"""Refusals are counted, written down every few seconds or once a day, kept during outages, and never unbounded."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from shared import metrics
from shared.access.principal import Grant, Principal, Role
from shared.access.refusal_log import MOST, Refusals
from shared.aggregates import Save
from shared.events import AccessRefused, Actor
from shared.problems import Unavailable
from tests.support.gate_rig import Kept

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
ROLE = (Grant(Role.RESPONDER),)
ADA, BOB = Principal("person:ada0ada0ada0ada0", ROLE), Principal("person:b0b0b0b0b0b0b0b0", ROLE)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def refusals(kept: Kept) -> Refusals:
    return Refusals("triage", kept, lambda: AT)


def told(kept: Kept) -> dict[tuple[str, str, str], int]:
    """How often what was refused to whom, as it is written; no key comes twice."""
    facts = [(e.fact, e.actor.ref) for e in kept.events]
    found = {(f.action, f.reason, ref): f.count for f, ref in facts if isinstance(f, AccessRefused)}
    assert len(found) == len(kept.events)
    return found


async def test_the_same_refusals_are_one_event_with_their_count(kept: Kept, refusals: Refusals) -> None:
    for _ in range(3):
        refusals.note("case.read", "body", ADA)
    refusals.note("case.read", "body", BOB)
    refusals.note("case.read", "role", ADA)
    assert kept.events == []
    await refusals.flush()
    assert told(kept) == {
        ("case.read", "body", ADA.ref): 3,
        ("case.read", "body", BOB.ref): 1,
        ("case.read", "role", ADA.ref): 1,
    }


async def test_refusals_of_strangers_are_one_event_a_day_whoever_counts_them(kept: Kept) -> None:
    at = AT
    replicas = [Refusals("triage", kept, lambda: at) for _ in range(2)]
    visitor = Principal("person:c0c0c0c0c0c0c0c0")
    for _ in range(20):
        for refusals in replicas:
            for _ in range(50):
                refusals.note("case.list", "sign_in")
            refusals.note("case.list", "role", visitor)
            await refusals.flush()
            await refusals.close_days()
    assert kept.events == []
    assert len(kept.documents) == 2
    at += timedelta(days=1)
    for refusals in replicas:
        await refusals.close_days()
    assert told(kept) == {("case.list", "sign_in", "anyone"): 2000, ("case.list", "role", visitor.ref): 40}
    assert {event.fact.model_dump()["day"] for event in kept.events} == {AT.date()}
    # The day is over: what one replica adds late belongs to the next.
    early = Refusals("triage", kept, lambda: AT)
    early.note("case.list", "sign_in")
    await early.flush()
    at += timedelta(days=1)
    await replicas[0].close_days()
    assert [event.fact.model_dump()["count"] for event in kept.events[2:]] == [1]


async def test_a_total_that_was_written_before_an_outage_told_so_is_not_added_twice(kept: Kept) -> None:
    class Losing(Kept):
        async def save(self, saves: Sequence[Save]) -> set[str]:
            lost = await super().save(saves)
            if len(self.documents) == 1 and self.documents[saves[0].id]["version"] == 1:
                raise Unavailable("written, and the answer is lost")
            return lost

    store, at = Losing(), AT
    refusals = Refusals("triage", store, lambda: at)
    for _ in range(3):
        refusals.note("case.list", "sign_in")
    await refusals.flush()
    refusals.note("case.list", "sign_in")
    await refusals.flush()
    at += timedelta(days=1)
    await refusals.close_days()
    assert told(store) == {("case.list", "sign_in", "anyone"): 4}


async def test_an_event_says_who_when_and_at_which_service_and_nothing_of_the_thing(
    kept: Kept, refusals: Refusals
) -> None:
    refusals.note("case.read", "body", ADA)
    await refusals.flush()
    (event,) = kept.events
    assert event.fact == AccessRefused(service="triage", action="case.read", reason="body", count=1)
    assert (event.fact.topic, event.actor, event.time) == ("access", Actor(ADA.ref, "person"), AT)
    assert (event.source, event.subject, event.case_seq) == ("hearth/triage", f"refusal/{event.case_id}", 1)


async def test_what_is_written_is_not_written_again(kept: Kept, refusals: Refusals) -> None:
    refusals.note("case.read", "body", ADA)
    await refusals.flush()
    await refusals.flush()
    assert len(kept.events) == 1
    refusals.note("case.read", "body", ADA)
    await refusals.flush()
    assert [event.fact for event in kept.events] == [kept.events[0].fact] * 2
    assert kept.events[0].case_id != kept.events[1].case_id


async def test_nothing_is_lost_while_the_store_is_away_nor_what_comes_meanwhile(kept: Kept, refusals: Refusals) -> None:
    refusals.note("case.read", "body", ADA)
    kept.away = True
    await refusals.flush()
    refusals.note("case.read", "body", ADA)
    refusals.note("case.list", "role", BOB)
    await refusals.flush()
    assert kept.events == []
    kept.away = False
    await refusals.flush()
    assert told(kept) == {("case.read", "body", ADA.ref): 2, ("case.list", "role", BOB.ref): 1}


async def test_an_outage_is_waited_for_and_any_other_error_is_not_hidden() -> None:
    class Failing:
        error: Exception = Unavailable("away")

        async def save(self, _: object) -> set[str]:
            raise self.error

        load = open_before = save

    store = Failing()
    refusals = Refusals("audit", store)
    refusals.note("record.read", "role", ADA)
    await refusals.flush()
    store.error = ValueError("a mistake of ours")
    with pytest.raises(ValueError, match="a mistake"):
        await refusals.flush()


async def test_however_many_there_are_memory_is_bounded_and_none_goes_uncounted(kept: Kept, refusals: Refusals) -> None:
    for number in range(3 * MOST):
        refusals.note("case.read", "body", Principal(f"person:{number:016x}", ROLE))
    kept.away = True
    await refusals.flush()
    for number in range(3 * MOST):
        refusals.note("case.read", "body", Principal(f"person:{number:016x}", ROLE))
        refusals.note("case.read", "role", Principal(f"person:{number:016x}"))
    assert len(refusals._strangers) == MOST + 1
    kept.away = False
    await refusals.flush()
    found = told(kept)
    assert sum(found.values()) == 6 * MOST
    # Beyond the bound they are counted, each kind for itself, without saying who.
    assert len(found) == MOST + 1
    assert found["case.read", "body", "anyone"] == 4 * MOST


async def test_what_comes_while_the_store_is_asked_in_vain_is_bounded_too() -> None:
    sizes: list[int] = []

    class Slow(Kept):
        async def save(self, saves: Sequence[Save]) -> set[str]:
            for number in range(MOST):
                refusals.note("case.read", "body", Principal(f"person:{len(sizes):08x}{number:08x}", ROLE))
            sizes.append(len(saves))
            if len(sizes) < 5:
                raise Unavailable("away")
            return await super().save(saves)

    store = Slow()
    refusals = Refusals("triage", store)
    refusals.note("case.list", "role", ADA)
    for _ in range(6):
        await refusals.flush()
    assert max(sizes) == MOST + 1
    facts = [event.fact for event in store.events]
    assert sum(fact.count for fact in facts if isinstance(fact, AccessRefused)) == 1 + 5 * MOST


def test_each_refusal_is_in_the_metrics_at_once(refusals: Refusals) -> None:
    counter = metrics.REFUSALS.labels("triage", "case.close", "training")
    before = counter._value.get()  # prometheus_client has no other way to read one
    for _ in range(2):
        refusals.note("case.close", "training", ADA)
    assert counter._value.get() == before + 2  # as above
