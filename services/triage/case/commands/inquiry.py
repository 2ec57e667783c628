"""The reporter is asked and told, and answers. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.case import Case
from services.triage.case.commands.command import Command, EntryField, Words, WordsField
from services.triage.case.hearing import hearing_of, put_to_reporter
from services.triage.case.lifecycle import UnknownQuestion
from shared.events import (
    CaseFact,
    CaseState,
    InformationReceived,
    InformationRequested,
    ReporterLost,
    ReporterTold,
)
from shared.policy import Policy
from shared.problems import FieldError


@dataclass(frozen=True, slots=True)
class Ask(Command):
    """Ask the reporter something. The case waits for the answer as long as the policy says, and goes on without."""

    name = "ask"

    question: Annotated[Words, WordsField(kept_as="question")]

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where the reporter has an address or a receipt, and so can answer."""
        return case.reachable

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A reporter that nothing reaches: the case would wait for an answer that nobody can give."""
        return _unreached(case, "/question")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The question. By the first one behind a proposal the reporter hears of it, where the policy wants that."""
        proposal, within = case.proposal, policy.answer_within
        if proposal and put_to_reporter(case) is None and not case.is_urgent:
            hearing = hearing_of(case, proposal.outcome, policy)
            if hearing and hearing.within:
                within = hearing.within
        asked = InformationRequested(
            previous=case.state, state=state, question_id=self.question.id, answer_by=now + within
        )
        return [asked]


@dataclass(frozen=True, slots=True)
class Tell(Command):
    """Tell the reporter how it goes. Nothing is asked, and the case stays where it is."""

    name = "tell"

    message: Annotated[Words, WordsField(kept_as="message")]

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where the reporter has an address or a receipt, and so can read it."""
        return case.reachable

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """Nobody could read it, and so it would keep no clock in truth."""
        return _unreached(case, "/message")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The message."""
        return [ReporterTold(previous=case.state, state=state, message_id=self.message.id)]


@dataclass(frozen=True, slots=True)
class LoseReporter(Command):
    """The report is erased. From then on no step waits for the reporter, and a case that waits goes on.

    Nobody has begun anything with that, so it keeps no clock.
    """

    name = "lose_reporter"
    by_people = False

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The loss, once."""
        return [ReporterLost(previous=case.state, state=state)] if case.reachable else []


@dataclass(frozen=True, slots=True)
class ReceiveAnswer(Command):
    """The reporter answered. An answer is never refused, however late it comes."""

    name = "receive_answer"
    by_people = False

    question_id: str
    answer_id: str

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The answer, once. Raises UnknownQuestion."""
        question = next((q for q in case.questions if q.id == self.question_id), None)
        if question is None:
            raise UnknownQuestion(self.question_id)
        if self.answer_id in question.answers:
            return []
        answer = InformationReceived(
            previous=case.state, state=state, question_id=self.question_id, answer_id=self.answer_id
        )
        return [answer]


@dataclass(frozen=True, slots=True)
class TakeAnswer(Command):
    """Take down an answer that the reporter gave by another door: on the phone, by mail, or in person.

    It counts like one from the page of the report. The reporter can still answer there, too.
    """

    name = "take_answer"
    own_place = True

    question: Annotated[str, EntryField()]
    answer_given: Annotated[Words, WordsField(kept_as="answer")]

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where the reporter was asked something."""
        return bool(case.questions)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A question that this case never asked."""
        if self.question and all(question.id != self.question for question in case.questions):
            yield FieldError("/question", "unknown_choice", "Choose one of the questions.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The answer."""
        return [
            InformationReceived(
                previous=case.state, state=state, question_id=self.question, answer_id=self.answer_given.id
            )
        ]


def _unreached(case: Case, pointer: str) -> list[FieldError]:
    unreachable = FieldError(pointer, "unreachable", "The reporter has neither an address nor a receipt.")
    return [] if case.reachable else [unreachable]
