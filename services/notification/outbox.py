"""What operators see of deliveries: nothing of a case if its report names them, and no gap where it would be."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from services.notification.delivery import Delivery, DeliveryState, is_of_setup
from services.notification.store import DeliveryPlace, ListedDelivery
from shared.access.principal import Principal
from shared.parties import Parties
from shared.web.paging import Cursors, look_through

MOST_COUNTED = 1_000


class Page(NamedTuple):
    """Some deliveries, newest first, and the cursor of those after them (None at the end)."""

    deliveries: Sequence[Delivery]
    after: str | None


class Count(NamedTuple):
    """How many deliveries there are to see; with `more`, at least so many.

    `setup`: why the newest waits that the mail server does not take because of our own set-up; None if there is none.
    """

    number: int
    more: bool
    setup: str | None = None


class DeliveryList(Protocol):
    """What the outbox needs of the store."""

    async def read_page(
        self, state: DeliveryState | None, after: DeliveryPlace | None, limit: int
    ) -> list[Delivery]: ...
    async def read_listed(
        self, state: DeliveryState, after: DeliveryPlace | None, limit: int
    ) -> list[ListedDelivery]: ...


ListedT = TypeVar("ListedT", Delivery, ListedDelivery)


class Outbox:
    """The deliveries, as each operator may see them."""

    def __init__(self, deliveries: DeliveryList, parties: Parties, key: bytes) -> None:
        """`key`: 32 bytes that seal cursors."""
        self._deliveries = deliveries
        self._parties = parties
        self._cursors = Cursors(DeliveryPlace, key)

    async def page(self, who: Principal, state: DeliveryState | None, cursor: str | None, limit: int) -> Page:
        """One page; shared.web.paging says when it is short. Raises Problem 422 for a broken cursor."""

        async def read(after: DeliveryPlace | None, most: int) -> list[Delivery]:
            return await self._deliveries.read_page(state, after, most)

        async def see(found: Sequence[Delivery]) -> list[Delivery]:
            return await self._seen_by(who, found)

        return Page(*await self._cursors.page(cursor, limit, read, see, _place))

    async def count(self, who: Principal, state: DeliveryState) -> Count:
        """How many deliveries in this state there are to see, counted up to MOST_COUNTED."""

        async def read(after: DeliveryPlace | None, most: int) -> list[ListedDelivery]:
            return await self._deliveries.read_listed(state, after, most)

        async def see(found: Sequence[ListedDelivery]) -> list[ListedDelivery]:
            return await self._seen_by(who, found)

        seen, last = await look_through(read, see, lambda one: one.place, None, MOST_COUNTED)
        setup = next((one.reason for one in seen if one.reason and is_of_setup(one.reason)), None)
        return Count(min(len(seen), MOST_COUNTED), last is not None or len(seen) > MOST_COUNTED, setup)

    async def _seen_by(self, who: Principal, found: Sequence[ListedT]) -> list[ListedT]:
        names = who.pseudonyms | {who.ref}
        parties = await self._parties.load({one.case_id for one in found})
        return [
            one for one in found if names.isdisjoint(one.shuts_out) and names.isdisjoint(parties.get(one.case_id, ()))
        ]


def _place(delivery: Delivery) -> DeliveryPlace:
    return DeliveryPlace(delivery.planned_at, delivery.id)
