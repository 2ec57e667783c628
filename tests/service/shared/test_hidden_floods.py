"""However many documents a reader may not see, one page looks at a bounded number, and tells nothing of the hidden."""

from dataclasses import replace

import pytest

from services.notification.delivery import Delivery, DeliveryState
from services.notification.outbox import Outbox
from services.notification.store import DeliveryPlace, ListedDelivery
from services.triage.case.case import Case
from services.triage.desk.queue import Queue, QueueFilter
from services.triage.sight import Sight
from services.triage.stored import CaseQuery
from shared.access.principal import Role
from shared.parties import Parties
from shared.web.paging import MOST_LOOKED_AT
from tests.fakes.memory_parties import MemoryParties, nobody_named
from tests.support import people
from tests.support.notification_rig import delivery
from tests.support.triage_rig import ALICE, KEY, POLICY, TOKENS, make_rig

FLOOD = 20_000
HIDDEN_FROM = people.anybody(Role.OPERATOR)


class Deliveries:
    """Deliveries, newest first. It counts what is read."""

    def __init__(self, *stored: Delivery) -> None:
        self.stored = stored
        self.numbers = {one.id: number for number, one in enumerate(stored)}
        self.read = 0

    async def read_page(self, state: DeliveryState | None, after: DeliveryPlace | None, limit: int) -> list[Delivery]:
        first = self.numbers[after.id] + 1 if after else 0
        found = list(self.stored[first : first + limit])
        self.read += len(found)
        return found

    async def read_listed(self, state: DeliveryState, after: DeliveryPlace | None, limit: int) -> list[ListedDelivery]:
        found = await self.read_page(state, after, limit)
        return [ListedDelivery(DeliveryPlace(d.planned_at, d.id), d.case_id, d.shuts_out) for d in found]


def flood_of_deliveries(hidden: int) -> Deliveries:
    """A delivery that everybody may see, behind so many that shut HIDDEN_FROM out."""
    one = delivery()
    flood = (replace(one, id=f"hidden {n}", shuts_out=(HIDDEN_FROM.ref,)) for n in range(hidden))
    return Deliveries(*flood, replace(one, id="seen"))


async def test_a_page_of_the_outbox_looks_at_so_many_deliveries_and_no_more() -> None:
    deliveries = flood_of_deliveries(FLOOD)
    outbox = Outbox(deliveries, nobody_named(), KEY)
    shown, cursor, pages = list[str](), None, 0
    while True:
        before = deliveries.read
        page = await outbox.page(HIDDEN_FROM, None, cursor, 50)
        assert deliveries.read - before <= MOST_LOOKED_AT
        shown += [one.id for one in page.deliveries]
        pages, cursor = pages + 1, page.after
        if cursor is None:
            break
        assert "hidden" not in cursor
    assert shown == ["seen"]
    assert pages == FLOOD // MOST_LOOKED_AT + 1
    everything = await outbox.page(people.operator(), None, None, 50)
    assert len(everything.deliveries) == 50


async def test_a_count_of_the_outbox_looks_at_so_many_and_says_at_least() -> None:
    deliveries = flood_of_deliveries(FLOOD)
    outbox = Outbox(deliveries, nobody_named(), KEY)
    assert await outbox.count(HIDDEN_FROM, DeliveryState.PLANNED) == (0, True, None)
    assert deliveries.read <= MOST_LOOKED_AT
    assert await outbox.count(people.operator(), DeliveryState.PLANNED) == (1_000, True, None)


async def test_a_short_page_does_not_tell_how_many_more_are_hidden() -> None:
    answers = []
    for hidden in (MOST_LOOKED_AT + 1, FLOOD):
        deliveries = flood_of_deliveries(hidden)
        outbox = Outbox(deliveries, nobody_named(), KEY)
        page = await outbox.page(HIDDEN_FROM, None, None, 50)
        counted = await outbox.count(HIDDEN_FROM, DeliveryState.PLANNED)
        answers.append((page.deliveries, len(page.after or ""), counted, deliveries.read))
    assert answers[0] == answers[1]


class Cases:
    """Cases in the order of their numbers. It counts what is read."""

    def __init__(self, *stored: Case) -> None:
        self.stored = stored
        self.numbers = {case.id: number for number, case in enumerate(stored)}
        self.read = 0

    async def queue(self, query: CaseQuery) -> list[Case]:
        first = self.numbers[query.after[2]] + 1 if query.after else 0
        found = list(self.stored[first : first + query.limit])
        self.read += len(found)
        return found


@pytest.mark.parametrize("how", ["recused", "of another community", "named in the report", "names not known"])
async def test_a_page_of_the_queue_looks_at_so_many_cases_and_no_more(how: str) -> None:
    parties, who = MemoryParties(), ALICE
    async with make_rig() as rig:
        seen = await rig.open()
    match how:
        case "recused":
            hidden = replace(seen, recused=(who.ref,))
        case "named in the report":
            hidden = replace(seen, parties=tuple(who.pseudonyms))
        case "names not known":
            hidden = replace(seen, parties_apart=True)
        case _:
            who = replace(who, grants=tuple(replace(g, communities=("enwiki",)) for g in who.grants))
            hidden = replace(seen, community="swwiki")
    cases = Cases(*(replace(hidden, id=f"hidden {n}") for n in range(FLOOD)), seen)
    queue = Queue(cases, Sight(Parties(parties), TOKENS, cases), POLICY, KEY)  # type: ignore[arg-type]  # a queue asks for nothing else
    shown, cursor, pages = list[str](), None, 0
    while True:
        before = cases.read
        page, cursor = await queue.page(who, QueueFilter(cursor=cursor, limit=25))
        assert cases.read - before <= MOST_LOOKED_AT
        shown += [case.id for case in page]
        pages += 1
        if cursor is None:
            break
    assert shown == [seen.id]
    assert pages == FLOOD // MOST_LOOKED_AT + 1
