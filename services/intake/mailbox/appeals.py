"""Whether a reporter can appeal now, and what became of the reporter's appeals. Pure.

Triage alone judges an appeal. What triage told of the case says here whether it is worth sending one.
"""

from collections.abc import Callable
from datetime import datetime

from services.intake.mailbox.views import AppealStanding, AppealView, AppealWay, standing_of
from services.intake.report.status import Appeal
from services.intake.stored import StoredReport
from shared.events import APPEAL_GROUNDS, INACTION, CaseState
from shared.ids import derive

KEPT_AS = "appeal"
"""As what the words of an appeal stand among the statements of a report."""
AGAINST_DECISION = tuple(ground for ground in APPEAL_GROUNDS if ground != INACTION)
_TAKES_NONE = (CaseState.REFERRED.value, CaseState.APPEALED.value)


def appeal_id_of(report: StoredReport, ground: str) -> str:
    """The id of the next appeal of a reporter: the same for every retry of it."""
    return derive("appeal", report.id, str(len(report.status.appeals)), ground)


def pending(report: StoredReport) -> str | None:
    """The id of the appeal that is sent, and that triage has not answered yet."""
    answered = {appeal.id for appeal in report.status.appeals}
    return next((i for i, s in report.statements.items() if s.kind == KEPT_AS and i not in answered), None)


def way_to_appeal(report: StoredReport, next_body: str | None, now: datetime) -> AppealWay:
    """What the reporter can appeal against at `now` (UTC-aware). `next_body`: the policy's next one."""
    status = report.status
    lodged = [appeal.at for appeal in status.appeals if appeal.refusal is None]
    before = max(lodged, default=None)
    # Nothing is done any more on a merged case by itself, and nothing may tell of the merging.
    if status.before_merge is not None or report.erased is not None:
        return AppealWay(barred="nothing")
    if pending(report) or any(appeal.refusal is None and appeal.verdict is None for appeal in status.appeals):
        return AppealWay(barred="pending")
    missed = [d.due_at for d in status.deadlines if standing_of(d, now) == "late"]
    is_decided, until = status.outcome is not None, status.appeal_until
    if not is_decided and not missed:
        return AppealWay(barred="nothing")
    if status.state in _TAKES_NONE:
        return AppealWay(until=until, barred="busy")
    if is_decided and until is not None and until < now:
        return AppealWay(until=until, barred="over", next_body=next_body)
    grounds: tuple[str, ...] = ()
    if is_decided and not _is_after(before, status.decided_at):
        grounds += AGAINST_DECISION
    if missed and (before is None or max(missed) > before):
        grounds = (INACTION, *grounds)
    if not grounds:
        return AppealWay(until=until, barred="once", next_body=next_body)
    return AppealWay(grounds, until)


def _is_after(before: datetime | None, decided_at: datetime | None) -> bool:
    return before is not None and decided_at is not None and before > decided_at


def view_appeals(report: StoredReport, words: Callable[[str], str | None]) -> tuple[AppealView, ...]:
    """The appeals of the reporter in their order. `words`: those of a statement by its id; None: there are none."""
    if report.erased is not None:
        return ()
    views = [_view(report, appeal, words) for appeal in report.status.appeals]
    if sent := pending(report):
        views.append(AppealView(sent, report.statements[sent].at, "sent", text=words(sent)))
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
