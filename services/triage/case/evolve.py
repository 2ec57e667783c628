"""What each event makes of a case, pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from services.triage.case.case import Case, Deadline, Question, Step
from shared.events import (
    CaseAssigned,
    CaseDecided,
    CaseFact,
    CaseOpened,
    CaseState,
    CaseTriaged,
    Event,
    InformationReceived,
    InformationRequested,
    RecusalDeclared,
)
from shared.policy.met_by import KEPT_BY


def evolve(case: Case | None, event: Event) -> Case:
    """The case after `event`. Raises TypeError for what is no event of a case, or does not follow on `case`."""
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
            state=CaseState(fact.state),
            history=(_step(event, fact),),
        )
    if not isinstance(fact, CaseFact) or isinstance(fact, CaseOpened) or event.case_seq != case.seq + 1:
        raise TypeError(f"{fact.name} {event.case_seq} does not follow on event {case.seq} of the case")
    after = _changed(case, fact, event)
    return replace(
        after,
        state=CaseState(fact.state),
        history=(*case.history, _step(event, fact)),
        deadlines=tuple(_kept(d, fact, event.time) for d in after.deadlines),
    )


def fold(events: Iterable[Event], case: Case | None = None) -> Case | None:
    """The case that `events` (in order) make of `case`."""
    for event in events:
        case = evolve(case, event)
    return case


def _changed(case: Case, fact: CaseFact, event: Event) -> Case:
    match fact:
        case CaseTriaged():
            return replace(
                case,
                category=fact.category,
                lane=fact.lane,
                body=fact.body,
                rule=fact.rule,
                policy_version=event.policy_version,
                deadlines=tuple(Deadline(d.name, d.due_at) for d in fact.deadlines),
            )
        case CaseAssigned():
            return replace(case, assignee=fact.assignee)
        case RecusalDeclared():
            return replace(case, recused=(*case.recused, fact.person), assignee=fact.assignee)
        case InformationRequested():
            return replace(case, questions=(*case.questions, Question(fact.question_id, event.time)))
        case InformationReceived():
            return replace(case, questions=tuple(_answered(q, fact) for q in case.questions))
        case CaseDecided():
            return replace(case, outcome=fact.outcome, reason_id=fact.reason_id)
        case _:
            return case


def _answered(question: Question, fact: InformationReceived) -> Question:
    if question.id != fact.question_id:
        return question
    return replace(question, answers=(*question.answers, fact.answer_id))


def _kept(deadline: Deadline, fact: CaseFact, at: datetime) -> Deadline:
    if deadline.met_at is None and isinstance(fact, KEPT_BY.get(deadline.name, ())):
        return replace(deadline, met_at=at)
    return deadline


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
