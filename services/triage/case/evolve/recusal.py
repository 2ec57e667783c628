"""What the facts of recusals change. Pure."""

from collections.abc import Collection
from dataclasses import replace

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.values import Recusal, RecusalAsk
from shared.events import (
    Event,
    RecusalAnswered,
    RecusalAsked,
    RecusalAskedAgain,
    RecusalConfirmed,
    RecusalDeclared,
    RecusalLapsed,
    RecusalWithdrawn,
)


def _declared(case: Case, fact: RecusalDeclared, event: Event) -> Fields:
    recusal = Recusal(
        person=fact.person,
        by=fact.declared_by or event.actor.ref,
        role=fact.declared_role or event.actor.role,
        ground=fact.ground,
        confirm_by=fact.confirm_by,
        confirmed_by=fact.confirmed_by,
        seq=event.case_seq,
    )
    # What holds for good takes the place of what was waiting.
    return {
        "recused": (*(person for person in case.recused if person != fact.person), fact.person),
        "recusals": (*(one for one in case.recusals if one.person != fact.person), recusal),
        "assignee": fact.assignee,
        "watchers": tuple(person for person in case.watchers if person != fact.person),
    }


def _confirmed(case: Case, fact: RecusalConfirmed, event: Event) -> Fields:
    by = event.actor.ref
    confirmed = (
        replace(one, confirm_by=None, confirmed_by=by) if one.person == fact.person else one for one in case.recusals
    )
    return {"recusals": tuple(confirmed)}


def _ended(case: Case, fact: RecusalWithdrawn | RecusalLapsed, _event: Event) -> Fields:
    return {
        "recused": tuple(person for person in case.recused if person != fact.person),
        "recusals": tuple(recusal for recusal in case.recusals if recusal.person != fact.person),
        "ended_recusals": (*case.ended_recusals, *(r for r in case.recusals if r.person == fact.person)),
    }


def _withdrawn(case: Case, fact: RecusalWithdrawn, event: Event) -> Fields:
    again = case.granted_by(fact.person)
    return {**_ended(case, fact, event), **(_wait_again(case, {ask.id for ask in again}, event) if again else {})}


def _asked(case: Case, fact: RecusalAsked, event: Event) -> Fields:
    return {"recusal_asks": (*case.recusal_asks, RecusalAsk(fact.ask_id, fact.party, event.time, fact.respondent))}


def _asked_again(case: Case, fact: RecusalAskedAgain, event: Event) -> Fields:
    return _wait_again(case, {fact.ask_id}, event)


def _wait_again(case: Case, ids: Collection[str], event: Event) -> Fields:
    """What parties asked for under these ids has no answer any more."""
    asks = (
        replace(ask, answer=None, answered_at=None, since=event.time) if ask.id in ids else ask
        for ask in case.recusal_asks
    )
    return {"recusal_asks": tuple(asks)}


def _answered(case: Case, fact: RecusalAnswered, event: Event) -> Fields:
    if fact.ask_id not in {ask.id for ask in case.recusal_asks}:
        # A party of a case asked that is part of this one.
        return {"refused_there": tuple(dict.fromkeys((*case.refused_there, event.actor.ref)))}
    answered = (
        replace(ask, answer=fact.recusal_answer, told_id=fact.told_id, by=event.actor.ref, answered_at=event.time)
        if ask.id == fact.ask_id
        else ask
        for ask in case.recusal_asks
    )
    return {"recusal_asks": tuple(answered)}


CHANGES = {
    RecusalDeclared: _declared,
    RecusalConfirmed: _confirmed,
    RecusalWithdrawn: _withdrawn,
    RecusalLapsed: _ended,
    RecusalAsked: _asked,
    RecusalAskedAgain: _asked_again,
    RecusalAnswered: _answered,
}
