"""The reporter is asked how it goes, once more, and then no more; handlers look whether agreements are kept. Pure."""

from datetime import datetime

from services.triage.case.afterwards import CHECKED_IN, is_to_check, last_day, last_moment
from services.triage.case.case import Case
from services.triage.case.check_ins import NO_ANSWER, is_asked, kept
from services.triage.case.timers.timer import Moment, Timer
from services.triage.case.values import Agreement, CheckIn, earliest
from shared.events import AgreementDue, CaseFact, CheckInDue, CheckInsEnded


def _next(case: Case) -> datetime | None:
    """When the reporter is to be asked next."""
    if case.unasked_for or not is_asked(case):
        return None
    asked = case.open_check_in
    if asked and asked.again_at:
        return asked.again_at
    return earliest([one.due_at for one in _to_come(case)])


def _to_come(case: Case) -> list[CheckIn]:
    return [one for one in case.check_ins if not one.told_at and not one.kept_at]


def _asked(case: Case, moment: Moment) -> list[CaseFact]:
    """One question at a time: the answer counts for every check-in that is due."""
    asked = case.open_check_in
    asked = asked if asked and asked.again_at else None
    if asked and asked.attempt >= moment.policy.tries:
        return [*kept(case, moment.now, NO_ANSWER), CheckInsEnded(previous=case.state, state=case.state, why=NO_ANSWER)]
    asked = asked or min(_to_come(case), key=lambda one: one.due_at)
    return [
        CheckInDue(
            previous=case.state,
            state=case.state,
            number=asked.number,
            due_at=asked.due_at,
            attempt=asked.attempt + 1,
            again_at=moment.now + moment.policy.again_after,
        )
    ]


def _next_agreement(case: Case) -> datetime | None:
    """When handlers are next to be reminded that the day of an agreement is over."""
    if case.state not in CHECKED_IN:
        return None
    return earliest([last_moment(one) for one in case.agreements if _waits(one)])


def _waits(agreement: Agreement) -> bool:
    return agreement.told_at is None and is_to_check(agreement)


def _over(case: Case, moment: Moment) -> list[CaseFact]:
    return [
        AgreementDue(
            previous=case.state,
            state=case.state,
            agreement_id=one.id,
            who=one.who,
            by_when=last_day(one),
        )
        for one in case.agreements
        if _waits(one) and last_moment(one) <= moment.now
    ]


TIMERS = (Timer(_next, _asked, when_merged=True), Timer(_next_agreement, _over))
