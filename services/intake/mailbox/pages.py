"""The follow-up page: what became of a report, and answers to questions."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from services.intake.fields import ANSWER_LIMIT, RECEIPT_LIMIT
from services.intake.mailbox.actions import Mailbox
from services.intake.mailbox.check_ins import shown, take_check_in
from services.intake.mailbox.views import StatusView
from services.intake.paths import FOLLOW_UP
from services.intake.sources.form import Filled, fill
from shared.events import CaseState
from shared.i18n.messages import message_key
from shared.input.texts import is_blank, is_too_long
from shared.policy import Policy
from shared.problems import Problem
from shared.web.forms import read_form
from shared.web.gate import Callers, Gate, does
from shared.web.pages import Pages

_NAMED = frozenset(state.value for state in CaseState)
_NOW: Mapping[str, str] = {
    CaseState.AWAITING_INFORMATION: "status-now-answered",
    CaseState.FOLLOWING_UP: "status-now-followed",
    CaseState.REFERRED: "status-now-offered",
    CaseState.APPEALED: "status-now-again",
    CaseState.REOPENED: "status-now-again",
}
"""What the reporter can do, in states that say more than whether there is a decision."""


class FollowUpPage:
    """Shows what became of a report, and takes answers to questions."""

    def __init__(self, mailbox: Mailbox, pages: Pages, policy: Policy) -> None:
        self._mailbox = mailbox
        self._policy = policy
        self._pages = pages

    def ask(self, request: Request, receipt: str = "", error: str | None = None) -> Response:
        """The page that asks for the receipt."""
        text = self._pages.message(request, error) if error else None
        context = {"receipt": receipt, "error": text}
        return self._pages.render(
            request, "follow_up.html", context, 422 if error else 200, repeats_nothing=not receipt
        )

    async def show(self, request: Request) -> Response:
        """The status behind the receipt in the body; takes an answer first, if there is one."""
        filled = fill(await read_form(request))
        try:
            return await self._status(request, filled)
        except Problem as problem:
            if problem.code == "receipt-unknown":
                return self.ask(request, filled.value("receipt")[:RECEIPT_LIMIT], "follow-up-unknown")
            raise

    def _body(self, request: Request, view: StatusView) -> str | None:
        known = self._policy.bodies.get(view.body or "")
        return self._pages.message(request, known.name_key) if known else None

    def _awaited(self, request: Request, view: StatusView) -> str:
        """Who has to act now, and what the reporter can do."""
        if view.erased_at:
            return self._pages.message(request, "status-now-erased")
        if view.check_in:
            return self._pages.message(request, "status-now-check-in")
        if not view.outcome and any(question.answer is None for question in view.questions):
            return self._pages.message(request, "status-now-yours")
        standing = "status-now-decided" if view.outcome else "status-now-theirs"
        return self._pages.message(request, _NOW.get(view.state, standing))

    async def _status(self, request: Request, filled: Filled) -> Response:
        receipt, question_id = filled.value("receipt")[:RECEIPT_LIMIT], filled.value("question_id")
        text = filled.value("answer")
        answered = error = None
        try:
            sent = await take_check_in(self._mailbox, receipt, filled)
            if question_id:
                if is_blank(text):
                    error = "field-required"
                elif is_too_long(text, ANSWER_LIMIT):
                    error = "report-too-long"
                else:
                    await self._mailbox.answer(receipt, question_id, text)
                    answered = question_id
            view = await self._mailbox.follow_up(receipt)
        except Problem as problem:
            if problem.code == "already-answered":
                error, view = "follow-up-already-answered", await self._mailbox.follow_up(receipt)
            elif problem.code == "question-unknown":
                error, view = "follow-up-question-gone", await self._mailbox.follow_up(receipt)
            elif problem.code == "report-erased":
                # Nothing is left to answer: the page says so, and keeps the words.
                error, view = "follow-up-question-gone", await self._mailbox.follow_up(receipt)
            elif problem.code == "invalid-fields":
                return self.ask(request, receipt, "follow-up-not-a-receipt")
            else:
                raise
        # A later version of triage may tell states that have no name here.
        name = message_key("state", view.state) if view.state in _NAMED else "status-state-other"
        context = {
            "view": view,
            "state": self._pages.message(request, name),
            "receipt": receipt,
            "answered": answered,
            "question_id": question_id,
            "draft": text,
            # The words of an answer that no field on the page can hold stay on the page.
            "unsent": text if error and not _is_asked(view, question_id) else "",
            "error_place": f"answer-{question_id}" if _is_asked(view, question_id) else "unsent",
            "body": self._body(request, view),
            "awaited": self._awaited(request, view),
            "error": self._pages.message(request, error) if error else None,
            "check_in": shown(
                view,
                sent,
                lambda key: self._pages.message(request, key),
                lambda prefix, code: self._pages.message(request, message_key(prefix, code)),
            ),
        }
        return self._pages.render(request, "status.html", context, 422 if error or sent.error else 200)


def _is_asked(view: StatusView, question_id: str) -> bool:
    """Whether the page has a field for an answer to this question."""
    return not view.erased_at and any(q.question_id == question_id and q.answer is None for q in view.questions)


def make_follow_up_router(page: FollowUpPage, gate: Gate) -> APIRouter:
    """The page's routes."""
    router = gate.router(Callers.PEOPLE, include_in_schema=False)

    @router.get(FOLLOW_UP, **does("report.follow_up"))
    async def ask_receipt(request: Request) -> Response:
        return page.ask(request)

    @router.post(FOLLOW_UP, **does("report.follow_up"))
    async def show_status(request: Request) -> Response:
        return await page.show(request)

    return router
