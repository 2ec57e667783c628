"""What the fact of a note changes. Pure."""

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.values import Note
from shared.events import CaseNoted, Event


def _noted(case: Case, fact: CaseNoted, event: Event) -> Fields:
    note = Note(fact.note_id, event.time, event.actor.ref, fact.visibility, fact.body)
    return {"notes": (*case.notes, note)}


CHANGES = {CaseNoted: _noted}
