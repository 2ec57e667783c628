"""What the facts of referrals and of joint work change. Pure."""

from dataclasses import replace
from datetime import datetime
from typing import Literal

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.values import Referral
from shared.events import (
    BodyInvited,
    CaseReferred,
    Event,
    InvitationAccepted,
    InvitationDeclined,
    InvitationLapsed,
    JointEnded,
    ReferralAccepted,
    ReferralDeclined,
    ReferralReturned,
)


def _asked(case: Case, fact: CaseReferred | BodyInvited, event: Event) -> Fields:
    referral = Referral(
        from_body=fact.from_body,
        to_body=fact.to_body,
        by=event.actor.ref,
        role=event.actor.role,
        at=event.time,
        accept_by=fact.accept_by,
        reason_id=fact.reason_id,
        before=case.state,
        joint=isinstance(fact, BodyInvited),
    )
    return {"referrals": (*case.referrals, referral)}


def _accepted(case: Case, fact: ReferralAccepted, event: Event) -> Fields:
    # Its people propose and vote anew.
    has_it = {"body": fact.body, "own_body": fact.body, "assignee": None, "unattended": False, "proposal": None}
    return {"referrals": without(_answered(case, "accepted", event), fact.body, event.time), **has_it}


def _joined(case: Case, _fact: InvitationAccepted, event: Event) -> Fields:
    return {"referrals": _answered(case, "accepted", event)}


def _joint_ended(case: Case, fact: JointEnded, event: Event) -> Fields:
    left = without(case.referrals, fact.body, event.time, fact.reason_id)
    return {"referrals": left, "assignee": fact.assignee}


def without(
    referrals: tuple[Referral, ...], body: str, at: datetime, reason_id: str | None = None
) -> tuple[Referral, ...]:
    """The referrals of a case once this body is no more among those that have joined it."""
    return tuple(
        replace(one, left_at=at, left_id=reason_id) if one.to_body == body and one.is_joined else one
        for one in referrals
    )


def _declined(case: Case, fact: ReferralDeclined | InvitationDeclined, event: Event) -> Fields:
    return {"referrals": _answered(case, "declined", event, fact.reason_id)}


def _returned(case: Case, fact: ReferralReturned, event: Event) -> Fields:
    return {"referrals": _answered(case, "recalled" if fact.reason_id else "returned", event, fact.reason_id)}


def _lapsed(case: Case, _fact: InvitationLapsed, event: Event) -> Fields:
    return {"referrals": _answered(case, "returned", event)}


def _answered(
    case: Case,
    ended: Literal["accepted", "declined", "returned", "recalled"],
    event: Event,
    answer_id: str | None = None,
) -> tuple[Referral, ...]:
    *before, asked = case.referrals
    return (*before, replace(asked, ended=ended, ended_at=event.time, answer_id=answer_id))


CHANGES = {
    CaseReferred: _asked,
    BodyInvited: _asked,
    InvitationAccepted: _joined,
    InvitationDeclined: _declined,
    InvitationLapsed: _lapsed,
    JointEnded: _joint_ended,
    ReferralAccepted: _accepted,
    ReferralDeclined: _declined,
    ReferralReturned: _returned,
}
