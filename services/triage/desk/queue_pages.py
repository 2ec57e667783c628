"""The pages about many cases: the queue, several cases at once, and who has what. All works without JavaScript."""

from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.triage.actions import Desk
from services.triage.desk.bulk import Bulk
from services.triage.desk.load import LoadView
from services.triage.desk.names import CaseNames
from services.triage.desk.queue import Queue
from services.triage.desk.queue_view import QueueView, SentView, address_of, filter_of
from services.triage.desk.saved_views import SavedViews
from services.triage.desk.search import Search
from services.triage.desk.search_view import SearchView
from services.triage.paths import HOME, LOAD, SEARCH, VIEWS
from shared.people_names import PeopleNames
from shared.problems import FieldsWrong
from shared.web.forms import read_form
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.pages import Pages


def make_queue_router(
    desk: Desk, queue: Queue, search: Search, gate: Gate, pages: Pages, people: PeopleNames, views: SavedViews
) -> APIRouter:
    """The queue at /desk, and what can be done with several of its cases."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)
    names = CaseNames(pages, desk.policy, people)
    bulk, load = Bulk(desk, queue, pages, names, gate), LoadView(desk, queue, pages, names)
    found = SearchView(desk, search, queue, pages, names)
    view = QueueView(desk, queue, views, bulk, pages, names)

    # A sign-in leads back to where several cases were sent; they are ticked anew.
    @router.get(f"{HOME}/bulk", **does("case.list"))
    @router.get(HOME, **does("case.list"))
    async def show_queue(request: Request) -> Response:
        return await view.show(request, principal_of(request), request.query_params)

    @router.post(f"{HOME}/bulk", **does("case.assign"))
    async def give_to_several(request: Request) -> Response:
        who, form = principal_of(request), await read_form(request)
        shown, sent = dict(parse_qsl(form.get("back", [""])[-1])), await bulk.read(who, form)
        if sent.faults:
            return await view.show(request, who, shown, bulk=sent)
        wanted = filter_of(shown, queue.bodies(who), desk.policy)
        return await bulk.give(request, who, sent, urlencode(address_of(wanted)))

    @router.post(VIEWS, **does("view.keep"))
    async def save_view(request: Request) -> Response:
        who, form = principal_of(request), await read_form(request)
        shown = dict(parse_qsl(form.get("back", [""])[-1]))
        chosen = address_of(filter_of(shown, queue.bodies(who), desk.policy))
        typed = form.get("name", [""])[-1]
        try:
            await views.name(who.ref, typed, chosen)
        except FieldsWrong as wrong:
            return await view.show(request, who, shown, SentView(typed, wrong))
        return RedirectResponse(f"{HOME}?{urlencode(chosen)}", 303)

    @router.post(f"{VIEWS}/{{view_id}}/delete", **does("view.keep"))
    async def delete_view(request: Request, view_id: str) -> Response:
        await views.delete(principal_of(request).ref, view_id)
        return RedirectResponse(HOME, 303)

    @router.get(SEARCH, **does("case.list"))
    async def show_search(request: Request) -> Response:
        return await found.show(request, principal_of(request))

    @router.post(SEARCH, **does("case.list"))
    async def look_for_cases(request: Request) -> Response:
        return await found.show(request, principal_of(request), await read_form(request))

    @router.get(LOAD, **does("roster.read"))
    async def show_load(request: Request) -> Response:
        return await load.show(request, principal_of(request))

    return router
