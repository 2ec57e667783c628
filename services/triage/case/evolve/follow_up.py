"""What the facts of a follow-up change: check-ins come and are kept, agreements are made and checked. Pure."""

from dataclasses import replace

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.values import Agreement, CheckIn
from shared.events import (
    AgreementChecked,
    AgreementDue,
    AgreementMade,
    CheckInDue,
    CheckInKept,
    CheckInsEnded,
    ConsentGiven,
    Event,
    FollowUpBegun,
)


def _begun(case: Case, fact: FollowUpBegun, _event: Event) -> Fields:
    # Older facts count each follow-up from 1: theirs take the place of those before.
    numbers = {c.number for c in fact.check_ins}
    stays = (c for c in case.check_ins if c.kept_at or (fact.measures_stay and c.measure_id))
    kept = (c for c in stays if c.number not in numbers)
    return {"consent": fact.consent, "check_ins": (*kept, *(CheckIn(c.number, c.due_at) for c in fact.check_ins))}


def _consented(case: Case, fact: ConsentGiven, _event: Event) -> Fields:
    return {"consent_given": True, "unasked_for": None if fact.after_silence else case.unasked_for}


def _due(case: Case, fact: CheckInDue, event: Event) -> Fields:
    return {
        "check_ins": tuple(
            replace(c, told_at=c.told_at or event.time, attempt=fact.attempt, again_at=fact.again_at)
            if c.number == fact.number
            else c
            for c in case.check_ins
        )
    }


def _kept(case: Case, fact: CheckInKept, event: Event) -> Fields:
    return {
        "check_ins": tuple(
            replace(c, kept_at=event.time, answer=fact.answer, answer_id=fact.answer_id)
            if c.number == fact.number
            else c
            for c in case.check_ins
        )
    }


def _ended(_case: Case, fact: CheckInsEnded, _event: Event) -> Fields:
    return {"unasked_for": fact.why}


def _made(case: Case, fact: AgreementMade, _event: Event) -> Fields:
    return {"agreements": (*case.agreements, Agreement(fact.agreement_id, fact.who, fact.by_when.isoformat()))}


def _checked(case: Case, fact: AgreementChecked, event: Event) -> Fields:
    return {
        "agreements": tuple(
            replace(a, kept=fact.kept, checked_by=event.actor.ref, checked_at=event.time)
            if a.id == fact.agreement_id
            else a
            for a in case.agreements
        )
    }


def _agreement_due(case: Case, fact: AgreementDue, event: Event) -> Fields:
    return {
        "agreements": tuple(
            replace(a, told_at=event.time) if a.id == fact.agreement_id else a for a in case.agreements
        )
    }  # fmt: skip


CHANGES = {
    FollowUpBegun: _begun,
    ConsentGiven: _consented,
    CheckInDue: _due,
    CheckInKept: _kept,
    CheckInsEnded: _ended,
    AgreementMade: _made,
    AgreementChecked: _checked,
    AgreementDue: _agreement_due,
}
