"""One command on several cases: each case takes it or not by itself, and the page says which did, and why not."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response

from services.triage.actions import Desk
from services.triage.case.case import Case
from services.triage.case.commands.handling import Assign
from services.triage.case.commands.linking import RELATIONS, Link
from services.triage.case.forms import FORMS, read
from services.triage.desk.faults import FIELD_MESSAGES
from services.triage.desk.names import CaseNames
from services.triage.desk.picker import picks
from services.triage.desk.queue import Queue
from services.triage.requests import CommandRequest
from services.triage.rooms import rooms_of
from shared.access.authorization import Refused
from shared.access.conditions import HIDING
from shared.access.principal import Principal, serves
from shared.ids import new_id
from shared.problems import FieldError, FieldsWrong, Problem, Unavailable
from shared.web.gate import NOT_FOUND, Gate
from shared.web.idempotency import cause_of, checked_key, version_in
from shared.web.pages import Pages

COMMANDS = (Assign.name, Link.name)
"""What can be done to several cases at once."""
TYPED = frozenset(field.name for command in COMMANDS for field in FORMS[command].fields)
MOST = 50
"""So many cases of one form are dealt with."""
_WHY = {
    "case-changed": "desk-bulk-conflict",
    "case-taken": "desk-taken",
    "command-not-permitted": "desk-not-permitted",
    "idempotency-key-reused": "desk-sent-before",
    "report-erased": "desk-content-erased",
}
"""Why a case did not take a command, by the code of the problem."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case: `why` is None where it is done, or else says in words why it is not."""

    case_id: str
    code_name: str
    why: str | None = None


@dataclass(frozen=True, slots=True)
class SentBulk:
    """A form for several cases as it was sent. `ticked`: by the id of a case, what its box says of it."""

    command: str
    ticked: Mapping[str, str]
    values: Mapping[str, str]
    key: str | None
    faults: Sequence[FieldError] = ()


