"""Who is shut out of a case finds none of its notices, whichever consumer is faster; in memory and on MongoDB."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import permutations

import pytest

from services.notification.actions import Planner
from services.notification.delivery import Delivery
from services.notification.digests import Digests
from services.notification.store import MongoStore
from shared.events import Event
from shared.parties import Parties
from shared.policy import load_policy
from tests.fakes.memory_parties import MemoryParties
from tests.integration.notification.test_store import rig, store
from tests.support.notification_world import ROUTES, Story

__all__ = ["rig", "store"]
ANN = "person:ann"


class Idle:
    """A sender that never sends."""

    lease = timedelta(seconds=30)

    def has_room(self, count: int) -> bool:
        return True

    def wake(self, deliveries: Sequence[Delivery]) -> None: ...


class SlowParties(MemoryParties):
    """Parties that become known only when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.known = asyncio.Event(), asyncio.Event()

    async def load(self, case_ids: Iterable[str]) -> dict[str, frozenset[str]]:
        self.asked.set()
        await self.known.wait()
        return dict.fromkeys(case_ids, frozenset())


def planner(store: MongoStore, parties: MemoryParties | None = None) -> Planner:
    sender, known = Idle(), Parties(parties or MemoryParties(), patience=0.0)
    digests = Digests(store, timedelta(seconds=60))
    return Planner(store, sender, digests, routes=ROUTES, policy=load_policy(), parties=known)


async def hidden(store: MongoStore) -> list[set[str]]:
    return [set(one.shuts_out) for one in await store.read_page(None, None, 10)]


async def test_a_recusal_while_a_notice_is_planned_hides_the_notice(store: MongoStore) -> None:
    story, parties = Story(), SlowParties()
    await planner(store).plan([story.opened()])
    # Two consumers, of `reports` and of `cases`.
    slow = asyncio.create_task(planner(store, parties).plan([story.received(apart=True)]))
    await parties.asked.wait()
    await planner(store).plan([story.recused(ANN)])
    parties.known.set()
    await slow
    assert await hidden(store) == [{ANN}]


async def test_a_body_that_loses_a_case_while_it_is_told_is_not_told(store: MongoStore) -> None:
    story, parties, known = Story(), SlowParties(), SlowParties()
    known.known.set()
    await planner(store, known).plan([story.opened(apart=True)])
    # A replica that Kafka has taken the partition from, and the one that has it now.
    slow = asyncio.create_task(planner(store, parties).plan([story.triaged()]))
    await parties.asked.wait()
    await planner(store, known).plan([story.passed_on("u4c")])
    parties.known.set()
    await slow
    found = {one.recipient: set(one.shuts_out) for one in await store.read_page(None, None, 10)}
    assert found == {"body:enwiki_arbcom": {"body:enwiki_arbcom"}, "body:u4c": set()}


async def test_who_is_recused_again_in_one_batch_stays_shut_out(store: MongoStore) -> None:
    story = Story()
    await planner(store).plan([story.opened(), story.received()])
    await planner(store).plan([story.recused(ANN), story.lapsed(ANN), story.recused(ANN, 5)])
    assert await hidden(store) == [{ANN}]


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
async def test_facts_that_come_again_let_nobody_see_what_is_hidden(store: MongoStore, order: tuple[int, ...]) -> None:
    story = Story()
    steps: list[Event] = [story.received(), story.recused(ANN), story.lapsed(ANN), story.recused(ANN, 5)]
    await planner(store).plan([story.opened(), *steps])
    for number in order:
        await planner(store).plan([steps[number]])
        assert await hidden(store) == [{ANN}]
