"""What the facts of referrals change. Pure."""

from dataclasses import replace
from typing import Literal

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.values import Referral
from shared.events import CaseReferred, Event, ReferralAccepted, ReferralDeclined, ReferralReturned


def _referred(case: Case, fact: CaseReferred, event: Event) -> Fields:
    referral = Referral(
        from_body=fact.from_body,
        to_body=fact.to_body,
        by=event.actor.ref,
        role=event.actor.role,
        at=event.time,
        accept_by=fact.accept_by,
        reason_id=fact.reason_id,
        before=case.state,
    )
    return {"referrals": (*case.referrals, referral)}


def _accepted(case: Case, fact: ReferralAccepted, event: Event) -> Fields:
    # Its people propose and vote anew.
    has_it = {"body": fact.body, "own_body": fact.body, "assignee": None, "unattended": False, "proposal": None}
    return {**_ended(case, "accepted", event), **has_it}


def _declined(case: Case, fact: ReferralDeclined, event: Event) -> Fields:
    return _ended(case, "declined", event, fact.reason_id)


def _returned(case: Case, _fact: ReferralReturned, event: Event) -> Fields:
    return _ended(case, "returned", event)


def _ended(
    case: Case, ended: Literal["accepted", "declined", "returned"], event: Event, answer_id: str | None = None
) -> Fields:
    if case.referral is None:
        return {}
    return {
        "referrals": (
            *case.referrals[:-1],
            replace(case.referral, ended=ended, ended_at=event.time, answer_id=answer_id),
        )
    }


CHANGES = {
    CaseReferred: _referred,
    ReferralAccepted: _accepted,
    ReferralDeclined: _declined,
    ReferralReturned: _returned,
}
