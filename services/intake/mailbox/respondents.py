"""What the receipt of a respondent opens: what handlers told them, their replies, the outcome, and an appeal.

A handler's words for a respondent make the receipt. It is the vault's to tell until the respondent has opened it, and
it ends with the next words for the respondent. Nothing here says who reported, or what the reporter wrote.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from services.intake.mailbox.appeals import way_to_appeal
from services.intake.mailbox.asking import KEPT_AS as ASKED_AS
from services.intake.mailbox.asking import may_ask, next_ask_id, sent_before, view_asks
from services.intake.mailbox.receipts import Receipts, receipt_unknown
from services.intake.mailbox.views import AppealStanding, AppealView, AppealWay, ReplyView, RespondentView
from services.intake.mailbox.words import StoredWords
from services.intake.mentions import Mentions
from services.intake.report.sealed import SealedStatement
from services.intake.report.status import Appeal
from services.intake.stored import RESPONDENT, SOURCE, Change, RespondentDoor, Secrets, Store, StoredReport
from shared.aggregates import change
from shared.events import Draft, Fact, ReportAppealed, ReportRecusalAsked, ReportReplied, stamp
from shared.ids import derive
from shared.names import BY_ACCOUNT, account_of
from shared.policy import Policy
from shared.problems import FieldError, FieldsWrong, Problem, Unavailable
from shared.telemetry import current_traceparent
from shared.times import now

REPLY, APPEAL = "reply", "respondent_appeal"
"""As what the words of a respondent stand among the statements of a report."""
MOST_REPLIES = 20


@dataclass(frozen=True, slots=True)
class _Found:
    """A report, the door that a receipt opens, and the token of its respondent."""

    report: StoredReport
    door: RespondentDoor
    party: str

    def said(self, kind: str) -> dict[str, SealedStatement]:
        """The respondent's own words of this kind, by their ids, the oldest first."""
        own = {i: s for i, s in self.report.statements.items() if (s.kind, s.party) == (kind, self.party)}
        return dict(sorted(own.items(), key=lambda item: item[1].at))


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
        return _behind(report, receipt_hash) is not None

    async def follow(self, receipt: str) -> RespondentView:
        """What the respondent may know now. From then on handlers do not see the receipt any more.

        Raises Problem 422 for a text that is no receipt, 404 for one that opens nothing (any more).
        """
        found, receipt_hash = await self._find(receipt)
        if found.door.opened_at is None:

            async def decide(_: str, report: StoredReport | None) -> Change | None:
                if report is None or (behind := _behind(report, receipt_hash)) is None or behind.door.opened_at:
                    return None
                return Change(report, _opened(behind, self._clock()), [], [derive("opened", behind.door.told_id)])

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
            behind = _there(report, receipt_hash)
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
            behind = _there(report, receipt_hash)
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

        The call may be repeated. Raises Problem 422 and 404 as `follow`, and 409 when this cannot be appealed now.
        """
        found, receipt_hash = await self._find(receipt)
        appeal_id = ""

        async def decide(_: str, report: StoredReport | None) -> Change | None:
            nonlocal appeal_id
            behind = _there(report, receipt_hash)
            sent = behind.said(APPEAL)
            if ground in self._way(behind).grounds:
                appeal_id = derive("appeal", behind.report.id, behind.party, str(len(sent)))
                fact = ReportAppealed(
                    report_id=behind.report.id,
                    appeal_id=appeal_id,
                    appeal_ground=ground,
                    party="respondent",
                    respondent=behind.party,
                )
                return self._kept(behind, fact, appeal_id, APPEAL, text, ground)
            newest = next(reversed(sent), None)
            if newest is None or sent[newest].ground != ground or self._words.statement(behind.report, newest) != text:
                error = FieldError("/ground", "not_now", "This cannot be appealed now.")
                raise Problem(409, "not-appealable", "This cannot be appealed now.", errors=[error])
            appeal_id = newest
            return None

        await change(self._store, [found.report.id], decide)
        return appeal_id

    async def _find(self, receipt: str) -> tuple[_Found, bytes]:
        receipt_hash = self._receipts.hash(receipt)
        found = _behind(await self._store.find_by_respondent(receipt_hash), receipt_hash)
        if found is None:
            raise await self._receipts.refused()
        return found, receipt_hash

    def _kept(
        self, found: _Found, fact: Fact, statement_id: str, kind: str, text: str, ground: str | None = None
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
        statement = self._words.sealed(report, statement_id, text, kind=kind, at=at, ground=ground, party=found.party)
        # The words shut nobody out: else the accused would choose who judges.
        statements = {**report.statements, statement_id: statement}
        return Change(report, replace(_opened(found, at), statements=statements), events, [statement_id])

    def _way(self, found: _Found) -> AppealWay:
        status, sent = found.report.status, found.said(APPEAL)
        # Of the appeals of other respondents nothing is told.
        own = tuple(one for one in status.their_appeals if one.id in sent or one.respondent == found.party)
        others = self._policy.stand_ins(status.body) if status.body else ()
        return way_to_appeal(
            replace(status, appeals=own),
            others[0] if others else None,
            self._clock(),
            sent,
        )

    def _view(self, found: _Found) -> RespondentView:
        report, status = found.report, found.report.status
        told = report.statements.get(found.door.told_id)
        return RespondentView(
            told=self._words.statement(report, found.door.told_id),
            told_at=told.at if told else None,
            replies=tuple(
                ReplyView(s.at, self._words.statement(report, i) or "") for i, s in found.said(REPLY).items()
            ),
            decided_at=status.decided_at if status.outcome else None,
            # Where there are several, or nobody knows how many, the outcome may be that of another one.
            outcome=status.outcome if self._is_alone(report) else None,
            appeals=tuple(self._appeals(found)),
            appeal=self._way(found),
            recusal_asks=view_asks(report, found.party, lambda i: self._words.statement(report, i)),
            may_ask_recusal=may_ask(report, found.party),
        )

    def _is_alone(self, report: StoredReport) -> bool:
        """Whether the case has one respondent and no other, however often and in which spellings they are named."""
        status = report.status
        if status.respondents < 2 or report.facts.setting not in BY_ACCOUNT:
            return status.respondents == 1
        reported = self._mentions.with_tokens(report, self._words.section(report, "reported")).get("people", ())
        named = {person["party"]: person["name"] for person in reported}
        named |= {token: name for token in status.added if (name := self._words.statement(report, token))}
        return len(named) == status.respondents and len(set(map(account_of, named.values()))) == 1

    def _appeals(self, found: _Found) -> list[AppealView]:
        known: Mapping[str, Appeal] = {appeal.id: appeal for appeal in found.report.status.their_appeals}
        views = []
        for sent, kept in found.said(APPEAL).items():
            appeal = known.get(sent)
            standing: AppealStanding = "sent"
            if appeal:
                standing = "refused" if appeal.refusal else "decided" if appeal.verdict else "lodged"
            views.append(
                AppealView(
                    appeal_id=sent,
                    at=kept.at,
                    standing=standing,
                    ground=kept.ground,
                    text=self._words.statement(found.report, sent),
                    verdict=appeal.verdict if appeal else None,
                    reason=self._words.statement(found.report, appeal.told_id) if appeal and appeal.told_id else None,
                    refusal=appeal.refusal if appeal else None,
                )
            )
        return views


def _behind(report: StoredReport | None, receipt_hash: bytes) -> _Found | None:
    """What a receipt opens: only while what it was made for is the newest that the respondent was told."""
    if report is None or report.vault is None:
        return None
    holding = {told_id: party for party, told_id in report.status.disclosed.items()}
    door = next((door for door in report.doors if door.receipt == receipt_hash and door.told_id in holding), None)
    return _Found(report, door, holding[door.told_id]) if door else None


def _opened(found: _Found, at: datetime) -> StoredReport:
    """The report after the respondent has used the receipt: handlers do not see it any more."""
    used = replace(found.door, opened_at=found.door.opened_at or at)
    return replace(found.report, doors=tuple(used if door == found.door else door for door in found.report.doors))


def _there(report: StoredReport | None, receipt_hash: bytes) -> _Found:
    if report is None:
        raise Unavailable("a report is not where it was")
    if (found := _behind(report, receipt_hash)) is None:
        raise receipt_unknown()
    return found
