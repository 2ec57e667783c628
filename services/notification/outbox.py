"""What operators see of deliveries: nothing of a case if its report names them, and no gap where it would be."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from services.notification.delivery import Delivery, DeliveryState
from services.notification.store import DeliveryPlace
from shared.access.principal import Principal
from shared.parties import Parties
from shared.web.paging import Cursors

CURSORS = Cursors(DeliveryPlace)


class Page(NamedTuple):
    """Some deliveries, newest first, and the cursor of those after them (None at the end)."""

    deliveries: Sequence[Delivery]
    after: str | None


class DeliveryList(Protocol):
    """What the outbox needs of the store."""

    async def read_page(
        self, state: DeliveryState | None, after: DeliveryPlace | None, limit: int, hidden_from: Sequence[str] = ()
    ) -> list[Delivery]: ...
    async def read_cases(
        self, state: DeliveryState, after: DeliveryPlace | None, limit: int, hidden_from: Sequence[str] = ()
    ) -> list[tuple[DeliveryPlace, str]]: ...


class Outbox:
    """The deliveries, as each operator may see them."""

    def __init__(self, deliveries: DeliveryList, parties: Parties) -> None:
        self._deliveries = deliveries
        self._parties = parties

    async def page(self, who: Principal, state: DeliveryState | None, cursor: str | None, limit: int) -> Page:
        """One page, as full as if hidden deliveries were not there. Raises Problem 422 for a broken cursor."""
        names = who.pseudonyms | {who.ref}
        after, shown = CURSORS.read(cursor), list[Delivery]()
        while True:
            found = await self._deliveries.read_page(state, after, limit + 1, sorted(names))
            hidden = await self._hidden({delivery.case_id for delivery in found}, names)
            shown += [delivery for delivery in found if delivery.case_id not in hidden]
            if len(found) <= limit or len(shown) > limit:
                break
            after = _place(found[-1])
        return Page(*CURSORS.cut(shown, limit, _place))

    async def count(self, who: Principal, state: DeliveryState, most: int) -> int:
        """How many deliveries in this state there are to see, counted up to `most`."""
        names = who.pseudonyms | {who.ref}
        after: DeliveryPlace | None = None
        count = 0
        while count < most:
            found = await self._deliveries.read_cases(state, after, most, sorted(names))
            hidden = await self._hidden({case_id for _, case_id in found}, names)
            count += sum(case_id not in hidden for _, case_id in found)
            if len(found) < most:
                break
            after = found[-1][0]
        return min(count, most)

    async def _hidden(self, case_ids: set[str], names: frozenset[str]) -> set[str]:
        known = await self._parties.load(case_ids)
        return {case_id for case_id, named in known.items() if not names.isdisjoint(named)}


def _place(delivery: Delivery) -> DeliveryPlace:
    return DeliveryPlace(delivery.planned_at, delivery.id)
