"""What becomes of check-ins, whether a person says it or a time comes. Pure."""

from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.values import CheckIn
from shared.events import CaseFact, CaseState, CheckInKept

NO_ANSWER = "no_answer"
"""What becomes of a check-in to which the reporter says nothing, and why the reporter is not asked again."""


def is_asked_in(case: Case, check_in: CheckIn) -> bool:
    """Whether the reporter is asked while the case is where it is: once it is closed, only for a measure.

    Of a merged case the reporter is asked while the decision there stands.
    """
    of_measure = case.state is CaseState.CLOSED and check_in.measure_id is not None
    return case.state is CaseState.FOLLOWING_UP or case.is_decided_there or of_measure


def kept(case: Case, now: datetime, answer: str, answer_id: str | None = None) -> list[CaseFact]:
    """What became of the check-ins that are due. `now` is UTC-aware."""
    return [
        CheckInKept(
            previous=case.state,
            state=case.state,
            number=one.number,
            due_at=one.due_at,
            answer=answer,
            answer_id=answer_id if one.told_at else None,
        )
        for one in case.check_ins
        if not one.kept_at and (one.told_at or (one.due_at <= now and is_asked_in(case, one)))
    ]
