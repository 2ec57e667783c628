"""Every route of a service, as a request about the report of one_report.py, and one about what is not there.

A route is found in the running application, so a new one is walked without anybody remembering it; only a name in its
path that has never stood in one before must be told here how to be filled.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

from services.triage.baseline.forms import CHANGES as BASELINE_CHANGES
from services.triage.case.forms import FORMS
from services.triage.roster.changes import CHANGES
from shared.ids import derive
from shared.web.gate import GatedRoute
from shared.web.pages import load_assets
from tests.support.baseline_world import CATALOGUE
from tests.support.one_report import BODY, COLLEAGUE, COMMUNITY, OneReport

_NAME = re.compile(r"\{(\w+)(?::\w+)?\}")
REQUEST = "0b8a2f5e-3c1d-4e6f-8a9b-1c2d3e4f5a6b"
STALE = "999999"
"""A version that no case has: a command that is permitted is answered with what has changed, and changes nothing."""


@dataclass(frozen=True)
class Thing:
    """What a request is about: the report and its case, or ids of the same length that nothing has."""

    case_id: str
    code_name: str
    report_id: str
    event_id: str
    is_there: bool
    measure_id: str = "a-measure"

    def unnamed(self, text: bytes) -> bytes:
        """A text without these ids, because an answer may repeat what was asked for."""
        for number, name in enumerate((self.case_id, self.code_name, self.report_id, self.event_id, self.measure_id)):
            text = text.replace(name.encode(), b"<%d>" % number)
        return text

    def missing(self) -> "Thing":
        """Nothing, by names as long as these."""
        ids = [derive("no", name) for name in (self.case_id, self.report_id, self.event_id, self.measure_id)]
        return Thing(ids[0], self.code_name[::-1], ids[1], ids[2], False, ids[3])


@dataclass(frozen=True)
class Ask:
    """One request. `actions`: what it takes, the declared one first; `about`: of which thing, if of any."""

    method: str
    path: str
    actions: tuple[str, ...]
    about: Thing | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A request about what is there, and the same about what is not (None where it is about nothing in particular)."""

    ask: Ask
    missing: Ask | None


def thing_of(report: OneReport) -> Thing:
    """The report, its case and its measure."""
    case, (measure,) = report.case, report.case.measures
    return Thing(case.id, case.code_name, case.report_id, report.events[1].id, True, measure.id)


def routes_of(app: FastAPI) -> list[GatedRoute]:
    """The routes of an application; the framework adds none."""
    found = [route for route in app.routes if isinstance(route, GatedRoute)]
    assert found == app.routes
    return found


def named_routes(app: FastAPI) -> set[tuple[str, str, str]]:
    """Method, path and declared action of each route."""
    return {(method, route.path, route.action) for route in routes_of(app) for method in route.methods or ()}


def steps_of(app: FastAPI, there: Thing, nowhere: Thing) -> Iterator[Step]:
    """Every route in every way in which it is filled."""
    for route in routes_of(app):
        for method in sorted(route.methods or ()):
            asks = [_asks(method, route, thing) for thing in (there, nowhere)]
            for ask, other in zip(*asks, strict=True):
                yield Step(ask, other if ask.about else None)


def _asks(method: str, route: GatedRoute, thing: Thing) -> list[Ask]:
    names = _NAME.findall(route.path)
    unknown = [name for name in names if name not in FILL]
    assert not unknown, f"{method} {route.path}: say how to fill {{{unknown[0]}}} in tests/support/route_walk.py"
    asks = []
    fill = {**FILL, **FILL_THERE.get(route.path, {})}
    for values in itertools.product(*(fill[name](thing) for name in names)):
        filled = dict(zip(names, values, strict=True))
        path = route.path
        for found in _NAME.finditer(route.path):
            path = path.replace(found[0], filled[found[1]])
        tell = MORE.get((method, route.path))
        more = tell(thing, filled) if tell else {}
        query = more.pop("query", "")
        is_about = bool(IDS.intersection(names)) or bool(more.pop("about", False))
        actions = (route.action, *_further(method, route, filled))
        headers = {"If-Match": f'"{STALE}"'} if method != "GET" else {}
        asks.append(Ask(method, path + query, actions, thing if is_about else None, headers, more))
    return asks


def _further(method: str, route: GatedRoute, filled: Mapping[str, str]) -> Sequence[str]:
    """What an action is asked for beyond the declared one, once it is known what the request is about."""
    if method == "GET" and ("command" in filled or "change" in filled):
        # The page with the form, which changes nothing.
        return ()
    if "command" in filled:
        return (f"case.{filled['command']}",)
    if route.path in BASELINE_CHANGE:
        return (f"baseline.{filled['change']}",)
    if "change" in filled:
        own = {"leave": "roster.leave", "languages": "roster.languages"}
        return (own.get(filled["change"], "roster.change"),)
    if "topic" in filled and filled.get("path", "").startswith("entries"):
        return ("record.entries",)
    return ()


IDS = frozenset({"case_id", "code_name", "report_id", "event_id", "measure_id", "path"})
"""Names in paths that say which thing a request is about."""

