"""The words that handlers write, with the report of their case."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from services.intake.mailbox.further import FurtherReports
from services.intake.mailbox.words import StoredWords
from services.intake.mentions import Mentions
from services.intake.report.check_ins import BAD_TREATMENT, WORDS
from services.intake.report.receipt import TOLD, hash_receipt, respondent_receipt
from services.intake.stored import INTAKE, Change, RespondentDoor, Secrets, Store, StoredReport, refuse_erased
from shared.aggregates import change, change_together
from shared.events import RETALIATION
from shared.ids import derive
from shared.problems import Problem
from shared.times import now


class Statements:
    """Takes handlers' words. The case says to which of them a reporter or a respondent gets access."""

    def __init__(
        self,
        store: Store,
        words: StoredWords,
        secrets: Secrets,
        mentions: Mentions,
        further: FurtherReports,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._words = words
        self._secrets = secrets
        self._mentions = mentions
        self._further = further
        self._clock = clock

    async def keep(self, report_id: str, statement_id: str, kind: str, text: str) -> None:
        """Keep a handler's words with the report. The reporter sees them once an event of the case names their id.

        Of the kind RETALIATION they become a report of their own, as on the page, and the first one keeps nothing.
        The call may be repeated. Raises Problem 404 for an unknown report, 410 for an erased one, 409 when other words
        stand under this id.
        """
        if kind == RETALIATION:
            await self._open(report_id, statement_id, text)
            return

        async def decide(report_id: str, report: StoredReport | None) -> Change | None:
            report = _standing(report)
            known = report.statements.get(statement_id)
            if known is None:
                at, cause = self._clock(), derive("statement", statement_id)
                statement = self._words.sealed(report, statement_id, text, kind=kind, at=at)
                after = await self._mentions.noted(report, [text], by_handler=True)
                after = replace(after, statements={**report.statements, statement_id: statement})
                if kind == TOLD:
                    receipt = respondent_receipt(self._secrets.pepper, report_id, statement_id)
                    door = RespondentDoor(hash_receipt(self._secrets.pepper, receipt), statement_id)
                    after = replace(after, doors=(*report.doors, door))
                return Change(report, after, self._mentions.told(report, after, INTAKE, at, cause), [cause])
            if known.kind != kind or self._words.statement(report, statement_id) != text:
                raise _other_words()
            return None

        await change(self._store, [report_id], decide)

    async def _open(self, report_id: str, statement_id: str, text: str) -> None:
        """Make a report, once, of what the reporter told a handler of bad treatment because of this one."""
        opened, entries = self._further.of_answers(statement_id), {BAD_TREATMENT: "yes", WORDS: text}

        async def decide(stored: Mapping[str, StoredReport]) -> Sequence[Change]:
            report = _standing(stored.get(report_id))
            if statement_id in report.opened:
                if self._further.is_opened(report, statement_id, entries, stored.get(opened.report_id)):
                    return []
                raise _other_words()
            after = replace(report, opened=(*report.opened, statement_id))
            made = await self._further.open_of_answers(report, statement_id, entries)
            return [Change(report, after, [], [derive("statement", statement_id)]), made]

        await change_together(self._store, [report_id, opened.report_id], decide)


def _standing(report: StoredReport | None) -> StoredReport:
    if report is None:
        raise Problem(404, "report-unknown", "There is no such report.")
    refuse_erased(report)
    return report


def _other_words() -> Problem:
    return Problem(409, "statement-differs", "Other words are stored under this id.")
