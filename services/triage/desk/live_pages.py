"""The route by which open pages of the desk hear of changes, as server-sent events without any content of a case."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from fastapi.sse import EventSourceResponse

from services.triage.actions import Desk
from services.triage.case.case import Case
from services.triage.case.forms import resource_of
from services.triage.case.values import Step
from services.triage.desk.hearing import hear, told
from services.triage.desk.live import Live, OpenPage
from services.triage.desk.names import CaseNames
from services.triage.paths import HOME
from shared.access.authorization import is_permitted
from shared.access.principal import Principal
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.queries import Whole


def make_live_router(desk: Desk, live: Live, gate: Gate, names: CaseNames) -> APIRouter:
    """The route below /desk/live."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)

    @router.get(f"{HOME}/live/{{code_name}}", **does("case.read"))
    async def hear_of_case(request: Request, code_name: str, seen: Whole = 0) -> Response:
        """What happens to a case from the version `seen` on, and who looks; the person must go on seeing the case."""
        principal = principal_of(request)
        case = await desk.find_by_code_name(principal, code_name)
        told_to = seen or case.seq

        page = OpenPage(principal.ref, {case.id: told_to})

        async def news() -> list[bytes]:
            nonlocal case, told_to
            steps: list[Step] = []
            if page.changed.pop(case.id, None):
                # With each change the case may have gone to others, or hide from the person.
                case = await desk.find(principal, case.id)
                beside = await desk.beside(principal, case)
                steps = [step for step in beside.steps(case.history) if step.seq > told_to]
                told_to = max(told_to, case.seq)
            return _news(request, principal, case, steps, page)

        return EventSourceResponse(hear(request, live, page, news), headers={"Cache-Control": "no-store"})

    def _news(request: Request, principal: Principal, case: Case, steps: Sequence[Step], page: OpenPage) -> list[bytes]:
        """`steps`: the new ones that the person may see; of others, which tell of hidden cases, nothing is said."""
        reads = is_permitted(principal, "case.read", resource_of(case, desk.policy), desk.clock())
        news = []
        if steps:
            changed = steps[-1]
            by_another = reads and changed.actor != principal.ref
            who = names.person(request, principal, changed.role, changed.actor) if by_another else ""
            key = "desk-live-changed-by" if who else "desk-live-changed"
            news.append(told("changed", {"text": names.said(request, key, who), "version": changed.seq}))
        if reads and page.others is not None and page.others != page.told:
            page.told = page.others
            news.append(told("looking", {"text": names.lookers(request, page.others)}))
        return news

    return router
