"""A decision is proposed, others of the handling body vote on it, and the case is decided. Pure.

The policy says who has to agree before a case ends so (shared/policy/taxonomy.toml).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Annotated

from services.triage.case.attendance import NOBODY, People
from services.triage.case.case import Case
from services.triage.case.commands.appeals import appealable_until
from services.triage.case.commands.command import (
    ChoiceField,
    Command,
    DayField,
    PartiesField,
    Words,
    WordsField,
)
from services.triage.case.hearing import bar_of, hears_reporter
from services.triage.case.measures import ended_by_decision, meant_by, rules_of
from services.triage.case.reach import reach_faults, within
from services.triage.case.values import Proposal, end_of
from services.triage.case.voting import count_votes, stands_against
from shared.access.principal import Role
from shared.events import (
    Actor,
    CaseDecided,
    CaseFact,
    CaseState,
    DecisionObjected,
    DecisionProposed,
    DecisionSeconded,
)
from shared.policy import Policy
from shared.problems import FieldError

UNKNOWN_OUTCOME = FieldError("/outcome", "unknown_choice", "Choose one of the options.")
PROPOSAL_STANDS = FieldError("/outcome", "proposal_stands", "A proposal stands: vote on that one first.")
BARS = {
    "own_note": "You noted the reporter's answer. Another person reads it and decides.",
    "own_lane": "You made this case urgent. Another person decides, or the reporter has time to answer.",
}
"""Why a person does not decide on what the reporter is to hear first, in a sentence."""
NOT_SCOPED = FieldError("/scope", "not_scoped", "This outcome holds for nothing in particular.")
NEEDS = {
    "outcome": "The policy no longer has this outcome.",
    "second": "Another person has to agree.",
    "majority": "Two thirds of the votes have to be in favour.",
    "quorum": "More people have to vote.",
    "reporter": "The reporter has to be asked about it first.",
    "answer": "The reporter still has time to answer.",
    "date": "Its last day has passed.",
    "reach": "A person of a body that may order this there has to agree.",
}
"""What a proposal can need, in a sentence."""


@dataclass(frozen=True, slots=True)
class ProposeDecision(Command):
    """Propose an outcome to the others of the body, with the reasons for it. It takes the place of one's own before."""

    name = "propose_decision"
    judges = True

    outcome: Annotated[str, ChoiceField(offers=lambda policy: tuple(policy.outcomes))]
    until: Annotated[date | None, DayField(optional=True)]
    scope: Annotated[str, ChoiceField(offers=lambda policy: policy.scopes, optional=True)]
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

    @classmethod
    def offered(cls, case: Case, serving: Collection[str], policy: Policy) -> Mapping[str, Sequence[str]]:
        """Where one of the bodies may order it that work on the case together: a person of that one has to agree."""
        return within(case, case.bodies, policy)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """An outcome that the policy lacks, a day or an extent that does not fit it, and what stands against it."""
        rule = policy.outcomes.get(self.outcome)
        if rule is None:
            yield UNKNOWN_OUTCOME
            return
        if stands_against(case, self.by.ref, self.people, policy, now):
            yield PROPOSAL_STANDS
        yield from day_faults(self.until, now, needed=rule.timed, longest=rule.longest)
        if rule.scoped and not self.scope:
            yield FieldError("/scope", "missing", "Say what it holds for.")
        elif self.scope and not rule.scoped:
            yield NOT_SCOPED
        elif self.scope:
            yield from respondent_faults(case, self.respondents)
            yield from reach_faults(case, case.bodies, self.scope, self.project, policy)
        else:
            extent = {"respondents": self.respondents, "project": self.project, "pages": self.pages}
            yield from (replace(NOT_SCOPED, pointer=f"/{name}") for name, value in extent.items() if value)

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The proposal."""
        return [
            DecisionProposed(
                previous=case.state,
                state=state,
                proposal_id=self.why.id,
                previous_outcome=case.proposal.outcome if case.proposal else None,
                outcome=self.outcome,
                reason_id=self.why.id,
                until=self.until,
                scope=self.scope or None,
                respondents=meant_by(case, self.respondents) if self.scope else (),
                project=self.project or None,
                pages_id=self.pages.id if self.pages else None,
            )
        ]


@dataclass(frozen=True, slots=True)
class Second(Command):
    """Agree with the proposal of another person."""

    name = "second"
    judges = True

    why: Annotated[Words | None, WordsField(kept_as="reason", outlived=True, optional=True)]
    by: Actor

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where a decision is proposed."""
        return case.proposal is not None

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """For people who neither proposed it nor agree with it already."""
        return case.proposal is not None and case.proposal.vote_of(person) is not True

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """Nothing is proposed, or the person proposed it."""
        return vote_faults(case.proposal, self.by)

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The vote, once."""
        return voted(case, state, self.by, self.why, DecisionSeconded, in_favour=True)


@dataclass(frozen=True, slots=True)
class Object(Command):
    """Object to the proposal of another person, with the reasons for it."""

    name = "object"
    judges = True

    why: Annotated[Words, WordsField(kept_as="reason", outlived=True)]
    by: Actor

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where a decision is proposed."""
        return case.proposal is not None

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """For people who neither proposed it nor object to it already."""
        proposal = case.proposal
        return proposal is not None and proposal.by != person and proposal.vote_of(person) is not False

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """Nothing is proposed, or the person proposed it."""
        return vote_faults(case.proposal, self.by)

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The vote, once."""
        return voted(case, state, self.by, self.why, DecisionObjected, in_favour=False)


@dataclass(frozen=True, slots=True)
class Decide(Command):
    """Decide on an outcome of the policy, with the reasons for it: alone where the policy lets one person do so.

    Else the proposal is decided on, once it has what the policy asks for.
    """

    name = "decide"
    judges = True

    outcome: Annotated[str, ChoiceField(offers=lambda policy: tuple(policy.outcomes))]
    reason: Annotated[Words, WordsField(kept_as="reason", outlived=True)]
    by: Actor | None = None
    token: str = ""
    people: People = NOBODY

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """The policy does not have the outcome, it is not proposed, or its proposal needs more."""
        rule = policy.outcomes.get(self.outcome)
        if rule is None:
            yield UNKNOWN_OUTCOME
        elif proposal := self._proposal(case):
            for need in count_votes(case, proposal, self.people, policy, now).needs[:1]:
                yield FieldError("/outcome", f"needs_{need}", NEEDS[need])
            if self.by and (bar := bar_of(case, self.outcome, self.by.ref, policy, now)):
                yield FieldError("/outcome", bar, BARS[bar])
        elif hears_reporter(case, self.outcome, policy) or any(
            one.needs_proposal for one in rules_of(case, self.outcome, policy)
        ):
            yield FieldError("/outcome", "not_proposed", "This outcome has to be proposed first.")
        elif stands_against(case, self.by.ref if self.by else None, self.people, policy, now):
            yield PROPOSAL_STANDS

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The decision, and the people who carried it. It takes the place of all measures that stand."""
        proposal = self._proposal(case)
        tally = count_votes(case, proposal, self.people, policy, now) if proposal else None
        is_recused = any(one in case.recused for one in (self.by.ref, self.token)) if self.by else None
        return [
            CaseDecided(
                previous=case.state,
                state=state,
                previous_outcome=case.outcome,
                outcome=self.outcome,
                reason_id=self.reason.id,
                by_recused=is_recused,
                until=proposal.last_day if proposal else None,
                scope=proposal.scope if proposal else None,
                **dict(proposal.extent.told() if proposal else ()),
                in_favour=tally.in_favour if tally else (),
                against=tally.against if tally else (),
                appeal_until=appealable_until(policy, now, case.body),
            ),
            *ended_by_decision(case, state, self.reason.id),
        ]

    def _proposal(self, case: Case) -> Proposal | None:
        """The proposal that is decided on."""
        return case.proposal if case.proposal and case.proposal.outcome == self.outcome else None