CHANGED: Mapping[str, Mapping[str, object]] = {
    **{name: {} for name in CHANGES},
    "enrol": {"bodies": [BODY], "communities": [COMMUNITY], "modules": ["A"]},
    "grant": {"role": "responder", "bodies": [BODY], "communities": [COMMUNITY]},
    "revoke": {"role": "responder"},
    "training": {"module": "A"},
    "names": {"names": ["Somebody"]},
    "name_away": {"name_id": "earlier"},
}
"""Every change of somebody's entry on the roster, with what it needs."""

Fill = Callable[[Thing], Sequence[str]]
FILL: Mapping[str, Fill] = {
    "case_id": lambda thing: [thing.case_id],
    "code_name": lambda thing: [thing.code_name],
    "report_id": lambda thing: [thing.report_id],
    "event_id": lambda thing: [thing.event_id, f"{thing.event_id}.tlog-proof"],
    "measure_id": lambda thing: [thing.measure_id],
    "command": lambda thing: list(FORMS),
    "statement_id": lambda thing: ["a-statement"],
    "token": lambda thing: ["7" * 32],
    "topic": lambda thing: ["cases"],
    "partition": lambda thing: ["0"],
    "path": lambda thing: ["0/000.p/2", "entries/000.p/2"] if thing.is_there else ["0/009.p/2", "entries/009.p/2"],
    "person": lambda thing: [COLLEAGUE.ref],
    "change": lambda thing: list(CHANGED),
    "community": lambda thing: [COMMUNITY],
    "old": lambda thing: [CATALOGUE.dated],
    "new": lambda thing: [CATALOGUE.dated],
    "digest": lambda thing: [load_assets()["hearth.css"].digest],
    "name": lambda thing: ["hearth.css"],
    "file": lambda thing: ["1.0.json"],
    "source": lambda thing: ["wiki"],
    "id": lambda thing: ["an-id"],
    "view_id": lambda thing: ["a-view"],
}
"""How to fill the names in paths."""

BASELINE_CHANGE = ("/v1/baseline/{community}/{change}", "/desk/baseline/{community}/{change}")
FILL_THERE: Mapping[str, Mapping[str, Fill]] = {
    **{path: {"change": lambda thing: list(BASELINE_CHANGES)} for path in BASELINE_CHANGE},
    "/schemas/{name}/{file}": {"name": lambda thing: ["access.refused"]},
}
"""How to fill a name that means something else in this path."""

More = Callable[[Thing, Mapping[str, str]], dict[str, Any]]
MORE: Mapping[tuple[str, str], More] = {
    ("GET", "/v1/record/consistency"): lambda thing, filled: {"query": "?log=cases/0&from=1&to=2"},
    ("GET", "/audit"): lambda thing, filled: {"query": f"?q={thing.case_id}", "about": True},
    ("GET", "/v1/cases"): lambda thing, filled: {"query": f"?body={BODY}&limit=1"},
    ("POST", "/desk/bulk"): lambda thing, filled: {
        "data": {"case": f"{thing.case_id}:{STALE}", "command": "assign", "assignee": COLLEAGUE.ref}, "about": True
    },
    ("POST", "/desk/cases/{code_name}/checks"): lambda thing, filled: {"data": {"tick": "a-check"}},
    ("POST", "/desk/drafts"): lambda thing, filled: {
        "data": {"draft_of": f"/desk/cases/{thing.code_name}/ask", "discard": "1"}
    },
    ("POST", "/desk/views"): lambda thing, filled: {"data": {"name": "Late", "back": "tab=overdue"}},
    ("PUT", "/v1/views/{view_id}"): lambda thing, filled: {"json": {"name": "Late", "filter": {"tab": "overdue"}}},
    ("POST", "/desk/search"): lambda thing, filled: {"data": {"text": thing.code_name.partition("-")[0]}},
    ("POST", "/v1/reports"): lambda thing, filled: {"json": {"community": COMMUNITY, "narrative": "words"}},
    ("POST", "/v1/vault/read"): lambda thing, filled: {
        "json": {"purpose": "review", "reads": [{"report_id": thing.report_id, "sections": ["content"]}]},
        "about": True,
    },
    ("PUT", "/v1/vault/reports/{report_id}/statements/{statement_id}"): lambda thing, filled: {
        "json": {"kind": "question", "text": "When?"}
    },
    ("PUT", "/v1/vault/reports/{report_id}/named/{token}"): lambda thing, filled: {"json": {"person": COLLEAGUE.ref}},
    ("POST", "/v1/vault/sought-names"): lambda thing, filled: {"json": {"name": "Somebody"}},
    ("POST", "/v1/vault/hints"): lambda thing, filled: {
        "json": {"community": COMMUNITY, "flag": "systemic_failure", "key": "a-rule", "words": "words"}
    },
    ("POST", "/v1/vault/measures"): lambda thing, filled: {
        "json": {"measures": [{"community": COMMUNITY, "key": "row-1", "name": "Somebody", "words": "words"}]}
    },
    ("POST", "/v1/roster/{person}/{change}"): lambda thing, filled: {"json": CHANGED[filled["change"]]},
    ("POST", "/desk/roster/{person}/{change}"): lambda thing, filled: {"data": CHANGED[filled["change"]]},
    ("POST", "/v1/erasures"): lambda thing, filled: {
        "json": {"reason": "test", "case_ids": [thing.case_id], "dry_run": True, "request_id": REQUEST}, "about": True
    },
}  # fmt: skip
"""What some routes are sent beside that; the others get nothing, and may answer 422 to whom they let in."""
