"""What the facts of several cases together change. Pure."""

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.values import Grouped
from shared.events import CaseGrouped, Event


def _grouped(_case: Case, fact: CaseGrouped, _event: Event) -> Fields:
    return {"grouped": Grouped(fact.rule, fact.behind)}


CHANGES = {CaseGrouped: _grouped}
