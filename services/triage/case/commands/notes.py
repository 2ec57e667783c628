"""Handlers keep notes on a case, for themselves and for each other. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.attendance import NOBODY, People, served_by
from services.triage.case.case import Case
from services.triage.case.commands.command import ChoiceField, Command, Words, WordsField
from shared.events import Actor, CaseFact, CaseNoted, CaseState
from shared.policy import Policy

MINE, BODY, SHARED = VISIBILITIES = ("mine", "body", "shared")
"""Who reads a note: its author, the handling body of its author, or every handling body that gets the case."""
NOTE = "note"
"""As what the vault keeps the words of a note."""


@dataclass(frozen=True, slots=True)
class WriteNote(Command):
    """Keep a note. It is for handlers; the reporter never reads it."""

    name = "note"

    note: Annotated[Words, WordsField(kept_as=NOTE)]
    visibility: Annotated[str, ChoiceField(offers=lambda _policy: VISIBILITIES)]
    by: Actor | None = None
    people: People = NOBODY

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The note."""
        noted = CaseNoted(
            previous=case.state,
            state=state,
            note_id=self.note.id,
            visibility=self.visibility,
            body=(*(served_by(case, self.by.ref, self.people, now) if self.by else ()), case.body or "")[0],
        )
        return [noted]
