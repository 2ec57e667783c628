"""The route by which an open queue hears how many of its cases have changed, and how many are behind each tab."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from time import monotonic

from fastapi import APIRouter, Request, Response
from fastapi.sse import EventSourceResponse

from services.triage.actions import Desk
from services.triage.case.case import Case
from services.triage.desk.hearing import hear, told
from services.triage.desk.live import Live, OpenPage
from services.triage.desk.names import CaseNames
from services.triage.desk.queue import Queue
from services.triage.desk.queue_view import count_told, filter_of, listed
from services.triage.paths import HOME
from shared.access.principal import Principal
from shared.times import parse_rfc3339
from shared.web.gate import Callers, Gate, does, principal_of

PAUSE = 2.0
"""Seconds between two looks at the queue of one page: a flood of changes is no flood of looks."""


def make_live_queue_router(desk: Desk, queue: Queue, live: Live, gate: Gate, names: CaseNames) -> APIRouter:
    """The route at /desk/live. It tells numbers alone, and only of cases that the reader may see."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)

    @router.get(f"{HOME}/live", **does("case.list"))
    async def hear_of_queue(request: Request, since: str = "", cursor: str = "") -> Response:
        """What happens from `since` on to the cases of this part of the queue, which the address says as the page's."""
        principal = principal_of(request)
        shown = listed(filter_of(request.query_params, queue.bodies(principal), desk.policy), cursor or None)
        began = _time_in(since) or desk.clock()
        cases, _ = await queue.page(principal, shown)
        changed: set[str] = set()
        looked_at: float | None = None

        async def news(page: OpenPage) -> list[bytes]:
            nonlocal looked_at
            first = looked_at is None
            if looked_at is not None and (not page.changed or monotonic() - looked_at < PAUSE):
                return []
            looked_at = monotonic()
            moved, page.changed = page.changed.keys(), {}
            there = cases if first else (await queue.page(principal, shown))[0]
            page.seen = {case.id: case.seq for case in there}
            # What has left the list stood there when the page opened.
            changed.update(moved - page.seen.keys())
            changed.update(await _changed(principal, there, changed, began))
            counts = (await queue.counts(principal, replace(shown, cursor=None))).tabs
            numbers: dict[str, str | int] = {tab: count_told(names, request, count) for tab, count in counts.items()}
            if not changed:
                return [told("counts", numbers)]
            text = names.said(request, "desk-live-cases", len(changed))
            return [told("changed", {"text": text, "version": len(changed)}), told("counts", numbers)]

        seen = {case.id: case.seq for case in cases}
        stream = hear(request, live, principal.ref, seen, news, looks=False)
        return EventSourceResponse(stream, headers={"Cache-Control": "no-store"})

    async def _changed(
        principal: Principal, cases: Collection[Case], but: Collection[str], since: datetime
    ) -> set[str]:
        """The cases with a step of another person since then; of steps that tell of hidden cases nothing is said."""
        found = set()
        for case in cases:
            if case.id in but or case.updated_at <= since:
                continue
            steps = (await desk.beside(principal, case)).steps(case.history)
            if any(step.at > since and step.actor != principal.ref for step in steps):
                found.add(case.id)
        return found

    return router


def _time_in(since: str) -> datetime | None:
    try:
        return parse_rfc3339(since)
    except ValueError:
        return None
