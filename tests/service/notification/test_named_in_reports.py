"""Who is named in a report hears nothing of it: notices wait until that is known, and operators see no gap."""

from dataclasses import replace

import httpx
import pytest

from services.notification.delivery import Delivery, DeliveryState
from services.notification.outbox import Count, Outbox
from shared.access.principal import Role
from shared.events import Actor, Draft, Event, ReportParties, ReportReceived, stamp
from shared.parties import Parties
from shared.problems import Unavailable
from tests.fakes.memory_parties import MemoryParties
from tests.service.notification.test_sending import World, opening
from tests.support import people
from tests.support.notification_rig import app_over, bearer, delivery, holding
from tests.support.notification_world import KEY, Story

OPERATOR = people.anybody(Role.OPERATOR)


def naming(report_id: str, case_id: str, *names: str) -> Event:
    """What intake tells apart of a report that names these people."""
    fact = ReportParties(report_id=report_id, subjects=names, salt="0" * 32)
    draft = Draft(fact, Actor("reporter", "reporter"), Story().received_at, report_id)
    (event,) = stamp(
        [draft], source="hearth/intake", subject=f"parties/{report_id}", case_id=case_id, last_seq=0, trace=None
    )
    return event


async def hiding(*deliveries: Delivery) -> MemoryParties:
    """Parties by which these deliveries are of reports that name OPERATOR."""
    parties = MemoryParties()
    for one in deliveries:
        await parties.follow([naming(one.report_id, one.case_id, *OPERATOR.pseudonyms)])
    return parties


def apart(story: Story) -> Event:
    event = story.received()
    assert isinstance(event.fact, ReportReceived)
    return replace(event, fact=event.fact.model_copy(update={"parties_apart": True}))


async def test_nobody_is_told_before_it_is_known_who_may_not_hear_of_it() -> None:
    world, parties = World(), MemoryParties()
    world.parties.store = parties
    story = world.known(Story())
    async with world.running() as replica:
        with pytest.raises(Unavailable):
            await replica.planner.plan([apart(story)])
        assert world.store.deliveries == {}
        await parties.follow([naming(story.report_id, story.case_id)])
        await replica.planner.plan([apart(story)])
        await world.settled(1)
    assert len(world.channel.mails) == 1


async def test_a_body_with_a_person_named_in_the_report_is_not_told() -> None:
    world, story = World(), Story()
    world.parties.store = parties = MemoryParties()
    world.people.names = {"enwiki_arbcom": frozenset({"person:ann", "1" * 32})}
    await parties.follow([naming(story.report_id, story.case_id, "1" * 32)])
    async with world.running() as replica:
        await replica.planner.plan(opening([story]))
        await world.settled(1)
    assert world.channel.mails == []


async def test_an_operator_finds_no_notice_of_a_report_that_names_them() -> None:
    deliveries = [delivery(number) for number in range(7)]
    hidden = [deliveries[0], deliveries[2], deliveries[3], deliveries[6]]
    store, parties = holding(*deliveries), await hiding(*hidden)
    seen = {d.id for d in deliveries} - {d.id for d in hidden}
    transport = httpx.ASGITransport(app_over(store, parties=parties))
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=bearer()) as http:
        for limit in (1, 2, 3, 50):
            found, cursor = [], ""
            while True:
                page = (await http.get(f"/v1/deliveries?limit={limit}{cursor}")).json()
                found += [item["delivery_id"] for item in page["items"]]
                # A page is as full as if the hidden notices were not there.
                assert len(page["items"]) == limit or page["next"] is None
                if page["next"] is None:
                    break
                cursor = f"&cursor={page['next']}"
            assert (len(found), set(found)) == (len(seen), seen)
        text = (await http.get("/outbox", headers={"accept": "text/html"})).text
    assert not [d.id for d in hidden if d.case_id in text]


async def test_counts_of_notices_are_as_if_there_were_no_hidden_ones() -> None:
    deliveries = [delivery(number) for number in range(7)]
    outbox = Outbox(holding(*deliveries), Parties(await hiding(*deliveries[:4])), KEY)
    assert await outbox.count(OPERATOR, DeliveryState.PLANNED) == Count(3, False)
    assert await outbox.count(people.operator(), DeliveryState.PLANNED) == Count(7, False)
    assert await outbox.count(OPERATOR, DeliveryState.FAILED) == Count(0, False)
