"""Handlers correct who is mentioned in the words of a report. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.case import Case
from services.triage.case.commands.command import ChoiceField, Command, MentionField
from shared.events import Actor, CaseFact, CaseState, MentionCleared
from shared.policy import Policy
from shared.problems import FieldError

CLEARINGS = ("common_word", "other_person")
"""Why words that look like the name of a person on the roster do not mean that person."""


@dataclass(frozen=True, slots=True)
class Clear(Command):
    """Say why words do not mean a person on the roster who has such a name.

    Once a second person says so, too, that person may see the case: nobody alone lets another one in.
    """

    name = "clear"

    mention: Annotated[str, MentionField()]
    clearing: Annotated[str, ChoiceField(offers=lambda _policy: CLEARINGS)]
    by: Actor

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """The same person says so again, in whatever role."""
        if self.by.ref in self._said_by(case):
            yield FieldError("/mention", "own_clearing", "You have said this. Another person has to say so, too.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """What intake follows: it knows who was shut out by the mention."""
        waits = not self._said_by(case)
        return [
            MentionCleared(previous=case.state, state=state, mention=self.mention, clearing=self.clearing, waits=waits)
        ]

    def _said_by(self, case: Case) -> list[str]:
        return [one.by for one in case.cleared_alone if one.mention == self.mention]
