"""Before a measure ends, handlers talk with the person who returns, and note what became of it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.case import Case
from services.triage.case.commands.command import ChoiceField, Command, EntryField, Words, WordsField
from shared.events import CaseFact, CaseState, ReturnConversationNoted
from shared.policy import Policy
from shared.problems import FieldError

HELD, DECLINED, SKIPPED = CONVERSATIONS = ("held", "declined", "skipped")
"""What can become of the conversation: it was held, the person declined it, or the handlers skipped it."""


@dataclass(frozen=True, slots=True)
class NoteReturn(Command):
    """Note what became of the conversation before a measure ends."""

    name = "note_return"
    own_place = True

    measure_id: Annotated[str, EntryField()]
    conversation: Annotated[str, ChoiceField(offers=lambda _policy: CONVERSATIONS)]
    why: Annotated[Words | None, WordsField(kept_as="reason", optional=True)] = None

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where a measure is to have such a conversation, also before it is due and after the end."""
        return any(measure.return_at and not measure.conversation for measure in case.measures)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """No conversation is to be noted of the measure; one is skipped without a reason."""
        measure = case.measure(self.measure_id)
        if measure is None or measure.return_at is None or measure.conversation:
            yield FieldError("/measure_id", "no_conversation", "No conversation is to be noted of this measure.")
        if self.conversation == SKIPPED and self.why is None:
            yield FieldError("/why", "missing", "Say why the conversation is skipped.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """What became of it."""
        measure = case.measure(self.measure_id)
        if measure is None:
            return []
        return [
            ReturnConversationNoted(
                previous=case.state,
                state=state,
                measure_id=measure.id,
                outcome=measure.kind,
                conversation=self.conversation,
                reason_id=self.why.id if self.why else None,
            )
        ]
