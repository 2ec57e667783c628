"""Sorting: people say what a case is, by its category and its flags. Pure.

What they say moves a case to no other handling body. But nothing may be slower for being corrected: where the policy
has a more urgent lane for what the case is now, the case is in that lane at once, with its deadlines.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from services.triage.case.case import ENDED, Case, urgency
from services.triage.case.clocks import started
from services.triage.case.commands.command import ChoiceField, ChoicesField, Command, Words, WordsField
from shared.access.principal import Role
from shared.events import (
    Actor,
    CaseFact,
    CaseState,
    CategoryConfirmed,
    DeadlineSet,
    FlagsSet,
    LaneLowered,
    LaneRaised,
    ReportReceived,
)
from shared.policy import Policy, ReportFacts, Triage
from shared.problems import FieldError


@dataclass(frozen=True, slots=True)
class ConfirmCategory(Command):
    """Confirm the category that the reporter or a machine gave, or correct it and say why."""

    name = "confirm_category"
    own_place = True
    sorts = True

    category: Annotated[str, ChoiceField(offers=lambda policy: tuple(policy.categories))]
    why: Annotated[Words | None, WordsField(kept_as="reason", optional=True)]
    by: Actor

    @classmethod
    def chosen(cls, case: Case) -> Mapping[str, Any]:
        """The category that the case has."""
        return {"category": case.category}

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A correction without a reason."""
        if self.category and self.category != case.category and self.why is None:
            yield FieldError("/why", "missing", "Say why another category fits better.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The category, once, and what follows for the lane."""
        facts: list[CaseFact] = []
        if self.category != case.category or not case.category_confirmed:
            facts.append(
                CategoryConfirmed(
                    previous=case.state,
                    state=state,
                    previous_category=case.category,
                    category=self.category,
                    reason_id=self.why.id if self.why else None,
                )
            )
        return [*facts, *_lane(replace(case, category=self.category), state, policy, self.by, now)]


@dataclass(frozen=True, slots=True)
class SetFlags(Command):
    """Say which flags fit the case, and why one of them fits no longer."""

    name = "set_flags"
    own_place = True
    sorts = True

    flags: Annotated[tuple[str, ...], ChoicesField(offers=lambda policy: policy.flags, said_as="flag", optional=False)]
    why: Annotated[Words | None, WordsField(kept_as="reason", outlived=True, optional=True)]
    by: Actor

    @classmethod
    def chosen(cls, case: Case) -> Mapping[str, Any]:
        """The flags that the case has."""
        return {"flags": case.flags}

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A flag that is taken away without a reason."""
        if self.why is None and not set(case.flags).intersection(policy.flags).issubset(self.flags):
            yield FieldError("/why", "missing", "Say why a flag fits no longer.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The flags, once, and what follows for the lane. Flags that the policy no longer has stay."""
        flags = (*self.flags, *(flag for flag in case.flags if flag not in policy.flags))
        facts: list[CaseFact] = []
        if set(flags) != set(case.flags):
            facts.append(
                FlagsSet(
                    previous=case.state,
                    state=state,
                    previous_flags=case.flags,
                    flags=flags,
                    reason_id=self.why.id if self.why else None,
                )
            )
        return [*facts, *_lane(replace(case, flags=flags), state, policy, self.by, now)]


def way_of(case: Case | ReportReceived, policy: Policy) -> Triage:
    """What the policy would do with the case, or with a report, now: the rule, the handling body and the lane."""
    return policy.triage(ReportFacts.of(case))


def nobody_named(case: Case, policy: Policy) -> bool:
    """Whether the case is open where it came because the policy names no handling body for such a report there."""
    return case.state not in ENDED and policy.names_nobody(case.community, case.rule, case.body)


def _lane(case: Case, state: CaseState, policy: Policy, by: Actor, now: datetime) -> Iterator[CaseFact]:
    """The lane that the policy has for the case now. Only a coordinator puts a case into a less urgent one."""
    way, lane = way_of(case, policy), case.lane or "standard"
    if urgency(way.lane) < urgency(lane):
        known = {deadline.name: deadline for deadline in case.deadlines}
        # Nobody could act on what nobody had said, so the clocks of the lane run from now on.
        own = [clock for clock in policy.deadlines_for(way.lane, now) if policy.deadlines[clock.name].lanes]
        added = tuple(DeadlineSet(**clock._asdict()) for clock in own if clock.name not in known)
        yield LaneRaised(previous=state, state=state, previous_lane=lane, lane=way.lane, rule=way.rule, deadlines=added)
        # What became of a clock in an earlier emergency says nothing of this one.
        over = {name: one.due_at for name, one in known.items() if one.met_at is not None or one.due_at <= now}
        yield from (started(state, clock, over[clock.name]) for clock in own if clock.name in over)
    elif way.lane != lane and by.role == Role.COORDINATOR:
        yield LaneLowered(previous=state, state=state, previous_lane=lane, lane=way.lane, rule=way.rule)
