"""A decided case is followed up, and agreements of repair are tracked. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from services.triage.case.case import Case
from services.triage.case.check_ins import NO_ANSWER, kept
from services.triage.case.commands.command import ChoiceField, Command, DayField, EntryField, Words, WordsField
from shared.events import (
    AgreementChecked,
    AgreementMade,
    CaseFact,
    CaseState,
    CheckInSet,
    FollowUpBegun,
)
from shared.policy import Policy
from shared.problems import FieldError

AGREEMENT = "agreement"
"""As what the vault keeps what was agreed."""
YES, NO, UNKNOWN = "yes", "no", "unknown"
PARTIES = ("reported", "reporter", "witness", "community", "handlers")
"""Who can be the one to take a step of repair: a role in the case."""
KEPT = (YES, "partly", NO, UNKNOWN)
"""Whether an agreement is kept."""


@dataclass(frozen=True, slots=True)
class FollowUp(Command):
    """Follow up what was decided, and say whether the reporter may be asked again how it goes."""

    name = "follow_up"

    consent: Annotated[str, ChoiceField(offers=lambda _policy: (YES, NO))]

    @classmethod
    def chosen(cls, case: Case) -> Mapping[str, Any]:
        """What the reporter has said."""
        said = NO if case.unasked_for else YES if case.consent_given else None
        return {"consent": said} if said else {}

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A reporter who is never to be asked again, or who wants to be."""
        if self.consent == YES and case.unasked_for:
            yield FieldError("/consent", "asked_no_more", "The reporter is not to be asked again.")
        elif self.consent == NO and case.consent_given and not case.unasked_for:
            yield FieldError("/consent", "consent_given", "The reporter wants to be asked again.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The beginning. What was asked in a follow-up before has no answer yet; a late one still counts for it."""
        return [*kept(case, now, NO_ANSWER), begun(case, state, self.consent, policy, now)]


def begun(case: Case, state: CaseState, consent: str, policy: Policy, now: datetime) -> FollowUpBegun:
    """A follow-up that begins now, with the check-ins that the policy names for the outcome; none without consent."""
    after = policy.check_ins(case.outcome or case.outcome_there or "", case.setting) if consent == YES else ()
    first = max((one.number for one in case.check_ins), default=0) + 1
    check_ins = tuple(CheckInSet(number=number, due_at=now + time) for number, time in enumerate(after, first))
    return FollowUpBegun(
        previous=case.state, state=state, consent=consent, check_ins=check_ins, measures_stay=consent == YES
    )


@dataclass(frozen=True, slots=True)
class Agree(Command):
    """Note what people agreed on to repair what happened. Hearth keeps track of it, and arranges nothing."""

    name = "agree"

    what: Annotated[Words, WordsField(kept_as=AGREEMENT)]
    who: Annotated[str, ChoiceField(offers=lambda _policy: PARTIES)]
    by_when: Annotated[date, DayField()]

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """A day that has passed."""
        if date.min < self.by_when < now.date():
            yield FieldError("/by_when", "in_the_past", "This day has passed.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The agreement."""
        return [
            AgreementMade(
                previous=case.state, state=state, agreement_id=self.what.id, who=self.who, by_when=self.by_when
            )
        ]


@dataclass(frozen=True, slots=True)
class CheckAgreement(Command):
    """Note whether an agreement is kept, as far as it can be known."""

    name = "check_agreement"
    own_place = True

    agreement: Annotated[str, EntryField()]
    kept: Annotated[str, ChoiceField(offers=lambda _policy: KEPT)]

    @classmethod
    def applies(cls, case: Case) -> bool:
        """Where people have agreed on something."""
        return bool(case.agreements)

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """An agreement that the case does not have."""
        if self.agreement and case.agreement(self.agreement) is None:
            yield FieldError("/agreement", "unknown_choice", "Choose one of the agreements.")

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """What was found out, also when it is what was known."""
        known = case.agreement(self.agreement)
        if known is None:
            return []
        return [
            AgreementChecked(
                previous=case.state, state=state, agreement_id=known.id, previous_kept=known.kept, kept=self.kept
            )
        ]
