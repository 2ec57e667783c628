"""A case is taken, put back, followed, looked into and closed. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.attendance import NOBODY, People, has_left
from services.triage.case.case import Case
from services.triage.case.check_ins import NO_ANSWER, kept
from services.triage.case.commands.command import Command, ReferenceField, Words, WordsField
from services.triage.case.commands.follow_up import YES, begun
from services.triage.case.lifecycle import Taken, cannot_have
from shared.access.principal import Role
from shared.events import (
    Actor,
    CaseAssigned,
    CaseClosed,
    CaseFact,
    CaseReleased,
    CaseState,
    CaseUnwatched,
    CaseWatched,
    HandlerLeft,
    InvestigationStarted,
)
from shared.policy import Policy
from shared.problems import FieldError


@dataclass(frozen=True, slots=True)
class Assign(Command):
    """A responder takes the case, or is given it. A coordinator says who gets it.

    From the person who has it, only that person or a coordinator gives it to another one. Who is a coordinator alone
    gets no case, and who is a responder as well takes it so.
    """

    name = "assign"
    button = True

    assignee: Annotated[str, ReferenceField(oneself=(Role.RESPONDER,), gets_case=True)]
    by: Actor | None = None

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """For the person who has the case, where nobody has it for everybody, and for coordinators."""
        return _hands_on(case, person, role)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A person who is recused from the case cannot have it, nor one who took part in what is appealed."""
        if self.assignee in case.recused or self.assignee in case.apart:
            yield cannot_have("assignee")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The assignment. Raises Taken where another person has the case."""
        if self.assignee == case.assignee:
            return []
        if self.by and not _hands_on(case, self.by.ref, self.by.role):
            raise Taken
        assigned = CaseAssigned(
            previous=case.state, state=state, assignee=self.assignee, previous_assignee=case.assignee
        )
        return [assigned]


@dataclass(frozen=True, slots=True)
class Claim(Command):
    """Take a case that nobody has. Of two people who claim it at once, one gets it."""

    name = "claim"

    by: Actor

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """Where nobody has the case, for people who have a part in what it needs."""
        return case.assignee is None and person not in case.apart

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A person who took part in what is appealed does not get the appeal."""
        if self.by.ref in case.apart:
            yield cannot_have()

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The assignment. Raises Taken where another person has the case."""
        if case.assignee == self.by.ref:
            return []
        if case.assignee is not None:
            raise Taken
        return [CaseAssigned(previous=case.state, state=state, assignee=self.by.ref)]


@dataclass(frozen=True, slots=True)
class Release(Command):
    """Put the case back to its handling body. The person who has it does so, or a coordinator."""

    name = "release"

    why: Annotated[Words, WordsField(kept_as="reason", outlived=True)]
    by: Actor

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """For the person who has the case, and for coordinators."""
        return case.assignee is not None and _hands_on(case, person, role)

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The release; none where nobody has the case. Raises Taken where another person has it."""
        if case.assignee is None:
            return []
        if not _hands_on(case, self.by.ref, self.by.role):
            raise Taken
        return [
            CaseReleased(
                previous=case.state, state=state, previous_assignee=case.assignee, reason_id=self.why.id
            )
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Watch(Command):
    """Follow the case."""

    name = "watch"
    own_place = True

    by: Actor

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """For those who do not follow it."""
        return person not in case.watchers

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """That the person follows it, once."""
        if self.by.ref in case.watchers:
            return []
        return [CaseWatched(previous=case.state, state=state, person=self.by.ref)]


@dataclass(frozen=True, slots=True)
class Unwatch(Command):
    """Follow the case no longer."""

    name = "unwatch"
    own_place = True

    by: Actor

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """For those who follow it."""
        return person in case.watchers

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """That the person does not follow it any more, once."""
        if self.by.ref not in case.watchers:
            return []
        return [CaseUnwatched(previous=case.state, state=state, person=self.by.ref)]


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
    """End the case: people owe it nothing more. A reporter who agreed to be asked is asked all the same."""

    name = "close"

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where no measure waits for its review."""
        return not _waits_for_review(case)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A measure waits for its review."""
        if _waits_for_review(case):
            yield FieldError("", "review_waits", "A measure waits for its review; review it first, or let it lapse.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The end, behind the beginning of a follow-up that the reporter waits for: check-ins come also when closed."""
        if not _is_to_follow_up(case):
            return [CaseClosed(previous=case.state, state=state)]
        followed_up = begun(case, CaseState.FOLLOWING_UP, YES, policy, now)
        closed = CaseClosed(previous=CaseState.FOLLOWING_UP, state=state)
        return [*kept(case, now, NO_ANSWER), followed_up, closed]


def _hands_on(case: Case, person: str, role: str | None) -> bool:
    """Whether this person (a reference) may say who has the case from now on: nobody takes it from another one."""
    return case.assignee in (None, person) or role == Role.COORDINATOR


def _waits_for_review(case: Case) -> bool:
    """Whether a measure waits for its review: nobody looks for it in a closed case, and it would lapse."""
    return any(measure.review_by for measure in case.measures)


def _is_to_follow_up(case: Case) -> bool:
    """Whether the reporter agreed to be asked again, by whatever door, can be asked, and this has not begun."""
    agreed = (case.consent_given or case.consent == YES) and not case.unasked_for
    return case.state is CaseState.DECIDED and agreed and case.reachable


@dataclass(frozen=True, slots=True)
class Attend(Command):
    """Judge again who is there for the case: people come to a body, go, or turn out to be named in the report."""

    name = "attend"
    by_people = False

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """Nothing of its own; the facts that follow stand behind every command."""
        return []


@dataclass(frozen=True, slots=True)
class LetGo(Command):
    """Nobody has the case any more, because the person who had it serves none of its bodies. `people`: who does.

    `gone`: the people (references) who were seen to have left. Who got the case since may have come after `people`.
    """

    name = "let_go"
    by_people = False

    gone: frozenset[str] = frozenset()
    people: People = NOBODY

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """That the person has left; nothing while the person serves one of the bodies, or another one has the case."""
        if case.assignee not in self.gone or not has_left(case, self.people, now):
            return []
        return [HandlerLeft(previous=case.state, state=state, previous_assignee=case.assignee or "")]
