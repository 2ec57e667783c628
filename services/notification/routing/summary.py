"""What notification keeps of a case, learned from its facts. Pure."""

from dataclasses import dataclass
from datetime import datetime

from shared.copies import copier, quick
from shared.events import (
    BodyInvited,
    CaseAbsorbed,
    CaseAssigned,
    CaseFact,
    CaseFollowed,
    CaseOpened,
    CasePassedOn,
    CaseReferred,
    CaseReleased,
    CaseTriaged,
    DeadlineEscalated,
    Event,
    HandlerApart,
    HandlerLeft,
    InvitationAccepted,
    InvitationDeclined,
    InvitationLapsed,
    JointEnded,
    LaneLowered,
    LaneRaised,
    RecusalDeclared,
    RecusalLapsed,
    RecusalWithdrawn,
    ReferralAccepted,
    ReferralDeclined,
    ReferralReturned,
)


@quick
@dataclass(frozen=True, slots=True)
class CaseSummary:
    """What notices need to know of a case, as of its fact number `seq`. Times are UTC-aware.

    `parties`: references of the people who may not hear of the case, but for the reporter's own notices; also their
    pseudonyms in a case from before `parties_apart`. Otherwise the pseudonyms stand beside the case, in shared.parties.
    `body`, `lane` and `assignee` are None while no fact has named them. `asked`: the body that is asked to
    take it over, or to join it. `stand_in`: the body that heard last that the case waits for too long.
    """

    id: str
    report_id: str
    code_name: str
    language: str
    contactable: bool
    received_at: datetime
    parties: tuple[str, ...] = ()
    body: str | None = None
    lane: str | None = None
    assignee: str | None = None
    seq: int = 0
    parties_apart: bool = False
    asked: str | None = None
    stand_in: str | None = None


_copy = copier(CaseSummary)
FOLLOWED: tuple[type[CaseFact], ...] = (
    CaseOpened,
    CaseTriaged,
    CaseFollowed,
    CasePassedOn,
    CaseAssigned,
    CaseReleased,
    HandlerApart,
    HandlerLeft,
    LaneLowered,
    LaneRaised,
    CaseAbsorbed,
    RecusalDeclared,
    RecusalWithdrawn,
    RecusalLapsed,
    CaseReferred,
    ReferralAccepted,
    ReferralDeclined,
    ReferralReturned,
    BodyInvited,
    InvitationAccepted,
    InvitationDeclined,
    InvitationLapsed,
    JointEnded,
    DeadlineEscalated,
)
"""The facts from which a summary learns."""


def follow(summary: CaseSummary | None, event: Event) -> CaseSummary | None:
    """The summary after this fact; None for a case that was never opened. A fact that comes again changes nothing."""
    fact = event.fact
    if summary is None:
        return _opened(event.case_id, fact, event.case_seq) if isinstance(fact, CaseOpened) else None
    seq = max(summary.seq, event.case_seq)
    match fact:
        case CaseTriaged():
            return _copy(summary, body=fact.body, lane=fact.lane, seq=seq)
        case CasePassedOn() | CaseFollowed():
            return _copy(summary, body=fact.body, assignee=None, seq=seq)
        case CaseReferred() | BodyInvited():
            return _copy(summary, asked=fact.to_body, seq=seq)
        case ReferralAccepted():
            return _copy(summary, body=fact.body, asked=None, assignee=None, seq=seq)
        case ReferralDeclined() | ReferralReturned() | InvitationAccepted() | InvitationDeclined() | InvitationLapsed():
            return _copy(summary, asked=None, seq=seq)
        case DeadlineEscalated():
            return _copy(summary, stand_in=fact.to_body, seq=seq)
        case CaseAssigned() | JointEnded():
            return _copy(summary, assignee=fact.assignee, seq=seq)
        case CaseReleased() | HandlerLeft() | HandlerApart():
            return _copy(summary, assignee=None, seq=seq)
        case LaneRaised() | LaneLowered():
            return _copy(summary, lane=fact.lane, seq=seq)
        case CaseAbsorbed():
            return _copy(summary, lane=fact.lane, assignee=fact.assignee, seq=seq)
        case RecusalDeclared():
            parties = tuple(dict.fromkeys((*summary.parties, fact.person)))
            return _copy(summary, assignee=fact.assignee, parties=parties, seq=seq)
        case RecusalWithdrawn() | RecusalLapsed():
            parties = tuple(name for name in summary.parties if name != fact.person)
            return _copy(summary, parties=parties, seq=seq)
        case _:
            return summary


def _opened(case_id: str, fact: CaseOpened, seq: int) -> CaseSummary:
    return CaseSummary(
        case_id,
        fact.report_id,
        fact.code_name,
        fact.language,
        fact.contactable,
        fact.received_at,
        () if fact.parties_apart else fact.parties,
        seq=seq,
        parties_apart=fact.parties_apart,
    )
