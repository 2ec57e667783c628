"""A report is about several matters: one of them becomes a case of its own. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.case import Case
from services.triage.case.commands.command import ChoiceField, ChoicesField, Command, Words, WordsField
from shared.events import CaseFact, CaseSplit, CaseState
from shared.policy import Policy


@dataclass(frozen=True, slots=True)
class Split(Command):
    """Let one matter of the report become a case of its own, for which the policy chooses the handling body.

    Intake makes a report of the handler's words, for the same reporter and about the same people. Its case is linked.
    """

    name = "split"

    matter: Annotated[Words, WordsField(kept_as="matter")]
    category: Annotated[str, ChoiceField(offers=lambda policy: tuple(policy.categories))]
    flags: Annotated[tuple[str, ...], ChoicesField(offers=lambda policy: policy.flags, said_as="flag")]

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """That the matter is to have a case."""
        return [
            CaseSplit(
                previous=case.state, state=state, part_id=self.matter.id, category=self.category, flags=self.flags
            )
        ]
