"""How many cases each person has: for coordinators, who hand cases over before a person leaves or goes on leave."""

from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response

from services.triage.actions import Desk
from services.triage.desk.names import CaseNames
from services.triage.desk.picker import next_leave
from services.triage.desk.queue import Load, Queue
from services.triage.paths import HOME
from services.triage.rooms import rooms_of
from shared.access.principal import Principal, serves
from shared.i18n.messages import write_day
from shared.web.pages import Pages


class LoadView:
    """The page of who has what."""

    def __init__(self, desk: Desk, queue: Queue, pages: Pages, names: CaseNames) -> None:
        self._desk = desk
        self._queue = queue
        self._pages = pages
        self._names = names

    async def show(self, request: Request, principal: Principal) -> Response:
        """The people of the reader's handling bodies, who has the most open cases first."""
        at, own = self._desk.clock(), self._queue.bodies(principal)
        people = await self._desk.staff_of(own)
        loads = await self._queue.loads(principal, [person.ref for person in people])
        rows = [self._row(request, person, loads[person.ref], own, at) for person in people]
        shown = [row for row in rows if row["serves"] or row["open"].number]
        context = {
            "rows": sorted(shown, key=lambda row: (-row["open"].number, row["name"])),
            "principal": principal,
            "rooms": rooms_of(principal, at),
        }
        return self._pages.render(request, "load.html", context)

    def _row(
        self, request: Request, person: Principal, load: Load, own: tuple[str, ...], at: datetime
    ) -> dict[str, Any]:
        serving = [body for body in own if serves(person, body, at)]
        return {
            "name": self._names.name(person.ref),
            "person": person.ref,
            "open": load.open,
            "overdue": load.overdue,
            "bodies": [self._names.body(request, body) for body in serving],
            "serves": bool(serving),
            "away": self._away(request, person, at),
            "href": f"{HOME}?{urlencode({'assignee': person.ref})}",
        }

    def _away(self, request: Request, person: Principal, at: datetime) -> str | None:
        leave = next_leave(person, at)
        if leave is None:
            return None
        day = partial(write_day, self._names.language(request))
        if leave.begins_at > at:
            return self._names.said(request, "desk-load-away-from", day(leave.begins_at))
        if leave.ends_at is None:
            return self._names.said(request, "desk-load-away")
        return self._names.said(request, "desk-load-away-until", day(leave.ends_at))
