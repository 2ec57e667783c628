"""What a step of a case does to its deadlines: it keeps them, and stops and starts their clocks. Pure."""

from collections.abc import Iterator, Sequence, Set
from datetime import datetime, timedelta

from services.triage.case.asks import follow_asks
from services.triage.case.case import Case
from services.triage.case.clocks import started
from services.triage.case.stages import follow_stages
from services.triage.case.updates import follow_updates
from services.triage.case.values import Deadline
from shared.events import (
    FACTS,
    CaseFact,
    CasePaused,
    CaseResumed,
    CaseState,
    CaseTriaged,
    DeadlineFact,
    DeadlineMet,
    DeadlinePaused,
    DeadlineResumed,
    EmergencyMeasureTaken,
    InformationRequested,
    MeasureFact,
    RecusalAnswered,
)
from shared.policy import MEASURE_REVIEW, DeadlineRule, Policy
from shared.policy.business_days import Calendar
from shared.policy.model import Clock

WAITING, REOPENED = CaseState.AWAITING_INFORMATION, CaseState.REOPENED
_PAUSES = {CasePaused.name: True, CaseResumed.name: False}
"""Whether the case is paused after this fact."""
_OF_MEASURES = frozenset(fact.name for fact in FACTS.values() if issubclass(fact, MeasureFact))
"""The facts that can change which measure is to be reviewed first."""


def judge(case: Case | None, facts: Sequence[CaseFact], policy: Policy, now: datetime) -> list[DeadlineFact]:
    """The facts about deadlines that follow from the facts of one step at `now` (UTC-aware).

    Where the case is reopened, its clocks start anew. A pausable clock stands still while the case awaits information
    (see Case.stops_clocks) or is paused, one that starts anew, too; it goes on from the end of the pause, also where
    triage or a person notes that end later.
    A deadline that was missed before is not paused. Nothing keeps or pauses a deadline that the policy no longer has.
    """
    if not facts:
        return []
    state = facts[-1].state
    # An answer to a party of a case that is part of this one keeps no clock of this one.
    names = {fact.name for fact in facts if not (isinstance(fact, RecusalAnswered) and _is_of_another(case, fact))}
    if case is None:
        return list(_met_at_once(facts, names, policy, now))
    found: list[DeadlineFact] = []
    asked_at = case.questions[-1].asked_at if case.questions else now
    waited = case.state is WAITING and case.stops_clocks(asked_at)
    asked_at = now if InformationRequested.name in names else asked_at
    stands = _is_paused(case, facts, names, now) or (state == WAITING and case.stops_clocks(asked_at))
    goes_on = min(now, case.pause.until) if case.pause and not waited else now
    anew: frozenset[str] = frozenset()
    if case.state is not REOPENED and state == REOPENED:
        found += _restarted(case, policy, now, stands=stands)
        anew = frozenset(fact.deadline for fact in found)
    if not names.isdisjoint(_OF_MEASURES):
        found += _reviews(case, facts, policy, now)
    calendar = policy.calendar_of(case.body)
    unmet = {deadline.name: deadline for deadline in case.deadlines if deadline.met_at is None}
    for name, deadline in unmet.items():
        if name == MEASURE_REVIEW:
            continue
        rule = policy.deadlines.get(name)
        if not stands and deadline.remaining_seconds is not None and name not in anew:
            found.append(_resumed(state, deadline, goes_on, calendar))
        if rule and not rule.met_by.isdisjoint(names):
            due_at = deadline.due_if_running(goes_on, calendar)
            found.append(DeadlineMet(previous=state, state=state, deadline=name, due_at=due_at, met_at=now))
        elif stands and deadline.is_running and deadline.due_at >= now and name not in anew and rule and rule.pausable:
            found.append(_stopped(state, rule, deadline.due_at, now, calendar))
    found += follow_updates(case, unmet, state, names, policy, now, stands=stands)
    found += follow_stages(case, facts, unmet, names, policy, now)
    found += follow_asks(case, facts, unmet, names, policy, now)
    return found


