"""The pages of the roster: who may do what, and the entry of one person. Everything works without JavaScript."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.triage.desk.names import only_communities
from services.triage.paths import BASELINE, HOME, MEASURES, ROSTER
from services.triage.rooms import rooms_of
from services.triage.roster.changes import CHANGES, TakeName, ends_of, running
from services.triage.roster.checklist import NEEDS, SOON, WHEN, RosterFilter, is_away, lacks_of, roster_filter
from services.triage.roster.desk import RosterDesk, has_role
from services.triage.roster.entry import EntryConflict, StoredEntry
from services.triage.roster.inputs import INPUTS
from services.triage.roster.names import NameHeld, is_confirmed, look_at
from services.triage.roster.routes import people_of, reference_of
from services.triage.sent import SentForm, parts_of, waits_in
from shared.access.authorization import fresh_until
from shared.access.principal import MODULES
from shared.events import GrantHeld
from shared.i18n.wording import language_name
from shared.ids import PERSON, new_id
from shared.input.texts import lines_of, trim_line
from shared.people_names import PeopleNames
from shared.problems import NotFound, Problem
from shared.sign_in.drafts import Draft, FormDrafts
from shared.sign_in.flow import SignInFlow
from shared.web.bodies import parse_change
from shared.web.forms import read_form
from shared.web.gate import GIVEN_BACK, Callers, Gate, does, principal_of
from shared.web.idempotency import cause_of, checked_key, version_in
from shared.web.pages import Pages

ENTRIES_A_PAGE = 50
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_FAULTS = {
    "missing": "field-required",
    "unknown_body": "field-unknown-choice",
    "unknown_community": "roster-unknown-community",
    "not_of_this_role": "roster-not-of-this-role",
    "not_held": "roster-not-held",
    "needs_names": "roster-needs-names",
    "needs_sign_in": "roster-needs-sign-in",
    "not_apart": "roster-not-apart",
    "no_language": "roster-no-language",
    "past_date": "roster-past-date",
    "future_date": "field-future-date",
    "range_reversed": "roster-range-reversed",
    "literal_error": "field-unknown-choice",
    "string_too_long": "field-unknown-choice",
    "too_long": "field-unknown-choice",
}
"""The messages of faults. Every other fault of a form is a date that cannot be read."""

Typed = Mapping[str, Sequence[str]]


def make_roster_pages(desk: RosterDesk, gate: Gate, pages: Pages, drafts: FormDrafts, people: PeopleNames) -> APIRouter:
    """The pages below /desk/roster. `drafts`: what was typed and had to wait."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)
    view = _View(desk, pages)

    @router.get(ROSTER, **does("roster.read"))
    async def show_people(request: Request, cursor: str = "", person: str = "") -> Response:
        sought = trim_line(person).lower()
        found = sought if sought.startswith("person:") else f"person:{sought}"
        if named := found if PERSON.fullmatch(found) else people.meant(sought):
            return RedirectResponse(f"{ROSTER}/{named}", 303)
        wanted = roster_filter(request.query_params, desk.policy.bodies)
        return await view.people(request, cursor or None, person, wanted)

    @router.get(f"{ROSTER}/{{person}}", **does("roster.read"))
    async def show_person(request: Request, person: str) -> Response:
        who, ref = principal_of(request), reference_of(person)
        waiting = await drafts.about(request, who.ref, f"{ROSTER}/{ref}")
        return await view.person(request, await desk.find(who, ref), drafts=waiting)

    @router.post(f"{ROSTER}/{{person}}/sessions", **does("session.end"))
    async def end_session(request: Request, person: str) -> Response:
        form, ref = await read_form(request), reference_of(person)
        await desk.end_session(principal_of(request), ref, form.get("end", [""])[-1])
        return RedirectResponse(f"{ROSTER}/{ref}?done=session", 303)

    @router.get(f"{ROSTER}/{{person}}/{{change}}", **does("roster.read"))
    async def show_form(request: Request, person: str, change: str) -> Response:
        ref = reference_of(person)
        fields = await drafts.find(request) if change in CHANGES else None
        if fields is None:
            return RedirectResponse(f"{ROSTER}/{ref}", 303)
        kept = await desk.find(principal_of(request), ref)
        form, seen, _ = parts_of(fields)
        stale = None if seen == str(kept.version) else EntryConflict(kept)
        return await view.person(request, kept, SentForm(change, form, stale))

    @router.post(f"{ROSTER}/{{person}}/{{change}}", **does("roster.read", GIVEN_BACK))
    async def make_change(request: Request, person: str, change: str) -> Response:
        who, ref, kind = principal_of(request), reference_of(person), CHANGES.get(change)
        if kind is None:
            raise NotFound
        form, seen, key = parts_of(await read_form(request))
        version = version_in(seen, "entry")
        cause = cause_of(who, ref, checked_key(key or None))
        try:
            values = await parse_change(
                kind, orjson.dumps(_values_of(change, form)), partial(desk.all_faults, who, ref, kind)
            )
            await desk.carry_out(who, ref, values, version, cause)
        except EntryConflict as problem:
            return await view.person(request, problem.kept, SentForm(change, form, problem))
        except Problem as problem:
            if problem.status != 422:
                raise
            return await view.person(request, await desk.find(who, ref), SentForm(change, form, problem))
        await drafts.drop(request)
        return RedirectResponse(f"{ROSTER}/{ref}?{urlencode({'done': change})}", 303)

    return router


