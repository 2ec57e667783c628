"""Where a script has kept what is typed into the forms of the desk, and where a person discards it."""

from collections.abc import Collection, Mapping

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.triage.case.forms import FORMS
from services.triage.paths import DRAFTS, HOME
from shared.problems import NotFound, Problem
from shared.sign_in.drafts import FormDrafts
from shared.web.forms import read_form
from shared.web.gate import Callers, Gate, does, principal_of

OF = "draft_of"
"""The field that says to which address a form is sent."""


def make_draft_router(gate: Gate, drafts: FormDrafts, elsewhere: Mapping[str, Collection[str]]) -> APIRouter:
    """The route at /desk/drafts. What is kept there is sealed for the browser that sent it, and read by nobody else.

    `elsewhere`: beside those of cases, the names of forms that a page gives back; they are sent to
    `<one of these>/<of what>/<name>`.
    """
    given_back = {f"{HOME}/cases": FORMS.keys(), **elsewhere}
    router = gate.router(Callers.PEOPLE, include_in_schema=False)

    @router.post(DRAFTS, **does("draft.keep"))
    async def keep_draft(request: Request) -> Response:
        form = dict(await read_form(request))
        path = form.pop(OF, [""])[-1]
        page, _, name = path.rpartition("/")
        if name not in given_back.get(page.rpartition("/")[0], ()):
            raise NotFound
        if form.pop("discard", None):
            await drafts.drop(request, path)
            return RedirectResponse(page, 303)
        if not await drafts.keep_typed(request, principal_of(request).ref, path, form):
            raise Problem(422, "draft-not-kept", "This draft is too long, or was typed by another person.")
        return Response(status_code=204)

    return router
