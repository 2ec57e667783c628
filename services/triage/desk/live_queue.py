"""The route by which an open queue hears how many of its cases have changed, and how many are behind each tab."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from fastapi import APIRouter, Request, Response
from fastapi.sse import EventSourceResponse

from services.triage.actions import Desk
from services.triage.case.case import Case
from services.triage.desk.hearing import hear, told
from services.triage.desk.live import Live, OpenPage
from services.triage.desk.names import CaseNames
from services.triage.desk.queue import Queue
from services.triage.desk.queue_view import count_told, counts_further, filter_of, listed
from services.triage.paths import HOME
from shared.access.principal import Principal
from shared.times import parse_rfc3339
from shared.web.gate import Callers, Gate, does, principal_of

PAUSE = 2.0
"""Seconds from one look at the queue of one page to the next: a flood of changes is no flood of looks."""


def make_live_queue_router(desk: Desk, queue: Queue, live: Live, gate: Gate, names: CaseNames) -> APIRouter:
    """The route at /desk/live. It tells numbers alone, and only of cases that the reader may see."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)

    @router.get(f"{HOME}/live", **does("case.list"))
    async def hear_of_queue(request: Request, since: str = "", cursor: str = "") -> Response:
        """What happens from `since` on to the cases of this part of the queue, which the address says as the page's."""
        principal = principal_of(request)
        own = queue.bodies(principal)
        shown = listed(filter_of(request.query_params, own, desk.policy), cursor or None)
        began = _time_in(since) or desk.clock()
        page = OpenPage(principal.ref, bodies=[b for b in own if not shown.bodies or b in shown.bodies], pause=PAUSE)
        there: dict[str, int] = {}
        changed: set[str] = set()
        said: list[bytes] = []

        async def news() -> list[bytes]:
            nonlocal there, said
            before, (cases, _) = there, await queue.page(principal, shown)
            there = {case.id: case.seq for case in cases}
            # What has left the list stood there at the look before.
            changed.update(await queue.moved(principal, {i: before[i] for i in before.keys() - there.keys()}))
            changed.update(await _changed(principal, cases, changed, began))
            saying = []
            # Where more was counted, that is not done anew for each change.
            if not counts_further(request.query_params):
                counts = (await queue.counts(principal, replace(shown, cursor=None))).tabs
                saying.append(told("counts", {tab: count_told(names, request, n) for tab, n in counts.items()}))
            if changed:
                text = names.said(request, "desk-live-cases", len(changed))
                saying.append(told("changed", {"text": text, "version": len(changed)}))
            # The same once more would tell that a case has changed which the reader may not see.
            told_before, said = said, saying
            return [one for one in saying if one not in told_before]

        return EventSourceResponse(hear(request, live, page, news), headers={"Cache-Control": "no-store"})

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
