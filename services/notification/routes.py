"""`/v1/deliveries`, for operators: what was sent, what failed. There is no address and no content to show."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from typing_extensions import TypedDict

from services.notification.delivery import Delivery, DeliveryState
from services.notification.outbox import Outbox
from shared.times import rfc3339
from shared.web.bodies import gives, json_response
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.queries import Whole

LONGEST_PAGE = 200


class DeliveryShown(TypedDict):
    """What an operator may see of a delivery."""

    delivery_id: str
    case_id: str
    recipient: str
    notice: str
    channel: str
    state: str
    reason: str | None
    message_id: str | None
    attempts: int
    planned_at: str
    next_attempt_at: str | None
    settled_at: str | None


class DeliveryList(TypedDict):
    """A page of deliveries, and the cursor of the next page."""

    items: list[DeliveryShown]
    next: str | None


def make_routes(outbox: Outbox, gate: Gate) -> APIRouter:
    """The JSON API, for operators only."""
    router = gate.router(Callers.PROGRAMS)

    @router.get("/v1/deliveries", responses=gives(DeliveryList), **does("delivery.list"))
    async def list_deliveries(
        request: Request,
        state: DeliveryState | None = None,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[Whole, Query(ge=1, le=LONGEST_PAGE)] = 50,
    ) -> Response:
        """Notices, newest first. A page may be short, or empty, and have a `next` page."""
        found, after = await outbox.page(principal_of(request), state, cursor, limit)
        return json_response({"items": [show(d) for d in found], "next": after})

    return router


def show(delivery: Delivery) -> DeliveryShown:
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