async def make_error_page(
    flow: SignInFlow, clock: Callable[[], datetime], request: Request, problem: Problem
) -> Response:
    """The page of a problem. A reader who may see no cases is led from home to another room."""
    if problem.status != 403:
        return await flow.error_page(request, problem)
    rooms = rooms_of(principal_of(request), clock())
    named = (
        ("measures", MEASURES, "measures-title"),
        ("roster", ROSTER, "roster-title"),
        ("baseline", BASELINE, "desk-baseline-nav"),
    )
    places = [(place, flow.pages.message(request, title), False) for room, place, title in named if rooms[room]]
    if places and request.url.path == HOME and request.method == "GET":
        return RedirectResponse(places[0][0], 303, {"Cache-Control": "no-store"})
    return await flow.error_page(request, problem, places)


def _values_of(change: str, form: Typed) -> dict[str, object]:
    """The values of a form as the API takes them; a date is a whole day, in UTC."""
    found: dict[str, object] = {}
    for taken in INPUTS[change]:
        given = [line for line in map(trim_line, form.get(taken.name, ())) if line]
        if not given:
            continue
        match taken.kind:
            case "choices":
                found[taken.name] = given
            case "codes" | "tags":
                found[taken.name] = [code for code in re.split(r"[\s,;]+", given[-1]) if code]
            case "lines":
                found[taken.name] = lines_of(given[-1])
            case "from" | "until":
                end = "00:00:00" if taken.kind == "from" else "23:59:59"
                found[taken.name] = f"{given[-1]}T{end}Z" if _DATE.fullmatch(given[-1]) else given[-1]
            case "yes":
                found[taken.name] = True
            case "choice":
                found[taken.name] = given[-1]
    # The model refuses what the form does not take.
    return found | {name: values for name, values in form.items() if name not in {i.name for i in INPUTS[change]}}


