"""The clock of what a party asks for: that a person does not handle the case. It runs while an answer is owed. Pure."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.clocks import run_clocks
from services.triage.case.values import Deadline
from shared.events import CaseFact, DeadlineFact, RecusalAnswered, RecusalAsked, RecusalAskedAgain, RecusalWithdrawn
from shared.policy import Policy


def follow_asks(
    case: Case,
    facts: Sequence[CaseFact],
    unmet: Mapping[str, Deadline],
    told: Set[str],
    policy: Policy,
    now: datetime,
) -> list[DeadlineFact]:
    """The clock counts from the oldest request that waits, so no answer to another one gives it more time.

    `unmet` and `told`: see run_clocks; `now` is UTC-aware.
    """
    if not case.recusal_asks and RecusalAsked.name not in told:
        return []
    since, state = _waiting_since(case, facts, now), facts[-1].state
    is_owed = since is not None
    return run_clocks(
        case, "recusal_asked", unmet, state, told, policy, now, begin=is_owed, end=not is_owed, since=since
    )


def _waiting_since(case: Case, facts: Sequence[CaseFact], now: datetime) -> datetime | None:
    """Since when (UTC-aware) the oldest request waits that has no answer after these facts; None: none waits."""
    waiting = {ask.id: ask.since or ask.at for ask in case.open_recusal_asks}
    for fact in facts:
        match fact:
            case RecusalAsked() | RecusalAskedAgain():
                waiting[fact.ask_id] = now
            case RecusalAnswered():
                waiting.pop(fact.ask_id, None)
            case RecusalWithdrawn():
                waiting |= {ask.id: now for ask in case.granted_by(fact.person)}
    return min(waiting.values(), default=None)
