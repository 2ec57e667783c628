"""A party asks that a person with a conflict does not handle the case, and people without a part in it answer. Pure.

It is granted by a recusal on the ground ASKED, which takes two people: see services.triage.case.commands.recusal.
Where that leaves open what is granted, a person without a part in the case says it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.case import Case
from services.triage.case.commands.command import ChoiceField, Command, EntryField, Words, WordsField
from services.triage.case.parts import had_part
from services.triage.case.values import Recusal, RecusalAsk
from shared.access.principal import Role
from shared.events import (
    Actor,
    CaseFact,
    CaseState,
    RecusalAnswered,
    RecusalAsked,
    RecusalAskedAgain,
    RecusalWithdrawn,
    ReporterTold,
)
from shared.policy import Policy
from shared.problems import FieldError

RECUSAL_ASK = "recusal_ask"
"""As what the vault keeps the words of a party who asks for a recusal."""
ASKED = "asked_by_party"
"""The ground of a person who, a party asks, does not handle the case."""
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
class AnswerRecusal(Command):
    """Tell a party that a person was recused as they asked, or why the person may handle the case.

    Nobody does so who had a part in the case: the person may be the one that is meant. For the same reason, who refuses
    gets no part in it afterwards (`Case.refusers`). All that holds for the survivor of a merged case as well.
    """

    name = "answer_recusal"
    own_place = True

    ask: Annotated[str, EntryField()]
    recusal_answer: Annotated[str, ChoiceField(offers=lambda _policy: RECUSAL_ANSWERS, said_as="recusal-answer")]
    why_not: Annotated[Words, WordsField(kept_as="message")]
    by: Actor
    survivor: Case | None = None
    other_ref: str = ""
    own_ref: str = ""

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where a party waits for the answer."""
        return bool(case.open_recusal_asks)

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """For people who had no part in the case."""
        return person not in had_part(case)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """Nobody waits for the answer, the person had a part in the case in whatever role, or nobody is recused yet."""
        if self.ask and self.ask not in {ask.id for ask in case.open_recusal_asks}:
            yield FieldError("/ask", "not_asked", "This does not wait for an answer.")
        elif any(self.by.ref in had_part(one) for one in self._both(case)):
            yield FieldError("/ask", "had_part", "You had a part in this case. Another person answers this.")
        elif self.recusal_answer == GRANTED and not any(
            _meant(one, ask) for one in self._both(case) for ask in case.open_recusal_asks if ask.id == self.ask
        ):
            yield FieldError(
                "/recusal_answer", "nobody_recused", "Nobody was recused for good since the party asked. Do that first."
            )

    def _both(self, case: Case) -> tuple[Case, ...]:
        """The case, and the one of which it is a part: there people work on it, and are recused."""
        return (case, self.survivor) if self.survivor else (case,)

    def decide_other(self, other: Case, case: Case, policy: Policy, now: datetime) -> list[CaseFact]:
        """That a person refused, who so has no part in the survivor. Its own parties hear nothing of that."""
        asked = next((ask for ask in case.open_recusal_asks if ask.id == self.ask), None)
        if asked is None or self.recusal_answer != REFUSED:
            return []
        # Under its own id, the record would show which cases are one.
        ask, state = self.own_ref, other.state
        return [RecusalAnswered(previous=state, state=state, ask_id=ask, party=asked.party, recusal_answer=REFUSED)]

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
                recusal_answer=self.recusal_answer,
                told_id=self.why_not.id,
            ),
            *told,
        ]


def granted(case: Case, state: CaseState, person: str) -> list[RecusalAnswered]:
    """That what a party asked for is granted, because the recusal of this person (a reference) on that ground holds.

    Where several wait for an answer, nobody can tell which one it is. A recusal from before the request meant another.
    """
    asks = case.open_recusal_asks
    return [
        RecusalAnswered(previous=case.state, state=state, ask_id=ask.id, party=ask.party, recusal_answer=GRANTED)
        for ask in (asks if len(asks) == 1 else ())
        if person in case.recused_since(ask)
    ]


def asked_again(case: Case, survivor: Case, state: CaseState) -> list[RecusalAskedAgain]:
    """What parties of a merged case asked for, and waits again: the survivor took back what granted it."""
    answers = (step for step in case.history if step.fact == RecusalAnswered.name and step.detail == GRANTED)
    granted_at = max((step.at for step in answers), default=None)
    back = (step.at for step in survivor.history if step.fact == RecusalWithdrawn.name) if granted_at else ()
    if granted_at is None or all(at <= granted_at for at in back):
        return []
    ended = {one.ground for one in survivor.ended_recusals if one.confirm_by is None}
    waiting = (
        ask
        for ask in case.recusal_asks
        if ask.answer == GRANTED
        and not any(ASKED not in ended or one.ground == ASKED for both in (case, survivor) for one in _meant(both, ask))
    )
    return [waits_again(ask, state) for ask in waiting]


def waits_again(ask: RecusalAsk, state: CaseState) -> RecusalAskedAgain:
    """That a party waits for an answer again, because what granted this was taken back; the state stays."""
    return RecusalAskedAgain(previous=state, state=state, ask_id=ask.id, party=ask.party, respondent=ask.respondent)


def _meant(case: Case, ask: RecusalAsk) -> list[Recusal]:
    """The lasting recusals that can be what the party asked for: those since the request, or of people with a part."""
    people = case.recused_since(ask) | had_part(case)
    return [one for one in case.recusals if one.confirm_by is None and one.person in people]
