"""Clocks that run while a case stands somewhere: begun where it comes there, kept where it goes on. Pure."""

from collections.abc import Mapping, Set
from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.values import Deadline
from shared.events import DeadlineFact, DeadlineMet, DeadlineStarted
from shared.policy import Policy
from shared.policy.model import Clock, ClockStart


def run_clocks(
    case: Case,
    start: ClockStart,
    unmet: Mapping[str, Deadline],
    state: str,
    told: Set[str],
    policy: Policy,
    now: datetime,
    *,
    begin: bool,
    end: bool,
    since: datetime | None = None,
) -> list[DeadlineFact]:
    """What a step does to the clocks of this start. `now` is UTC-aware.

    `unmet`: the deadlines of the case that nothing has kept, by name. `told`: the names of the facts of the step;
    `state`: that of the case after them. What keeps a clock begins its next line. `begin`: it runs from now on, if it
    does not run; `end`: if it runs, it is kept. `since`: from when on it counts (UTC-aware).
    """
    found: list[DeadlineFact] = []
    for rule in policy.starting(start):
        running = unmet.get(rule.id)
        if running and rule.met_by.isdisjoint(told):
            if end:
                due_at = running.due_at
                found.append(DeadlineMet(previous=state, state=state, deadline=rule.id, due_at=due_at, met_at=now))
        elif begin and rule.met_by and rule.applies_to(case.lane or "standard"):
            found.append(started(state, policy.deadline(rule.id, since or now, case.body)))
    return found


def started(state: str, clock: Clock, previous_due_at: datetime | None = None) -> DeadlineStarted:
    """That a clock runs from now on. `previous_due_at` (UTC-aware): of the line before."""
    return DeadlineStarted(
        previous=state,
        state=state,
        deadline=clock.name,
        previous_due_at=previous_due_at,
        due_at=clock.due_at,
        warn_at=clock.warn_at,
        escalate_at=clock.escalate_at,
    )
