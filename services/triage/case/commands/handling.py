"""A case is assigned, looked into and closed. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.case import Case
from services.triage.case.commands.command import Command, ReferenceField
from services.triage.case.lifecycle import cannot_have
from shared.access.principal import Role
from shared.events import CaseAssigned, CaseClosed, CaseFact, CaseState, InvestigationStarted
from shared.policy import Policy
from shared.problems import FieldError


@dataclass(frozen=True, slots=True)
class Assign(Command):
    """A responder takes the case, or is given it. A coordinator, who takes no case, says who gets it."""

    name = "assign"
    button = True

    assignee: Annotated[str, ReferenceField(oneself=(Role.RESPONDER,), gets_case=True)]

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A person who is recused from the case cannot have it."""
        if self.assignee in case.recused:
            yield cannot_have("assignee")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The assignment."""
        if self.assignee == case.assignee:
            return []
        assigned = CaseAssigned(
            previous=case.state, state=state, assignee=self.assignee, previous_assignee=case.assignee
        )
        return [assigned]


@dataclass(frozen=True, slots=True)
class Start(Command):
    """Begin to look into the case, or go on without waiting for an answer any longer."""

    name = "start"

    @classmethod
    def said_in(cls, state: CaseState) -> str:
        """Where the case awaits an answer, it is to go on without."""
        return "start-again" if state is CaseState.AWAITING_INFORMATION else cls.name

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The beginning."""
        return [InvestigationStarted(previous=case.state, state=state)]


@dataclass(frozen=True, slots=True)
class Close(Command):
    """End the case: nothing more is owed on it."""

    name = "close"

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The end."""
        return [CaseClosed(previous=case.state, state=state)]


@dataclass(frozen=True, slots=True)
class Attend(Command):
    """Judge again who is there for the case: people come to a body, go, or turn out to be named in the report."""

    name = "attend"
    by_people = False

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """Nothing of its own; the facts that follow stand behind every command."""
        return []
