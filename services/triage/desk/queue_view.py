"""The page of the queue: tabs, filters with counts, and what must happen next with each case."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, get_args
from urllib.parse import urlencode

from fastapi import Request, Response

from services.triage.actions import Desk
from services.triage.case.case import Case
from services.triage.case.commands.sorting import nobody_named
from services.triage.case.facets import OPEN_STATES
from services.triage.case.voting import Tally
from services.triage.desk.bulk import MOST, Bulk, SentBulk
from services.triage.desk.choices import communities_for
from services.triage.desk.faults import FIELD_MESSAGES
from services.triage.desk.names import CaseNames, done_in
from services.triage.desk.next_step import next_step_of
from services.triage.desk.queue import MOST_COUNTED, TABS, Count, Counts, Queue, QueueFilter
from services.triage.desk.saved_views import LONGEST, SavedViews, Views
from services.triage.paths import HOME
from services.triage.rooms import rooms_of
from shared.access.authorization import is_permitted, reaches
from shared.access.principal import Principal
from shared.events import CaseState
from shared.ids import PERSON
from shared.policy import Policy
from shared.policy.model import Lane
from shared.problems import FieldsWrong
from shared.times import rfc3339
from shared.web.pages import Pages

CASES_A_PAGE = 25
FILTERS = (
    CaseState.TRIAGED,
    CaseState.ASSIGNED,
    CaseState.INVESTIGATING,
    CaseState.AWAITING_INFORMATION,
    CaseState.REFERRED,
    CaseState.DECIDED,
    CaseState.FOLLOWING_UP,
    CaseState.CLOSED,
    CaseState.APPEALED,
    CaseState.REOPENED,
)
CHOSEN = ("tab", "state", "body", "community", "category", "lane", "assignee")
"""What an address says of the queue, beside the place in it."""


FURTHER = {"count": "further"}
"""How an address asks to count more cases than a page does by itself."""


def counts_further(given: Mapping[str, str]) -> bool:
    """Whether an address asks to count more cases than a page does by itself."""
    return FURTHER.items() <= given.items()


def filter_of(given: Mapping[str, str], own: Sequence[str], policy: Policy) -> QueueFilter:
    """The filter that an address or a saved view says; what does not exist is left out.

    `own`: the handling bodies of the reader.
    """

    def known(name: str, values: Sequence[Any] | Mapping[str, Any]) -> str:
        return given.get(name, "") if given.get(name) in values else ""

    state, body, assignee = known("state", FILTERS), known("body", own), given.get("assignee", "")
    return QueueFilter(
        tab=next((tab for tab in TABS if tab == given.get("tab")), "all"),
        bodies=(body,) if body else (),
        states=(CaseState(state),) if state else (),
        community=known("community", policy.communities),
        category=known("category", policy.categories),
        lane=known("lane", get_args(Lane)),
        assignee=assignee if PERSON.fullmatch(assignee) else "",
    )


def address_of(wanted: QueueFilter, **more: str) -> dict[str, str]:
    """The filter as an address says it; `more` goes before it."""
    said = {
        "tab": wanted.tab if wanted.tab != "all" else "",
        "state": "".join(wanted.states),
        "body": "".join(wanted.bodies),
        "community": wanted.community,
        "category": wanted.category,
        "lane": wanted.lane,
        "assignee": wanted.assignee,
        **more,
    }
    return {name: value for name, value in said.items() if value}


def left_out(chosen: Mapping[str, str], wanted: QueueFilter) -> list[str]:
    """The names in an address of what its filter leaves out, because it does not exist or is not the reader's."""
    said = address_of(wanted)
    return [name for name, value in chosen.items() if said.get(name) != value]


def count_told(names: CaseNames, request: Request, count: Count) -> str:
    """How many cases there are, or that there are more, as a tab says it."""
    return names.said(request, "desk-count-more" if count.more else "desk-count", count.number)


