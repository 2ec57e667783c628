"""The route by which open pages of the desk hear of changes, as server-sent events without any content of a case."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from time import monotonic

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.sse import EventSourceResponse, format_sse_event

from services.triage.actions import Desk
from services.triage.case.case import Case
from services.triage.case.forms import resource_of
from services.triage.case.values import Step
from services.triage.desk.live import TELL_EVERY, Live, OpenPage
from services.triage.desk.names import CaseNames
from services.triage.paths import HOME
from shared.access.authorization import is_permitted
from shared.access.principal import Principal
from shared.problems import Problem, Unavailable
from shared.times import now
from shared.web.gate import Callers, Gate, does, principal_of

COME_BACK = 1_000
"""Milliseconds until a page asks anew, once its stream has ended."""


def make_live_router(desk: Desk, live: Live, gate: Gate, names: CaseNames) -> APIRouter:
    """The route below /desk/live."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)

    @router.get(f"{HOME}/live/{{code_name}}", **does("case.read"))
    async def hear_of_case(request: Request, code_name: str, seen: int = 0) -> Response:
        """What happens to a case from the version `seen` on, and who looks; the person must go on seeing the case."""
        principal = principal_of(request)
        case = await desk.find_by_code_name(principal, code_name)
        told = _hear(request, principal, case, seen or case.seq)
        return EventSourceResponse(told, headers={"Cache-Control": "no-store"})

    async def _hear(request: Request, principal: Principal, case: Case, seen: int) -> AsyncIterator[bytes]:
        until = monotonic() + live.life
        yield format_sse_event(retry=COME_BACK)
        # While the store is away the page asks anew.
        with suppress(Unavailable):
            async with live.open(principal.ref, {case.id: seen}) as page:
                while True:
                    page.woken.clear()
                    steps: list[Step] = []
                    if page.changed.pop(case.id, None):
                        try:
                            # With each change the case may have gone to others, or hide from the person.
                            case = await desk.find(principal, case.id)
                        except Problem:
                            yield _told("gone", {})
                            return
                        beside = await desk.beside(principal, case)
                        steps = [step for step in beside.steps(case.history) if step.seq > seen]
                        seen = max(seen, case.seq)
                    for told in _news(request, principal, case, steps, page):
                        yield told
                    left = until - monotonic()
                    if left <= 0 or await request.is_disconnected():
                        return
                    with suppress(TimeoutError):
                        async with asyncio.timeout(min(left, TELL_EVERY)):
                            await page.woken.wait()

    def _news(request: Request, principal: Principal, case: Case, steps: Sequence[Step], page: OpenPage) -> list[bytes]:
        """`steps`: the new ones that the person may see; of others, which tell of hidden cases, nothing is said."""
        reads = is_permitted(principal, "case.read", resource_of(case, desk.policy), now())
        told = []
        if steps:
            changed = steps[-1]
            by_another = reads and changed.actor != principal.ref
            who = names.person(request, principal, changed.role, changed.actor) if by_another else ""
            key = "desk-live-changed-by" if who else "desk-live-changed"
            told.append(_told("changed", {"text": names.said(request, key, who), "version": changed.seq}))
        if reads and page.others is not None and page.others != page.told:
            page.told = page.others
            people = sorted(names.name(ref) for ref in page.others)
            text = names.said(request, "desk-live-looking", ", ".join(people)) if people else ""
            told.append(_told("looking", {"text": text}))
        return told

    return router


def _told(event: str, data: dict[str, str | int]) -> bytes:
    return format_sse_event(event=event, data_str=orjson.dumps(data).decode())
