"""What the facts of appeals change, and of the reopening of a case. Pure."""

from dataclasses import replace

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.values import Appeal, RefusedAppeal
from shared.events import AppealDecided, AppealLodged, AppealRefused, AppealWindowMoved, CaseReopened, CaseState, Event

_REOPENED: Fields = {"outcome": None, "reason_id": None}


def _lodged(case: Case, fact: AppealLodged, event: Event) -> Fields:
    appeal = Appeal(
        id=fact.appeal_id,
        party=fact.party,
        ground=fact.appeal_ground,
        by=event.actor.ref,
        at=event.time,
        reason_id=fact.reason_id,
        state=case.state,
        respondent=fact.respondent,
        target=fact.target,
        kept_back=fact.kept_back,
    )
    return {"appeals": (*case.appeals, appeal)}


def _refused(case: Case, fact: AppealRefused, event: Event) -> Fields:
    refused = RefusedAppeal(fact.appeal_id, fact.appeal_ground, event.time, fact.refusal, fact.party)
    return {"refused_appeals": (*case.refused_appeals, refused)}


def _decided(case: Case, fact: AppealDecided, event: Event) -> Fields:
    appeals = tuple(
        replace(one, verdict=fact.verdict, decided_by=event.actor.ref, verdict_id=fact.reason_id)
        if one.id == fact.appeal_id
        else one
        for one in case.appeals
    )
    is_reopened = fact.state == CaseState.REOPENED
    until = None if is_reopened and not fact.still_imposed else fact.appeal_until or case.appeal_until
    return {"appeals": appeals, "appeal_until": until, **(_REOPENED if is_reopened else {})}


def _reopened(case: Case, fact: CaseReopened, _event: Event) -> Fields:
    return {**_REOPENED, "appeal_until": case.appeal_until if fact.still_imposed else None}


CHANGES = {
    AppealLodged: _lodged,
    AppealRefused: _refused,
    AppealDecided: _decided,
    CaseReopened: _reopened,
    AppealWindowMoved: lambda _case, fact, _event: {"appeal_until": fact.appeal_until},
}
