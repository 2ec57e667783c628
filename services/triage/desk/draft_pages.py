"""Where a script has kept what is typed into the forms of the desk, and where a person discards it."""

from collections.abc import Collection, Mapping

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.triage.actions import Desk
from services.triage.case.case import Case
from services.triage.case.forms import FORMS
from services.triage.paths import DRAFTS, HOME
from shared.events import ReporterLost
from shared.problems import NotFound, Problem
from shared.sign_in.drafts import FormDrafts, entry_in
from shared.web.forms import read_form
from shared.web.gate import Callers, Gate, does, principal_of

CASES = f"{HOME}/cases"
OF = "draft_of"
"""The field that says to which address a form is sent."""


def make_draft_router(
    desk: Desk, gate: Gate, drafts: FormDrafts, elsewhere: Mapping[str, Collection[str]]
) -> APIRouter:
    """The route at /desk/drafts. What is kept there is sealed for the browser that sent it, and read by nobody else.

    `elsewhere`: beside those of cases, the names of forms that a page gives back; they are sent to
    `<one of these>/<of what>/<name>`.
    """
    given_back = {CASES: FORMS.keys(), **elsewhere}
    router = gate.router(Callers.PEOPLE, include_in_schema=False)

    @router.post(DRAFTS, **does("draft.keep"))
    async def keep_draft(request: Request) -> Response:
        form = dict(await read_form(request))
        path = form.pop(OF, [""])[-1]
        page, _, name = path.rpartition("/")
        room, _, code_name = page.rpartition("/")
        if name not in given_back.get(room, ()):
            raise NotFound
        if form.pop("discard", None):
            await drafts.drop(request, path, entry_in(form))
            return RedirectResponse(page, 303)
        who = principal_of(request)
        if room == CASES and is_erased(await desk.find_by_code_name(who, code_name)):
            raise NotFound
        if not await drafts.keep_typed(request, who.ref, path, form):
            raise Problem(422, "draft-not-kept", "This draft is too long, or was typed by another person.")
        return Response(status_code=204)

    return router


def is_erased(case: Case) -> bool:
    """Whether the report is erased, and with it what was typed about it: a page may stand open since before."""
    return any(step.fact == ReporterLost.name for step in case.history)
