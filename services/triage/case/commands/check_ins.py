"""The reporter is asked how it goes, and what became of it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.case import Case
from services.triage.case.check_ins import ASKING, NO_ANSWER, kept
from services.triage.case.commands.command import ChoiceField, Command, Words, WordsField
from services.triage.case.commands.follow_up import NO, YES, begun
from shared.events import RETALIATION, CaseFact, CaseState, CheckInKept, CheckInsEnded, ConsentGiven
from shared.policy import Policy
from shared.problems import FieldError

ANSWERS = ("answered", "declined", NO_ANSWER)
"""What can become of a check-in."""
STOPPED = "stopped"
"""Why the reporter is not asked again: the reporter wants it so."""


@dataclass(frozen=True, slots=True)
class CheckIn(Command):
    """Note what became of the check-in that is due: the reporter answered, declined, or did not answer.

    Where the reporter tells of bad treatment because of the report, intake makes a report of the handler's words. As
    from the page, no fact of this case says so: people who did not decide on it handle the new one.
    """

    name = "check_in"

    answer: Annotated[str, ChoiceField(offers=lambda _policy: ANSWERS)]
    retaliation: Annotated[Words | None, WordsField(kept_as=RETALIATION, optional=True)] = None

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where a check-in is due."""
        return case.open_check_in is not None

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """No check-in is due."""
        if case.open_check_in is None:
            yield FieldError("/answer", "nothing_due", "No check-in is due now.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """What became of it."""
        return kept(case, now, self.answer)


@dataclass(frozen=True, slots=True)
class ReceiveCheckIn(Command):
    """The reporter answered the questions of a check-in, or declined to. It is never refused, however late it comes."""

    name = "receive_check_in"
    by_people = False

    number: int
    due_at: datetime
    answer: str
    stop: bool
    answer_id: str

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """What became of the check-in, once, and the end of all asking, where the reporter wants it."""
        facts: list[CaseFact] = []
        meant = next((one for one in case.check_ins if (one.number, one.due_at) == (self.number, self.due_at)), None)
        if meant and meant.answer_id != self.answer_id:
            facts = kept(case, now, self.answer, self.answer_id)
            # What a handler noted, or silence, is not the last word. `stop` alone says nothing of how things go.
            if meant.kept_at and not (self.stop and self.answer == "declined"):
                told = CheckInKept(
                    previous=state,
                    state=state,
                    number=meant.number,
                    due_at=meant.due_at,
                    answer=self.answer,
                    answer_id=self.answer_id,
                )
                facts = [told, *facts]
        if self.stop and case.unasked_for != STOPPED:
            facts.append(CheckInsEnded(previous=state, state=state, why=STOPPED))
        return facts


@dataclass(frozen=True, slots=True)
class ReceiveConsent(Command):
    """The reporter says whether to be asked again how it goes. It is never refused. Only a no is for good."""

    name = "receive_consent"
    by_people = False

    consent: str

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The end of all asking; or the consent, and the check-ins where handlers had none."""
        if case.unasked_for == STOPPED:
            return []
        if self.consent == NO:
            return [CheckInsEnded(previous=state, state=state, why=STOPPED)]
        if case.consent_given and not case.unasked_for:
            return []
        given = ConsentGiven(previous=state, state=state, after_silence=case.unasked_for is not None)
        # An appeal may leave the case as it is, and who agreed meanwhile is to be asked then.
        stage = case.appeal.state if case.appeal else state
        waits_for_it = stage in ASKING and (case.consent != YES or case.unasked_for)
        # No handler follows up a merged case, and its own reporter alone can agree.
        waits_for_it = waits_for_it or case.is_decided_there
        return [given, begun(case, state, YES, policy, now)] if waits_for_it else [given]
