"""A case waits: its clocks stand still for a while, or the person who has it looks at it again later. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from services.triage.case.case import Case
from services.triage.case.commands.command import ChoiceField, Command, DayField
from services.triage.case.lifecycle import Taken
from services.triage.case.waiting import resumed, woken
from shared.access.principal import Role
from shared.events import Actor, CaseFact, CasePaused, CaseSnoozed, CaseState
from shared.policy import Policy
from shared.problems import FieldError

LONGEST_SNOOZE = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Pause(Command):
    """Stop the pausable clocks until a day (00:00 UTC), for a reason that the policy knows.

    All pauses of a case for one reason together last no longer than the policy says, until it is reopened.
    """

    name = "pause"
    own_place = True

    pause: Annotated[str, ChoiceField(offers=lambda policy: tuple(policy.pauses))]
    resume_on: Annotated[date, DayField()]

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A day that has come, or that the policy does not let the pauses for this reason last to."""
        longest = policy.pauses.get(self.pause)
        left = timedelta.max if longest is None else longest - case.paused_for(self.pause, now)
        return _day_faults("/resume_on", self.resume_on, left, now)

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The pause, once. It takes the place of the one before."""
        until, before = _begin(self.resume_on), case.pause
        if before and (before.reason, before.until) == (self.pause, until):
            return []
        return [
            CasePaused(
                previous=case.state,
                state=state,
                previous_pause=before.reason if before else None,
                previous_until=before.until if before else None,
                pause=self.pause,
                until=until,
            )
        ]


@dataclass(frozen=True, slots=True)
class Resume(Command):
    """End the pause now: the clocks of the case go on. Who has put the case off sees it later all the same."""

    name = "resume"
    own_place = True

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where the case is paused."""
        return case.pause is not None

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The end of the pause, once."""
        return [resumed(case)] if case.pause else []


@dataclass(frozen=True, slots=True)
class Snooze(Command):
    """See the case again on a day (00:00 UTC), or without a day once the reporter answers.

    Its clocks go on. What is urgent or overdue cannot be put off.
    """

    name = "snooze"
    own_place = True

    snooze_until: Annotated[date | None, DayField(optional=True)]
    by: Actor

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """For the person who has the case, where it is in no urgent lane."""
        return case.assignee == person and not case.is_urgent

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A case that must stay in the queue; a day that has come or is far; an answer that nobody can give."""
        if case.is_urgent or case.is_overdue(now):
            yield FieldError("/snooze_until", "must_stay", "A case that is urgent or overdue stays in the queue.")
        elif self.snooze_until is None:
            if all(question.answers for question in case.questions):
                yield FieldError("/snooze_until", "missing", "No question waits for an answer: say a day.")
        else:
            yield from _day_faults("/snooze_until", self.snooze_until, LONGEST_SNOOZE, now)

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The snooze, once. Raises Taken where another person has the case, or nobody."""
        if case.assignee != self.by.ref:
            raise Taken
        until = _begin(self.snooze_until) if self.snooze_until else None
        before = case.snooze
        if before and (before.person, before.until) == (self.by.ref, until):
            return []
        return [
            CaseSnoozed(
                previous=case.state,
                state=state,
                person=self.by.ref,
                previous_until=before.until if before else None,
                until=until,
            )
        ]


@dataclass(frozen=True, slots=True)
class Unsnooze(Command):
    """See the case in its place in the queue again. Its clocks stand as they do: a pause goes on."""

    name = "unsnooze"
    own_place = True

    by: Actor

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where the case is put off."""
        return case.snooze is not None

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """For the person who has put it off."""
        return case.snooze is not None and case.snooze.person == person

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The end of one's own snooze, once."""
        return [woken(case)] if self.suits(case, self.by.ref, None) else []


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _day_faults(pointer: str, day: date, longest: timedelta, now: datetime) -> Iterator[FieldError]:
    """A day that is not after today, or later than `longest` from now. A day with a fault of its own is date.min."""
    if day == date.min:
        return
    if day <= now.date():
        yield FieldError(pointer, "not_to_come", "Choose a day that is still to come.")
    elif day - now.date() > longest:
        yield FieldError(pointer, "too_far", "Choose an earlier day.")
