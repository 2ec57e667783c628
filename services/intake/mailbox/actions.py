"""The reporter's mailbox: status, questions and answers; the handlers' words go in here, and out only when due."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.intake.mailbox.status import QuestionView, StatusView, follow, judge_deadlines, question_ids
from services.intake.report.receipt import hash_receipt
from services.intake.stored import REPORTER, SOURCE, Secrets, Store
from services.intake.vault.cipher import Vault
from shared.aggregates import Save, change
from shared.events import Draft, Event, ReportAnswered, stamp
from shared.ids import derive
from shared.mongo import Document
from shared.problems import FieldError, Problem, Unavailable
from shared.telemetry import current_traceparent
from shared.times import now

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _ByCase:
    """The reports by the ids of their cases, as a store of aggregates."""

    store: Store

    async def load(self, case_ids: Iterable[str]) -> dict[str, Document]:
        return await self.store.load_by_case(case_ids)

    async def save(self, saves: Sequence[Save]) -> set[str]:
        lost = await self.store.save(saves)
        return {save.base["case_id"] for save in saves if save.base and save.id in lost}


class Mailbox:
    """What happens to a report after it is stored."""

    def __init__(self, store: Store, vault: Vault, secrets: Secrets, clock: Callable[[], datetime] = now) -> None:
        self._store = store
        self._vault = vault
        self._secrets = secrets
        self._clock = clock

    async def follow_up(self, receipt: str) -> StatusView:
        """What the reporter may know now. Raises Problem 422 for what is no receipt, 404 for an unknown one."""
        return self._view(await self._find(receipt))

    async def answer(self, receipt: str, question_id: str, text: str) -> None:
        """Keep the answer to a question, durably, and tell the handlers that it is there. Repeating it is harmless.

        Raises Problem 404 for an unknown receipt or question, 409 when the question has another answer already, 410
        when the report has been erased.
        """
        document = await self._find(receipt)

        async def decide(report_id: str, document: Document | None) -> Save | None:
            if document is None:
                raise Unavailable("a report is not where it was")
            _refuse_erased(document)
            if question_id not in question_ids(document):
                error = FieldError("/question_id", "question_unknown", "There is no such question.")
                raise Problem(404, "question-unknown", "This question was not asked.", errors=[error])
            given = document["answers"].get(question_id)
            if given is None:
                return self._answered(document, question_id, text)
            if self._vault.open(f"{report_id}/answers/{question_id}", given) != text.encode():
                raise Problem(409, "already-answered", "This question has been answered already.")
            return None

        await change(self._store, [document["_id"]], decide)

    async def keep_statement(self, report_id: str, statement_id: str, kind: str, text: str) -> None:
        """Keep a handler's words with the report. The reporter sees them once the case's own event names their id.

        Repeating it is harmless. Raises Problem 404 for an unknown report, 410 for an erased one, 409 when other words
        stand under this id.
        """
        place = f"{report_id}/statements/{statement_id}"

        async def decide(report_id: str, document: Document | None) -> Save | None:
            if document is None:
                raise Problem(404, "report-unknown", "There is no such report.")
            _refuse_erased(document)
            known = document["statements"].get(statement_id)
            if known is None:
                sealed = {"kind": kind, "at": self._clock(), **self._vault.seal(place, text.encode())}
                fields = {f"statements.{statement_id}": sealed}
                return Save(report_id, document, fields, [], [derive("statement", statement_id)])
            if known["kind"] != kind or self._vault.open(place, known) != text.encode():
                raise Problem(409, "statement-differs", "Other words are stored under this id.")
            return None

        await change(self._store, [report_id], decide)

    async def project(self, events: Sequence[Event]) -> None:
        """Bring the status of each report up to date with its case's events, given in order per case."""
        by_case: dict[str, list[Event]] = {}
        for event in events:
            by_case.setdefault(event.case_id, []).append(event)

        async def decide(case_id: str, document: Document | None) -> Save | None:
            if document is None:
                event_id = by_case[case_id][0].id
                log.warning("a case without a report here", extra={"case_id": case_id, "event_id": event_id})
                return None
            status, causes = document["status"], []
            for event in by_case[case_id]:
                if after := follow(status, event):
                    status = after
                    causes.append(event.id)
            return Save(document["_id"], document, {"status": status}, [], causes) if causes else None

        await change(_ByCase(self._store), by_case, decide)

    async def _find(self, receipt: str) -> Document:
        try:
            receipt_hash = hash_receipt(self._secrets.pepper, receipt)
        except ValueError:
            error = FieldError("/receipt", "not_a_receipt", "A receipt has 20 letters and digits.")
            raise Problem(422, "invalid-fields", "Some fields are not valid.", errors=[error]) from None
        document = await self._store.find_by_receipt(receipt_hash)
        if document is None:
            raise Problem(404, "receipt-unknown", "No report belongs to this receipt.")
        return document

    def _answered(self, document: Document, question_id: str, text: str) -> Save:
        report_id, at = document["_id"], self._clock()
        answer_id = derive("answer", report_id, question_id)
        fact = ReportAnswered(report_id=report_id, question_id=question_id, answer_id=answer_id)
        events = stamp(
            [Draft(fact, REPORTER, at, answer_id)],
            source=SOURCE,
            subject=f"report/{report_id}",
            case_id=document["case_id"],
            last_seq=document["seq"],
            trace=current_traceparent(),
        )
        sealed = {"at": at, **self._vault.seal(f"{report_id}/answers/{question_id}", text.encode())}
        return Save(report_id, document, {f"answers.{question_id}": sealed}, events, [answer_id])

    def _view(self, document: Document) -> StatusView:
        status = document["status"]
        erased = document.get("erased")
        asked = () if erased else status["questions"]
        questions = tuple(
            QuestionView(
                question["question_id"],
                self._words(document, "statements", question["question_id"]),
                question["asked_at"],
                self._words(document, "answers", question["question_id"]),
            )
            for question in asked
        )
        reason_id = status["reason_id"]
        return StatusView(
            state=status["state"],
            received_at=document["received_at"],
            deadlines=judge_deadlines(status, self._clock()),
            questions=questions,
            outcome=status["outcome"],
            reason=self._words(document, "statements", reason_id) if reason_id else None,
            updated_at=status["updated_at"],
            erased_at=erased["at"] if erased else None,
        )

    def _words(self, document: Document, drawer: str, words_id: str) -> str | None:
        """The decrypted words under an id; None when there are none (yet, or no more)."""
        sealed = document[drawer].get(words_id)
        return None if sealed is None else self._vault.open(f"{document['_id']}/{drawer}/{words_id}", sealed).decode()


def _refuse_erased(document: Document) -> None:
    if document["vault"] is None:
        raise Problem(410, "report-erased", "This report has been erased.")
