"""What people still have to see to once a case is decided, also where it is closed. Pure."""

from datetime import date, datetime

from services.triage.case.case import NEVER, RESPONDENT, Case
from services.triage.case.values import Agreement, Measure, Step, end_of
from shared.events import CaseState, CaseUnwatched, CaseWatched, CheckInKept, CheckInsEnded, ConsentGiven, FollowUpBegun
from shared.times import parse_day

CHECKED_IN = frozenset({CaseState.DECIDED, CaseState.FOLLOWING_UP, CaseState.CLOSED})
"""The states in which handlers note whether an agreement is kept."""
_UNCERTAIN = ("unknown", "partly")
_NO_WORK = frozenset({CaseWatched.name, CaseUnwatched.name, CheckInsEnded.name, ConsentGiven.name})


def is_answered(case: Case) -> bool:
    """Whether the reporter or a respondent has written since a person last did something with the case."""
    steps = (step for step in reversed(case.history) if step.role != "service" and not _says_nothing(step))
    last = next(steps, None)
    return last is not None and last.role in ("reporter", RESPONDENT)


def _says_nothing(step: Step) -> bool:
    """Whether nobody did or wrote anything in this step: no work, or a reporter who only says whether to be asked."""
    begun = step.fact == FollowUpBegun.name and step.role == "reporter"
    return step.fact in _NO_WORK or begun or (step.fact == CheckInKept.name and step.detail == "declined")


def is_to_check(agreement: Agreement) -> bool:
    """Whether it is not known yet that an agreement is kept, or that it is not."""
    return agreement.kept in _UNCERTAIN


def last_day(agreement: Agreement) -> date:
    """The last day of an agreement."""
    return parse_day(agreement.by_when)


def last_moment(agreement: Agreement) -> datetime:
    """When the last day of an agreement is over (UTC-aware)."""
    return end_of(last_day(agreement)) or NEVER


def agreement_due(case: Case) -> Agreement | None:
    """An agreement of which the day is over, and handlers are to find out whether it is kept."""
    found = (one for one in case.agreements if one.told_at and is_to_check(one))
    # What a handler found out after the reminder is not asked for again.
    due = (one for one in found if not one.checked_at or (one.told_at and one.checked_at < one.told_at))
    return next(due, None) if case.state in CHECKED_IN else None


def talk_due(case: Case) -> Measure | None:
    """A measure that ends soon, and before its end handlers are to talk with the person."""
    return next((one for one in case.measures if one.stands and one.return_due_at and not one.conversation), None)


def waits_for_people(case: Case) -> bool:
    """Whether there is something in a closed case that a person has to see to."""
    return bool(
        is_answered(case)
        or case.open_recusal_asks
        or agreement_due(case)
        or talk_due(case)
        or any(measure.review_by for measure in case.measures)
    )
