"""`/outbox`: the operators' page about what was sent and what could not be."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from services.notification.delivery import DeliveryState
from services.notification.outbox import Outbox
from services.notification.paths import HOME
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.pages import Pages

PAGE_LENGTH = 50


def make_pages_router(outbox: Outbox, gate: Gate, pages: Pages) -> APIRouter:
    """The outbox page, for operators only."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)

    @router.get(HOME, **does("delivery.list"))
    async def show_outbox(
        request: Request,
        state: DeliveryState | None = None,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
    ) -> Response:
        who = principal_of(request)
        found, after = await outbox.page(who, state, cursor, PAGE_LENGTH)
        waiting, failed = [await outbox.count(who, s) for s in (DeliveryState.PLANNED, DeliveryState.FAILED)]
        filters: list[tuple[str, str | None, bool]] = [(HOME, None, state is None)]
        filters += [(f"{HOME}?{urlencode({'state': s.value})}", s.value, s is state) for s in DeliveryState]
        wanted = {"state": state.value} if state else {}
        context = {
            "deliveries": found,
            "older": f"{HOME}?{urlencode({**wanted, 'cursor': after})}" if after else None,
            "filters": filters,
            "waiting": waiting,
            "failed": failed,
        }
        return pages.render(request, "outbox.html", context)

    return router
