"""What the facts of recusals change. Pure."""

from dataclasses import replace

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.values import Recusal
from shared.events import Event, RecusalConfirmed, RecusalDeclared, RecusalLapsed, RecusalWithdrawn


def _declared(case: Case, fact: RecusalDeclared, event: Event) -> Fields:
    recusal = Recusal(fact.person, event.actor.ref, event.actor.role, fact.ground, fact.confirm_by)
    return {
        "recused": (*case.recused, fact.person),
        "recusals": (*case.recusals, recusal),
        "assignee": fact.assignee,
        "watchers": tuple(person for person in case.watchers if person != fact.person),
    }


def _confirmed(case: Case, fact: RecusalConfirmed, _event: Event) -> Fields:
    return {"recusals": tuple(replace(r, confirm_by=None) if r.person == fact.person else r for r in case.recusals)}


def _ended(case: Case, fact: RecusalWithdrawn | RecusalLapsed, _event: Event) -> Fields:
    return {
        "recused": tuple(person for person in case.recused if person != fact.person),
        "recusals": tuple(recusal for recusal in case.recusals if recusal.person != fact.person),
        "ended_recusals": (*case.ended_recusals, *(r for r in case.recusals if r.person == fact.person)),
    }


CHANGES = {
    RecusalDeclared: _declared,
    RecusalConfirmed: _confirmed,
    RecusalWithdrawn: _ended,
    RecusalLapsed: _ended,
}
