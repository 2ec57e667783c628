"""The clock of updates: until its case is decided, no reporter waits for too long without hearing of it. Pure."""

from collections.abc import Mapping, Set
from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.clocks import run_clocks
from services.triage.case.lifecycle import BEFORE_DECISION
from services.triage.case.values import Deadline
from shared.events import CaseState, DeadlineFact, ReporterLost, ReporterTold
from shared.policy import Policy

OWED = frozenset({*BEFORE_DECISION, CaseState.REFERRED, CaseState.APPEALED, CaseState.REOPENED})
"""States in which the reporter waits to hear how it goes on."""
_LOST = ReporterLost.name


def follow_updates(
    case: Case,
    unmet: Mapping[str, Deadline],
    state: str,
    told: Set[str],
    policy: Policy,
    now: datetime,
    *,
    stands: bool,
) -> list[DeadlineFact]:
    """Each thing that the reporter was told begins the next line of the clock, once nothing is asked or paused.

    Nobody can tell a reporter who has neither an address nor a receipt, or whose report is erased, so no clock runs.
    `unmet`, `told` and `state`: see run_clocks; `stands`: then pausable clocks stand still. A case from before this
    clock gets it with its next step. Where nothing more is to be told, the clock is kept. That of a merged case stays
    as it is.
    """
    if not case.reachable:
        return []
    is_lost = _LOST in told
    # It runs on while the case is merged, so it begins anew where the reporter is told something then.
    is_told = state == CaseState.MERGED and ReporterTold.name in told
    is_owed = (state in OWED or is_told) and not is_lost
    ends = not is_owed and (is_lost or state != CaseState.MERGED)
    begins = is_owed and not stands
    return run_clocks(case, "last_update", unmet, state, told, policy, now, begin=begins, end=ends)
