"""The API of saved views of the queue, for programs: each person has their own."""

import re
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from services.triage.desk.queue import Queue, Tab
from services.triage.desk.queue_view import address_of, filter_of, left_out
from services.triage.desk.saved_views import SavedView, SavedViews, ViewName, Views
from shared.access.principal import Principal
from shared.field_words import IDENTIFIER
from shared.input.texts import Trimmed
from shared.policy import Policy
from shared.problems import FieldError, NotFound
from shared.web.bodies import gives, json_response, parse_body, takes
from shared.web.gate import Callers, Gate, does, principal_of

_PRIVATE = {"Cache-Control": "no-store"}
_ID = re.compile(IDENTIFIER)
Code = Annotated[str, Trimmed, Field(max_length=100)]


class FilterWanted(BaseModel):
    """A filter of the queue, as `GET /v1/cases` takes it: an empty field chooses nothing."""

    model_config = ConfigDict(extra="forbid")

    tab: Tab = "all"
    state: Code = ""
    body: Code = ""
    community: Code = ""
    category: Code = ""
    lane: Code = ""
    assignee: Code = ""


class ViewWanted(ViewName):
    """A view to save."""

    model_config = ConfigDict(extra="forbid")

    filter: FilterWanted = FilterWanted()


class ViewShown(TypedDict):
    """A saved view. `left_out`: the fields of its filter that name what the caller has not, or the policy no longer."""

    id: str
    name: str
    filter: dict[str, str]
    left_out: list[str]


class ViewList(TypedDict):
    """All views of the caller."""

    items: list[ViewShown]


def make_view_router(views: SavedViews, queue: Queue, policy: Policy, gate: Gate) -> APIRouter:
    """The routes below /v1/views."""
    router = gate.router(Callers.PROGRAMS, prefix="/v1/views")

    def show(who: Principal, found: Views) -> Response:
        own = queue.bodies(who)
        items: list[ViewShown] = [
            {
                "id": one.id,
                "name": one.name,
                "filter": dict(one.chosen),
                "left_out": left_out(one.chosen, filter_of(one.chosen, own, policy)),
            }
            for one in found
        ]
        body: ViewList = {"items": items}
        return json_response(body, headers=_PRIVATE)

    @router.get("", responses=gives(ViewList), **does("view.keep"))
    async def list_views(request: Request) -> Response:
        """The caller's saved views of the queue."""
        who = principal_of(request)
        return show(who, await views.of(who.ref))

    @router.put("/{view_id}", responses=gives(ViewList), **does("view.keep", takes(ViewWanted)))
    async def save_view(request: Request, view_id: str) -> Response:
        """Save a view under an id of the caller's choice, in place of the one of this id. Gives all views."""
        if not _ID.fullmatch(view_id):
            raise NotFound
        who = principal_of(request)
        own = queue.bodies(who)

        def faults(wanted: ViewWanted) -> Iterable[FieldError]:
            chosen = wanted.filter.model_dump(exclude={"tab"}, exclude_defaults=True)
            for name in left_out(chosen, filter_of(chosen, own, policy)):
                yield FieldError(f"/filter/{name}", "unknown_choice", "There is nothing by this name to choose.")

        wanted = parse_body(ViewWanted, await request.body(), faults)
        chosen = address_of(filter_of(wanted.filter.model_dump(), own, policy))
        return show(who, await views.put(who.ref, SavedView(view_id, wanted.name, chosen)))

    @router.delete("/{view_id}", responses=gives(ViewList), **does("view.keep"))
    async def delete_view(request: Request, view_id: str) -> Response:
        """Delete a view, if the caller has one of this id. Gives the views that are left."""
        who = principal_of(request)
        return show(who, await views.delete(who.ref, view_id))

    return router
