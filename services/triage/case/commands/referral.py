"""A case is referred to another handling body. It stays with its sender until that body accepts it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from services.triage.case.attendance import NOBODY, People, can_take, had_by
from services.triage.case.case import Case
from services.triage.case.commands.command import ChoiceField, Command, Words, WordsField
from services.triage.case.lifecycle import NotPermitted
from services.triage.case.values import Referral
from shared.access.principal import Role
from shared.events import (
    Actor,
    CaseFact,
    CaseReferred,
    CaseState,
    ReferralAccepted,
    ReferralDeclined,
    ReferralReturned,
)
from shared.policy import Policy
from shared.problems import FieldError

ASKS_ANOTHER = FieldError("/body", "asks_another", "Another body is asked, and has not answered.")
CANNOT_TAKE = FieldError("/body", "cannot_take", "This body cannot take the case.")


def accept_by(case: Case, body: str, policy: Policy, now: datetime) -> datetime:
    """Until when a body that is asked `now` can say yes. Times are UTC-aware."""
    return policy.deadlines_for(case.lane or "standard", now, body, "referred")[0].due_at


def taken(
    asked: Referral | None, command: str, case: Case, by: Actor | None, people: People, policy: Policy, now: datetime
) -> Referral:
    """What the body that is asked says yes to by this command.

    Raises NotPermitted where nothing waits, when it is too late, when the body cannot take the case any more, and for
    the person who asked, in whatever role.
    """
    is_open = asked is not None and now < asked.accept_by and asked.to_body in policy.bodies
    is_own = asked is not None and by is not None and asked.by == by.ref
    if asked is None or is_own or not is_open or not can_take(case, asked.to_body, people, policy, now):
        raise NotPermitted(command, case.state)
    return asked


@dataclass(frozen=True, slots=True)
class Refer(Command):
    """Ask another handling body to take the case over. Nothing leads to the body of last resort."""

    name = "refer"

    body: Annotated[str, ChoiceField(offers=lambda policy: policy.ordinary_bodies)]
    explanation: Annotated[Words, WordsField(kept_as="referral")]
    by: Actor
    people: People = NOBODY

    def faults(self, case: Case, policy: Policy, now: datetime) -> Iterable[FieldError]:
        """The body that has the case, one that has had it, declined it or was silent, and one that cannot take it.

        Cases that are part of this one follow it (services.triage.consequences).

        Why a body cannot take it is not told, because the report may name one of its people. A coordinator may send a
        case back to where it came from.
        """
        if not self.body:
            return
        if self.body == case.body:
            yield FieldError("/body", "own_body", "This body has the case.")
        elif case.asked:
            yield ASKS_ANOTHER
        elif self.by.role != Role.COORDINATOR and self.body in had_by(case):
            yield FieldError(
                "/body",
                "had_before",
                "This body has had the case, declined it, or twice not answered. A coordinator may ask.",
            )
        elif self.body not in policy.ordinary_bodies or not can_take(case, self.body, self.people, policy, now):
            yield CANNOT_TAKE

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The referral, and until when it can be accepted."""
        return [
            CaseReferred(
                previous=case.state,
                state=state,
                from_body=case.body or "",
                to_body=self.body,
                reason_id=self.explanation.id,
                accept_by=accept_by(case, self.body, policy, now),
            )
        ]


@dataclass(frozen=True, slots=True)
class AcceptReferral(Command):
    """The body that is asked takes the case over: it is new there. Its deadlines are what they were."""

    name = "accept_referral"
    by_asked = True

    people: People = NOBODY
    by: Actor | None = None

    @classmethod
    def suits(cls, case: Case, person: str, role: Role | None) -> bool:
        """For people who did not refer the case. Else one person could choose where it is decided."""
        return case.referral is None or case.referral.by != person

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The acceptance. Raises NotPermitted as `taken` does."""
        asked = taken(case.referral, self.name, case, self.by, self.people, policy, now)
        return [
            ReferralAccepted(
                previous=case.state,
                state=state,
                body=asked.to_body,
                previous_body=case.body or "",
                previous_assignee=case.assignee,
            )
        ]


@dataclass(frozen=True, slots=True)
class DeclineReferral(Command):
    """The body that is asked does not take the case over. It goes on as before the referral."""

    name = "decline_referral"
    by_asked = True

    explanation: Annotated[Words, WordsField(kept_as="referral")]

    def leads(self, case: Case) -> CaseState:
        """The state that the case had before."""
        return case.returns_to

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """The refusal. Raises NotPermitted where no referral waits."""
        return _over(case, state, ReferralDeclined, self.explanation, self.name)


@dataclass(frozen=True, slots=True)
class RecallReferral(Command):
    """The body that has the case asks the other one no longer. It goes on as before the referral."""

    name = "recall_referral"

    explanation: Annotated[Words, WordsField(kept_as="referral", outlived=True)]

    def leads(self, case: Case) -> CaseState:
        """The state that the case had before."""
        return case.returns_to

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """That the referral is over. Raises NotPermitted where none waits."""
        return _over(case, state, ReferralReturned, self.explanation, self.name)


def _over(
    case: Case, state: CaseState, told: type[ReferralDeclined | ReferralReturned], why: Words, command: str
) -> list[CaseFact]:
    if case.referral is None:
        raise NotPermitted(command, case.state)
    return [told(previous=case.state, state=state, to_body=case.referral.to_body, reason_id=why.id)]
