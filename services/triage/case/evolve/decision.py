"""What the facts of a decision change. Pure."""

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from shared.events import CaseDecided, Event


def _decided(_case: Case, fact: CaseDecided, _event: Event) -> Fields:
    return {"outcome": fact.outcome, "reason_id": fact.reason_id}


CHANGES = {CaseDecided: _decided}
