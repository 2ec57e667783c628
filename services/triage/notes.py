"""Which notes on a case a person reads: their own, those of their handling body, and those shared with every body."""

from collections.abc import Collection
from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.commands.notes import BODY, MINE, NOTE, SHARED
from services.triage.case.values import Note
from services.triage.statements import without_statements
from shared.access.principal import Principal, Role
from shared.clients.vault import Contents


def notes_for(case: Case, reader: Principal, now: datetime) -> list[Note]:
    """The notes that a reader may read who may read what was reported. `now` is UTC-aware."""
    own = {
        body
        for grant in reader.running(now)
        if grant.role is Role.RESPONDER and (not grant.communities or case.community in grant.communities)
        for body in grant.bodies
    }
    return [note for note in case.notes if _reads(note, reader.ref, own)]


def without_hidden_notes(case: Case, contents: Contents, reader: Principal, now: datetime) -> Contents:
    """The contents without the words of notes that the reader may not read, and of those that no event names."""
    return without_statements(contents, NOTE, {note.id for note in notes_for(case, reader, now)})


def _reads(note: Note, reader: str, bodies: Collection[str]) -> bool:
    if note.visibility == MINE:
        return note.by == reader
    return note.visibility == SHARED or (note.visibility == BODY and note.body in bodies)
