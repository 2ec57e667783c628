"""A case is decided. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.case import Case
from services.triage.case.commands.command import ChoiceField, Command, Words, WordsField
from shared.events import Actor, CaseDecided, CaseFact, CaseState
from shared.policy import Policy
from shared.problems import FieldError


@dataclass(frozen=True, slots=True)
class Decide(Command):
    """Decide on an outcome of the policy, with the reasons for it."""

    name = "decide"

    outcome: Annotated[str, ChoiceField(offers=lambda policy: policy.outcomes)]
    reason: Annotated[Words, WordsField(kept_as="reason", outlived=True)]
    by: Actor | None = None
    token: str = ""

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """An outcome that the policy does not have."""
        if self.outcome not in policy.outcomes:
            yield FieldError("/outcome", "unknown_choice", "Choose one of the options.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The decision."""
        is_recused = any(one in case.recused for one in (self.by.ref, self.token)) if self.by else None
        return [
            CaseDecided(
                previous=case.state,
                state=state,
                outcome=self.outcome,
                reason_id=self.reason.id,
                by_recused=is_recused,
            )
        ]
