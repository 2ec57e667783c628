"""What the facts of the way of a case change: it is triaged, passed on, assigned, put back and followed. Pure."""

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.evolve.referral import without
from services.triage.case.values import Deadline
from shared.events import (
    CaseAssigned,
    CaseAttended,
    CasePassedOn,
    CaseReleased,
    CaseTriaged,
    CaseUnattended,
    CaseUnwatched,
    CaseWatched,
    DeadlineSet,
    Event,
    HandlerApart,
    HandlerLeft,
)


def _triaged(_case: Case, fact: CaseTriaged, event: Event) -> Fields:
    return {
        "category": fact.category,
        "lane": fact.lane,
        "body": fact.body,
        "own_body": fact.own_body,
        "rule": fact.rule,
        "policy_version": event.policy_version,
        "deadlines": tuple(deadline_of(d) for d in fact.deadlines),
        "deadlines_told": fact.deadlines_told,
    }


def deadline_of(told: DeadlineSet) -> Deadline:
    """A deadline of the case, as a fact starts its clock."""
    return Deadline(told.name, told.due_at, warn_at=told.warn_at, escalate_at=told.escalate_at)


def _passed_on(case: Case, fact: CasePassedOn, event: Event) -> Fields:
    referrals = without(case.referrals, fact.body, event.time)
    return {"body": fact.body, "assignee": None, "unattended": False, "referrals": referrals}


def _unattended(_case: Case, _fact: CaseUnattended, _event: Event) -> Fields:
    return {"unattended": True}


def _attended(_case: Case, _fact: CaseAttended, _event: Event) -> Fields:
    return {"unattended": False}


def _assigned(_case: Case, fact: CaseAssigned, _event: Event) -> Fields:
    return {"assignee": fact.assignee}


def _released(_case: Case, _fact: CaseReleased | HandlerLeft | HandlerApart, _event: Event) -> Fields:
    return {"assignee": None}


def _watched(case: Case, fact: CaseWatched, _event: Event) -> Fields:
    return {"watchers": (*case.watchers, fact.person)}


def _unwatched(case: Case, fact: CaseUnwatched, _event: Event) -> Fields:
    return {"watchers": tuple(person for person in case.watchers if person != fact.person)}


CHANGES = {
    CaseTriaged: _triaged,
    CasePassedOn: _passed_on,
    CaseUnattended: _unattended,
    CaseAttended: _attended,
    CaseAssigned: _assigned,
    CaseReleased: _released,
    HandlerLeft: _released,
    HandlerApart: _released,
    CaseWatched: _watched,
    CaseUnwatched: _unwatched,
}
