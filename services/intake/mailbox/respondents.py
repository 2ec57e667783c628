"""What the receipt of a respondent opens: what handlers told them, their replies, the outcome, and an appeal.

A handler's words for a respondent make the receipt. It is the vault's to tell until the respondent has opened it, and
it ends with the next words for the respondent. Nothing here says who reported, or what the reporter wrote.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from services.intake.mailbox.appeals import next_body_of, way_to_appeal
from services.intake.mailbox.asking import KEPT_AS as ASKED_AS
from services.intake.mailbox.asking import may_ask, next_ask_id, sent_before, view_asks
from services.intake.mailbox.doors import Found, find_behind, opened
from services.intake.mailbox.receipts import Receipts, receipt_unknown
from services.intake.mailbox.views import AppealStanding, AppealView, AppealWay, ReplyView, RespondentView
from services.intake.mailbox.words import StoredWords
from services.intake.mentions import Mentions
from services.intake.report.status import Appeal
from services.intake.stored import (
    APPEAL,
    REPLY,
    RESPONDENT,
    SOURCE,
    Change,
    Secrets,
    Store,
    StoredReport,
    refuse_erased,
)
from shared.aggregates import change
from shared.events import Draft, Fact, ReportAppealed, ReportRecusalAsked, ReportReplied, stamp
from shared.ids import derive
from shared.input.texts import is_blank
from shared.names import count_people, known_by_account
from shared.policy import Policy
from shared.problems import FieldError, FieldsWrong, Problem, Unavailable
from shared.telemetry import current_traceparent
from shared.times import now

MOST_REPLIES = 20
_NO_WORDS = FieldError("/text", "missing", "Say what should be looked at again.")
_NO_WORDS_KEPT = FieldError("/text", "erased", "The report is erased: no words are kept, and an appeal goes without.")


class Respondents:
    """Shows respondents what they were told, and takes their words."""

    def __init__(
        self,
        store: Store,
        words: StoredWords,
        secrets: Secrets,
        mentions: Mentions,
        policy: Policy,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._store = store
        self._words = words
        self._receipts = Receipts(secrets.pepper)
        self._mentions = mentions
        self._policy = policy
        self._clock = clock

    async def knows(self, receipt: str) -> bool:
        """Whether this text is the receipt of a respondent that holds now."""
        try:
            receipt_hash = self._receipts.hash(receipt)
        except FieldsWrong:
            return False
        report = await self._store.find_by_respondent(receipt_hash)
        return find_behind(report, receipt_hash, self._clock()) is not None

    async def follow(self, receipt: str) -> RespondentView:
        """What the respondent may know now. From then on handlers do not see the receipt any more.

        Raises Problem 422 for a text that is no receipt, 404 for one that opens nothing (any more).
        """
        found, receipt_hash = await self._find(receipt)
        if found.door.opened_at is None:

            async def decide(_: str, report: StoredReport | None) -> Change | None:
                at = self._clock()
                behind = find_behind(report, receipt_hash, at)
                if report is None or behind is None or behind.door.opened_at:
                    return None
                return Change(report, opened(behind, at), [], [derive("opened", behind.door.told_id)])

            await change(self._store, [found.report.id], decide)
        return self._view(found)

    async def reply(self, receipt: str, text: str) -> str:
        """Keep a reply, durably, and tell the handlers that it is there. Returns its id. The call may be repeated.

        Raises Problem 422 and 404 as `follow`, and 409 after too many replies.
        """
        found, receipt_hash = await self._find(receipt)
        reply_id = ""

        async def decide(_: str, report: StoredReport | None) -> Change | None:
            nonlocal reply_id
            behind = _there(report, receipt_hash, self._clock())
            refuse_erased(behind.report)
            said = behind.said(REPLY)
            told = behind.report.statements.get(behind.door.told_id)
            # The same words to something else that they were told are another reply.
            since = (i for i, statement in said.items() if told is None or statement.at >= told.at)
            if known := next((i for i in since if self._words.statement(behind.report, i) == text), None):
                reply_id = known
                return None
            if len(said) >= MOST_REPLIES:
                raise Problem(409, "too-many-replies", "So many replies are enough; the handlers have them all.")
            reply_id = derive("reply", behind.report.id, behind.party, str(len(said)))
            fact = ReportReplied(report_id=behind.report.id, party=behind.party, reply_id=reply_id)
            return self._kept(behind, fact, reply_id, REPLY, text)

        await change(self._store, [found.report.id], decide)
        return reply_id

    async def ask_recusal(self, receipt: str, text: str) -> str:
        """Keep that the respondent asks that a person does not handle the case, and tell triage. Returns its id.

        The call may be repeated. Raises Problem 422 and 404 as `follow`, and 409 after too many of them.
        """
        found, receipt_hash = await self._find(receipt)
        ask_id = ""

        async def decide(_: str, report: StoredReport | None) -> Change | None:
            nonlocal ask_id
            behind = _there(report, receipt_hash, self._clock())
            refuse_erased(behind.report)
            if known := sent_before(
                behind.report, behind.party, text, lambda i: self._words.statement(behind.report, i)
            ):
                ask_id = known
                return None
            ask_id = next_ask_id(behind.report, behind.party)
            fact = ReportRecusalAsked(
                report_id=behind.report.id, ask_id=ask_id, party="respondent", respondent=behind.party
            )
            return self._kept(behind, fact, ask_id, ASKED_AS, text)

        await change(self._store, [found.report.id], decide)
        return ask_id

    async def appeal(self, receipt: str, ground: str, text: str) -> str:
        """Keep an appeal of the respondent, durably, and tell it to triage, which judges it. Returns its id.

        Of an erased report no words are kept, so `text` is empty then, and only then. The call may be repeated. Raises
        Problem 422 and 404 as `follow`, 422 also for words that are missing or cannot be kept, and 409 when this cannot
        be appealed now.
        """
        found, receipt_hash = await self._find(receipt)
        appeal_id = ""

        async def decide(_: str, report: StoredReport | None) -> Change | None:
            nonlocal appeal_id
            behind = _there(report, receipt_hash, self._clock())
            if (behind.report.vault is None) != is_blank(text):
                raise FieldsWrong([_NO_WORDS_KEPT if behind.report.vault is None else _NO_WORDS])
            sent = behind.appeals
            if ground in self._way(behind).grounds:
                appeal_id = behind.appeal_id(len(sent))
                fact = ReportAppealed(
                    report_id=behind.report.id,
                    appeal_id=appeal_id,
                    appeal_ground=ground,
                    party="respondent",
                    respondent=behind.party,
                )
                return self._kept(behind, fact, appeal_id, APPEAL, text, ground)
            newest = next(reversed(sent), None)
            if newest is None or (sent[newest].ground, self._words.statement(behind.report, newest) or "") != (
                ground,
                text,
            ):
                error = FieldError("/ground", "not_now", "This cannot be appealed now.")
                raise Problem(409, "not-appealable", "This cannot be appealed now.", errors=[error])
            appeal_id = newest
            return None

        await change(self._store, [found.report.id], decide)
        return appeal_id

    async def _find(self, receipt: str) -> tuple[Found, bytes]:
        receipt_hash = self._receipts.hash(receipt)
        found = find_behind(await self._store.find_by_respondent(receipt_hash), receipt_hash, self._clock())
        if found is None:
            raise await self._receipts.refused()
        return found, receipt_hash

    def _kept(
        self, found: Found, fact: Fact, statement_id: str, kind: str, text: str, ground: str | None = None
    ) -> Change:
        report, at = found.report, self._clock()
        events = stamp(
            [Draft(fact, RESPONDENT, at, statement_id)],
            source=SOURCE,
            subject=f"report/{report.id}",
            case_id=report.case_id,
            last_seq=report.seq,
            trace=current_traceparent(),
        )
        after = opened(found, at)
        if report.vault is not None:
            statement = self._words.sealed(
                report, statement_id, text, kind=kind, at=at, ground=ground, party=found.party
            )
            # The words shut nobody out: else the accused would choose who judges.
            after = replace(after, statements={**report.statements, statement_id: statement})
        elif ground is not None:
            wordless = Appeal(statement_id, ground, at, respondent=found.party)
            after = replace(after, sent_appeals=(*report.sent_appeals, wordless))
        return Change(report, after, events, [statement_id])

    def _way(self, found: Found) -> AppealWay:
        status, sent = found.report.status, found.appeals
        # Of the appeals of other respondents nothing is told.
        own = tuple(one for one in status.their_appeals if one.id in sent or one.respondent == found.party)
        way = way_to_appeal(replace(status, appeals=own), self._policy, self._clock(), sent, found.party)
        # Said as in a merged case, this tells no category.
        elsewhere = AppealWay(barred="elsewhere", next_body=next_body_of(status, self._policy))
        return elsewhere if way.grounds and not self._is_party(found.report) else way

    def _is_party(self, report: StoredReport) -> bool:
        """Whether triage takes appeals of respondents: of none where the category accuses nobody, and nothing was
        imposed.
        """
        status = report.status
        category = self._policy.categories.get(status.category or report.facts.category)
        outcome = self._policy.outcomes.get(status.outcome or "")
        # Of older cases only the outcome tells of the measure.
        has_imposed = status.has_imposed or bool(status.imposed) or (outcome is not None and outcome.scoped)
        return category is None or category.accuses or has_imposed

    def _view(self, found: Found) -> RespondentView:
        report, status = found.report, found.report.status
        told = report.statements.get(found.door.told_id)
        return RespondentView(
            told=self._words.statement(report, found.door.told_id),
            told_at=told.at if told else None,
            replies=tuple(
                ReplyView(s.at, self._words.statement(report, i) or "") for i, s in found.said(REPLY).items()
            ),
            decided_at=status.decided_at if status.outcome else status.decided_there_at,
            # Where there are several, or nobody knows how many, the outcome may be that of another one.
            outcome=status.outcome if self._is_told(found) else None,
            appeals=tuple(self._appeals(found)),
            appeal=self._way(found),
            recusal_asks=view_asks(report, found.party, lambda i: self._words.statement(report, i)),
            may_ask_recusal=may_ask(report, found.party),
            erased_at=report.erased.at if report.erased else None,
        )

    def _is_told(self, found: Found) -> bool:
        """Whether the decision is about this respondent: it says so, or there is no other one, in however many
        spellings they are named.
        """
        report, status, facts = found.report, found.report.status, found.report.facts
        kind, flags = self._policy.kind_of(facts.community), (*facts.flags, *status.later_flags)
        by_account = known_by_account(facts.setting, kind, flags)
        # Lines that were joined may be two people where a handler says later that it is not about accounts.
        if report.by_person and not by_account:
            return False
        if found.party in status.meant:
            return True
        if status.shared:
            return False
        if status.respondents < 2 or not by_account:
            return status.respondents == 1
        reported = self._mentions.with_tokens(report, self._words.section(report, "reported")).get("people", ())
        named = {person["party"]: person["name"] for person in reported}
        named |= {token: name for token in status.added if (name := self._words.statement(report, token))}
        return len(named) == status.respondents and count_people(named, named) == 1

    def _appeals(self, found: Found) -> list[AppealView]:
        known: Mapping[str, Appeal] = {appeal.id: appeal for appeal in found.report.status.their_appeals}
        views = []
        for sent, shown in found.appeals.items():
            appeal = known.get(sent)
            standing: AppealStanding = "sent"
            if appeal:
                standing = "refused" if appeal.refusal else "decided" if appeal.verdict else "lodged"
            views.append(
                AppealView(
                    appeal_id=sent,
                    at=shown.at,
                    standing=standing,
                    ground=shown.ground,
                    text=self._words.statement(found.report, sent),
                    verdict=appeal.verdict if appeal else None,
                    reason=self._words.statement(found.report, appeal.told_id) if appeal and appeal.told_id else None,
                    refusal=appeal.refusal if appeal else None,
                )
            )
        return views


def _there(report: StoredReport | None, receipt_hash: bytes, at: datetime) -> Found:
    if report is None:
        raise Unavailable("a report is not where it was")
    if (found := find_behind(report, receipt_hash, at)) is None:
        raise receipt_unknown()
    return found
