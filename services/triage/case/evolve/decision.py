"""What the facts of a decision change: it is proposed, voted on, and made. Pure."""

from dataclasses import replace

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.values import Measure, Proposal, Vote, end_of
from shared.events import CaseDecided, DecisionObjected, DecisionProposed, DecisionSeconded, Event


def _proposed(case: Case, fact: DecisionProposed, event: Event) -> Fields:
    # Who objects to an outcome does so until the person votes anew: nobody loses objections by proposing it again.
    before = case.proposal.votes if case.proposal and case.proposal.outcome == fact.outcome else ()
    proposal = Proposal(
        id=fact.proposal_id,
        outcome=fact.outcome,
        by=event.actor.ref,
        at=event.time,
        reason_id=fact.reason_id,
        until=end_of(fact.until),
        scope=fact.scope,
        votes=tuple(vote for vote in before if not vote.in_favour and vote.by != event.actor.ref),
    )
    return {"proposal": proposal}


def _voted(case: Case, fact: DecisionSeconded | DecisionObjected, event: Event) -> Fields:
    if case.proposal is None or case.proposal.id != fact.proposal_id:
        return {}
    vote = Vote(event.actor.ref, isinstance(fact, DecisionSeconded), fact.reason_id)
    others = (other for other in case.proposal.votes if other.by != vote.by)
    return {"proposal": replace(case.proposal, votes=(*others, vote))}


def _decided(case: Case, fact: CaseDecided, event: Event) -> Fields:
    decided: Fields = {
        "outcome": fact.outcome,
        "reason_id": fact.reason_id,
        "proposal": None,
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
    )
    return {**decided, "measures": (*case.measures, measure)}


CHANGES = {
    DecisionProposed: _proposed,
    DecisionSeconded: _voted,
    DecisionObjected: _voted,
    CaseDecided: _decided,
}
