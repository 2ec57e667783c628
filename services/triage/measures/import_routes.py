"""The API of the import: measures from before Hearth, as JSON or as the table that the export gives."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.triage.measures.answers import ImportShown, show_import
from services.triage.measures.imports import MeasureImport
from services.triage.measures.sheet import MOST_ROWS, Row, read_table, table_of
from shared.problems import FieldError, FieldsWrong
from shared.web.bodies import gives, json_response, parse_body, takes
from shared.web.forms import media_type_of
from shared.web.gate import Callers, Gate, does, principal_of

Cell = Annotated[str, Field(max_length=2_000)]
Marks = bool | str | None


class MeasureBefore(BaseModel):
    """A measure from before Hearth, with the fields of an export; those of the export that follow are passed over.

    `id`: a key of its own in its community, by which it is brought in once. `begun_at`, `until` and `decided_on` are
    days. `names`: the one person it is about. `reference`: what those who decided on it call it.
    """

    model_config = ConfigDict(extra="forbid")

    id: Cell = ""
    kind: Cell = ""
    scope: Cell = ""
    community: Cell = ""
    body: Cell | None = None
    begun_at: Cell = ""
    until: Cell | None = None
    decided_on: Cell | None = None
    names: tuple[Cell, ...] = Field((), max_length=20)
    reference: Cell | None = None
    pages: Cell | None = None
    everywhere: Marks = None
    emergency: Marks = None
    review_by: Cell | None = None
    from_before: Marks = None
    erased: Marks = None
    ask_handlers: Marks = None

    def row(self, place: int) -> Row:
        """The measure as a row of a table."""
        said = self.model_dump(include=_READ)
        texts = {name: value for name, value in said.items() if isinstance(value, str)}
        return Row(place, {**texts, "names": "\n".join(self.names)})


class MeasuresBefore(BaseModel):
    """POST /v1/measures/import."""

    model_config = ConfigDict(extra="forbid")

    measures: Annotated[tuple[MeasureBefore, ...], Field(min_length=1, max_length=MOST_ROWS)]


_READ = {"id", "kind", "scope", "community", "body", "begun_at", "until", "decided_on", "reference", "pages"}


def make_import_router(imports: MeasureImport, gate: Gate) -> APIRouter:
    """The route of the import."""
    router = gate.router(Callers.PROGRAMS, prefix="/v1/measures")

    @router.post("/import", responses=gives(ImportShown), **does("measure.import", takes(MeasuresBefore)))
    async def bring_in(request: Request) -> Response:
        """Bring in the good rows, each once, and say of every other one what is wrong with it.

        The body is JSON, or with `Content-Type: text/csv` a table with the columns of the export.
        """
        body = await request.body()
        if media_type_of(request.headers) == "text/csv":
            table = read_table(decoded(body))
        else:
            said = parse_body(MeasuresBefore, body)
            table = table_of([measure.row(place) for place, measure in enumerate(said.measures, 1)])
        results = await imports.take(principal_of(request), table)
        return json_response(show_import(results, table.unread), headers={"Cache-Control": "no-store"})

    return router


def decoded(body: bytes) -> str:
    """The text of a table. Raises FieldsWrong for what is not UTF-8: another encoding would change the names."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise FieldsWrong([FieldError("/table", "not_utf_8", "Save the table as CSV in UTF-8.")]) from None
