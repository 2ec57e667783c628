"""The pages of the register: what is in force, and the people one measure is about. They work without JavaScript."""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from services.triage.desk.names import CaseNames
from services.triage.measures.import_pages import IMPORT
from services.triage.measures.register import About, Entry, MeasureRegister, RegisterFilter
from services.triage.measures.routes import csv_response
from services.triage.paths import MEASURES
from services.triage.rooms import rooms_of
from shared.access.authorization import is_permitted
from shared.access.principal import Principal
from shared.problems import Unavailable
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.pages import Pages

CASES_A_PAGE = 25


def make_measure_pages(register: MeasureRegister, gate: Gate, pages: Pages, names: CaseNames) -> APIRouter:
    """The pages below /desk/measures."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)
    view = _View(register, pages, names)

    @router.get(MEASURES, **does("measure.list"))
    async def show_measures(request: Request, community: str = "", kind: str = "", cursor: str = "") -> Response:
        return await view.list(request, principal_of(request), community, kind, cursor)

    @router.get(f"{MEASURES}/export.csv", response_class=Response, **does("measure.export"))
    async def export(request: Request, community: str = "") -> Response:
        return await csv_response(request, register, _one(community), gate, Callers.PEOPLE)

    @router.get(f"{MEASURES}/{{measure_id}}", **does("measure.read"))
    async def show_measure(request: Request, measure_id: str) -> Response:
        who = principal_of(request)
        return await view.one(request, who, await register.find(who, measure_id, "measure.read"))

    return router


class _View:
    """Turns measures into pages."""

    def __init__(self, register: MeasureRegister, pages: Pages, names: CaseNames) -> None:
        self._register = register
        self._pages = pages
        self._names = names

    async def list(self, request: Request, who: Principal, community: str, kind: str, cursor: str) -> Response:
        """The measures in force, filtered; a filter that does not exist is none."""
        policy, own = self._register.policy, self._register.communities(who)
        kinds = [outcome.code for outcome in policy.outcomes.values() if outcome.scoped]
        given = {"community": community if community in own else "", "kind": kind if kind in kinds else ""}
        kept = {name: value for name, value in given.items() if value}
        wanted = RegisterFilter(_one(given["community"]), _one(given["kind"]), cursor or None, CASES_A_PAGE)
        entries, after = await self._register.page(who, wanted)
        at = self._register.clock()
        may_import = is_permitted(who, "measure.import", None, at)
        may_export = is_permitted(who, "measure.export", None, at)
        place = {name: value for name, value in kept.items() if name == "community"}
        context = {
            "rows": [self._row(request, entry) for entry in entries],
            "may_read": is_permitted(who, "measure.read", None, at),
            "kinds": self._names.options(request, "outcome", kinds),
            "communities": [(name, self._names.community(name)) for name in own],
            **given,
            "filtered": bool(kept or cursor),
            "table": f"{MEASURES}/export.csv{f'?{urlencode(place)}' if place else ''}" if may_export else None,
            "imports": IMPORT if may_import else None,
            "first": f"{MEASURES}?{urlencode(kept)}" if cursor else None,
            "next": f"{MEASURES}?{urlencode({**kept, 'cursor': after})}" if after else None,
            **self._frame(who),
        }
        return self._pages.render(request, "measures.html", context)

    async def one(self, request: Request, who: Principal, entry: Entry) -> Response:
        """One measure, and the people it is about, while the vault can be asked."""
        about: About | None
        try:
            about = (await self._register.about(who, [entry]))[entry.measure.id]
        except Unavailable:
            about = None
        context = {"row": self._row(request, entry), "about": about, "measures": MEASURES, **self._frame(who)}
        return self._pages.render(request, "measure.html", context, 200 if about else 503)

    def _frame(self, who: Principal) -> dict[str, Any]:
        return {"principal": who, "rooms": rooms_of(who, self._register.clock())}

    def _row(self, request: Request, entry: Entry) -> dict[str, Any]:
        measure, names = entry.measure, self._names
        return {
            "id": measure.id,
            "href": f"{MEASURES}/{measure.id}",
            "kind": names.code(request, "outcome", measure.kind),
            "scope": names.code(request, "scope", measure.scope),
            "community": None if entry.everywhere else names.community(entry.community),
            "body": names.body(request, entry.case.body),
            "begun_at": measure.begun_at,
            "until": measure.last_day,
            "review_by": measure.review_by,
            "imported": measure.imported,
            "decided_on": measure.decided_on.date() if measure.decided_on else None,
        }


def _one(value: str) -> tuple[str, ...]:
    return (value,) if value else ()