def respondent_faults(case: Case, respondents: Sequence[str]) -> Iterable[FieldError]:
    """People among these (tokens of the case) who are no respondents of it. They are in `respondents`."""
    if not set(respondents) <= set(case.respondents):
        yield FieldError("/respondents", "unknown_choice", "Choose from the respondents.")


def day_faults(
    day: date | None, now: datetime, *, needed: bool, longest: timedelta | None = None
) -> Iterable[FieldError]:
    """What is wrong with the last day of something that has to have one, or cannot have one. It is in `until`.

    `longest`: how long the policy lets it last (None: for as long as people say).
    """
    end = None if day == date.min else end_of(day)
    if needed and end is None:
        yield FieldError("/until", "missing", "Say the last day on which it holds.")
    elif end is not None and not needed:
        yield FieldError("/until", "not_timed", "This outcome has no last day.")
    elif end is not None and end <= now:
        yield FieldError("/until", "in_the_past", "This day has passed.")
    elif end is not None and longest is not None and end - now > longest + timedelta(days=1):
        yield FieldError("/until", "too_far", "The policy does not let it last so long.")


def vote_faults(proposal: Proposal | None, by: Actor) -> Iterable[FieldError]:
    """What keeps a person from voting: nothing is proposed, or the proposal is the person's own, in whatever role."""
    if proposal is None:
        yield FieldError("/why", "nothing_proposed", "Nothing is proposed any more.")
    elif proposal.by == by.ref:
        yield FieldError("/why", "own_proposal", "Another person has to vote on what you have proposed.")


def voted(
    case: Case,
    state: CaseState,
    by: Actor,
    why: Words | None,
    vote: type[DecisionSeconded] | type[DecisionObjected],
    *,
    in_favour: bool,
) -> list[CaseFact]:
    """The vote of a person on the proposal, unless it is the person's vote already."""
    proposal = case.proposal
    if proposal is None or any(one.by == by.ref and one.in_favour is in_favour for one in proposal.votes):
        return []
    # A vote against has its reasons always; the model of the fact holds that.
    given = {"reason_id": why.id} if why else {}
    return [vote(previous=case.state, state=state, proposal_id=proposal.id, outcome=proposal.outcome, **given)]