class Bulk:
    """The form below the queue, and what became of it."""

    def __init__(self, desk: Desk, queue: Queue, pages: Pages, names: CaseNames, gate: Gate) -> None:
        """`gate` records what is refused."""
        self._gate = gate
        self._desk = desk
        self._queue = queue
        self._pages = pages
        self._names = names

    async def form(self, request: Request, principal: Principal, sent: SentBulk | None = None) -> dict[str, Any]:
        """What the form offers: the people of the reader's handling bodies, and the relations between cases.

        With it what was `sent` and cannot be carried out, and what is wrong, by the field.
        """
        at, own = self._desk.clock(), self._queue.bodies(principal)
        people = await self._desk.staff_of(own)
        serving = {one.ref: one for one in people if any(serves(one, body, at) for body in own)}
        loads = await self._queue.loads(principal, serving)
        return {
            "people": picks(self._names, request, principal, serving.values(), loads, at),
            "relations": self._names.options(request, "relation", RELATIONS),
            "key": new_id(),
            "ticked": sent.ticked if sent else {},
            "typed": sent.values if sent else {},
            "errors": {one.pointer[1:]: self._told(request, one) for one in sent.faults} if sent else {},
        }

    async def read(self, principal: Principal, form: Mapping[str, Sequence[str]]) -> SentBulk:
        """A form as it was sent, and what is wrong with it before any case is looked at.

        Raises Problem 422 for a command that is none for several cases.
        """
        command = form.get("command", [""])[-1]
        if command not in COMMANDS:
            raise FieldsWrong((FieldError("/command", "unknown_choice", "This cannot be done to several cases."),))
        typed = {name: values[-1] for name, values in form.items() if name in TYPED}
        ticked: dict[str, str] = {}
        for one in form.get("case", ()):
            ticked.setdefault(one.partition(":")[0], one)
        values = {field.name: typed.get(field.name, "") for field in FORMS[command].fields}
        _, faults = read(FORMS[command], values, self._desk.policy, principal)
        other = values.get("other", "").strip().lower()
        if other and not await self._stands(principal, other):
            faults.append(FieldError("/other", "unknown_case", "There is no such case."))
        if not ticked:
            faults.append(FieldError("/case", "nothing_ticked", "Tick at least one case."))
        # The error summary leads through the page from its top.
        faults.sort(key=lambda one: [*values, "case"].index(one.pointer[1:]) if one.pointer != "/case" else -1)
        return SentBulk(command, ticked, typed, checked_key(form.get("key", [""])[-1] or None), faults)

    async def ticked(self, principal: Principal, sent: SentBulk, shown: Sequence[Case]) -> list[Case]:
        """The cases that were ticked and are not among those that are shown, as far as the reader may see them."""
        found = []
        for case_id in list(sent.ticked.keys() - {case.id for case in shown})[:MOST]:
            with suppress(Problem):
                found.append(await self._desk.find(principal, case_id))
        return found

    async def _stands(self, principal: Principal, named: str) -> bool:
        """Whether the reader may see a case with this code name or id."""
        for find in (self._desk.find_by_code_name, self._desk.find):
            with suppress(Problem):
                return bool(await find(principal, named))
        return False

    async def give(self, request: Request, principal: Principal, sent: SentBulk, back: str) -> Response:
        """Give the command of a form to each case that was ticked in it. `back`: which part of the queue was shown.

        Raises Problem 403 and 404 where a single case was ticked, and the reader may not see it.
        """
        ticked, fields = list(sent.ticked.values())[:MOST], FORMS[sent.command].fields
        values = {field.name: sent.values[field.name] for field in fields if field.name in sent.values}
        outcomes = [
            await self._give(request, principal, sent.command, values, sent.key, one, alone=len(ticked) == 1)
            for one in ticked
        ]
        context = {
            "outcomes": sorted(outcomes, key=lambda one: one.why is None),
            "done": sum(one.why is None for one in outcomes),
            "dropped": len(sent.ticked) - len(ticked),
            "most": MOST,
            "back": back,
            "rooms": rooms_of(principal, self._desk.clock()),
        }
        return self._pages.render(request, "bulk.html", context)

    async def _give(
        self,
        request: Request,
        principal: Principal,
        command: str,
        values: Mapping[str, object],
        key: str | None,
        ticked: str,
        *,
        alone: bool,
    ) -> Outcome:
        case_id, _, seen = ticked.partition(":")
        code_name = ""
        try:
            code_name = (await self._desk.find(principal, case_id)).code_name
            if str(values.get("other", "")).strip().lower() in (code_name, case_id):
                # A link of another ticked case has changed it by now, which would be told instead.
                return Outcome(case_id, code_name, self._names.said(request, FIELD_MESSAGES["same_case"]))
            cause = cause_of(principal, case_id, key)
            order = CommandRequest(command, values, version_in(seen, "case"), cause)
            await self._desk.carry_out(principal, case_id, order)
        except Problem as problem:
            if alone and not code_name:
                raise
            self._record(problem, principal)
            return Outcome(case_id, code_name, self._why(request, problem))
        except Unavailable:
            return Outcome(case_id, code_name, self._names.said(request, "desk-unavailable"))
        return Outcome(case_id, code_name)

    def _told(self, request: Request, fault: FieldError) -> str:
        return self._names.said(request, FIELD_MESSAGES.get(fault.code, "field-required"), 0)

    def _record(self, problem: Problem, principal: Principal) -> None:
        if isinstance(problem, Refused) and problem.reason not in HIDING:
            self._gate.keep(problem, principal)
        elif problem.status == 404:
            self._gate.keep_fault("case.read", NOT_FOUND, principal)

    def _why(self, request: Request, problem: Problem) -> str:
        fault = next(iter(problem.errors), None) if isinstance(problem, FieldsWrong) else None
        if fault:
            return self._told(request, fault)
        return self._names.said(request, _WHY.get(problem.code, "desk-bulk-not-yours"))
