"""What the facts of waiting change: a case is paused and snoozed. Pure."""

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.values import Pause, Snooze
from shared.events import CasePaused, CaseResumed, CaseSnoozed, CaseWoken, Event


def _paused(_case: Case, fact: CasePaused, _event: Event) -> Fields:
    return {"pause": Pause(fact.pause, fact.until)}


def _resumed(_case: Case, _fact: CaseResumed, _event: Event) -> Fields:
    return {"pause": None}


def _snoozed(_case: Case, fact: CaseSnoozed, _event: Event) -> Fields:
    return {"snooze": Snooze(fact.person, fact.until)}


def _woken(_case: Case, _fact: CaseWoken, _event: Event) -> Fields:
    return {"snooze": None}


CHANGES = {CasePaused: _paused, CaseResumed: _resumed, CaseSnoozed: _snoozed, CaseWoken: _woken}
