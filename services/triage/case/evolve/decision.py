"""What the facts of a decision change: it is proposed, voted on, and made. Pure."""

from dataclasses import replace

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.extent import extent_of
from services.triage.case.values import Measure, Objection, Proposal, Vote, end_of
from shared.events import CaseDecided, DecisionObjected, DecisionProposed, DecisionSeconded, Event


def _proposed(case: Case, fact: DecisionProposed, event: Event) -> Fields:
    # Nobody loses objections by proposing an outcome again, nor by proposing another one in between.
    objections = _without(_objections(case), event.actor.ref, fact.outcome)
    proposal = Proposal(
        id=fact.proposal_id,
        outcome=fact.outcome,
        by=event.actor.ref,
        at=event.time,
        reason_id=fact.reason_id,
        until=end_of(fact.until),
        scope=fact.scope,
        extent=extent_of(fact),
        votes=tuple(Vote(one.by, False, one.reason_id) for one in objections if one.outcome == fact.outcome),
    )
    return {"proposal": proposal, "objections": objections}


def _voted(case: Case, fact: DecisionSeconded | DecisionObjected, event: Event) -> Fields:
    if case.proposal is None or case.proposal.id != fact.proposal_id:
        return {}
    vote = Vote(event.actor.ref, isinstance(fact, DecisionSeconded), fact.reason_id)
    others = (other for other in case.proposal.votes if other.by != vote.by)
    objections = _without(_objections(case), vote.by, case.proposal.outcome)
    if not vote.in_favour:
        objections += (Objection(case.proposal.outcome, vote.by, vote.reason_id),)
    return {"proposal": replace(case.proposal, votes=(*others, vote)), "objections": objections}


def _objections(case: Case) -> tuple[Objection, ...]:
    """All that stand. In a case from before they were kept apart, they are votes on its proposal alone."""
    if case.proposal is None:
        return case.objections
    outcome = case.proposal.outcome
    votes = (Objection(outcome, vote.by, vote.reason_id) for vote in case.proposal.votes if not vote.in_favour)
    return tuple(dict.fromkeys((*case.objections, *votes)))


def _without(objections: tuple[Objection, ...], by: str, outcome: str) -> tuple[Objection, ...]:
    return tuple(one for one in objections if (one.by, one.outcome) != (by, outcome))


def _decided(case: Case, fact: CaseDecided, event: Event) -> Fields:
    decided: Fields = {
        "outcome": fact.outcome,
        "reason_id": fact.reason_id,
        "proposal": None,
        "objections": tuple(one for one in _objections(case) if one.outcome != fact.outcome),
        "appeal_until": fact.appeal_until,
    }
    if fact.scope is None:
        return decided
    measure = Measure(
        id=fact.reason_id,
        kind=fact.outcome,
        scope=fact.scope,
        begun_at=event.time,
        until=end_of(fact.until),
        by=event.actor.ref,
        reason_id=fact.reason_id,
        extent=extent_of(fact),
    )
    return {**decided, "measures": (*case.measures, measure)}


CHANGES = {
    DecisionProposed: _proposed,
    DecisionSeconded: _voted,
    DecisionObjected: _voted,
    CaseDecided: _decided,
}
