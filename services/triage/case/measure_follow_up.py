"""What follows a measure: before its last day, if it has one, a conversation and a check-in, and check-ins after. Pure.

The policy says what and when (shared/policy/follow_up.toml). A reporter is asked only who agreed to be asked again.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

from services.triage.case.case import Case
from services.triage.case.check_ins import ASKING
from services.triage.case.values import end_of
from shared.events import (
    CaseDecided,
    CaseFact,
    CaseState,
    CheckInSet,
    EmergencyMeasureReviewed,
    EmergencyMeasureTaken,
    FollowUpBegun,
    MeasureEnded,
    MeasureExpired,
    MeasureFollowUpSet,
    MeasureImported,
    MeasureLapsed,
)
from shared.policy import Policy

_FOLLOWED = frozenset(
    {
        CaseDecided,
        EmergencyMeasureReviewed,
        EmergencyMeasureTaken,
        FollowUpBegun,
        MeasureEnded,
        MeasureExpired,
        MeasureImported,
        MeasureLapsed,
    }
)
"""The facts of which anything follows here; most commands have none of them."""


def follow_measures(
    case: Case | None, facts: Sequence[CaseFact], policy: Policy, now: datetime
) -> Iterator[MeasureFollowUpSet]:
    """What follows from these facts for the measures of the case, as it was before them. `now` is UTC-aware."""
    if _FOLLOWED.isdisjoint(map(type, facts)):
        return
    state = facts[-1].state
    if case is None:
        for fact in facts:
            if isinstance(fact, MeasureImported) and fact.until:
                yield from _begun(fact.measure_id, fact.outcome, fact.until, state, policy, now)
        return
    number = max([one.number for one in case.check_ins], default=0)
    appeal = case.appeal if state == CaseState.APPEALED else None
    stage = appeal.state if appeal else state
    for fact in facts:
        match fact:
            case CaseDecided(scope=str(), until=date() as until):
                yield from _begun(fact.reason_id, fact.outcome, until, state, policy, now)
            case EmergencyMeasureTaken(until=until):
                yield from _begun(fact.measure_id, fact.outcome, until, state, policy, now)
            case FollowUpBegun(consent="yes"):
                number = max((one.number for one in fact.check_ins), default=number)
                to_come = {one.measure_id for one in case.check_ins if not one.kept_at}
                for measure in (one for one in case.measures if one.id not in to_come):
                    before = policy.after_measure(measure.kind).before
                    if measure.stands and measure.until and before and measure.until - before > now:
                        set_ = _check_ins(measure.id, measure.kind, [measure.until - before], number, state)
                        yield set_
                        number += len(set_.check_ins)
            case MeasureEnded() | MeasureExpired() | MeasureLapsed() | EmergencyMeasureReviewed(review="ended"):
                after = policy.after_measure(fact.outcome).after
                # Before these states, also under an appeal, the follow-up of the case is still to come.
                if after and stage in ASKING and case.consent == "yes" and not case.unasked_for:
                    set_ = _check_ins(fact.measure_id, fact.outcome, [now + one for one in after], number, state)
                    yield set_
                    number += len(set_.check_ins)
            case _:
                pass


def _begun(
    measure_id: str, outcome: str, until: date, state: str, policy: Policy, now: datetime
) -> Iterator[MeasureFollowUpSet]:
    talk, end = policy.after_measure(outcome).talk, end_of(until)
    if talk and end:
        # Before the end of a short measure people talk at once.
        at = max(end - talk, now + timedelta(seconds=1))
        yield MeasureFollowUpSet(previous=state, state=state, measure_id=measure_id, outcome=outcome, return_at=at)


def _check_ins(measure_id: str, outcome: str, times: Iterable[datetime], number: int, state: str) -> MeasureFollowUpSet:
    check_ins = tuple(CheckInSet(number=n, due_at=at) for n, at in enumerate(times, number + 1))
    return MeasureFollowUpSet(previous=state, state=state, measure_id=measure_id, outcome=outcome, check_ins=check_ins)
