"""The follow-up page: what became of a report, and answers to questions."""

from fastapi import APIRouter, Request, Response

from services.intake.fields import ANSWER_LIMIT, RECEIPT_LIMIT
from services.intake.mailbox.actions import Mailbox
from services.intake.paths import FOLLOW_UP
from services.intake.sources.form import Filled, fill
from shared.events import CaseState
from shared.i18n.messages import message_key
from shared.problems import Problem
from shared.texts import is_blank, is_too_long
from shared.web.forms import read_form
from shared.web.gate import Callers, Gate, does
from shared.web.pages import Pages

_NAMED = frozenset(state.value for state in CaseState)


class FollowUpPage:
    """Shows what became of a report, and takes answers to questions."""

    def __init__(self, mailbox: Mailbox, pages: Pages) -> None:
        self._mailbox = mailbox
        self._pages = pages

    def ask(self, request: Request, receipt: str = "", error: str | None = None) -> Response:
        """The page that asks for the receipt."""
        text = self._pages.message(request, error) if error else None
        context = {"receipt": receipt, "error": text}
        return self._pages.render(request, "follow_up.html", context, 422 if error else 200, packable=not receipt)

    async def show(self, request: Request) -> Response:
        """The status behind the receipt in the body; takes an answer first, if there is one."""
        filled = fill(await read_form(request))
        try:
            return await self._status(request, filled)
        except Problem as problem:
            if problem.code == "receipt-unknown":
                return self.ask(request, filled.value("receipt")[:RECEIPT_LIMIT], "follow-up-unknown")
            raise

    async def _status(self, request: Request, filled: Filled) -> Response:
        receipt, question_id = filled.value("receipt")[:RECEIPT_LIMIT], filled.value("question_id")
        text = filled.value("answer")
        answered = error = None
        try:
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
            elif problem.code == "report-erased":
                # Nothing is left to answer: the page says so.
                error, view = None, await self._mailbox.follow_up(receipt)
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
            "error": self._pages.message(request, error) if error else None,
        }
        return self._pages.render(request, "status.html", context, 422 if error else 200)


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
