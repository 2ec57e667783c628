"""The page on which a person says which languages they read. It works without JavaScript."""

import re

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from starlette.responses import RedirectResponse

from services.triage.paths import ME
from services.triage.rooms import rooms_of
from services.triage.roster.changes import MOST_LANGUAGES, NoteLanguages
from services.triage.roster.desk import RosterDesk
from shared.i18n.wording import language_name
from shared.ids import new_id
from shared.input.texts import trim_line
from shared.problems import FieldsWrong
from shared.web.forms import read_form
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.idempotency import cause_of, checked_key
from shared.web.pages import Pages

_NO_LANGUAGE, _TOO_MANY = "roster-no-language", "roster-too-many-languages"
"""What is said of languages that are refused."""


def make_own_pages(desk: RosterDesk, gate: Gate, pages: Pages) -> APIRouter:
    """The page at /desk/me."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)

    async def show(request: Request, typed: str | None = None, wrong: str | None = None) -> Response:
        who = principal_of(request)
        read = (await desk.own(who)).entry.languages
        context = {
            "person": who.ref,
            "read": [(one, language_name(one)) for one in read],
            "typed": ", ".join(read) if typed is None else typed,
            "wrong": wrong,
            "most": MOST_LANGUAGES,
            "key": new_id(),
            "done": "done" in request.query_params and not wrong,
            "rooms": rooms_of(who, desk.clock()),
        }
        return pages.render(request, "own_languages.html", context, 422 if wrong else 200)

    @router.get(ME, **does("roster.languages"))
    async def show_languages(request: Request) -> Response:
        return await show(request)

    @router.post(ME, **does("roster.languages"))
    async def note_languages(request: Request) -> Response:
        who, form = principal_of(request), await read_form(request)
        typed = trim_line(form.get("languages", [""])[-1])
        said = tuple(one for one in re.split(r"[\s,;]+", typed) if one)
        kept = await desk.own(who)
        cause = cause_of(who, who.ref, checked_key(form.get("key", [""])[-1] or None))
        try:
            change = NoteLanguages(languages=said)
            await desk.carry_out(who, who.ref, change, kept.version, cause)
        except (FieldsWrong, ValidationError):
            return await show(request, typed, _TOO_MANY if len(said) > MOST_LANGUAGES else _NO_LANGUAGE)
        return RedirectResponse(f"{ME}?done=1", 303)

    return router
