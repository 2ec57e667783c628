"""The follow-up page: what became of a report, answers to questions, and appeals."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from services.intake.fields import ANSWER_LIMIT, RECEIPT_LIMIT
from services.intake.mailbox.actions import Mailbox
from services.intake.mailbox.check_ins import shown, take_check_in
from services.intake.mailbox.respondent_page import RespondentPage
from services.intake.mailbox.views import StatusView
from services.intake.paths import FOLLOW_UP
from services.intake.sources.form import Filled, fill
from shared.events import APPEAL_GROUNDS, CaseState
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
_LABELS: Mapping[str, str] = {
    "appeal_ground": "status-appeal-ground",
    "appeal": "status-appeal-words",
    "conflict": "status-ask-words",
}
"""The labels of the fields of an appeal, and of what the reporter asks for."""
_NOT_SENT: Mapping[str, str] = {
    "already-answered": "follow-up-already-answered",
    "question-unknown": "follow-up-question-gone",
    "report-erased": "follow-up-question-gone",
}
"""What the page says of an answer that is refused, by the code of the problem."""


class FollowUpPage:
    """Shows what became of a report, and takes answers to questions, and appeals."""

    def __init__(self, mailbox: Mailbox, respondents: RespondentPage, pages: Pages, policy: Policy) -> None:
        self._mailbox = mailbox
        self._respondents = respondents
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
        """The status behind the receipt in the body; takes an answer or an appeal first, if there is one.

        The receipt of a respondent opens what is there for respondents.
        """
        filled = fill(await read_form(request))
        try:
            if await self._respondents.opens(filled):
                return await self._respondents.show(request, filled)
            return await self._status(request, filled)
        except Problem as problem:
            if problem.code == "receipt-unknown":
                return self.ask(request, filled.value("receipt")[:RECEIPT_LIMIT], "follow-up-unknown")
            raise

    def _name_of(self, request: Request, body: str | None) -> str | None:
        known = self._policy.bodies.get(body or "")
        return self._pages.message(request, known.name_key) if known else None

    def _awaited(self, request: Request, view: StatusView) -> str:
        """Who has to act now, and what the reporter can do."""
        if view.erased_at:
            return self._pages.message(request, "status-now-erased")
        if not view.outcome and any(question.answer is None for question in view.questions):
            return self._pages.message(request, "status-now-yours")
        if view.check_in:
            return self._pages.message(request, "status-now-check-in")
        standing = "status-now-decided" if view.outcome else "status-now-theirs"
        return self._pages.message(request, _NOW.get(view.state, standing))

    def _entry(self, request: Request, field: str, fault: str) -> str:
        label = self._pages.message(request, _LABELS[field])
        return self._pages.message(request, "error-summary-entry", label, self._pages.message(request, fault))

    async def _answer(self, receipt: str, question_id: str, text: str) -> str | None:
        """Send an answer. The message of what is wrong with it; None where it has arrived."""
        if fault := _fault_of(text):
            return fault
        try:
            await self._mailbox.answer(receipt, question_id, text)
        except Problem as problem:
            # Nothing is left to answer: the page says so, and keeps the words.
            if problem.code in _NOT_SENT:
                return _NOT_SENT[problem.code]
            raise
        return None

    async def _appeal(self, receipt: str, filled: Filled) -> dict[str, str]:
        """Send an appeal. The messages of what is wrong with it, by field; none where it has arrived."""
        ground, text = filled.value("appeal_ground"), filled.value("appeal")
        faults = {"appeal": _fault_of(text), "appeal_ground": None if ground in APPEAL_GROUNDS else "field-required"}
        found = {field: fault for field, fault in faults.items() if fault}
        if not found:
            try:
                await self._mailbox.appeal(receipt, ground, text)
            except Problem as problem:
                if problem.code not in ("not-appealable", "report-erased"):
                    raise
                found["appeal"] = "follow-up-not-appealable"
        return found

    async def _ask(self, receipt: str, filled: Filled) -> dict[str, str]:
        """Send that a person has a conflict. The message of what is wrong with it; none where it has arrived."""
        text = filled.value("conflict")
        if fault := _fault_of(text):
            return {"conflict": fault}
        try:
            await self._mailbox.ask_recusal(receipt, text)
        except Problem as problem:
            if problem.code not in ("too-many-asks", "report-erased"):
                raise
            return {"conflict": "status-ask-too-many"}
        return {}

    async def _consent(self, receipt: str, said: str) -> bool:
        """Send whether the reporter may be asked again. Whether it has arrived; else the page says how it stands."""
        try:
            await self._mailbox.consent(receipt, "yes" if said == "yes" else "no")
        except Problem as problem:
            if problem.code not in ("not-asked", "report-erased"):
                raise
            return False
        return True

    async def _status(self, request: Request, filled: Filled) -> Response:
        receipt, question_id = filled.value("receipt")[:RECEIPT_LIMIT], filled.value("question_id")
        text, appeals, asks = filled.value("answer"), bool(filled.value("appealing")), bool(filled.value("asking"))
        error, faults, consented = None, dict[str, str](), False
        try:
            sent = await take_check_in(self._mailbox, receipt, filled)
            if question_id:
                error = await self._answer(receipt, question_id, text)
            elif appeals:
                faults = await self._appeal(receipt, filled)
            elif asks:
                faults = await self._ask(receipt, filled)
            elif filled.value("consent"):
                consented = await self._consent(receipt, filled.value("consent"))
            view = await self._mailbox.follow_up(receipt)
        except Problem as problem:
            if problem.code == "invalid-fields":
                return self.ask(request, receipt, "follow-up-not-a-receipt")
            raise
        # A later version of triage may tell states that have no name here.
        name = message_key("state", view.state) if view.state in _NAMED else "status-state-other"
        context = {
            "view": view,
            "state": self._pages.message(request, name),
            "receipt": receipt,
            "answered": bool(question_id) and not error,
            "appealed": appeals and not faults,
            "asked": asks and not appeals and not question_id and not faults,
            "consented": consented,
            "conflict": filled.value("conflict") if faults else "",
            "appeal": filled.value("appeal") if faults else "",
            "appeal_ground": filled.value("appeal_ground") if faults else "",
            "faults": {field: self._pages.message(request, key) for field, key in faults.items()},
            "summary": [
                (place, self._entry(request, field, faults[field]))
                for field, place in _places(view).items()
                if field in faults
            ],
            "next_body": self._name_of(request, view.appeal.next_body),
            "question_id": question_id,
            "draft": text,
            # The words of an answer that no field on the page can hold stay on the page.
            "unsent": _unsent(view, filled) if error or faults else "",
            "error_place": f"answer-{question_id}" if _is_asked(view, question_id) else "unsent",
            "bodies": [n for body in (view.body, *view.joined) if (n := self._name_of(request, body))],
            "awaited": self._awaited(request, view),
            "error": self._pages.message(request, error) if error else None,
            "check_in": shown(
                view,
                sent,
                lambda key: self._pages.message(request, key),
                lambda prefix, code: self._pages.message(request, message_key(prefix, code)),
            ),
        }
        return self._pages.render(request, "status.html", context, 422 if error or faults or sent.error else 200)


def _is_asked(view: StatusView, question_id: str) -> bool:
    """Whether the page has a field for an answer to this question."""
    return not view.erased_at and any(q.question_id == question_id and q.answer is None for q in view.questions)


def _unsent(view: StatusView, filled: Filled) -> str:
    """The words that no field on the page can hold."""
    if filled.value("asking"):
        return "" if view.may_ask_recusal else filled.value("conflict")
    if not filled.value("question_id"):
        return "" if view.appeal.grounds else filled.value("appeal")
    return "" if _is_asked(view, filled.value("question_id")) else filled.value("answer")


def _places(view: StatusView) -> Mapping[str, str]:
    """Where each field of an appeal, or of what the reporter asks for, stands on the page, in the order of the page."""
    asks = {"conflict": "conflict" if view.may_ask_recusal else "unsent"}
    appeals = {"appeal_ground": "appeal-ground", "appeal": "appeal"} if view.appeal.grounds else {"appeal": "unsent"}
    return {**appeals, **asks}


def _fault_of(text: str) -> str | None:
    """The message of what is wrong with words of the reporter."""
    return "field-required" if is_blank(text) else "report-too-long" if is_too_long(text, ANSWER_LIMIT) else None


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
