"""The API of the register, for programs of people who enforce measures: a bearer token of a person, JSON or CSV out."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.triage.measures.answers import (
    COLUMNS,
    MeasureAbout,
    MeasureExport,
    MeasureList,
    show_about,
    show_entry,
    write_csv,
)
from services.triage.measures.register import MeasureRegister, RegisterFilter
from shared.access.principal import Principal
from shared.spreadsheet import write_rows
from shared.web.bodies import gives, gives_media, json_response
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.queries import Whole

PRIVATE = {"Cache-Control": "no-store"}
Communities = Annotated[list[str] | None, Query()]


def make_measures_router(register: MeasureRegister, gate: Gate) -> APIRouter:
    """The routes below /v1/measures."""
    router = gate.router(Callers.PROGRAMS, prefix="/v1/measures")

    @router.get("", responses=gives(MeasureList), **does("measure.list"))
    async def list_measures(
        request: Request,
        community: Communities = None,
        kind: Annotated[list[str] | None, Query()] = None,
        cursor: str | None = None,
        limit: Annotated[Whole, Query(ge=1, le=200)] = 50,
    ) -> Response:
        """The measures in force that the caller may see, the first to end first, without the people they are about.

        A page has the measures of `limit` cases at most. It may be short, or empty, and have a `next` page.
        """
        wanted = RegisterFilter(tuple(community or ()), tuple(kind or ()), cursor, limit)
        entries, after = await register.page(principal_of(request), wanted)
        return json_response({"items": [show_entry(entry) for entry in entries], "next": after}, headers=PRIVATE)

    @router.get("/export", responses=gives(MeasureExport), **does("measure.export"))
    async def export(request: Request, community: Communities = None, cursor: str | None = None) -> Response:
        """The measures in force, with the people they are about. The vault notes who read each before it answers.

        Where `next` is given, the export goes on with it as `cursor`.
        """
        items, after = await register.export(principal_of(request), tuple(community or ()), cursor)
        return json_response({"items": [show_about(*item) for item in items], "next": after}, headers=PRIVATE)

    @router.get("/export.csv", response_class=Response, responses=gives_media("text/csv"), **does("measure.export"))
    async def export_as_csv(request: Request, community: Communities = None) -> Response:
        """The same as a table, with all measures. No cell is a formula. An answer that breaks off is not whole."""
        return await csv_response(request, register, tuple(community or ()), gate, Callers.PROGRAMS)

    @router.get("/{measure_id}", responses=gives(MeasureAbout), **does("measure.read"))
    async def show_measure(request: Request, measure_id: str) -> Response:
        """One measure in force, and the people it is about. The vault notes who read it first; 503 while it is away."""
        who = principal_of(request)
        entry = await register.find(who, measure_id, "measure.read")
        about = await register.about(who, [entry])
        return json_response(show_about(entry, about[entry.measure.id]), headers=PRIVATE)

    return router


async def csv_response(
    request: Request, register: MeasureRegister, communities: tuple[str, ...], gate: Gate, callers: Callers
) -> Response:
    """The measures as a file to keep, sent while the register is read; it breaks off once the right to it has ended."""

    async def again() -> Principal:
        return await gate.caller(request, callers)

    portions = register.portions(principal_of(request), communities, again=again)
    # What the request may not do, and what is away, is answered before a file begins.
    first, _ = await anext(portions)

    async def lines() -> AsyncIterator[bytes]:
        yield write_rows([COLUMNS]) + write_csv([show_about(*item) for item in first])
        async for portion, _ in portions:
            yield write_csv([show_about(*item) for item in portion])

    headers = {**PRIVATE, "Content-Disposition": 'attachment; filename="measures.csv"'}
    return StreamingResponse(lines(), headers=headers, media_type="text/csv; charset=utf-8")
