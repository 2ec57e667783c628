"""The clocks of a case that is decided, followed up or appealed: each runs as long as the case stands there. Pure."""

from collections.abc import Callable, Mapping, Sequence, Set
from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.clocks import run_clocks
from services.triage.case.values import Deadline
from shared.events import (
    CaseFact,
    CaseState,
    CheckInKept,
    CheckInsEnded,
    DeadlineFact,
    FollowUpBegun,
)
from shared.policy import Policy
from shared.policy.model import ClockStart


def _is_asked_no_more(case: Case, facts: Sequence[CaseFact]) -> bool:
    """Whether the case is followed up, and has no check-in to come after these facts."""
    if facts[-1].state != CaseState.FOLLOWING_UP:
        return False
    begun = next((fact for fact in facts if isinstance(fact, FollowUpBegun)), None)
    kept = {fact.number for fact in facts if isinstance(fact, CheckInKept)}
    kept |= {one.number for one in case.check_ins if one.kept_at} if begun is None else set()
    to_come = {one.number for one in (begun or case).check_ins} - kept
    is_over = case.unasked_for is not None or any(isinstance(fact, CheckInsEnded) for fact in facts)
    return is_over or not to_come


STAGES: Mapping[ClockStart, Callable[[Case, Sequence[CaseFact]], bool]] = {
    "decided": lambda _case, facts: facts[-1].state == CaseState.DECIDED,
    "appealed": lambda _case, facts: facts[-1].state == CaseState.APPEALED,
    "followed_up": _is_asked_no_more,
}
"""By the moment at which a clock starts: whether the case, as it was, stands there after the facts of a step."""
_STATES = frozenset({CaseState.DECIDED, CaseState.APPEALED, CaseState.FOLLOWING_UP})


def follow_stages(
    case: Case,
    facts: Sequence[CaseFact],
    unmet: Mapping[str, Deadline],
    told: Set[str],
    policy: Policy,
    now: datetime,
) -> list[DeadlineFact]:
    """A clock starts where the case comes there, and is kept where it goes on. `now` is UTC-aware.

    `unmet` and `told`: see run_clocks. A case from before such a clock gets it with its next step.
    """
    state = facts[-1].state
    found: list[DeadlineFact] = []
    if _STATES.isdisjoint((case.state, state)):
        return found
    for start, stands in STAGES.items():
        is_there = stands(case, facts)
        found += run_clocks(case, start, unmet, state, told, policy, now, begin=is_there, end=not is_there)
    return found