class _View:
    """Turns entries into pages."""

    def __init__(self, desk: RosterDesk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages
        self._community_of = only_communities(desk.policy)

    async def people(self, request: Request, cursor: str | None, sought: str, wanted: RosterFilter) -> Response:
        """The list; `sought` is what was typed into the search and means nobody."""
        entries, after = await people_of(self._desk, request, cursor, ENTRIES_A_PAGE, wanted)
        kept = {name: value for name, value in asdict(wanted).items() if value}
        at = self._desk.clock()
        context = {
            "rows": [self._row(request, kept, at) for kept in entries],
            "sought": sought,
            "filters": self._filters(request, {*await self._desk.languages(), wanted.language} - {""}),
            "chosen": asdict(wanted),
            "first": f"{ROSTER}?{urlencode(kept)}" if cursor else None,
            "next": f"{ROSTER}?{urlencode({**kept, 'cursor': after})}" if after else None,
            "alarms": [self._row(request, kept, at) for kept in await self._desk.alarming(principal_of(request))],
            "rooms": rooms_of(principal_of(request), at),
        }
        return self._pages.render(request, "roster.html", context, 422 if sought else 200)

    async def person(
        self,
        request: Request,
        kept: StoredEntry,
        sent: SentForm[Sequence[str]] | None = None,
        drafts: Sequence[Draft] = (),
    ) -> Response:
        """The entry, exactly the changes permitted now, and the person's sessions here. `drafts`: what waits there."""
        who, at = principal_of(request), self._desk.clock()
        offers = await self._desk.offers(who, kept)
        problem, done = sent.problem if sent else None, request.query_params.get("done")
        sees = self._desk.sees_sessions(who, kept)
        address = f"{ROSTER}/{kept.entry.person}"
        context = {
            "address": address,
            "kept": kept,
            "entry": kept.entry,
            "mine": kept.entry.person == who.ref,
            "row": self._row(request, kept, at),
            "lacks": self._lacks(request, kept, at),
            "grants": [self._grant(request, grant, at) for grant in kept.entry.grants],
            "trainings": [
                (t, self._place(request, "module", t.module), t.expires_at is not None and t.expires_at <= at)
                for t in kept.entry.trainings
            ],
            "read": ", ".join(language_name(one) for one in kept.entry.languages),
            "leaves": [leave for leave in kept.entry.leaves if leave.ends_at is None or leave.ends_at > at],
            "forms": [
                {
                    "name": offer.change.name,
                    "inputs": INPUTS[offer.change.name],
                    "options": {n: self._options(request, n, given) for n, given in offer.options.items()},
                }
                for offer in offers
                if offer.change is not TakeName
            ],
            "names": [self._name(name, who.ref, at) for name in kept.names],
            "takes_names": any(offer.change is TakeName for offer in offers),
            "sessions": await self._desk.sessions_of(who, kept) if sees else None,
            "own_sessions": f"{HOME}/sessions",
            "key": new_id(),
            "fresh_until": fresh_until(who, at),
            "again": f"{HOME}/sign-in?{urlencode({'fresh': 1, 'next': address})}",
            "sent": sent,
            "problem": problem,
            "errors": self._errors(request, problem),
            "drafts": [waits_in(one) for one in drafts],
            "done": done if done in (*CHANGES, "session") and sent is None else None,
            "rooms": rooms_of(who, at),
        }
        return self._pages.render(request, "roster_person.html", context, problem.status if problem else 200)

    def _filters(self, request: Request, languages: Collection[str]) -> list[tuple[str, list[tuple[str, str]]]]:
        def said(codes: Sequence[str]) -> list[tuple[str, str]]:
            return [(code, self._pages.message(request, f"roster-filter-{code}")) for code in codes]

        bodies = self._options(request, "bodies", tuple(self._desk.policy.bodies))
        read = [(one, language_name(one)) for one in sorted(languages)]
        lacks = said([need for need in NEEDS if need != "role"])
        return [("body", bodies), ("lacks", lacks), ("when", said(WHEN)), *([("language", read)] if read else [])]

    def _lacks(self, request: Request, kept: StoredEntry, at: datetime) -> list[str]:
        return [
            self._pages.message(
                request,
                f"roster-lacks-{'modules' if lack.modules else lack.need}",
                self._place(request, "body", lack.body),
                ", ".join(self._place(request, "module", module) for module in lack.modules),
            )
            for lack in lacks_of(kept.entry, self._desk.policy, at)
        ]

    def _row(self, request: Request, kept: StoredEntry, at: datetime) -> dict[str, Any]:
        entry = kept.entry
        end = next(iter(ends_of(entry, at)), None)
        counting = [t.module for t in entry.trainings if t.expires_at is None or t.expires_at > at]
        agreed = entry.confidential_until is not None and entry.confidential_until > at
        return {
            "person": entry.person,
            "href": f"{ROSTER}/{entry.person}",
            "grants": [self._grant(request, grant, at) for grant in entry.grants],
            "has_roles": bool(running(entry.grants, at)),
            "confidential_until": entry.confidential_until,
            "agreed": agreed,
            "modules": [self._place(request, "module", module) for module in sorted(counting)],
            "named": entry.named,
            "confirmed": is_confirmed(kept.names),
            "look_at": look_at(kept.names, at, has_role=has_role(kept, at)),
            "end": end,
            "soon": end is not None and end - at <= SOON,
            "away": is_away(entry, at),
        }

    @staticmethod
    def _name(name: NameHeld, reader: str, at: datetime) -> dict[str, Any]:
        # Never the keys: a reader could look for them in reports.
        unwanted = name.is_asked(at)
        return {
            "id": name.id,
            "source": name.source.value,
            "noted_at": name.noted_at,
            "waits": name.holds_from is None,
            "unwanted": unwanted,
            "own_wish": unwanted and name.asked_by == reader,
        }

    def _grant(self, request: Request, grant: GrantHeld, at: datetime) -> dict[str, Any]:
        places = [self._place(request, "bodies", body) for body in grant.bodies]
        places += [self._place(request, "communities", community) for community in grant.communities]
        return {
            "role": self._place(request, "role", grant.role),
            "places": places + [self._place(request, "scopes", scope) for scope in grant.scopes],
            "expires_at": grant.expires_at,
            "ended": grant.expires_at is not None and grant.expires_at <= at,
        }

    def _options(self, request: Request, name: str, given: Sequence[str]) -> list[tuple[str, str]]:
        return [(code, self._place(request, name, code)) for code in given]

    def _place(self, request: Request, name: str, code: str) -> str:
        policy = self._desk.policy
        match name:
            case "role":
                return self._pages.message(request, f"role-{code}")
            case "bodies" | "body" if code in policy.bodies:
                named = self._pages.message(request, policy.bodies[code].name_key)
                community = self._community_of.get(code)
                return self._pages.message(request, "desk-body", named, community) if community else named
            case "module" | "modules" if code in MODULES:
                return self._pages.message(request, f"roster-module-{code.lower()}")
            case "communities" if code in policy.communities:
                return f"{policy.communities[code].name} ({code})"
            case "scopes":
                return self._pages.message(request, f"scope-{code}")
            case _:
                return code

    def _errors(self, request: Request, problem: Problem | None) -> dict[str, str]:
        """The first fault of each field."""
        found: dict[str, str] = {}
        for error in problem.errors if problem else ():
            name = error.pointer.split("/")[1] if "/" in error.pointer else ""
            found.setdefault(name, self._pages.message(request, _FAULTS.get(error.code, "field-not-a-date")))
        return found
