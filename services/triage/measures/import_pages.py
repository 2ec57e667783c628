"""The page that brings measures from before Hearth in. Without JavaScript, it takes no file."""

from collections import Counter
from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from services.triage.desk.faults import FIELD_MESSAGES
from services.triage.desk.names import CaseNames
from services.triage.measures.imports import MeasureImport
from services.triage.measures.sheet import (
    LONGEST,
    MOST_ROWS,
    NEEDED,
    READ,
    RowResult,
    TableFault,
    read_table,
    write_table,
)
from services.triage.paths import MEASURES
from services.triage.rooms import rooms_of
from shared.problems import FieldError, FieldsWrong, Problem, Unavailable
from shared.sign_in.drafts import FormDrafts
from shared.web.forms import read_form
from shared.web.gate import GIVEN_BACK, Callers, Gate, does, principal_of
from shared.web.pages import Pages

IMPORT = f"{MEASURES}/import"
FIELD = "table"
LONGEST_TABLE = 60_000
"""Characters: a table that has to wait for a sign-in is kept whole (shared.sign_in.drafts)."""
MESSAGES = {
    **FIELD_MESSAGES,
    **{
        code: f"measures-import-{code.replace('_', '-')}"
        for code in (
            "missing_column", "column_twice", "no_rows", "not_a_table", "not_utf_8", "too_many_rows", "too_long",
            "one_person", "future_date", "range_reversed", "twice", "key_reused", "out_of_reach",
        )
    },
}  # fmt: skip
"""The message of each code of a fault."""


def make_import_pages(
    imports: MeasureImport, gate: Gate, pages: Pages, names: CaseNames, drafts: FormDrafts
) -> APIRouter:
    """The page at /desk/measures/import. `drafts`: a table that had to wait for a sign-in."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)
    view = _View(imports, pages, names)

    @router.get(IMPORT, **does("measure.import"))
    async def show_form(request: Request) -> Response:
        waiting = await drafts.find(request)
        return view.form(request, waiting[FIELD][-1] if waiting and waiting.get(FIELD) else "")

    @router.post(IMPORT, **does("measure.import", GIVEN_BACK))
    async def bring_in(request: Request) -> Response:
        form = await read_form(request)
        text = form.get(FIELD, [""])[-1]
        try:
            table = read_table(text, LONGEST_TABLE)
            results = await imports.take(principal_of(request), table)
        except FieldsWrong as wrong:
            return view.form(request, text, problem=wrong)
        except (Unavailable, Problem):
            # Earlier portions may be in.
            return view.form(request, text, away=True)
        await drafts.drop(request)
        return view.form(request, "", results, table.unread)

    return router


class _View:
    """Turns what became of a table into a page."""

    def __init__(self, imports: MeasureImport, pages: Pages, names: CaseNames) -> None:
        self._policy = imports.policy
        self._clock = imports.clock
        self._pages = pages
        self._names = names

    def form(
        self,
        request: Request,
        text: str,
        results: Sequence[RowResult] = (),
        unread: Sequence[str] = (),
        problem: FieldsWrong | None = None,
        *,
        away: bool = False,
    ) -> Response:
        """The form, with what became of the rows that were sent. Those that are refused come back to be mended."""
        refused = [result for result in results if result.outcome == "refused"]
        count = Counter(result.outcome for result in results)
        policy, who = self._policy, principal_of(request)
        scoped = [outcome for outcome in policy.outcomes.values() if outcome.scoped]
        offered = {
            "kind": self._names.options(request, "outcome", [outcome.code for outcome in scoped]),
            "until": self._names.options(request, "outcome", [outcome.code for outcome in scoped if outcome.timed]),
            "scope": self._names.options(request, "scope", policy.scopes),
            "community": [(name, self._names.community(name)) for name in policy.communities],
            "body": self._names.options(request, "body", list(policy.bodies)),
        }
        context = {
            "text": write_table([result.row for result in refused]) if refused else text,
            "faults": [self._said(request, fault) for fault in problem.errors] if problem else [],
            "away": away,
            "count": {name: count[name] for name in ("added", "known", "refused")} if results else None,
            "refused": [
                {"line": one.row.line, "id": one.row.text("id"), "faults": [self._said(request, f) for f in one.faults]}
                for one in refused
            ],
            "unread": unread,
            "columns": [(name, name in NEEDED, offered.get(name, ())) for name in READ],
            "most": MOST_ROWS,
            "longest": LONGEST_TABLE,
            "measures": MEASURES,
            "action": IMPORT,
            "principal": who,
            "rooms": rooms_of(who, self._clock()),
        }
        status = 503 if away else 422 if problem or refused else 200
        return self._pages.render(request, "measures_import.html", context, status)

    def _said(self, request: Request, fault: FieldError) -> tuple[str, str]:
        """The column that a fault is in, and the fault in the reader's language."""
        column = fault.pointer.lstrip("/")
        value = fault.value if isinstance(fault, TableFault) else LONGEST.get(column, "")
        return column, self._names.said(request, MESSAGES[fault.code], value)
