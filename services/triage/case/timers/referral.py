"""A referral that nobody accepts in time is over: the case goes on with its sender. Pure."""

from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.timers.timer import Timer
from shared.events import CaseFact, ReferralReturned
from shared.policy import Policy


def _returned(case: Case, _policy: Policy, _now: datetime) -> list[CaseFact]:
    asked = case.referral
    return [ReferralReturned(previous=case.state, state=case.returns_to, to_body=asked.to_body)] if asked else []


TIMERS = (Timer(lambda case: case.referral.accept_by if case.referral else None, _returned),)
