"""Facts that triage writes to `cases`: what happened to the deadlines of a case."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from pydantic import AwareDatetime

from shared.events.cases import CaseDecided, CaseFact, CaseTriaged, InformationRequested, InvestigationStarted


class DeadlineFact(CaseFact):
    """What happened to one deadline of a case, as triage judged it. `deadline` is its name; the state stays."""

    shows: ClassVar[str | None] = "deadline"

    deadline: str
    due_at: AwareDatetime


class DeadlineMet(DeadlineFact):
    """A step of the case kept a deadline, in time or not. The state stays, as in every fact of a deadline.

    Of a matter that was split off, a step of the first case may have done so before it: `due_at` and `met_at` are
    those of that case.
    """

    name: ClassVar[str] = "deadline.met"
    version: ClassVar[str] = "1.1"

    met_at: AwareDatetime


class DeadlineBreached(DeadlineFact):
    """A deadline passed, and nothing had kept it."""

    name: ClassVar[str] = "deadline.breached"


class DeadlineWarned(DeadlineFact):
    """A deadline comes near, and nothing has kept it yet."""

    name: ClassVar[str] = "deadline.warned"
    unseen: ClassVar[bool] = True


class DeadlineEscalated(DeadlineFact):
    """A deadline was missed long ago, and nothing has kept it yet: `to_body` hears of it. The case stays."""

    name: ClassVar[str] = "deadline.escalated"
    unseen: ClassVar[bool] = True

    to_body: str


class DeadlinePaused(DeadlineFact):
    """The clock of a deadline stands still while the reporter is asked; `due_at` holds no longer.

    `business`: what remains is time of business days of the handling body, of which each has 24 hours.
    """

    name: ClassVar[str] = "deadline.paused"
    version: ClassVar[str] = "1.1"

    remaining_seconds: int
    business: bool = False


class DeadlineResumed(DeadlineFact):
    """The clock of a deadline runs again, to a new `due_at`.

    `warn_at` and `escalate_at`: see DeadlineSet. Where neither is told, both come as much later as `due_at` does.
    """

    name: ClassVar[str] = "deadline.resumed"
    version: ClassVar[str] = "1.1"

    warn_at: AwareDatetime | None = None
    escalate_at: AwareDatetime | None = None


class DeadlineStarted(DeadlineFact):
    """The clock of a deadline starts later than the case, or anew, as if it had not been kept before.

    `previous_due_at`: when it was due before. `warn_at` and `escalate_at`: see DeadlineSet.
    """

    name: ClassVar[str] = "deadline.started"
    unseen: ClassVar[bool] = True

    previous_due_at: AwareDatetime | None = None
    warn_at: AwareDatetime | None = None
    escalate_at: AwareDatetime | None = None


MET_BY_STEP: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "emergency_action": frozenset({InvestigationStarted.name}),
        "child_protection_action": frozenset({InvestigationStarted.name}),
        "acknowledgement": frozenset({CaseTriaged.name}),
        "first_response": frozenset({InformationRequested.name, CaseDecided.name}),
        "decision": frozenset({CaseDecided.name}),
    }
)
"""Which facts kept which deadline before `deadline.met` told it: for cases that were triaged without `deadlines_told`.

Nothing is added here. What keeps a deadline today stands in shared/policy/deadlines.toml.
"""
