"""What another body is asked, and does not answer in time, is over: the case goes on as it is. Pure."""

from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.timers.timer import Timer
from shared.events import CaseFact, InvitationLapsed, ReferralReturned
from shared.policy import Policy


def _over(case: Case, _policy: Policy, _now: datetime) -> list[CaseFact]:
    asked = case.asked
    if asked is None:
        return []
    if asked.joint:
        return [InvitationLapsed(previous=case.state, state=case.state, to_body=asked.to_body)]
    return [ReferralReturned(previous=case.state, state=case.returns_to, to_body=asked.to_body)]


TIMERS = (Timer(lambda case: case.asked.accept_by if case.asked else None, _over),)
