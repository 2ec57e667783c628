"""`/v1/deliveries`, for operators: what was sent, what failed. There is no address and no content to show."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query, Request, Response

from services.notification.delivery import Delivery, DeliveryState
from services.notification.store import DeliveryPlace
from shared.access.principal import Principal
from shared.times import rfc3339
from shared.web.bodies import json_response
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.paging import Cursors

LONGEST_PAGE = 200
CURSORS = Cursors(DeliveryPlace)


class Deliveries(Protocol):
    """What the routes need of the store."""

    async def read_page(
        self, state: DeliveryState | None, after: DeliveryPlace | None, limit: int, hidden_from: Sequence[str] = ()
    ) -> list[Delivery]: ...
    async def count(self, state: DeliveryState, most: int, hidden_from: Sequence[str] = ()) -> int: ...


def make_routes(deliveries: Deliveries, gate: Gate) -> APIRouter:
    """The JSON API, for operators only."""
    router = gate.router(Callers.PROGRAMS)

    @router.get("/v1/deliveries", **does("delivery.list"))
    async def list_deliveries(
        request: Request,
        state: DeliveryState | None = None,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 50,
    ) -> Response:
        found, after = await read_page(deliveries, state, cursor, limit, names_of(principal_of(request)))
        return json_response({"items": [show(d) for d in found], "next": after})

    return router


def names_of(who: Principal) -> tuple[str, ...]:
    """The names by which a delivery can shut this person out: their reference and their pseudonyms."""
    return (who.ref, *who.pseudonyms)


async def read_page(
    deliveries: Deliveries, state: DeliveryState | None, cursor: str | None, limit: int, hidden_from: Sequence[str]
) -> tuple[Sequence[Delivery], str | None]:
    """One page, newest first, and the cursor of the next (None at the end). Raises Problem 422 for a broken cursor."""
    found = await deliveries.read_page(state, CURSORS.read(cursor), limit + 1, hidden_from)
    return CURSORS.cut(found, limit, lambda delivery: DeliveryPlace(delivery.planned_at, delivery.id))


def show(delivery: Delivery) -> dict[str, Any]:
    """What an operator may see of a delivery."""
    return {
        "delivery_id": delivery.id,
        "case_id": delivery.case_id,
        "recipient": delivery.recipient,
        "notice": delivery.notice,
        "channel": delivery.channel,
        "state": delivery.state.value,
        "reason": delivery.reason,
        "message_id": delivery.message_id,
        "attempts": delivery.attempts,
        "planned_at": rfc3339(delivery.planned_at),
        "next_attempt_at": _written(delivery.due_at or delivery.gather_at),
        "settled_at": _written(delivery.settled_at),
    }


def _written(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