def _is_of_another(case: Case | None, fact: RecusalAnswered) -> bool:
    return case is None or all(ask.id != fact.ask_id for ask in case.recusal_asks)


def _reviews(case: Case, facts: Sequence[CaseFact], policy: Policy, now: datetime) -> Iterator[DeadlineFact]:
    """What happens to the clock for the reviews of measures: it runs for the first one that is to come."""
    told = [fact for fact in facts if isinstance(fact, MeasureFact)]
    over = {fact.measure_id for fact in told}
    waiting = [m.review_by for m in case.measures if m.review_by and m.id not in over]
    waiting += [fact.review_by for fact in told if isinstance(fact, EmergencyMeasureTaken)]
    state = facts[-1].state
    clock = next((d for d in case.deadlines if d.name == MEASURE_REVIEW), None)
    runs = clock is not None and clock.met_at is None
    if waiting and not (clock and runs and clock.due_at == min(waiting)):
        rule, due_at = policy.deadlines.get(MEASURE_REVIEW), min(waiting)
        begun = rule.due(due_at, policy.calendar_of(case.body)) if rule else Clock(MEASURE_REVIEW, due_at)
        yield started(state, begun, clock.due_at if clock else None)
    elif not waiting and clock and runs:
        yield DeadlineMet(previous=state, state=state, deadline=MEASURE_REVIEW, due_at=clock.due_at, met_at=now)


def _is_paused(case: Case, facts: Sequence[CaseFact], names: Set[str], now: datetime) -> bool:
    if names.isdisjoint(_PAUSES):
        return case.pause is not None and case.pause.until > now
    return [_PAUSES[fact.name] for fact in facts if fact.name in _PAUSES][-1]


def _stopped(state: str, rule: DeadlineRule, due_at: datetime, now: datetime, calendar: Calendar) -> DeadlinePaused:
    return DeadlinePaused(
        previous=state,
        state=state,
        deadline=rule.id,
        due_at=due_at,
        remaining_seconds=calendar.counting(business=rule.business).between(now, due_at) // timedelta(seconds=1),
        business=rule.business,
    )


def _resumed(state: str, deadline: Deadline, now: datetime, calendar: Calendar) -> DeadlineResumed:
    clock = deadline.if_running(now, calendar)
    # Those of other clocks come as much later as they are due.
    others = {"warn_at": clock.warn_at, "escalate_at": clock.escalate_at} if deadline.business else {}
    return DeadlineResumed(previous=state, state=state, deadline=clock.name, due_at=clock.due_at, **others)


def _restarted(case: Case, policy: Policy, now: datetime, *, stands: bool) -> Iterator[DeadlineFact]:
    """The deadlines of a case that is reopened: those that the policy starts anew. `stands`: it is paused.

    A case from before Hearth had none; it gets those of its lane.
    """
    imported = any(measure.imported for measure in case.measures)
    due = {deadline.name: deadline.due_at for deadline in case.deadlines}
    state = REOPENED
    for name, rule in policy.deadlines.items():
        has = name in due or (imported and rule.applies_to(case.lane or "standard"))
        if rule.starts == "received" and rule.restarts and has:
            clock = policy.deadline(name, now, case.body)
            yield started(state, clock, due.get(name))
            if rule.pausable and stands:
                yield _stopped(state, rule, clock.due_at, now, policy.calendar_of(case.body))


def _met_at_once(facts: Sequence[CaseFact], names: Set[str], policy: Policy, now: datetime) -> Iterator[DeadlineMet]:
    """The deadlines that a new case keeps as it is opened, but for those that were kept before."""
    before = {fact.deadline for fact in facts if isinstance(fact, DeadlineMet)}
    for fact in facts:
        for deadline in fact.deadlines if isinstance(fact, CaseTriaged) else ():
            if deadline.name not in before and not policy.deadlines[deadline.name].met_by.isdisjoint(names):
                state, name = fact.state, deadline.name
                yield DeadlineMet(previous=state, state=state, deadline=name, due_at=deadline.due_at, met_at=now)
