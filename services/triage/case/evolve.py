"""What each event makes of a case. Pure: the facts say all of it, and nothing is judged here."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.triage.case.case import Case, Deadline, Question, Recusal, Step
from shared.events import (
    MET_BY_STEP,
    CaseAssigned,
    CaseAttended,
    CaseDecided,
    CaseFact,
    CaseOpened,
    CasePassedOn,
    CaseState,
    CaseTriaged,
    CaseUnattended,
    DeadlineBreached,
    DeadlineFact,
    DeadlineMet,
    DeadlinePaused,
    DeadlineResumed,
    Event,
    InformationReceived,
    InformationRequested,
    RecusalConfirmed,
    RecusalDeclared,
    RecusalLapsed,
    RecusalWithdrawn,
)


def evolve(case: Case | None, event: Event) -> Case:
    """The case after `event`. Raises TypeError for an event that does not follow on `case`."""
    fact = event.fact
    if case is None:
        if not isinstance(fact, CaseOpened):
            raise TypeError(f"a case begins with case.opened, not with {fact.name}")
        return Case(
            id=event.case_id,
            report_id=fact.report_id,
            code_name=fact.code_name,
            community=fact.community,
            category=fact.category,
            flags=fact.flags,
            setting=fact.setting,
            language=fact.language,
            privacy=fact.privacy,
            contactable=fact.contactable,
            received_at=fact.received_at,
            parties=fact.parties,
            parties_apart=fact.parties_apart,
            state=CaseState(fact.state),
            history=(_step(event, fact),),
        )
    if not isinstance(fact, CaseFact) or isinstance(fact, CaseOpened) or event.case_seq != case.seq + 1:
        raise TypeError(f"{fact.name} {event.case_seq} does not follow on event {case.seq} of the case")
    history = (*case.history, _step(event, fact))
    # One copy of the case for each event, because a batch of reports makes thousands of them.
    after = replace(case, state=CaseState(fact.state), history=history, **_changes(case, fact, event))
    return after if after.deadlines_told else _met_by_step(after, fact, event.time)


def fold(events: Iterable[Event], case: Case | None = None) -> Case | None:
    """The case that `events` (in order) make of `case`."""
    for event in events:
        case = evolve(case, event)
    return case


def _changes(case: Case, fact: CaseFact, event: Event) -> dict[str, Any]:
    """The fields of the case that the fact changes, beside its state and history."""
    match fact:
        case CaseTriaged():
            return {
                "category": fact.category,
                "lane": fact.lane,
                "body": fact.body,
                "own_body": fact.own_body,
                "rule": fact.rule,
                "policy_version": event.policy_version,
                "deadlines": tuple(Deadline(d.name, d.due_at) for d in fact.deadlines),
                "deadlines_told": fact.deadlines_told,
            }
        case CasePassedOn():
            return {"body": fact.body, "assignee": None, "unattended": False}
        case CaseUnattended():
            return {"unattended": True}
        case CaseAttended():
            return {"unattended": False}
        case CaseAssigned():
            return {"assignee": fact.assignee}
        case RecusalDeclared():
            recusal = Recusal(fact.person, event.actor.ref, event.actor.role, fact.ground, fact.confirm_by)
            recusals = (*case.recusals, recusal)
            return {"recused": (*case.recused, fact.person), "recusals": recusals, "assignee": fact.assignee}
        case RecusalConfirmed():
            confirmed = tuple(replace(r, confirm_by=None) if r.person == fact.person else r for r in case.recusals)
            return {"recusals": confirmed}
        case RecusalWithdrawn() | RecusalLapsed():
            return {
                "recused": tuple(person for person in case.recused if person != fact.person),
                "recusals": tuple(recusal for recusal in case.recusals if recusal.person != fact.person),
                "ended_recusals": (*case.ended_recusals, *(r for r in case.recusals if r.person == fact.person)),
            }
        case InformationRequested():
            return {"questions": (*case.questions, Question(fact.question_id, event.time))}
        case InformationReceived():
            return {"questions": tuple(_answered(q, fact) for q in case.questions)}
        case CaseDecided():
            return {"outcome": fact.outcome, "reason_id": fact.reason_id}
        case DeadlineFact():
            return {"deadlines": tuple(_judged(d, fact, event.time) for d in case.deadlines)}
        case _:
            return {}


def _judged(deadline: Deadline, fact: DeadlineFact, at: datetime) -> Deadline:
    if deadline.name != fact.deadline:
        return deadline
    match fact:
        case DeadlineMet():
            return replace(deadline, due_at=fact.due_at, met_at=fact.met_at, remaining_seconds=None)
        case DeadlinePaused():
            return replace(deadline, remaining_seconds=fact.remaining_seconds)
        case DeadlineResumed():
            return replace(deadline, due_at=fact.due_at, remaining_seconds=None)
        case DeadlineBreached():
            return replace(deadline, breached_at=at)
        case _:
            return deadline


def _met_by_step(case: Case, fact: CaseFact, at: datetime) -> Case:
    """A case from before `deadline.met`: its steps keep its deadlines, and no fact tells it."""
    deadlines = tuple(
        replace(d, met_at=at) if d.met_at is None and fact.name in MET_BY_STEP.get(d.name, ()) else d
        for d in case.deadlines
    )
    return replace(case, deadlines=deadlines)


def _answered(question: Question, fact: InformationReceived) -> Question:
    if question.id != fact.question_id:
        return question
    return replace(question, answers=(*question.answers, fact.answer_id))


def _step(event: Event, fact: CaseFact) -> Step:
    return Step(
        seq=event.case_seq,
        fact=fact.name,
        at=event.time,
        actor=event.actor.ref,
        role=event.actor.role,
        cause=event.cause,
        previous=CaseState(fact.previous) if fact.previous else None,
        state=CaseState(fact.state),
        detail=getattr(fact, fact.shows) if fact.shows else None,
    )
