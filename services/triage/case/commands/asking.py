"""A party asks that a person with a conflict does not handle the case, and people without a part in it answer. Pure.

It is granted by a recusal on the ground ASKED, which takes two people: see services.triage.case.commands.recusal.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.case import Case
from services.triage.case.commands.command import Command, EntryField, Words, WordsField
from services.triage.case.parts import had_part
from shared.access.principal import Role
from shared.events import Actor, CaseFact, CaseState, RecusalAnswered, RecusalAsked, ReporterTold
from shared.policy import Policy
from shared.problems import FieldError

GRANTED, REFUSED = RECUSAL_ANSWERS = ("granted", "refused")
"""What becomes of what a party asked for."""


@dataclass(frozen=True, slots=True)
class ReceiveRecusalAsk(Command):
    """A party asks that a person does not handle the case. It is never refused, however late it comes."""

    name = "receive_recusal_ask"
    by_people = False

    ask_id: str
    party: str
    respondent: str | None = None

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """What is asked for, once. It is no answer, so it ends no waiting."""
        if self.ask_id in {ask.id for ask in case.recusal_asks}:
            return []
        return [
            RecusalAsked(previous=state, state=state, ask_id=self.ask_id, party=self.party, respondent=self.respondent)
        ]


@dataclass(frozen=True, slots=True)
class RefuseRecusal(Command):
    """Tell a party why the person may handle the case who they ask should not.

    Nobody does so who had a part in the case: the person may be the one that is meant.
    """

    name = "refuse_recusal"
    own_place = True

    ask: Annotated[str, EntryField()]
    why_not: Annotated[Words, WordsField(kept_as="message")]
    by: Actor

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where a party waits for the answer."""
        return bool(case.open_recusal_asks)

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """For people who had no part in the case."""
        return person not in had_part(case)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """Nobody waits for the answer, or the person had a part in the case, in whatever role."""
        if self.ask and self.ask not in {ask.id for ask in case.open_recusal_asks}:
            yield FieldError("/ask", "not_asked", "This does not wait for an answer.")
        elif self.by.ref in had_part(case):
            yield FieldError("/ask", "had_part", "You had a part in this case. Another person answers this.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The answer, which a reporter reads as a message."""
        asked = next((ask for ask in case.open_recusal_asks if ask.id == self.ask), None)
        if asked is None:
            return []
        is_read = asked.party == "reporter" and case.reachable
        told = [ReporterTold(previous=case.state, state=state, message_id=self.why_not.id)] if is_read else []
        return [
            RecusalAnswered(
                previous=case.state,
                state=state,
                ask_id=asked.id,
                party=asked.party,
                recusal_answer=REFUSED,
                told_id=self.why_not.id,
            ),
            *told,
        ]


def granted(case: Case, state: CaseState) -> list[RecusalAnswered]:
    """That what parties asked for is granted, because a recusal on that ground holds now."""
    return [
        RecusalAnswered(previous=case.state, state=state, ask_id=ask.id, party=ask.party, recusal_answer=GRANTED)
        for ask in case.open_recusal_asks
    ]
