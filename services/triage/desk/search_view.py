"""The page of the search: a form that is sent as a post, so that no address holds what a person looks for."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response

from services.triage.actions import Desk
from services.triage.case.case import Case
from services.triage.case.facets import OPEN_STATES
from services.triage.desk.names import CaseNames
from services.triage.desk.next_step import next_step_of
from services.triage.desk.queue import Queue, QueueFilter
from services.triage.desk.search import MOST_READ, Search
from services.triage.paths import HOME
from services.triage.rooms import rooms_of
from shared.access.principal import Principal
from shared.input.texts import trim_line
from shared.web.pages import Pages

LONGEST = 200
"""Characters of a text that is looked for."""
FIRST = 5
"""So many cases stand below an empty form."""


class SearchView:
    """The page of the search."""

    def __init__(self, desk: Desk, search: Search, queue: Queue, pages: Pages, names: CaseNames) -> None:
        self._desk = desk
        self._search = search
        self._queue = queue
        self._pages = pages
        self._names = names
        self._policy = desk.policy

    async def show(
        self, request: Request, principal: Principal, form: Mapping[str, Sequence[str]] | None = None
    ) -> Response:
        """The form, and what was found for what it said."""
        text = trim_line(form.get("text", [""])[-1])[:LONGEST] if form else ""
        words = bool(form and "words" in form)
        person = bool(form and "person" in form)
        categories = self._names.options(request, "category", tuple(self._policy.categories))
        found = await self._search.find(principal, text, categories, words=words, person=person)
        first = [] if form else (await self._queue.page(principal, QueueFilter(states=OPEN_STATES, limit=FIRST)))[0]
        row = partial(self._row, request, principal)
        links = [({"community": one}, self._names.community(one)) for one in found.communities]
        links += [({"category": one}, self._names.code(request, "category", one)) for one in found.categories]
        context = {
            "text": text,
            "words": words,
            "most": MOST_READ,
            "asked": form is not None,
            "first": [await row(case) for case in first],
            "by_name": [await row(case) for case in found.named],
            "by_person": [await row(case) for case in found.reporting],
            "by_words": [{**await row(case), "why": f"desk-found-{why}"} for case, why in found.worded],
            "places": [(f"{HOME}?{urlencode(query)}", name) for query, name in links],
            "left": found.left,
            "read": found.read,
            "unread": found.unread,
            "rooms": rooms_of(principal, self._desk.clock()),
        }
        return self._pages.render(request, "search.html", context)

    async def _row(self, request: Request, reader: Principal, case: Case) -> dict[str, Any]:
        tally = await self._desk.tally(case)
        return {
            "code_name": case.code_name,
            "href": f"{HOME}/cases/{case.code_name}",
            "next": next_step_of(self._names, request, reader, case, self._desk.clock(), tally)["text"],
            "category": case.category,
            "why": None,
            "community": self._names.community(case.community),
        }
