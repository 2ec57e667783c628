"""The moments of check-ins come: the reporter is asked how it goes, once more, and then no more. Pure."""

from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.check_ins import NO_ANSWER, kept
from services.triage.case.timers.timer import Timer
from shared.events import CaseFact, CaseState, CheckInDue, CheckInsEnded
from shared.policy import Policy


def _next(case: Case) -> datetime | None:
    """When the reporter is to be asked next. Nobody is asked of a case that is not followed up any more."""
    if case.state is not CaseState.FOLLOWING_UP or case.unasked_for:
        return None
    asked = case.open_check_in
    if asked and asked.again_at:
        return asked.again_at
    return min((one.due_at for one in case.check_ins if not one.told_at and not one.kept_at), default=None)


def _asked(case: Case, policy: Policy, now: datetime) -> list[CaseFact]:
    """One question at a time: the answer counts for every check-in that is due."""
    asked = case.open_check_in
    if asked and asked.again_at and asked.attempt >= policy.tries:
        return [*kept(case, now, NO_ANSWER), CheckInsEnded(previous=case.state, state=case.state, why=NO_ANSWER)]
    if not (asked and asked.again_at):
        asked = next(one for one in case.check_ins if not one.told_at and not one.kept_at)
    return [
        CheckInDue(
            previous=case.state,
            state=case.state,
            number=asked.number,
            due_at=asked.due_at,
            attempt=asked.attempt + 1,
            again_at=now + policy.again_after,
        )
    ]


TIMERS = (Timer(_next, _asked),)