@dataclass(frozen=True, slots=True)
class SentView:
    """A name of a view that was sent and cannot be, and why."""

    name: str
    problem: FieldsWrong


class QueueView:
    """The page of the queue."""

    def __init__(self, desk: Desk, queue: Queue, views: SavedViews, bulk: Bulk, pages: Pages, names: CaseNames) -> None:
        self._desk = desk
        self._queue = queue
        self._views = views
        self._bulk = bulk
        self._pages = pages
        self._names = names
        self._policy = desk.policy

    async def show(
        self,
        request: Request,
        principal: Principal,
        given: Mapping[str, str],
        sent: SentView | None = None,
        bulk: SentBulk | None = None,
    ) -> Response:
        """The queue, filtered; a filter that does not exist is left out. Without a state only open cases are shown.

        `sent`: a view that could not be saved. `bulk`: a form for several cases that cannot be carried out.
        """
        at, own = self._desk.clock(), self._queue.bodies(principal)
        wanted = filter_of(given, own, self._policy)
        cursor = given.get("cursor") or None
        cases, after = await self._queue.page(principal, listed(wanted, cursor))
        cases = [*(await self._bulk.ticked(principal, bulk, cases) if bulk else ()), *cases]
        asks, here = counts_further(given), address_of(wanted, cursor=cursor or "")
        counts = await self._queue.counts(principal, wanted, MOST_COUNTED if asks else None)
        left = counts.more or any(count.more for count in counts.tabs.values())
        context = {
            "cases": [self.row(request, principal, case, own, at, await self._desk.tally(case)) for case in cases],
            "grouped": await self._desk.grouped(principal, cases),
            "state_name": partial(self._names.state, request),
            "tabs": self._tabs(request, wanted, counts),
            "tab": wanted.tab,
            **self._saved(request, await self._views.of(principal.ref), given, own, counts),
            "sent": sent,
            "sent_errors": [
                self._names.said(request, FIELD_MESSAGES.get(one.code, "field-required"), LONGEST)
                for one in sent.problem.errors
            ]
            if sent
            else [],
            "filters": self._filters(request, principal, wanted, counts, own),
            "assignee": wanted.assignee,
            "filtered": bool(address_of(wanted) or cursor),
            "bulk": await self._bulk.form(request, principal, bulk) if self._acts(cases, own, principal, at) else None,
            "back": urlencode(address_of(wanted)),
            "back_here": urlencode(address_of(wanted, cursor=cursor or "")),
            "live": f"{HOME}/live?{urlencode({**here, 'since': rfc3339(at), **(FURTHER if asks else {})})}",
            "again": f"{HOME}?{urlencode({**here, **(FURTHER if asks else {})})}",
            "further": f"{HOME}?{urlencode({**here, **FURTHER})}" if left and not asks else None,
            "most_counted": MOST_COUNTED,
            "done": done_in(request),
            "first": f"{HOME}?{urlencode(address_of(wanted))}" if cursor else None,
            "next": f"{HOME}?{urlencode(address_of(wanted, cursor=after))}" if after else None,
            "principal": principal,
            "read": self._names.languages(principal.languages),
            "rooms": rooms_of(principal, at),
        }
        return self._pages.render(request, "queue.html", context, 422 if sent or bulk else 200)

    def row(
        self,
        request: Request,
        reader: Principal,
        case: Case,
        own: Sequence[str],
        at: datetime,
        tally: Tally | None,
    ) -> dict[str, Any]:
        """`asked`: the reader's body is asked to take the case over (`referral`) or to join it (`invitation`)."""
        asked = case.asked if set(case.bodies).isdisjoint(own) else None
        community, body = self._names.community(case.community), self._names.body(request, case.body)
        # A handling body of the community alone is named with it.
        places = [body] if community in body else [community, body]
        return {
            "case": case,
            "href": f"{HOME}/cases/{case.code_name}",
            "next": next_step_of(self._names, request, reader, case, at, tally, asked=asked is not None),
            "places": places if len(own) > 1 or case.body not in own else [community],
            "late": case.is_overdue(at),
            "nobody_named": nobody_named(case, self._policy),
            "asked": ("invitation" if asked.joint else "referral") if asked else None,
        }

    @staticmethod
    def _acts(cases: Sequence[Case], own: Sequence[str], principal: Principal, at: datetime) -> bool:
        """Whether the reader may do something to several of these cases."""
        return any(case.body in own for case in cases) and is_permitted(principal, "case.assign", None, at)

    def _tabs(self, request: Request, wanted: QueueFilter, counts: Counts) -> list[tuple[str, str, str, bool, str]]:
        """Of each tab: its address, its name, how many cases are behind it, whether it is shown now, and its code."""
        said = self._names.said
        return [
            (
                f"{HOME}?{urlencode({'tab': tab})}" if tab != "all" else HOME,
                said(request, f"desk-tab-{tab}"),
                count_told(self._names, request, count),
                tab == wanted.tab,
                tab,
            )
            for tab, count in counts.tabs.items()
        ]

    def _saved(
        self, request: Request, views: Views, given: Mapping[str, str], own: Sequence[str], counts: Counts
    ) -> dict[str, Any]:
        """The saved views, each with its count if it is known; which one is shown, and what it leaves out."""
        here = {name: given[name] for name in CHOSEN if given.get(name)}
        shown = [view for view in views if view.chosen == here]
        lost = left_out(here, filter_of(here, own, self._policy)) if shown else []
        made = []
        for view in views:
            count = counts.of(filter_of(view.chosen, own, self._policy))
            number = count_told(self._names, request, count) if count else ""
            made.append((f"{HOME}?{urlencode(view.chosen)}", view.name, number, view in shown))
        left = [self._names.said(request, f"desk-filter-{name}") for name in lost]
        return {"views": made, "shown_views": shown, "view_left_out": left, "savable": bool(here)}

    def _filters(
        self, request: Request, principal: Principal, wanted: QueueFilter, counts: Counts, own: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Each filter with its choices: what the policy has for the reader's bodies, whether there are cases or not."""
        names, lanes = self._names, get_args(Lane)
        places = communities_for(self._policy, reaches(principal, "case.list", self._desk.clock()))
        choices: list[tuple[str, str, Sequence[str], Callable[[str], str]]] = [
            ("state", "states", FILTERS if wanted.tab == "all" else (), lambda c: names.state(request, CaseState(c))),
            ("body", "bodies", own if len(own) > 1 else (), partial(names.body, request)),
            (
                "community",
                "community",
                places,
                names.community,
            ),
            ("category", "category", tuple(self._policy.categories), partial(names.code, request, "category")),
            ("lane", "lane", lanes, partial(names.code, request, "lane")),
        ]
        made: list[dict[str, Any]] = []
        for name, field, always, name_of in choices:
            numbers = counts.choices[field]
            chosen = address_of(wanted).get(name, "")
            codes = [*always, *sorted(code for code in {*numbers, chosen} - {*always, ""} if name != "body")]
            options = [
                (code, self._counted(request, name_of(code), numbers.get(code, 0), counts.more)) for code in codes
            ]
            if len(codes) > 1 or chosen:
                made.append({"name": name, "options": options, "value": chosen})
        return made

    def _counted(self, request: Request, name: str, number: int, more: bool) -> str:
        key = "desk-choice-more" if more else "desk-choice"
        return self._names.said(request, key, name, number) if number else name


def listed(wanted: QueueFilter, cursor: str | None) -> QueueFilter:
    """What a page lists of a filter, behind a cursor. Without a state these are open cases."""
    # What is handed over is seen, and ticked, as a whole.
    limit = MOST if wanted.assignee else CASES_A_PAGE
    return replace(wanted, states=wanted.states or OPEN_STATES, cursor=cursor, limit=limit)
