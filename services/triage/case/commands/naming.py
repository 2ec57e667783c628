"""Handlers correct who is mentioned in the words of a report. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.case import Case
from services.triage.case.commands.command import ChoiceField, Command, MentionField
from shared.events import CaseFact, CaseState, MentionCleared
from shared.policy import Policy

CLEARINGS = ("common_word", "other_person")
"""Why words that look like the name of a person on the roster do not mean that person."""


@dataclass(frozen=True, slots=True)
class Clear(Command):
    """Say why words do not mean a person on the roster who has such a name. The person may see the case then."""

    name = "clear"

    mention: Annotated[str, MentionField()]
    clearing: Annotated[str, ChoiceField(offers=lambda _policy: CLEARINGS)]

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """What intake follows: it knows who was shut out by the mention."""
        return [MentionCleared(previous=case.state, state=state, mention=self.mention, clearing=self.clearing)]
