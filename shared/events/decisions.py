"""Facts that triage writes to `cases`: a decision is proposed, and others of the handling body vote on it."""

from datetime import date
from typing import ClassVar

from shared.events.cases import CaseFact, ExtendedFact


class DecisionProposed(ExtendedFact):
    """A person proposed an outcome; the reasons stay in the vault under `reason_id`. The state stays.

    The person's own vote is in favour. It takes the place of the proposal before it (`previous_outcome`), with all
    votes on that. `until`: the last day (UTC) of what is proposed, and `scope` what it holds for.
    """

    name: ClassVar[str] = "decision.proposed"
    version: ClassVar[str] = "1.1"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "outcome"

    proposal_id: str
    previous_outcome: str | None = None
    outcome: str
    reason_id: str
    until: date | None = None
    scope: str | None = None


class DecisionSeconded(CaseFact):
    """Another person agreed with a proposal; the state stays. A person's earlier vote on it counts no longer."""

    name: ClassVar[str] = "decision.seconded"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "outcome"

    proposal_id: str
    outcome: str
    reason_id: str | None = None


class DecisionObjected(CaseFact):
    """Another person objected to a proposal; the state stays. A person's earlier vote on it counts no longer."""

    name: ClassVar[str] = "decision.objected"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "outcome"

    proposal_id: str
    outcome: str
    reason_id: str
