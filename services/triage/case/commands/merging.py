"""A case goes on as part of another one, follows it, and becomes a case for itself again. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

from services.triage.case.attendance import NOBODY, People, but_for_waiting
from services.triage.case.case import Case, urgency
from services.triage.case.check_ins import NO_ANSWER, kept
from services.triage.case.clocks_there import absorptions, clocks_there, told_of
from services.triage.case.commands.asking import asked_again
from services.triage.case.commands.command import CaseField, Command, Words, WordsField
from services.triage.case.commands.follow_up import YES, begun
from services.triage.case.commands.linking import LINK
from services.triage.case.commands.recusal import carried, taken_over
from services.triage.case.lifecycle import BEFORE_DECISION
from services.triage.case.parts import had_part, parts_since, took_part, worked_on
from services.triage.case.values import Deadline, Recusal, Step
from services.triage.case.voting import may_object, stands_against
from services.triage.case.waiting import resumed
from shared.events import (
    Actor,
    CaseAbsorbed,
    CaseDetached,
    CaseFact,
    CaseFollowed,
    CaseMerged,
    CaseState,
    CaseUnmerged,
    ClocksFollowed,
    DeadlinePaused,
    DeadlineSet,
    OutcomeFollowed,
    ReporterTold,
)
from shared.ids import derive
from shared.policy import Policy
from shared.policy.model import Clock
from shared.problems import FieldError


@dataclass(frozen=True, slots=True)
class Merge(Command):
    """Let the case go on as part of another one, which survives, of the same handling body.

    The survivor takes the stricter lane and the earlier deadlines, and shuts out everybody who is recused from either,
    or refused a party of either a recusal. So a recusal has to be one that holds in the survivor as well.
    """

    name = "merge"

    other: Annotated[Case | None, CaseField()]
    link_note: Annotated[Words | None, WordsField(kept_as=LINK, optional=True)] = None
    other_ref: str = ""
    own_ref: str = ""
    assignee_stays: bool = True
    people: People = NOBODY
    by: Actor | None = None

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """Another case that cannot take this one in, cases that are part of this one, and what stands against it."""
        other = self.other
        if other is None:
            return
        if other.id == case.id:
            yield FieldError("/other", "same_case", "This is the same case.")
        elif case.absorbed:
            yield FieldError("/other", "has_absorbed", "Other cases are part of this one.")
        elif case.joined:
            # Those bodies have no part in the survivor.
            yield FieldError("/other", "is_joint", "Other handling bodies work on this case.")
        elif case.open_recusal_asks:
            yield FieldError("/other", "recusal_waits", "A party of this case waits to hear who does not handle it.")
        elif any(measure.stands for measure in case.measures):
            # No measure of a merged case ends by itself, and each has to end.
            yield FieldError("/other", "measures_stand", "Measures of this case still hold.")
        elif other.state not in BEFORE_DECISION:
            yield FieldError("/other", "cannot_absorb", "That case is decided, closed, or part of another one.")
        elif other.body != case.body:
            yield FieldError("/other", "other_body", "Another handling body has that case.")
        elif any(case.objects(one) for one in may_object(case, self.people, policy, now)):
            yield FieldError("/other", "objected", "A person objects to an outcome in this case.")
        elif self.by and stands_against(case, self.by.ref, self.people, policy, now):
            yield FieldError("/other", "proposal_stands", "A proposal stands in this case: vote on that one first.")
        elif self._shuts_out_alone(other, case, now):
            yield FieldError("/other", "takes_two", "It takes more people to recuse a person from that case, too.")

    def _shuts_out_alone(self, other: Case, case: Case, now: datetime) -> bool:
        """Whether the survivor would lose a person, or an objection, by the word of fewer than that takes there."""
        taken = carried(case, other, self.people, now)
        if any(there is None or there.confirm_by != here.confirm_by for here, there in taken):
            return True
        # What they said was about this case alone, and only who merges makes it about the other one.
        themselves = {*case.refusers, *(one.person for one in case.recusals if one.person == one.by)}
        return any(other.objects(one) for one in themselves.difference(but_for_waiting(other).recused))

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """Its end as a case for itself. Nothing ends a pause of a merged case, so its pause ends before."""
        note_id = self.link_note.id if self.link_note else None
        merged = CaseMerged(previous=case.state, state=state, other_case=self.other_ref, note_id=note_id)
        return [resumed(case), merged] if case.pause else [merged]

    def decide_other(self, other: Case, case: Case, policy: Policy, now: datetime) -> list[CaseFact]:
        """The survivor goes on for both: with less time, and for fewer people."""
        state, lane = other.state, other.lane or "standard"
        absorbed = CaseAbsorbed(
            previous=state,
            state=state,
            other_case=self.own_ref,
            lane=min(lane, case.lane or "standard", key=urgency),
            previous_lane=lane,
            deadlines=tuple(_earlier_deadlines(other, case, policy, now)),
            assignee=other.assignee if self.assignee_stays and other.assignee not in case.refusers else None,
            refusers=tuple(sorted(case.refusers)),
            **_people_of(case),
        )
        recusals = (one for _, one in carried(case, other, self.people, now) if one)
        return [absorbed, *_less_left(other, case, policy, now), *taken_over(recusals, state, absorbed.assignee)]


@dataclass(frozen=True, slots=True)
class Unmerge(Command):
    """Let a merged case be a case for itself again, in the state that it had before. Its clocks have run on.

    It could recuse nobody meanwhile, so it takes over what the survivor has declared since. Of the people of the one,
    only those count in the other who had to do with both while these were one: else one person alone would choose, by
    merging for a moment, who decides no appeal.
    """

    name = "unmerge"
    own_place = True

    other: Annotated[Case | None, CaseField()]
    why: Annotated[Words, WordsField(kept_as=LINK, outlived=True)]
    other_ref: str = ""
    own_ref: str = ""
    people: People = NOBODY

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where it is part of another case."""
        return case.merged_into is not None

    def leads(self, case: Case) -> CaseState:
        """The state before. Where the reporter has answered everything meanwhile, nothing is awaited any more."""
        return case.going_on(case.merged_from or CaseState.TRIAGED)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A case of which this one is no part."""
        if self.other is not None and self.other_ref != case.merged_into:
            yield FieldError("/other", "not_merged", "This case is no part of that one.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """It goes on, and the people that the survivor has recused since have nothing to do with it."""
        part, had = self._parts(case, self.other) if self.other else ((), ())
        unmerged = CaseUnmerged(
            previous=case.state,
            state=state,
            other_case=self.other_ref,
            took_part=tuple(sorted(part)),
            had_it=tuple(sorted(had)),
            reason_id=self.why.id,
        )
        return [unmerged, *taken_over(self._meanwhile(case, now), state, case.assignee)]

    def _meanwhile(self, case: Case, now: datetime) -> Iterator[Recusal]:
        other = self.other
        if other is None:
            return
        since = self._since(other)
        for there, here in carried(other, case, self.people, now):
            if here and (there.seq > since or not there.seq) and not (here.confirm_by and case.recusal_of(here.person)):
                yield here

    def _parts(self, case: Case, other: Case) -> tuple[frozenset[str], frozenset[str]]:
        return parts_since(other, self._since(other), self._worked(case, other))

    def _since(self, other: Case) -> int:
        """The number of the step with which the survivor took the case in; 0 where no step of it says so."""
        absorbed = absorptions(other).get(self.own_ref)
        return absorbed[0].seq if absorbed else 0

    def _worked(self, case: Case, other: Case) -> frozenset[str]:
        """The people who did something in either case while they were one."""
        merged = max((step.seq for step in case.history if step.fact == CaseMerged.name), default=0)
        return worked_on(case, merged) | worked_on(other, self._since(other))

    def decide_other(self, other: Case, case: Case, policy: Policy, now: datetime) -> list[CaseFact]:
        """The survivor goes on without it, and keeps its lane, its deadlines and its recusals."""
        stayed = self._worked(case, other) & (had_part(case) | case.refusers)
        detached = CaseDetached(
            previous=other.state, state=other.state, other_case=self.own_ref, stayed=tuple(sorted(stayed))
        )
        return [detached]


@dataclass(frozen=True, slots=True)
class Follow(Command):
    """A merged case goes to the handling body of the case of which it is a part, and tells its outcome and its clocks.

    So the people of that body can part both, and the reporter hears what becomes of the matter: no words, for these may
    tell of the other report. `absorbed`: the step with which the survivor took this case in, and how often its reporter
    was told since (services.triage.case.clocks_there.absorptions).
    """

    name = "follow"
    by_people = False

    survivor: Case
    absorbed: tuple[Step, int] | None = None

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """What is not the same of both yet."""
        body, outcome, facts = self.survivor.body or "", self.survivor.outcome, list[CaseFact]()
        if case.body != body:
            own_body, previous = self.survivor.own_body or body, case.body or ""
            moved = CaseFollowed(previous=case.state, state=state, body=body, previous_body=previous, own_body=own_body)
            facts.append(moved)
        if case.outcome_there != outcome:
            facts.append(OutcomeFollowed(previous=case.state, state=state, outcome=outcome))
            if outcome is not None and case.consent_given and not case.unasked_for:
                decided = replace(case, outcome_there=outcome)
                facts += [*kept(case, now, NO_ANSWER), begun(decided, state, YES, policy, now)]
        return [*facts, *asked_again(case, self.survivor, state), *self._clocks(case, state, policy)]

    def _clocks(self, case: Case, state: CaseState, policy: Policy) -> Iterator[CaseFact]:
        """How the clocks stand there; and that people are at work, where they wrote to the reporter of the survivor."""
        if self.absorbed is None:
            return
        absorbed, told = self.absorbed
        there = tuple(clocks_there(case, self.survivor, absorbed.at, policy.calendar_of(case.body)))
        known = any(step.fact == ClocksFollowed.name and step.at >= absorbed.at for step in case.history)
        # Beside the outcome it would be untrue, and what was told before this case followed at all is no news.
        if told > case.told_there and case.reachable and known and self.survivor.outcome is None:
            message_id = derive("told there", case.id, str(absorbed.seq), str(told))
            yield ReporterTold(previous=case.state, state=state, message_id=message_id, wordless=True)
        if not known or (there, told) != (case.clocks_there, case.told_there):
            deadlines = tuple(told_of(one) for one in there)
            yield ClocksFollowed(previous=case.state, state=state, deadlines=deadlines, told=told)


def _people_of(case: Case) -> dict[str, tuple[str, ...]]:
    part = took_part(case)
    return {"took_part": tuple(sorted(part)), "had_it": tuple(sorted(had_part(case) - part))}


def _owed(case: Case, policy: Policy) -> dict[str, Deadline]:
    """What is to be kept, but for what the reporter of this very case is owed."""
    own = {rule.id for rule in policy.deadlines.values() if rule.starts == "last_update"}
    return {one.name: one for one in case.deadlines if one.met_at is None and one.name not in own}


def _earlier_deadlines(other: Case, case: Case, policy: Policy, now: datetime) -> Iterator[DeadlineSet]:
    """What runs on the survivor from now on by the deadlines of the case: earlier ones, and those that it did not have.

    A deadline that the survivor did not have is not owed where its steps have kept it already. One that it has missed
    stays due as it was told, and others hear of it when they would have heard of either.
    """
    known = {deadline.name: deadline for deadline in other.deadlines}
    told = {step.fact for step in other.history}
    for name, deadline in _owed(case, policy).items():
        theirs = _set(deadline.if_running(now, policy.calendar_of(case.body)))
        mine, rule = known.get(name), policy.deadlines.get(name)
        if mine is None:
            if rule is None or rule.met_by.isdisjoint(told):
                yield theirs
        elif mine.is_running and not (mine.was_missed or mine.is_overdue(now)):
            if theirs.due_at < mine.due_at:
                yield theirs
        elif mine.is_running and _is_sooner(theirs.escalate_at, mine):
            yield DeadlineSet(name=name, due_at=mine.due_at, warn_at=mine.warn_at, escalate_at=theirs.escalate_at)


def _is_sooner(escalate_at: datetime | None, mine: Deadline) -> bool:
    """Whether others would hear sooner by then that this deadline was missed."""
    if escalate_at is None or mine.escalated_at:
        return False
    return mine.escalate_at is None or escalate_at < mine.escalate_at


def _set(clock: Clock) -> DeadlineSet:
    return DeadlineSet(name=clock.name, due_at=clock.due_at, warn_at=clock.warn_at, escalate_at=clock.escalate_at)


def _less_left(other: Case, case: Case, policy: Policy, now: datetime) -> Iterator[DeadlinePaused]:
    """The clocks of the survivor that stand still, and have less time left by the deadlines of the case."""
    state, owed = other.state, _owed(case, policy)
    for name, deadline in _owed(other, policy).items():
        if deadline.remaining_seconds is None or name not in owed:
            continue
        due_at = owed[name].due_if_running(now, policy.calendar_of(case.body))
        business = deadline.business
        time_left = policy.calendar_of(other.body).counting(business=business).between(now, due_at)
        left = max(0, time_left // timedelta(seconds=1))
        if left < deadline.remaining_seconds:
            yield DeadlinePaused(
                previous=state, state=state, deadline=name, due_at=due_at, remaining_seconds=left, business=business
            )
