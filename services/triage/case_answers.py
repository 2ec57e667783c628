"""What became of a case beside its state, as the API shows it, and the steps that led there."""

from services.triage.answers import (
    AgreementShown,
    AppealShown,
    CheckInShown,
    EarlierDeadlineShown,
    MeasureShown,
    MoveShown,
    PartyShown,
    ProposalShown,
    RecusalAskShown,
    StepShown,
)
from services.triage.case.case import RESPONDENT, Case
from services.triage.case.values import Deadline, Step
from services.triage.case.voting import Tally
from shared.times import rfc3339


def show_step(step: Step) -> StepShown:
    """A step of a case's history as the API shows it."""
    return {
        "version": step.seq,
        "event": step.fact,
        "at": rfc3339(step.at),
        "actor": step.actor,
        "role": step.role,
        "previous": step.previous,
        "state": step.state,
        "detail": step.detail,
        "reason_id": step.reason_id,
    }


def show_proposal(case: Case, tally: Tally | None) -> ProposalShown | None:
    """The decision that is proposed. `tally`: what it has and needs."""
    proposal = case.proposal
    if proposal is None or tally is None:
        return None
    counted = {*tally.in_favour, *tally.against}
    return {
        "proposal_id": proposal.id,
        "outcome": proposal.outcome,
        "proposed_by": proposal.by,
        "proposed_at": rfc3339(proposal.at),
        "reason_id": proposal.reason_id,
        "until": proposal.last_day.isoformat() if proposal.last_day else None,
        "scope": proposal.scope,
        "respondents": proposal.extent.respondents,
        "project": proposal.extent.project,
        "pages_id": proposal.extent.pages_id,
        "votes": [
            {"by": vote.by, "in_favour": vote.in_favour, "counts": vote.by in counted, "reason_id": vote.reason_id}
            for vote in proposal.votes
        ],
        "may_vote": tally.voters,
        "needs": list(tally.needs),
    }


def show_appeals(case: Case) -> list[AppealShown]:
    """The appeals of direct parties, in their order."""
    return [
        {
            "appeal_id": appeal.id,
            "party": appeal.party,
            "ground": appeal.ground,
            "lodged_at": rfc3339(appeal.at),
            "reason_id": appeal.reason_id,
            "verdict": appeal.verdict,
            "decided_by": appeal.decided_by,
            "verdict_reason_id": appeal.verdict_id,
        }
        for appeal in case.appeals
    ]


def show_check_ins(case: Case) -> list[CheckInShown]:
    """When the reporter is asked how it goes, and what became of it."""
    return [
        {
            "number": check_in.number,
            "due_at": rfc3339(check_in.due_at),
            "due": check_in.told_at is not None,
            "kept_at": rfc3339(check_in.kept_at) if check_in.kept_at else None,
            "answer": check_in.answer,
            "asked": check_in.attempt,
            "again_at": rfc3339(check_in.again_at) if check_in.again_at and not check_in.kept_at else None,
            "answer_id": check_in.answer_id,
        }
        for check_in in case.check_ins
    ]


def show_moves(deadline: Deadline) -> list[MoveShown]:
    """Why a deadline is due at another time than at first, the oldest first."""
    return [
        {
            "reason": move.reason,
            "at": rfc3339(move.at),
            "previous_due_at": rfc3339(move.before),
            "due_at": rfc3339(move.due_at),
        }
        for move in deadline.moves
    ]


def show_earlier_deadlines(case: Case) -> list[EarlierDeadlineShown]:
    """How each deadline stood when its clock started anew, the oldest first."""
    return [
        {
            "name": deadline.name,
            "due_at": rfc3339(deadline.due_at),
            "met_at": rfc3339(deadline.met_at) if deadline.met_at else None,
            "missed": deadline.was_missed,
            "anew_at": rfc3339(deadline.anew_at) if deadline.anew_at else None,
            "moves": show_moves(deadline),
        }
        for deadline in case.earlier_deadlines
    ]


def show_agreements(case: Case) -> list[AgreementShown]:
    """What people agreed on, in its order."""
    return [
        {
            "agreement_id": agreement.id,
            "who": agreement.who,
            "by_when": agreement.by_when,
            "kept": agreement.kept,
            "checked_by": agreement.checked_by,
            "checked_at": rfc3339(agreement.checked_at) if agreement.checked_at else None,
        }
        for agreement in case.agreements
    ]


def show_measures(case: Case) -> list[MeasureShown]:
    """The measures of the case, in their order."""
    return [
        {
            "measure_id": measure.id,
            "kind": measure.kind,
            "scope": measure.scope,
            "respondents": measure.extent.respondents,
            "project": measure.extent.project,
            "pages_id": measure.extent.pages_id,
            "begun_at": rfc3339(measure.begun_at),
            "until": measure.last_day.isoformat() if measure.last_day else None,
            "state": measure.state,
            "ended_at": rfc3339(measure.ended_at) if measure.ended_at else None,
            "taken_by": measure.by,
            "emergency": measure.emergency,
            "review_by": rfc3339(measure.review_by) if measure.review_by else None,
            "return_at": rfc3339(measure.return_at) if measure.return_at else None,
            "conversation": measure.conversation,
            "conversation_id": measure.conversation_id,
            "end_by": measure.end_by,
            "end_id": measure.end_id,
            "reason_id": measure.reason_id,
        }
        for measure in case.measures
    ]


def show_recusal_asks(case: Case) -> list[RecusalAskShown]:
    """What parties asked for, in their order."""
    return [
        {
            "ask_id": ask.id,
            "party": ask.party,
            "respondent": ask.respondent,
            "asked_at": rfc3339(ask.at),
            "answer": ask.answer,
            "told_id": ask.told_id,
        }
        for ask in case.recusal_asks
    ]


def show_parties(case: Case) -> list[PartyShown]:
    """The respondents of the report and the further parties, and what respondents were told."""
    roles = [(token, RESPONDENT) for token in case.subjects]
    roles += [(party.token, party.role) for party in case.further_parties]
    shown: list[PartyShown] = []
    for token, role in roles:
        told = case.disclosure_to(token)
        shown.append(
            {
                "party": token,
                "party_role": role,
                "disclosure": told.disclosure if told else None,
                "disclosed_at": rfc3339(told.at) if told else None,
                "withheld_for": told.withheld_for if told else None,
                "reason_id": told.reason_id if told else None,
                "told_id": told.told_id if told else None,
                "replies": [
                    {"reply_id": reply.id, "at": rfc3339(reply.at)} for reply in case.replies if reply.party == token
                ],
            }
        )
    return shown
