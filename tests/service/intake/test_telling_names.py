"""Who is named in a report: the last telling counts for every reader, whatever the clocks of the writers say."""

import asyncio
import copy
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.erasure.actions import Erasure
from services.intake.mentions import Naming
from shared.events import Actor, Event, RecusalDeclared, ReportParties
from shared.ids import case_id_of
from shared.succession import Succession
from tests.fakes.memory_parties import MemoryParties
from tests.support.intake_rig import RESPONDER, START, Rig, case_event

HOUR = timedelta(hours=1)
ERASURE = Erasure("requested", "request", Actor("operator:1", "operator"))


@pytest.fixture
async def rig() -> Rig:
    return Rig()


def told(rig: Rig, report_id: str) -> list[Event]:
    """What was told of a report on the restricted topic, in order."""
    return [e for e in rig.store.reports[report_id]["outbox"] if isinstance(e.fact, ReportParties)]


async def known(events: list[Event], report_id: str) -> frozenset[str]:
    """What a service knows that has read these events."""
    copied = MemoryParties()
    await copied.follow(events)
    return (await copied.load([case_id_of(report_id)]))[case_id_of(report_id)]


async def name(rig: Rig, report_id: str, person: str) -> None:
    """A handler names a person, and the case says so."""
    await Naming(rig.store, rig.mentions, rig.clock).name(report_id, f"token of {person}", person, RESPONDER)
    fact = RecusalDeclared(previous="triaged", state="triaged", person=f"token of {person}", ground="named")
    seq = (await rig.store.load([report_id]))[report_id].status.seq + 1
    await rig.progress.project([case_event(report_id, seq, fact)])


@pytest.mark.parametrize("step", [timedelta(), -HOUR, timedelta(milliseconds=-1)])
async def test_a_later_telling_counts_whatever_the_clock_says(rig: Rig, step: timedelta) -> None:
    report_id = (await rig.post())["report_id"]
    for person in ("person:1", "person:2"):
        rig.clock.at += step
        await name(rig, report_id, person)
    events = told(rig, report_id)
    assert [event.time for event in events] == sorted({event.time for event in events})
    for order in (events, events[::-1]):
        assert await known(order, report_id) == {"person:1", "person:2"}


@pytest.mark.parametrize("step", [timedelta(), -HOUR])
async def test_an_erasure_is_told_last_whatever_the_clock_says(rig: Rig, step: timedelta) -> None:
    report_id = (await rig.post(reported=[{"name": "Sekret"}]))["report_id"]
    rig.clock.at += step
    await rig.erasing.erase([report_id], ERASURE)
    *_, erasure, last = rig.store.reports[report_id]["outbox"]
    assert erasure.time == last.time
    events = told(rig, report_id)
    assert await known(events[::-1], report_id) == last.fact.names


async def test_a_restored_intake_is_heard_though_its_clock_is_late(rig: Rig) -> None:
    report_id = (await rig.post())["report_id"]
    backup = copy.deepcopy(rig.store.reports)
    await name(rig, report_id, "person:1")
    before = told(rig, report_id)
    rig.store.reports = backup
    rig.clock.at -= HOUR
    rig.succession.raise_floor(before[-1].time)
    await name(rig, report_id, "person:2")
    assert await known([*before, *told(rig, report_id)], report_id) == {"person:2"}


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[str, int]]:
    """What happens to a report: tellings by clocks that go anywhere, backups, and restores."""
    step = st.sampled_from(["tell", "tell", "tell", "back up", "restore"])
    return draw(st.lists(st.tuples(step, st.integers(-3_600_000, 3_600_000)), min_size=1, max_size=12))


@settings(max_examples=25, deadline=None)
@given(lives(), st.randoms(use_true_random=False), st.integers(0, 5))
def test_the_last_telling_counts_in_any_order_and_repetition(
    life: list[tuple[str, int]], chance: object, repeated: int
) -> None:
    async def live() -> None:
        rig, number, ever = Rig(), count(), list[Event]()
        report_id = (await rig.post())["report_id"]
        backup = copy.deepcopy(rig.store.reports)
        for step, offset in life:
            if step == "tell":
                rig.clock.at = START + timedelta(milliseconds=offset)
                await name(rig, report_id, f"person:{next(number)}")
            elif step == "back up":
                backup = copy.deepcopy(rig.store.reports)
            else:
                rig.store.reports = copy.deepcopy(backup)
                # What shared.succession.ToldBefore does at the start, by the topic.
                for event in ever:
                    rig.succession.raise_floor(event.time)
            ever += [e for e in told(rig, report_id) if e not in ever]
        last = ever[-1].fact
        assert isinstance(last, ReportParties)
        delivered = ever + ever[:repeated]
        chance.shuffle(delivered)  # type: ignore[attr-defined]  # Hypothesis gives a Random
        assert await known(delivered, report_id) == last.names

    asyncio.run(live())


def test_without_anything_told_before_the_clock_counts() -> None:
    assert Succession().after(None, START) == START
