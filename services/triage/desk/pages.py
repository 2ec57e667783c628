"""The pages of cases, for responders and coordinators. Everything works without JavaScript."""

from collections.abc import Sequence
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.triage.actions import Desk
from services.triage.case.case import Case
from services.triage.case.commands.command import WordsField
from services.triage.case.forms import FORMS, resource_of
from services.triage.desk.draft_pages import is_erased
from services.triage.desk.kept import values_of
from services.triage.desk.likely import goes_on
from services.triage.desk.live import Live
from services.triage.desk.names import CaseNames
from services.triage.desk.playbooks import checks_of, with_reply
from services.triage.desk.queue import Queue, QueueFilter, Tab
from services.triage.desk.ticks import Tick, Ticks
from services.triage.desk.views import CaseView
from services.triage.paths import HOME
from services.triage.requests import CommandRequest, CommandResult, VersionConflict
from services.triage.sent import REPLY, SentForm, parts_of, then_of
from shared.access.authorization import demand
from shared.access.principal import Principal
from shared.ids import derive
from shared.problems import FieldError, FieldsWrong, NotFound, Problem, Unavailable
from shared.sign_in.drafts import FormDrafts
from shared.web.forms import read_form
from shared.web.gate import GIVEN_BACK, Callers, Gate, does, principal_of
from shared.web.idempotency import cause_of, checked_key, version_in
from shared.web.pages import Pages


def make_page_router(
    desk: Desk, queue: Queue, gate: Gate, pages: Pages, names: CaseNames, drafts: FormDrafts, ticks: Ticks, live: Live
) -> APIRouter:
    """The pages below /desk/cases. `drafts`: what was typed and had to wait."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)
    case_view = CaseView(desk, queue, pages, names, ticks, live)

    @router.get(f"{HOME}/cases/{{code_name}}", **does("case.read"))
    async def show_case(request: Request, code_name: str) -> Response:
        principal = principal_of(request)
        case = await desk.find_by_code_name(principal, code_name)
        following = await _following(principal, case) if request.query_params.get("done") else None
        waiting = await drafts.about(request, principal.ref, f"{HOME}/cases/{case.code_name}")
        return await case_view.show(request, principal, case, following=following, drafts=waiting)

    @router.get(f"{HOME}/cases/{{code_name}}/{{command}}", **does("case.read"))
    async def show_form(request: Request, code_name: str, command: str) -> Response:
        principal = principal_of(request)
        case = await desk.find_by_code_name(principal, code_name)
        fields = await drafts.find(request) if command in FORMS else None
        if fields is None:
            return RedirectResponse(f"{HOME}/cases/{case.code_name}", 303)
        form, seen, _ = parts_of(fields)
        stale = None if seen == str(case.seq) else await desk.conflict(principal, case, version_in(seen, "case"))
        return await case_view.show(request, principal, case, SentForm(command, values_of(command, form), stale))

    @router.post(f"{HOME}/cases/{{code_name}}/checks", **does("case.tick"))
    async def tick(request: Request, code_name: str) -> Response:
        principal, at = principal_of(request), desk.clock()
        case = await desk.find_by_code_name(principal, code_name)
        demand(principal, "case.tick", resource_of(case, desk.policy), at)
        known = checks_of(case, desk.policy, await desk.grouped(principal, [case]))
        form = await read_form(request)
        # A check that the policy no longer has, or not for this case, was ticked on a page from before.
        for check in known.keys() & form.get("tick", ()):
            await ticks.tick(case.id, check, Tick(principal.ref, at))
        for check in known.keys() & form.get("untick", ()):
            await ticks.untick(case.id, check)
        return RedirectResponse(f"{HOME}/cases/{case.code_name}?checks=1#playbook", 303)

    @router.post(f"{HOME}/cases/{{code_name}}/{{command}}", **does("case.read", GIVEN_BACK))
    async def give_command(request: Request, code_name: str, command: str) -> Response:
        principal = principal_of(request)
        case = await desk.find_by_code_name(principal, code_name)
        if command not in FORMS:
            raise NotFound
        fields = await read_form(request)
        if REPLY in fields:
            return await _begin(request, principal, case, command, dict(fields))
        form, seen, key = parts_of(fields)
        values = values_of(command, form)
        version = version_in(seen, "case")
        cause = cause_of(principal, case.id, checked_key(key or None))
        try:
            result = await desk.carry_out(principal, case.id, CommandRequest(command, values, version, cause))
        except VersionConflict as problem:
            return await case_view.show(request, principal, problem.case, SentForm(command, values, problem))
        except Unavailable:
            away = Problem(503, "unavailable", "Please try again in a moment.", retry_after=5)
            return await case_view.show(request, principal, case, SentForm(command, values, away))
        except Problem as problem:
            if problem.status not in (409, 422):
                raise
            case = await desk.find(principal, case.id)
            return await case_view.show(request, principal, case, SentForm(command, values, problem))
        await drafts.drop(request)
        done = urlencode({"done": await _go_on(principal, case, then_of(fields), result, cause) or command})
        # By any command the case may go to another body, or be hidden from the person who gave it.
        if not await _still_sees(principal, case.id):
            return RedirectResponse(f"{HOME}?{done}", 303)
        return RedirectResponse(f"{HOME}/cases/{case.code_name}?{done}", 303)

    async def _begin(
        request: Request, principal: Principal, case: Case, command: str, fields: dict[str, Sequence[str]]
    ) -> Response:
        """Put words of the playbook behind what was typed, and keep both as the draft of the form."""
        grouped = await desk.grouped(principal, [case])
        begun = with_reply(case, desk.policy, grouped, command, fields.pop(REPLY)[-1], fields)
        wrong = Problem(410, "report-erased", "This report has been erased.")
        if not is_erased(case):
            if await drafts.keep_typed(request, principal.ref, request.url.path, begun):
                return RedirectResponse(f"{HOME}/cases/{case.code_name}#do-{command}", 303)
            words = next((field.name for field in FORMS[command].fields if isinstance(field, WordsField)), "")
            wrong = FieldsWrong((FieldError(f"/{words}", "string_too_long", "This is too long."),))
        values = values_of(command, parts_of(fields)[0])
        return await case_view.show(request, principal, case, SentForm(command, values, wrong))

    async def _go_on(principal: Principal, case: Case, then: str, result: CommandResult, cause: str) -> str | None:
        """Give the command that is to follow, as far as the case and the person's rights permit it."""
        if goes_on(case, result.command) != then or not then:
            return None
        try:
            await desk.carry_out(principal, case.id, CommandRequest(then, {}, result.version, derive(cause, then)))
        except (Unavailable, Problem):
            # The first command is done. The page says so, and offers the second one.
            return None
        return then

    async def _following(principal: Principal, case: Case) -> Case | None:
        """The first other case of the reader's queue: one that the reader has, or else one that nobody has."""
        tabs: tuple[Tab, ...] = ("mine", "unassigned")
        for tab in tabs:
            found, _ = await queue.page(principal, QueueFilter(tab, limit=2))
            if others := [other for other in found if other.id != case.id]:
                return others[0]
        return None

    async def _still_sees(principal: Principal, case_id: str) -> bool:
        try:
            await desk.find(principal, case_id)
        except Problem:
            return False
        return True

    return router
