"""The pages of the baseline: my communities, and what one of them attests. Everything works without JavaScript."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.triage.baseline.actions import BaselineDesk, ChangeSent, RegistryConflict
from services.triage.baseline.forms import CHANGES, INPUTS
from services.triage.baseline.page_forms import FIELD, about_of
from services.triage.baseline.scorecards import Scorecards
from services.triage.baseline.views import BaselineView
from services.triage.paths import BASELINE
from services.triage.sent import SentForm, parts_of
from shared.input.texts import lines_of, trim_line
from shared.problems import NotFound, Problem
from shared.sign_in.drafts import FormDrafts
from shared.web.bodies import parse_change
from shared.web.forms import read_form
from shared.web.gate import GIVEN_BACK, Callers, Gate, does, principal_of
from shared.web.idempotency import cause_of, checked_key, version_in
from shared.web.pages import Pages

_DATE = re.compile(r"\d{4}-\d\d-\d\d")

Typed = Mapping[str, Sequence[str]]


def make_baseline_pages(
    desk: BaselineDesk, scorecards: Scorecards, audit_url: str, gate: Gate, pages: Pages, drafts: FormDrafts
) -> APIRouter:
    """The pages below /desk/baseline. `audit_url`: where everybody sees the scorecards.

    `drafts`: what was typed and had to wait.
    """
    router = gate.router(Callers.PEOPLE, include_in_schema=False)
    view = BaselineView(desk, scorecards, audit_url, pages)

    @router.get(BASELINE, **does("baseline.list"))
    async def show_communities(request: Request, cursor: str = "") -> Response:
        return await view.communities(request, cursor)

    @router.get(f"{BASELINE}/{{community}}", **does("baseline.read"))
    async def show_community(request: Request, community: str) -> Response:
        who = principal_of(request)
        known, registry = await desk.find(who, community)
        waiting = await drafts.about(request, who.ref, f"{BASELINE}/{known.id}")
        return await view.community(request, known, registry, drafts=waiting)

    @router.get(f"{BASELINE}/{{community}}/{{change}}", **does("baseline.read"))
    async def show_form(request: Request, community: str, change: str) -> Response:
        known, registry = await desk.find(principal_of(request), community)
        fields = await drafts.find(request) if change in CHANGES else None
        if fields is None:
            return RedirectResponse(f"{BASELINE}/{known.id}", 303)
        form, seen, _ = parts_of(fields)
        stale = None if seen == str(registry.seq) else RegistryConflict(registry)
        return await view.community(request, known, registry, SentForm(change, form, stale))

    @router.post(f"{BASELINE}/{{community}}/{{change}}", **does("baseline.read", GIVEN_BACK))
    async def make_change(request: Request, community: str, change: str) -> Response:
        who, kind = principal_of(request), CHANGES.get(change)
        if kind is None:
            raise NotFound
        form, seen, key = parts_of(await read_form(request))
        version = version_in(seen, "registry")
        cause = cause_of(who, f"baseline/{community}", checked_key(key or None))
        known, registry = await desk.find(who, community)
        try:
            desk.admit(who, community, kind)
            values = await parse_change(
                kind, orjson.dumps(_values_of(change, form)), partial(desk.all_faults, who, community, kind)
            )
            await desk.carry_out(who, community, ChangeSent(values, version, cause))
        except RegistryConflict as problem:
            return await view.community(request, known, problem.registry, SentForm(change, form, problem))
        except Problem as problem:
            if problem.status != 422:
                raise
            return await view.community(request, known, registry, SentForm(change, form, problem))
        await drafts.drop(request)
        done = urlencode({"done": change, "of": about_of(change, form)})
        return RedirectResponse(f"{BASELINE}/{community}?{done}", 303)

    return router


def _values_of(change: str, form: Typed) -> dict[str, object]:
    """The values of a form as the API takes them. The day on which an attestation ends is a whole one, in UTC."""
    found: dict[str, object] = {}
    for taken in INPUTS[change]:
        given = [line for line in map(trim_line, form.get(taken.name, ())) if line]
        if taken.kind == "fields":
            fields = {name.removeprefix(FIELD): values for name, values in form.items() if name.startswith(FIELD)}
            found[taken.name] = {name: _lines(values) for name, values in fields.items() if _lines(values)}
        elif not given:
            continue
        elif taken.kind == "choices":
            found[taken.name] = given
        elif taken.kind == "until" and _DATE.fullmatch(given[-1]):
            found[taken.name] = f"{given[-1]}T23:59:59Z"
        else:
            found[taken.name] = given[-1]
    # The model refuses what the form does not take.
    known = {taken.name for taken in INPUTS[change]}
    return found | {n: values for n, values in form.items() if n not in known and not n.startswith(FIELD)}


def _lines(values: Sequence[str]) -> list[str]:
    return [line for text in values for line in lines_of(text)]
