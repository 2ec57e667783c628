"""What another body is asked, and does not answer in time, is over: the case goes on as it is. Pure."""

from services.triage.case.case import Case
from services.triage.case.timers.timer import Moment, Timer
from shared.events import CaseFact, InvitationLapsed, ReferralReturned


def _over(case: Case, _: Moment) -> list[CaseFact]:
    asked = case.asked
    if asked is None:
        return []
    if asked.joint:
        return [InvitationLapsed(previous=case.state, state=case.state, to_body=asked.to_body)]
    return [ReferralReturned(previous=case.state, state=case.returns_to, to_body=asked.to_body)]


TIMERS = (Timer(lambda case: case.asked.accept_by if case.asked else None, _over),)
