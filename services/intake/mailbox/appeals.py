"""Whether a reporter can appeal now, and what became of the reporter's appeals. Pure.

Triage alone judges an appeal. What triage told of the case says here whether it is worth sending one.
"""

from collections.abc import Callable, Collection
from datetime import datetime

from services.intake.mailbox.views import AppealStanding, AppealView, AppealWay, Barred
from services.intake.report.status import Appeal, Status
from services.intake.stored import StoredReport
from shared.events import APPEAL_GROUNDS, INACTION, NOT_NOW, NOT_POSSIBLE, TAKES_NO_APPEAL
from shared.ids import derive
from shared.policy import Policy

KEPT_AS = "appeal"
"""As what the words of an appeal stand among the statements of a report."""
AGAINST_DECISION = tuple(ground for ground in APPEAL_GROUNDS if ground != INACTION)
MOST_REFUSED = 10
"""So many refused appeals of a report are kept. After them, no other one is taken."""
_LAST_WORDS: tuple[Barred, ...] = ("once", "refused")
"""What bars an appeal after triage took or refused one."""


def appeal_id_of(report: StoredReport, ground: str) -> str:
    """The id of the next appeal of a reporter: the same for every retry of it."""
    return derive("appeal", report.id, str(len(report.status.appeals)), ground)


def newest_sent(report: StoredReport) -> str | None:
    """The id of the appeal that the reporter sent last, whatever became of it."""
    sent = {report.statements[i].at: i for i in sent_by_reporter(report)}
    return sent[max(sent)] if sent else None


def sent_by_reporter(report: StoredReport) -> tuple[str, ...]:
    """The ids of the appeals that the reporter has sent."""
    return tuple(i for i, statement in report.statements.items() if statement.kind == KEPT_AS)


def next_body_of(status: Status, policy: Policy) -> str | None:
    """The handling body to which a party can turn where no appeal is taken."""
    return next(iter(policy.stand_ins(status.body)), None) if status.body else None


def way_to_appeal(
    status: Status, policy: Policy, now: datetime, sent: Collection[str], party: str | None = None
) -> AppealWay:
    """What a party can appeal against at `now` (UTC-aware), as far as triage has told.

    `party`: the token of a respondent: the status has to tell of the appeals of that one alone; None: the reporter.
    `sent`: the ids of the party's own appeals. What handlers took down is none of these, and bars no own appeal once it
    is decided.
    """
    next_body = next_body_of(status, policy)
    # Nothing is done any more on a merged case by itself, and nothing may tell of the merging.
    if status.before_merge is not None:
        is_late = any(d.standing(now) == "late" for d in status.deadlines_now)
        if is_late or status.missed_there or status.outcome_there is not None:
            return AppealWay(barred="elsewhere", next_body=next_body)
        return AppealWay(barred="nothing")
    answered = {appeal.id: appeal for appeal in status.appeals}
    own = [answered[i] for i in sent if i in answered]
    if len(own) < len(sent) or any(one.refusal is None and one.verdict is None for one in status.appeals):
        return AppealWay(barred="pending")
    late = (d.due_at for d in status.deadlines if d.standing(now) == "late")
    asks = (ask for ask in status.recusal_asks if ask.respondent == party)
    unanswered = (policy.unanswered(ask.since, ask.answered_at or now, status.body) for ask in asks)
    missed = max(filter(None, (*late, status.missed_at, *unanswered)), default=None)
    stands, until = status.outcome is not None, status.appeal_until
    is_decided = stands or status.decided_at is not None
    if not is_decided and missed is None:
        return AppealWay(barred="nothing")
    if sum(appeal.refusal is not None for appeal in status.appeals) >= MOST_REFUSED:
        return AppealWay(until=until, barred="too_many", next_body=next_body)
    if status.state in TAKES_NO_APPEAL:
        return AppealWay(until=until, barred="busy")
    is_over = is_decided and until is not None and until < now
    if is_over and (stands or missed is None):
        return AppealWay(until=until, barred="over", next_body=next_body)
    grounds = (*((INACTION,) if missed else ()), *(AGAINST_DECISION if is_decided and not is_over else ()))
    for barred in _LAST_WORDS:
        answers = [appeal for appeal in own if _is_last_word(appeal, refused=barred == "refused")]
        grounds = tuple(ground for ground in grounds if not any(_answers(a, ground, status, missed) for a in answers))
        if not grounds:
            return AppealWay(until=until, barred=barred, next_body=next_body)
    return AppealWay(grounds, until)


def _is_last_word(appeal: Appeal, *, refused: bool) -> bool:
    """Whether triage took the appeal, or `refused` it for a reason that does not end with the state of the case."""
    return appeal.refusal not in (None, NOT_NOW, NOT_POSSIBLE) if refused else appeal.refusal is None


def _answers(appeal: Appeal, ground: str, status: Status, missed: datetime | None) -> bool:
    """Whether triage would answer an appeal on this ground as it answered this one before."""
    # An appeal that was taken is one against all that there was. A refused one is refused for its ground.
    if appeal.refusal and (appeal.ground == INACTION) != (ground == INACTION):
        return False
    if ground == INACTION:
        return missed is not None and appeal.at >= missed
    return status.decided_at is None or appeal.at >= status.decided_at


def view_appeals(report: StoredReport, words: Callable[[str], str | None]) -> tuple[AppealView, ...]:
    """The appeals of the reporter in their order. `words`: those of a statement by its id; None: there are none."""
    if report.erased is not None:
        return ()
    views = [_view(report, appeal, words) for appeal in report.status.appeals]
    answered = {appeal.id for appeal in report.status.appeals}
    if sent := next((i for i in sent_by_reporter(report) if i not in answered), None):
        kept = report.statements[sent]
        views.append(AppealView(sent, kept.at, "sent", kept.ground, words(sent)))
    return tuple(views)


def _view(report: StoredReport, appeal: Appeal, words: Callable[[str], str | None]) -> AppealView:
    standing: AppealStanding = "refused" if appeal.refusal else "decided" if appeal.verdict else "lodged"
    # A handler who took the appeal down wrote words of their own, for handlers.
    kept = report.statements.get(appeal.id)
    return AppealView(
        appeal_id=appeal.id,
        at=appeal.at,
        standing=standing,
        ground=appeal.ground,
        text=words(appeal.id) if kept and kept.kind == KEPT_AS else None,
        verdict=appeal.verdict,
        reason=words(appeal.told_id) if appeal.told_id else None,
        refusal=appeal.refusal,
    )
