"""The reporter's mailbox: status, questions and answers."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from services.intake.mailbox.appeals import (
    KEPT_AS,
    appeal_id_of,
    newest_sent,
    sent_by_reporter,
    view_appeals,
    way_to_appeal,
)
from services.intake.mailbox.asking import KEPT_AS as ASKED_AS
from services.intake.mailbox.asking import may_ask, next_ask_id, sent_before, view_asks
from services.intake.mailbox.further import FurtherReports
from services.intake.mailbox.receipts import Receipts
from services.intake.mailbox.views import (
    AppealWay,
    CheckInView,
    MessageView,
    QuestionView,
    StatusView,
    view_deadlines,
    view_peer_support,
)
from services.intake.mailbox.words import StoredWords
from services.intake.mentions import Mentions
from services.intake.report.check_ins import (
    ANSWER,
    CHOICE,
    CONSENTS,
    DECLINE,
    QUESTIONS,
    STOP,
    WORDS,
    answer_id_of,
    entries_of,
    is_answered,
    is_repeated,
    is_stopped,
    kept_of,
    key_of,
    tells_of_bad_treatment,
)
from services.intake.stored import (
    INTAKE,
    REPORTER,
    SOURCE,
    Change,
    Secrets,
    Store,
    StoredReport,
    refuse_erased,
)
from shared.aggregates import change, change_together
from shared.events import (
    CaseState,
    Draft,
    Fact,
    ReportAnswered,
    ReportAppealed,
    ReportCheckedIn,
    ReportConsented,
    ReportRecusalAsked,
    stamp,
)
from shared.ids import derive
from shared.policy import PeerSupport, Policy
from shared.problems import FieldError, FieldsWrong, Problem, Unavailable
from shared.telemetry import current_traceparent
from shared.times import now

log = logging.getLogger(__name__)
_BARRED: Mapping[str, str] = {
    "nothing": "Nothing is decided, and no deadline was missed.",
    "pending": "An appeal waits to be decided.",
    "busy": "The case waits for other handlers first.",
    "over": "The time for an appeal is over.",
    "once": "This was appealed before.",
    "refused": "An appeal was refused, and nothing has changed since.",
    "too_many": "Too many appeals were refused.",
    "elsewhere": "This cannot be appealed with the receipt.",
    "other_ground": "This ground does not fit now.",
}
"""Why an appeal is not taken, in a sentence."""


class Mailbox:
    """Shows reporters what became of a report, and takes their words."""

    def __init__(
        self,
        store: Store,
        words: StoredWords,
        secrets: Secrets,
        mentions: Mentions,
        further: FurtherReports,
        policy: Policy,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._mentions = mentions
        self._further = further
        self._words = words
        self._receipts = Receipts(secrets.pepper)
        self._policy = policy
        self._clock = clock

    async def follow_up(self, receipt: str) -> StatusView:
        """What the reporter may know now. Raises Problem 422 for a text that is no receipt, 404 for an unknown one."""
        return self._view(await self._find(receipt))

    async def answer(self, receipt: str, question_id: str, text: str) -> None:
        """Keep the answer to a question, durably, and tell the handlers that it is there. The call may be repeated.

        Raises Problem 404 for an unknown receipt or question, 409 when the question has another answer already, 410
        when the report has been erased.
        """
        found = await self._find(receipt)

        async def decide(report_id: str, report: StoredReport | None) -> Change | None:
            if report is None:
                raise Unavailable("a report is not where it was")
            refuse_erased(report)
            if question_id not in {question.question_id for question in report.status.questions}:
                error = FieldError("/question_id", "question_unknown", "There is no such question.")
                raise Problem(404, "question-unknown", "This question was not asked.", errors=[error])
            given = report.answers.get(question_id)
            if given is None:
                answer_id = derive("answer", report_id, question_id)
                fact = ReportAnswered(report_id=report_id, question_id=question_id, answer_id=answer_id)
                return await self._answered(report, fact, answer_id, {question_id: text}, [text])
            if self._words.answer(report, question_id) != text:
                raise Problem(409, "already-answered", "This question has been answered already.")
            return None

        await change(self._store, [found.id], decide)

    async def check_in(
        self, receipt: str, number: int, choice: str, answers: Mapping[str, str], text: str
    ) -> str | None:
        """Keep what the reporter answers to a check-in, durably, and tell that there is something. May be repeated.

        Bad treatment because of the report becomes a report of its own, in the same write; returns its receipt.
        `choice`: one of CHOICES; `answers`: by the questions of QUESTIONS. STOP alone is also taken of the last
        check-in where it was answered or is over. Raises Problem 404 for an unknown receipt or check-in, 409 when it
        was answered otherwise or nothing is asked any more, 410 when the report has been erased, and 422 for an answer
        without anything in it.
        """
        entries = entries_of(choice, answers, text)
        if choice == ANSWER and not is_answered(entries):
            raise FieldsWrong([FieldError("/answers", "missing", "Answer at least one question, or decline.")])
        if choice == DECLINE and (answers or text):
            raise FieldsWrong([FieldError("/answers", "not_declined", "Who declines does not answer.")])
        found = await self._find(receipt)
        asked = found.status.check_in
        answer_id = answer_id_of(found.id, asked) if asked else ""
        opened = self._further.of_answers(answer_id) if tells_of_bad_treatment(entries) else None
        kept = kept_of(entries)

        async def decide(stored: Mapping[str, StoredReport]) -> Sequence[Change]:
            report = stored.get(found.id)
            if report is None:
                raise Unavailable("a report is not where it was")
            refuse_erased(report)
            asked = report.status.check_in
            if asked is None or asked.number != number or answer_id_of(report.id, asked) != answer_id:
                error = FieldError("/number", "check_in_unknown", "There is no such check-in.")
                raise Problem(404, "check-in-unknown", "This was not asked.", errors=[error])
            known = self._said(report, answer_id)
            further = stored.get(opened.report_id) if opened else None
            if is_repeated(kept, known) and (
                self._further.is_opened(report, answer_id, entries, further)
                if opened
                else answer_id not in report.opened or entries == {CHOICE: STOP}
            ):
                return []
            stops_alone = entries == {CHOICE: STOP}
            if known and not stops_alone:
                raise Problem(409, "already-answered", "These questions have been answered already.")
            if not (stops_alone or _is_asked(report)):
                error = FieldError("/number", "check_in_over", "Nothing is asked any more.")
                raise Problem(409, "check-in-over", "This is not asked any more.", errors=[error])
            fact = ReportCheckedIn(
                report_id=report.id,
                number=number,
                due_at=asked.due_at,
                answer="answered" if is_answered({**known, **kept}) else "declined",
                stop=choice == STOP,
                answer_id=answer_id,
            )
            sealed = {key_of(answer_id, name): given for name, given in ({STOP: STOP} if known else kept).items()}
            cause = derive("stop", answer_id) if known else answer_id
            told = await self._answered(report, fact, cause, sealed, [kept.get(WORDS, "")])
            if opened is None:
                return [told]
            after = replace(told.report, opened=(*report.opened, answer_id))
            return [replace(told, report=after), await self._further.open_of_answers(report, answer_id, entries)]

        await change_together(self._store, [found.id, *([opened.report_id] if opened else [])], decide)
        return opened.receipt if opened else None

    async def consent(self, receipt: str, consent: Literal["yes", "no"]) -> None:
        """Keep, durably, whether the reporter may be asked again how it goes, and tell triage. A no is for good.

        The call may be repeated. Raises Problem 404 for an unknown receipt, 409 where nobody asks or after a no, and
        410 when the report has been erased.
        """
        found = await self._find(receipt)

        async def decide(_report_id: str, report: StoredReport | None) -> Change | None:
            if report is None:
                raise Unavailable("a report is not where it was")
            refuse_erased(report)
            if consent_of(report) == consent:
                return None
            if not may_consent(report, self._clock()):
                raise Problem(409, "not-asked", "This is not asked now.")
            fact, asked = ReportConsented(report_id=report.id, consent=consent), report.status.check_in
            # A yes after a silence is another one: it lets the asking begin again.
            after = (str(asked.number),) if asked and report.status.silent else ()
            cause = derive("consent", report.id, consent, *after)
            return await self._answered(report, fact, cause, {CONSENTS[consent]: consent}, [])

        await change(self._store, [found.id], decide)

    async def appeal(self, receipt: str, ground: str, text: str) -> str:
        """Keep an appeal of the reporter, durably, and tell it to triage, which judges it. Returns its id.

        The call may be repeated. Raises Problem 404 for an unknown receipt, 409 when nothing can be appealed now, or
        not on this ground, and 410 when the report has been erased.
        """
        found = await self._find(receipt)
        appeal_id = ""

        async def decide(_report_id: str, report: StoredReport | None) -> Change | None:
            nonlocal appeal_id
            if report is None:
                raise Unavailable("a report is not where it was")
            refuse_erased(report)
            way = self._way(report)
            if ground in way.grounds:
                appeal_id = appeal_id_of(report, ground)
                return await self._appealed(report, appeal_id, ground, text)
            appeal_id = self._sent_before(report, ground, text) or ""
            if not appeal_id:
                raise _barred(way)
            return None

        await change(self._store, [found.id], decide)
        return appeal_id

    async def ask_recusal(self, receipt: str, text: str) -> str:
        """Keep that the reporter asks that a person does not handle the case, durably, and tell triage. Returns its id.

        The call may be repeated. Raises Problem 404 for an unknown receipt, 409 after too many of them, and 410 when
        the report has been erased.
        """
        found = await self._find(receipt)
        ask_id = ""

        async def decide(_report_id: str, report: StoredReport | None) -> Change | None:
            nonlocal ask_id
            if report is None:
                raise Unavailable("a report is not where it was")
            refuse_erased(report)
            if known := sent_before(report, None, text, lambda i: self._words.statement(report, i)):
                ask_id = known
                return None
            ask_id = next_ask_id(report, None)
            fact = ReportRecusalAsked(report_id=report.id, ask_id=ask_id)
            return await self._stated(report, fact, ask_id, text, kind=ASKED_AS)

        await change(self._store, [found.id], decide)
        return ask_id

    async def _find(self, receipt: str) -> StoredReport:
        report = await self._store.find_by_receipt(self._receipts.hash(receipt))
        if report is None:
            raise await self._receipts.refused()
        return report

    async def _answered(
        self, report: StoredReport, fact: Fact, cause: str, given: Mapping[str, str], words: Sequence[str]
    ) -> Change:
        """The report with these answers, each under its key, of which `words` may mention people."""
        at = self._clock()
        after = await self._mentions.noted(report, words)
        events = stamp(
            [Draft(fact, REPORTER, at, cause)],
            source=SOURCE,
            subject=f"report/{report.id}",
            case_id=report.case_id,
            last_seq=report.seq,
            trace=current_traceparent(),
        )
        events += self._mentions.told(report, after, INTAKE, at, cause)
        answers = dict(report.answers)
        for key, text in given.items():
            answers[key] = self._words.sealed_answer(report, key, text, at)
        after = replace(after, answers=answers)
        return Change(report, after, events, [cause])

    async def _appealed(self, report: StoredReport, appeal_id: str, ground: str, text: str) -> Change:
        fact = ReportAppealed(report_id=report.id, appeal_id=appeal_id, appeal_ground=ground)
        return await self._stated(report, fact, appeal_id, text, kind=KEPT_AS, ground=ground)

    async def _stated(
        self, report: StoredReport, fact: Fact, statement_id: str, text: str, *, kind: str, ground: str | None = None
    ) -> Change:
        change = await self._answered(report, fact, statement_id, {}, [text])
        statement = self._words.sealed(report, statement_id, text, kind=kind, at=self._clock(), ground=ground)
        statements = {**report.statements, statement_id: statement}
        return replace(change, report=replace(change.report, statements=statements))

    def _sent_before(self, report: StoredReport, ground: str, text: str) -> str | None:
        """The id of the newest appeal, if it is on this ground and in these words: a retry of it is no other one."""
        sent = newest_sent(report)
        is_same = sent is not None and report.statements[sent].ground == ground
        return sent if sent and is_same and self._words.statement(report, sent) == text else None

    def _way(self, report: StoredReport) -> AppealWay:
        if report.erased is not None:
            return AppealWay(barred="nothing")
        return way_to_appeal(report.status, self._policy, self._clock(), sent_by_reporter(report))

    def _view(self, report: StoredReport) -> StatusView:
        status, wanted = report.status, self._wants_support(report)
        questions = tuple(
            QuestionView(
                question.question_id,
                self._words.statement(report, question.question_id),
                question.asked_at,
                self._words.answer(report, question.question_id),
                question.answer_by,
            )
            for question in (() if report.erased else status.questions)
        )
        return StatusView(
            state="decided" if status.outcome_there else status.before_merge or status.state,
            received_at=report.received_at,
            deadlines=view_deadlines(status, self._clock()),
            questions=questions,
            messages=tuple(
                MessageView(self._words.statement(report, one.message_id), one.told_at, one.wordless)
                for one in (() if report.erased else status.messages)
            ),
            outcome=status.outcome or status.outcome_there,
            reason=self._words.statement(report, status.reason_id) if status.reason_id else None,
            updated_at=status.updated_at,
            erased_at=report.erased.at if report.erased else None,
            body=status.body,
            joined=status.joined,
            check_in=_asked(report),
            check_in_to_stop=self._to_stop(report),
            appeals=view_appeals(report, lambda statement_id: self._words.statement(report, statement_id)),
            appeal=self._way(report),
            peer_support=view_peer_support(self._offered(report, wanted=wanted)),
            support_wanted=wanted,
            consent=consent_of(report),
            # From the first check-in on, each of them has a stop.
            may_consent=may_consent(report, self._clock()) and (status.check_in is None or status.silent),
            parts=tuple(self._further.of_matter(part_id).receipt for part_id in report.parts),
            recusal_asks=view_asks(report, None, lambda statement_id: self._words.statement(report, statement_id)),
            may_ask_recusal=may_ask(report, None),
            opened=tuple(self._further.of_answers(answer_id).receipt for answer_id in report.opened),
        )

    def _wants_support(self, report: StoredReport) -> bool:
        """Whether the reporter said at the last check-in to want support."""
        asked = report.status.check_in
        return asked is not None and self._said(report, answer_id_of(report.id, asked)).get("support") == "yes"

    def _offered(self, report: StoredReport, *, wanted: bool) -> Sequence[PeerSupport]:
        facts, directory = report.facts, self._policy.peer_support
        found = directory.at("status", facts.community, facts.language)
        return found or (directory.at("wanted", facts.community, facts.language) if wanted else ())

    def _to_stop(self, report: StoredReport) -> int | None:
        """The number of the check-in with which the reporter can stop the asking."""
        asked = report.status.check_in
        if report.erased or asked is None:
            return None
        return None if is_stopped(self._said(report, answer_id_of(report.id, asked))) else asked.number

    def _said(self, report: StoredReport, answer_id: str) -> dict[str, str]:
        """What the vault has of a check-in, by name."""
        found = (
            (name, self._words.answer(report, key_of(answer_id, name))) for name in (CHOICE, WORDS, STOP, *QUESTIONS)
        )
        return {name: given for name, given in found if given is not None}


def consent_of(report: StoredReport) -> str | None:
    """What the reporter has said of being asked again; a yes ends with the silence that ended the asking."""
    said = next((said for said, key in CONSENTS.items() if key in report.answers), None)
    return None if said == "yes" and report.status.silent else said


def may_consent(report: StoredReport, at: datetime) -> bool:
    """Whether the reporter can say `at` a time (UTC-aware) whether to be asked again: from the decision on, until a no.

    Once the case is closed, only for as long as the decision can be appealed.
    """
    status = report.status
    in_time = status.appeal_until is not None and at <= status.appeal_until
    stands = status.state in (CaseState.DECIDED, CaseState.FOLLOWING_UP)
    stands = (stands or (status.state == CaseState.CLOSED and in_time)) and not status.before_merge
    stands = stands or status.outcome_there is not None
    return report.erased is None and stands and consent_of(report) != "no"


def _is_asked(report: StoredReport) -> bool:
    """Whether the reporter is asked how it goes: from the question on until triage tells what became of it.

    Meanwhile the case may be closed, appealed or reopened. The question went out, so its answer is taken.
    """
    asked = report.status.check_in
    return report.erased is None and asked is not None and not asked.over


def _asked(report: StoredReport) -> CheckInView | None:
    """The check-in that is to be answered."""
    asked = report.status.check_in
    if asked is None or not _is_asked(report) or key_of(answer_id_of(report.id, asked), CHOICE) in report.answers:
        return None
    return CheckInView(asked.number, asked.asked_at, dict(QUESTIONS))


def _barred(way: AppealWay) -> Problem:
    """Why nothing can be appealed on this ground now, and where the reporter can turn."""
    code = way.barred or "other_ground"
    detail = _BARRED[code]
    if way.next_body:
        detail += f" Another way: the handling body {way.next_body}."
    return Problem(409, "not-appealable", "This cannot be appealed now.", errors=[FieldError("/ground", code, detail)])
