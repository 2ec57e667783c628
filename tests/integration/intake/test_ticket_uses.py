"""Uses of tickets on a real MongoDB: a ticket gives so many names and no more, whichever replica is asked."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.intake.vault.store import TICKETS_INDEX, MongoTicketUses
from shared.times import now
from tests.support.stores import database_of


@pytest.fixture
async def uses(mongo_uri: str, database_prefix: str) -> AsyncIterator[MongoTicketUses]:
    async with database_of("intake", mongo_uri, database_prefix) as database:
        await database["tickets"].create_indexes([TICKETS_INDEX])
        yield MongoTicketUses(database["tickets"])


async def test_a_ticket_gives_so_many_names_and_no_more(uses: MongoTicketUses) -> None:
    until = now() + timedelta(minutes=10)
    assert [await uses.use("a", count, 40, until) for count in (41, 30, 11, 10, 1)] == [False, True, False, True, False]
    assert sum(await asyncio.gather(*(uses.use("b", 7, 40, until) for _ in range(20)))) == 5


async def test_two_replicas_that_are_the_first_to_use_a_ticket_both_may(uses: MongoTicketUses) -> None:
    until = now() + timedelta(minutes=10)
    tickets = [f"ticket {n}" for n in range(200)]
    assert all(await asyncio.gather(*(uses.use(ticket, 4, 40, until) for ticket in tickets for _ in range(3))))
