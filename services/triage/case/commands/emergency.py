"""In an emergency a person alone takes a measure, another person reviews it, and measures end early. Pure.

The policy says by when another person reviews such a measure (shared/policy/deadlines.toml).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated

from services.triage.case.attendance import NOBODY, People, served_by, voters
from services.triage.case.case import Case
from services.triage.case.commands.command import (
    ChoiceField,
    Command,
    DayField,
    EntryField,
    PartiesField,
    Words,
    WordsField,
)
from services.triage.case.commands.decision import day_faults, respondent_faults
from services.triage.case.measures import ended, meant_by, takes_two
from services.triage.case.reach import reach_faults, within
from shared.access.principal import Role
from shared.events import (
    Actor,
    CaseFact,
    CaseState,
    EmergencyMeasureReviewed,
    EmergencyMeasureTaken,
    MeasureEndProposed,
)
from shared.policy import MEASURE_REVIEW, Policy
from shared.problems import FieldError

CONFIRMED, ENDED = REVIEWS = ("confirmed", "ended")
"""What a review says of a measure."""


@dataclass(frozen=True, slots=True)
class ActInEmergency(Command):
    """Take a measure at once and alone, in an emergency. Another person has to review it, or it lapses.

    So one person has a day in a case, once: while nobody else has confirmed what the person did, there is no other day,
    however the next measure is spelled, nor the same measure anew. `kin`: the cases that came of the same report, and
    those that were ever merged with one of them; what the person did there counts as well.
    """

    name = "act_in_emergency"

    measure: Annotated[str, ChoiceField(offers=lambda policy: policy.emergency_outcomes, said_as="outcome")]
    until: Annotated[date, DayField()]
    scope: Annotated[str, ChoiceField(offers=lambda policy: policy.scopes)]
    respondents: Annotated[tuple[str, ...], PartiesField()] = field(default=(), kw_only=True)
    project: Annotated[str, ChoiceField(offers=lambda policy: tuple(policy.communities), optional=True)] = field(
        default="", kw_only=True
    )
    pages: Annotated[Words | None, WordsField(kept_as="pages", outlived=True, optional=True)] = field(
        default=None, kw_only=True
    )
    why: Annotated[Words, WordsField(kept_as="reason", outlived=True)]
    by: Actor
    people: People = NOBODY
    kin: tuple[Case, ...] = ()

    @classmethod
    def offered(cls, case: Case, serving: Collection[str], policy: Policy) -> Mapping[str, Sequence[str]]:
        """Where a body of the person may order it: nobody else agrees, also where bodies work together."""
        return within(case, serving, policy)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """What the person took, in whatever role, and nobody confirmed: this measure, or any once its day is over.

        Also a last day that has passed, people who are no respondents, and what is beyond the bodies of the person.
        """
        yield from respondent_faults(case, self.respondents)
        serving = served_by(case, self.by.ref, self.people, now)
        yield from reach_faults(case, serving, self.scope, self.project, policy)
        alone = [(one, m) for one in (case, *self.kin) for m in one.measures if m.is_alone and m.by == self.by.ref]
        same = (self.measure, self.scope, meant_by(case, self.respondents), self.project or None)
        if any(policy.deadline(MEASURE_REVIEW, m.begun_at, one.body).due_at <= now for one, m in alone):
            yield FieldError("/measure", "day_is_over", "You have acted alone for a day. Another person may do so.")
        elif any((m.kind, m.scope, m.extent.respondents, m.extent.project) == same for one, m in alone if one is case):
            yield FieldError(
                "/measure", "taken_before", "You have taken this measure before. Another person may do so."
            )
        if self.until != date.min:
            rule = policy.outcomes.get(self.measure)
            yield from day_faults(self.until, now, needed=True, longest=rule.longest if rule else None)

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The measure."""
        return [
            EmergencyMeasureTaken(
                previous=case.state,
                state=state,
                measure_id=self.why.id,
                outcome=self.measure,
                scope=self.scope,
                until=self.until,
                reason_id=self.why.id,
                review_by=policy.deadline(MEASURE_REVIEW, now, case.body).due_at,
                respondents=meant_by(case, self.respondents),
                project=self.project or None,
                pages_id=self.pages.id if self.pages else None,
            )
        ]


@dataclass(frozen=True, slots=True)
class ReviewEmergency(Command):
    """Confirm or end a measure that another person has taken in an emergency."""

    name = "review_emergency"
    judges = True
    own_place = True

    measure_id: Annotated[str, EntryField()]
    review: Annotated[str, ChoiceField(offers=lambda _policy: REVIEWS)]
    why: Annotated[Words, WordsField(kept_as="reason", outlived=True)]
    by: Actor

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where a measure waits for its review."""
        return any(measure.review_by for measure in case.measures)

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """Where another person has taken the measure."""
        return any(measure.review_by and measure.by != person for measure in case.measures)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """Nothing waits for it, or the person has taken the measure, in whatever role."""
        measure = case.measure(self.measure_id)
        if measure is None or measure.review_by is None or measure.review_by <= now:
            yield FieldError("/measure_id", "nothing_to_review", "This measure does not wait for a review.")
        elif measure.by == self.by.ref:
            yield FieldError("/measure_id", "own_measure", "Another person has to review what you have done.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The review."""
        measure = case.measure(self.measure_id)
        if measure is None:
            return []
        return [
            EmergencyMeasureReviewed(
                previous=case.state,
                state=state,
                measure_id=measure.id,
                outcome=measure.kind,
                review=self.review,
                reason_id=self.why.id,
            )
        ]


@dataclass(frozen=True, slots=True)
class EndMeasure(Command):
    """End a measure before its last day. What took two people ends once a second one says so."""

    name = "end_measure"
    own_place = True

    measure_id: Annotated[str, EntryField()]
    why: Annotated[Words, WordsField(kept_as="reason", outlived=True)]
    by: Actor
    people: People = NOBODY

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where a measure stands that has a last day."""
        return any(measure.stands and measure.until for measure in case.measures)

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """For people who have not said so of each such measure."""
        return any(measure.stands and measure.until and measure.end_by != person for measure in case.measures)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """There is no such measure, or it has no last day: what holds for good, only a new decision ends.

        Or the person has said so before, in whatever role.
        """
        measure = case.measure(self.measure_id)
        if measure is None or not measure.stands:
            yield FieldError("/measure_id", "no_measure", "This measure does not stand any more.")
        elif measure.until is None:
            yield FieldError("/measure_id", "has_no_end", "Only a new decision ends this measure.")
        elif measure.end_by == self.by.ref:
            yield FieldError("/measure_id", "own_end", "You have said this. Another person has to say so, too.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The end, or that a person alone says so; who may not vote on the case any more has said nothing."""
        measure = case.measure(self.measure_id)
        if measure is None:
            return []
        if takes_two(measure, policy) and measure.end_by not in voters(case, self.people, policy, now):
            return [
                MeasureEndProposed(
                    previous=case.state,
                    state=state,
                    measure_id=measure.id,
                    outcome=measure.kind,
                    reason_id=self.why.id,
                )
            ]
        return [ended(measure, state, "early", self.why.id)]
