"""What becomes of check-ins, whether a person says it or a time comes. Pure."""

from datetime import datetime

from services.triage.case.case import Case
from shared.events import CaseFact, CaseState, CheckInKept

NO_ANSWER = "no_answer"
"""What becomes of a check-in to which the reporter says nothing, and why the reporter is not asked again."""


ASKING = (CaseState.FOLLOWING_UP, CaseState.CLOSED)
"""The states in which the reporter is asked how it goes, if the reporter agreed to be asked."""


def is_asked(case: Case) -> bool:
    """Whether the reporter is asked while the case is where it is. Of a merged case: while the decision there stands.

    Who closes a case ends the work on it, and not what the reporter agreed to.
    """
    return case.state in ASKING or case.is_decided_there


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
        if not one.kept_at and (one.told_at or (one.due_at <= now and is_asked(case)))
    ]
