"""What the pages of the desk show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response

from services.triage.case.case import ENDED, Case, Deadline, Step
from services.triage.case.commands.handling import Recuse
from services.triage.case.forms import FORMS, REFERENCE_LIMIT, WORDS_LIMIT, Field, options_of, permitted, resource_of
from services.triage.desk.queue import Desk, VersionConflict, page_of
from services.triage.paths import HOME
from services.triage.roster.desk import reads_roster
from shared.access.authorization import allow
from shared.access.conditions import Permit
from shared.access.principal import Principal
from shared.events import CaseState
from shared.i18n.messages import SHARED_MESSAGES, Messages, message_key
from shared.ids import new_id
from shared.problems import FieldError, Problem, Unavailable
from shared.times import now
from shared.vault_client import Contents
from shared.web.pages import Pages, make_pages

HERE = Path(__file__).parents[1]
PAGE = 25
OPEN_STATES = tuple(state for state in CaseState if state not in ENDED)
FILTERS = (
    CaseState.TRIAGED,
    CaseState.ASSIGNED,
    CaseState.INVESTIGATING,
    CaseState.AWAITING_INFORMATION,
    CaseState.DECIDED,
    CaseState.CLOSED,
)
FIELD_MESSAGES = {
    "missing": "field-required",
    "string_too_long": "field-too-long",
    "unknown_choice": "field-unknown-choice",
    "not_a_reference": "desk-not-a-reference",
    "cannot_have": "desk-cannot-have",
}


def load_pages() -> Pages:
    """The templates and messages of the desk."""
    return make_pages(
        HERE / "templates", Messages.load([SHARED_MESSAGES, HERE / "i18n"]), home=HOME, static_dir=HERE / "static"
    )


@dataclass(frozen=True, slots=True)
class SentCommand:
    """A form as it came back with something wrong, so that nothing typed is lost."""

    command: str
    values: Mapping[str, str] = field(default_factory=dict)
    problem: Problem | None = None


class _View:
    """Turns cases into pages."""

    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    async def queue(self, request: Request, principal: Principal, state: str, body: str, cursor: str) -> Response:
        """The queue, filtered; a filter that does not exist shows all open cases."""
        chosen = state if state in FILTERS else ""
        states = (chosen,) if chosen else tuple(OPEN_STATES)
        own = self._desk.bodies(principal)
        bodies = (body,) if body in own else ()
        cases, after = await page_of(self._desk, principal, states, bodies, cursor or None, PAGE)
        kept = {name: value for name, value in (("state", chosen), ("body", "".join(bodies))) if value}
        context = {
            "cases": [self._row(request, case) for case in cases],
            "states": FILTERS,
            "state_name": partial(self._state, request),
            "state": chosen,
            "bodies": [(b, self._body(request, b)) for b in own],
            "body": "".join(bodies),
            "filtered": bool(kept or cursor),
            "recused": request.query_params.get("done") == Recuse.name,
            "first": f"{HOME}?{urlencode(kept)}" if cursor else None,
            "next": f"{HOME}?{urlencode({**kept, 'cursor': after})}" if after else None,
            "principal": principal,
            "roster": reads_roster(principal),
        }
        return self._pages.render(request, "queue.html", context)

    async def case(
        self, request: Request, principal: Principal, case: Case, sent: SentCommand | None = None
    ) -> Response:
        """The case: what was reported if the vault answers, and exactly the commands permitted now."""
        contents, away = await self._contents(principal, case)
        at = now()
        forms = permitted(case, principal, self._desk.policy, at)
        problem = sent.problem if sent else None
        changes = problem.changes if isinstance(problem, VersionConflict) else ()
        done = request.query_params.get("done")
        context = {
            "case": case,
            "state_name": partial(self._state, request),
            "late": _is_late(case, at),
            "community": self._community(case.community),
            "body": self._body(request, case.body),
            "deadlines": [self._deadline(request, d, at) for d in case.deadlines],
            "content": contents.sections.get("content", {}) if contents else {},
            "reported": contents.sections.get("reported", {}).get("people", ()) if contents else (),
            "erased": contents is not None and contents.erased,
            "away": away,
            "may_read": self._may_read(principal, case, at),
            "may_take": self._may_take(principal, case, at),
            "talk": self._talk(case, contents),
            "forms": forms,
            "options": {f.name: self._options(request, f) for form in forms for f in form.fields},
            "again": f"{HOME}/sign-in?{urlencode({'fresh': 1, 'next': f'{HOME}/cases/{case.code_name}'})}",
            "key": new_id(),
            "principal": principal,
            "roster": reads_roster(principal),
            "mine": case.assignee == principal.ref,
            "steps": [self._step(request, principal, step) for step in reversed(case.history)],
            "problem": problem,
            "changes": [self._step(request, principal, step) for step in changes],
            "sent": sent,
            "errors": self._errors(request, problem),
            "unsent": self._unsent(sent, [form.command for form in forms]),
            "done": done if done in FORMS and sent is None else None,
            "words_limit": WORDS_LIMIT,
            "reference_limit": REFERENCE_LIMIT,
        }
        response = self._pages.render(request, "case.html", context, problem.status if problem else 200)
        if problem and problem.retry_after:
            response.headers["Retry-After"] = str(problem.retry_after)
        return response

    async def _contents(self, principal: Principal, case: Case) -> tuple[Contents | None, bool]:
        if not self._may_read(principal, case, now()):
            return None, False
        try:
            return await self._desk.read(principal, case), False
        except (Unavailable, Problem):
            # The case can be worked on while the vault is away; the page says that the words are not here now.
            return None, True

    def _may_read(self, principal: Principal, case: Case, at: datetime) -> bool:
        resource = resource_of(case, self._desk.policy)
        return isinstance(allow(principal, "case.read_content", resource, at), Permit)

    def _may_take(self, principal: Principal, case: Case, at: datetime) -> bool:
        # Whoever may begin to look into cases may take this one.
        return isinstance(allow(principal, "case.start", resource_of(case, self._desk.policy), at), Permit)

    def _options(self, request: Request, field: Field) -> list[tuple[str, str]]:
        prefix = "ground" if field.name == "ground" else "outcome"
        return [(o, self._name(request, prefix, o)) for o in options_of(field, self._desk.policy)]

    def _row(self, request: Request, case: Case) -> dict[str, Any]:
        due = case.next_due
        name = next((d.name for d in case.deadlines if d.met_at is None and d.due_at == due), None)
        return {
            "case": case,
            "href": f"{HOME}/cases/{case.code_name}",
            "community": self._community(case.community),
            "due": due,
            "due_name": self._name(request, "deadline", name) if name else None,
            "late": _is_late(case, now()),
        }

    def _deadline(self, request: Request, deadline: Deadline, at: datetime) -> dict[str, Any]:
        met = deadline.met_at
        if met is None:
            kind, key = ("late", "desk-deadline-overdue") if deadline.is_overdue(at) else ("due", "desk-deadline-open")
        else:
            kind, key = ("done", "desk-deadline-met") if met <= deadline.due_at else ("late", "desk-deadline-met-late")
        return {
            "kind": kind,
            "text": self._name(request, "deadline", deadline.name),
            "at": deadline.due_at,
            "status": self._pages.message(request, key),
        }

    def _step(self, request: Request, principal: Principal, step: Step) -> dict[str, Any]:
        detail = step.detail or ""
        if step.fact == "case.triaged":
            detail = self._body(request, detail)
        elif step.fact == "case.decided":
            detail = self._name(request, "outcome", detail)
        elif step.fact.startswith("deadline."):
            detail = self._name(request, "deadline", detail)
        elif step.fact == "case.recusal_declared":
            detail = self._name(request, "ground", detail)
        elif step.fact == "case.assigned":
            detail = self._who(request, principal, "responder", detail)
        key = message_key("step", step.fact.removeprefix("case."))
        who = self._who(request, principal, step.role, step.actor)
        return {"text": self._pages.message(request, key, detail), "at": step.at, "detail": who}

    def _who(self, request: Request, principal: Principal, role: str, ref: str) -> str:
        if ref == principal.ref:
            return self._pages.message(request, "desk-you")
        name = self._name(request, "role", "system" if role == "service" else role)
        _, colon, short = ref.partition(":")
        return f"{name} {short}" if colon and role != "service" else name

    def _talk(self, case: Case, contents: Contents | None) -> list[dict[str, Any]]:
        written = contents.sections.get("correspondence", {}) if contents else {}
        said = {s["id"]: s["text"] for s in written.get("statements", ())}
        answers = {a["question_id"]: a for a in written.get("answers", ())}
        return [
            {
                "asked_at": q.asked_at,
                "question": said.get(q.id),
                "answered": bool(q.answers),
                "answer": answers[q.id]["text"] if q.answers and q.id in answers else None,
            }
            for q in case.questions
        ]

    def _errors(self, request: Request, problem: Problem | None) -> dict[str, str]:
        found = problem.errors if problem else ()
        return {error.pointer.removeprefix("/"): self._fault(request, error) for error in found}

    def _fault(self, request: Request, error: FieldError) -> str:
        limit = REFERENCE_LIMIT if error.pointer in ("/assignee", "/person") else WORDS_LIMIT
        return self._pages.message(request, FIELD_MESSAGES.get(error.code, "field-required"), limit)

    def _unsent(self, sent: SentCommand | None, commands: list[str]) -> list[str]:
        """Words that have no form to go back into, because the command is not permitted any more."""
        if sent is None or sent.command in commands:
            return []
        form = FORMS[sent.command]
        return [sent.values[f.name] for f in form.fields if f.kind == "words" and sent.values.get(f.name)]

    def _body(self, request: Request, body: str | None) -> str:
        known = self._desk.policy.bodies.get(body or "")
        return self._pages.message(request, known.name_key) if known else body or ""

    def _community(self, community: str) -> str:
        known = self._desk.policy.communities.get(community)
        return known.name if known else community

    def _state(self, request: Request, state: CaseState) -> str:
        # To the body it was passed to, such a case is simply new.
        return (
            self._pages.message(request, "desk-new")
            if state is CaseState.TRIAGED
            else self._name(request, "state", state)
        )

    def _name(self, request: Request, prefix: str, code: str) -> str:
        return self._pages.message(request, f"{prefix}-{code.replace('.', '-').replace('_', '-')}")


def _is_late(case: Case, at: datetime) -> bool:
    return case.state not in ENDED and any(deadline.is_overdue(at) for deadline in case.deadlines)
